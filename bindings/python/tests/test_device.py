"""The program that the end-to-end tests kill and starve, alive."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Callable, Dict

from collector import WRITE_KEY, Collector
from program import SOURCES
from stub import closed_port, until

DEVICE = Path(__file__).with_name("device.py")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(SOURCES), "SILLAGE_WRITE_KEY": WRITE_KEY}


def device(*arguments: object) -> "subprocess.Popen[str]":
    command = [sys.executable, str(DEVICE), *map(str, arguments)]
    return subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)


def journal(path: Path) -> Dict[str, str]:
    """What it says of each event last."""
    lines = path.read_text().splitlines() if path.exists() else []
    return {number: word for word, number in (line.split() for line in lines if line.count(" ") == 1)}


def test_a_burst_of_fifty_threads_is_told_in_one_line(collect: Callable[..., Collector], tmp_path: Path) -> None:
    collector = collect()
    process = device(collector.endpoint, tmp_path / "events", "-", 100, "burst:50:20")
    out, _ = process.communicate(timeout=90)
    assert process.returncode == 0
    told = json.loads(out)
    assert told == {
        "created": 1_000,
        "acknowledged": 1_000,
        "pending": 0,
        "rejected": {},
        "dropped": {},
        "unsure": {},
        "signals": ["delivered"],
        "threw": 0,
    }
    assert collector.total()["received"] == 1_000


def test_what_was_durable_when_a_device_was_killed_arrives_later(
    collect: Callable[..., Collector], tmp_path: Path
) -> None:
    collector = collect()
    lines = tmp_path / "journal"
    for mode, first in (("durable", 0), ("soon", 1_000_000)):
        process = device(f"http://127.0.0.1:{closed_port()}", tmp_path / "events", lines, first, mode)
        until("twenty events", lambda: sum(int(number) >= first for number in journal(lines)) > 20)
        process.kill()
        process.communicate()
    process = device(collector.endpoint, tmp_path / "events", "-", 0, "drain")
    assert process.wait(90) == 0
    process.communicate()
    durable = sum(word == "done" and int(number) < 1_000_000 for number, word in journal(lines).items())
    total = collector.total()
    assert durable >= 20 and total["received"] >= durable
    # What died unwritten with a process that did not wait for the disk is counted, though nobody knows it.
    died = sum(total["unsure"].values()) - total["unsure_arrived"]
    assert (total["received"] + died, total["lost"]) == (total["created"], 0), total
