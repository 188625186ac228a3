"""What a call costs the app, beside other clients of the same purpose: prints JSON.

Each client in turn, in this process and against a server of its own in another: 20 000 calls to warm up, 20 000 timed
one by one, 50 at a time with a pause of a millisecond and a flush after each 5 000, so that no queue fills, then 50
threads that track 9 000 events together as fast as they can, three times. ``arrived`` counts what reached the server,
so that nobody is measured while doing nothing.

Needs `pip install -r requirements-cost.txt`; clients that are not installed are left out.
"""

import importlib.util
import json
import logging
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from gzip import decompress
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple

from stub import Asked, Stub, Told, settled

PROPERTIES = {"product_id": "sku-1", "price": 80.5, "currency": "EUR", "quantity": 2}
CALLS = 20_000
AT_ONCE, PAUSE_S = 50, 0.001
FLUSH_EVERY = 5_000
THREADS, EACH, ROUNDS = 50, 180, 3


class Measured(NamedTuple):
    """A client: how it tracks, and how it sends all and waits."""

    track: Callable[[], Any]
    flush: Callable[[], Any]
    end: Callable[[], Any]


def ours(endpoint: str) -> Measured:
    import sillage

    client = sillage.Client("wk_test", endpoint)
    return Measured(lambda: client.track("Product Viewed", PROPERTIES), lambda: client.flush(60_000), client.shutdown)


def ours_on_disk(endpoint: str) -> Measured:
    import tempfile

    import sillage

    folder = tempfile.TemporaryDirectory()
    client = sillage.Client("wk_test", endpoint, folder=folder.name)

    def end() -> None:
        client.shutdown()
        folder.cleanup()

    return Measured(lambda: client.track("Product Viewed", PROPERTIES), lambda: client.flush(60_000), end)


def segment(endpoint: str) -> Measured:
    module: Any = importlib.import_module("segment.analytics.client")
    client = module.Client("wk_test", host=endpoint)
    return Measured(lambda: client.track("u-1", "Product Viewed", PROPERTIES), client.flush, client.join)


def posthog(endpoint: str) -> Measured:
    module: Any = importlib.import_module("posthog")
    client = module.Posthog("wk_test", host=endpoint)
    return Measured(
        lambda: client.capture("Product Viewed", distinct_id="u-1", properties=PROPERTIES),
        client.flush,
        client.shutdown,
    )


CLIENTS: Dict[str, Callable[[str], Measured]] = {
    "sillage": ours,
    "sillage, on disk": ours_on_disk,
    "segment-analytics-python": segment,
    "posthog": posthog,
}
MODULES = {"segment-analytics-python": "segment", "posthog": "posthog"}


def paced(client: Measured) -> List[int]:
    """Times calls one by one, in ns."""
    took = []
    track, clock = client.track, time.perf_counter_ns
    for number in range(CALLS):
        began = clock()
        track()
        took.append(clock() - began)
        if number % AT_ONCE == AT_ONCE - 1:
            time.sleep(PAUSE_S)
        if number % FLUSH_EVERY == FLUSH_EVERY - 1:
            client.flush()
    return sorted(took)


def crowd(track: Callable[[], Any]) -> float:
    """Events per second of many threads together."""
    go = threading.Barrier(THREADS + 1)

    def work() -> None:
        go.wait()
        for _ in range(EACH):
            track()

    workers = [threading.Thread(target=work) for _ in range(THREADS)]
    for worker in workers:
        worker.start()
    go.wait()
    began = time.perf_counter()
    for worker in workers:
        worker.join()
    return THREADS * EACH / (time.perf_counter() - began)


def measure(start: Callable[[str], Measured]) -> Dict[str, Any]:
    with server() as (endpoint, arrived):
        client = start(endpoint)
        paced(client)
        took = paced(client)
        rates = []
        for _ in range(ROUNDS):
            rates.append(crowd(client.track))
            client.flush()
        client.end()
        return {
            "p50_us": took[CALLS // 2] / 1_000,
            "p99_us": took[CALLS * 99 // 100] / 1_000,
            "threads_50_per_s": round(sorted(rates)[ROUNDS // 2]),
            "tracked": 2 * CALLS + ROUNDS * THREADS * EACH,
            "arrived": arrived(),
        }


@contextmanager
def server() -> Iterator[Any]:
    """A server in a process of its own: its address, and what counts the events that it was sent."""
    command = [sys.executable, __file__, "--server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin and process.stdout
        asking, answers = process.stdin, process.stdout

        def arrived() -> int:
            asking.write("\n")
            asking.flush()
            return int(answers.readline())

        yield answers.readline().strip(), arrived
        asking.close()


def serve() -> None:
    counts: List[int] = []

    def answer(asked: Asked) -> Told:
        batch = json.loads(decompress(asked.raw) if asked.raw[:2] == b"\x1f\x8b" else asked.raw)
        counts.append(len(batch.get("batch", [])))
        if "sillage" in batch:
            return settled(asked)
        return Told(200, {"content-type": "application/json"}, b'{"success":true,"status":1}')

    with Stub(answer) as stub:
        stub.keeps = False
        print(stub.endpoint, flush=True)
        for _ in sys.stdin:
            print(sum(counts), flush=True)


def main() -> None:
    sys.path.insert(0, str(Path(__file__).parents[1] / "src"))
    logging.getLogger("sillage").setLevel(logging.ERROR)
    told = {}
    for name, start in CLIENTS.items():
        if importlib.util.find_spec(MODULES.get(name, "sillage")) is not None:
            told[name] = measure(start)
    print(json.dumps(told, indent=2))


if __name__ == "__main__":
    serve() if "--server" in sys.argv else main()
