import os
import shutil
from pathlib import Path
from typing import Any, Callable, Iterator, List

import pytest

import sillage
from collector import Collector
from sillage import _live, _log
from stub import Stub

for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
    # Of this machine, and none of the tests' business but for those that set one.
    del os.environ[name]


@pytest.fixture(autouse=True)
def nothing_is_left_over() -> Iterator[None]:
    """Each test hears all that is said once, and leaves no client behind."""
    _log._said.clear()
    yield
    left = list(_live._clients.values())
    for client in left:
        client.shutdown(0)
    assert not left, "a test must shut its clients down"


@pytest.fixture
def stub() -> Iterator[Stub]:
    with Stub() as made:
        yield made


@pytest.fixture
def start() -> Iterator[Callable[..., sillage.Client]]:
    """Starts clients that end with the test."""
    started: List[sillage.Client] = []

    def start(endpoint: str, **settings: Any) -> sillage.Client:
        started.append(sillage.Client(settings.pop("write_key", "wk_test"), endpoint, **settings))
        return started[-1]

    yield start
    for client in started:
        client.shutdown(1_000)


@pytest.fixture
def collect(tmp_path: Path) -> Iterator[Callable[..., Collector]]:
    """Starts a real collector that ends with the test."""
    if not os.environ.get("SILLAGE_BIN") or not shutil.which(os.environ["SILLAGE_BIN"]):
        pytest.fail("SILLAGE_BIN names no collector: build one, and say where it is")
    started: List[Collector] = []

    def collect(rules: str = "") -> Collector:
        started.append(Collector(tmp_path / f"collector-{len(started)}", rules))
        return started[-1]

    yield collect
    for collector in started:
        collector.stop()
