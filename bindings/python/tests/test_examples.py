"""The examples, as their README says."""

import re
import signal
import subprocess
import sys
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Callable
from urllib.request import HTTPCookieProcessor, ProxyHandler, build_opener

from collector import READ_TOKEN, WRITE_KEY, Collector
from program import SOURCES
from stub import until

EXAMPLES = Path(__file__).parents[3] / "examples" / "python"


def rules() -> str:
    """What the examples' own configuration says after its project's keys."""
    return (EXAMPLES / "sillage.toml").read_text().split("read_tokens", 1)[1].split("\n", 1)[1]


def example(name: str, *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, str(EXAMPLES / name), *arguments]
    return subprocess.Popen(command, env={"PYTHONPATH": str(SOURCES)}, stdout=subprocess.PIPE, text=True)


def test_the_server_greets_a_visitor_with_a_full_basket(collect: Callable[..., Collector]) -> None:
    collector = collect(rules())
    server = example("server.py", collector.endpoint, WRITE_KEY, READ_TOKEN, "0")
    assert server.stdout is not None
    shop = server.stdout.readline().strip()
    browser = build_opener(ProxyHandler({}), HTTPCookieProcessor(CookieJar()))

    def get(path: str) -> str:
        return str(browser.open(shop + path, timeout=10).read().decode())

    try:
        assert "Welcome." in get("/")
        get("/add/lamp")
        get("/add/rug")
        until("the offer", lambda: "Free delivery" in get("/"))
        get("/buy")
        until("the end of the offer", lambda: "Welcome." in get("/"))
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=30)
    total = collector.total()
    assert server.returncode == 0
    assert (total["received"], total["lost"]) == (total["created"], 0)


def test_the_notebook_reads_its_segments(collect: Callable[..., Collector]) -> None:
    collector = collect(rules())
    notebook = example("notebook.py", collector.endpoint, WRITE_KEY)
    out, _ = notebook.communicate(timeout=60)
    assert notebook.returncode == 0
    told = [line for line in out.splitlines() if not line.startswith("segments are now")]
    assert told[:3] == ["[]", "an offer is due", "no offer"]
    assert re.fullmatch(r"<sillage.Client created 4, acknowledged 4, pending 0>", told[3])
