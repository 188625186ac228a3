"""Processes that fork, as servers do that start workers: every event arrives once, whoever tracked it."""

import multiprocessing
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any, Callable

import pytest

from collector import Collector
from program import python, run
from stub import Stub, closed_port

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")

FORKS = """
    import os, sys, threading, sillage
    endpoint, folder, end = sys.argv[1], sys.argv[2] or None, sys.argv[3]
    client = sillage.Client("wk_test", endpoint, folder=folder, batch_age_ms=20, batch_events=7, app="shop")
    go = threading.Barrier(5)

    def work(first, count=200):
        for number in range(first, first + count):
            client.track("Tried", {"n": number}, sillage.EventOptions(user_id=f"p{number}"))

    def busy(first):
        go.wait()
        work(first)

    # The parent's threads are inside the library, with its locks, while it forks.
    workers = [threading.Thread(target=busy, args=(number * 200,)) for number in range(4)]
    for worker in workers:
        worker.start()
    go.wait()
    children = []
    for child in range(4):
        pid = os.fork()
        if pid == 0:
            work(10_000 + child * 1_000)
            if end == "exit":
                sys.exit(0)
            left = client.shutdown(30_000) if end == "shutdown" else client.flush(30_000)
            os._exit(7 if left else 0)
        children.append(pid)
    for worker in workers:
        worker.join()
    work(5_000)
    for pid in children:
        assert os.waitpid(pid, 0)[1] == 0
    assert client.shutdown(30_000) == 0
    print(client.ledger.created)
"""

EXPECTED = {*range(800), *range(5_000, 5_200)} | {10_000 + child * 1_000 + n for child in range(4) for n in range(200)}


def counted(stub: Stub) -> "Counter[int]":
    return Counter(event["properties"]["n"] for event in stub.events)


@pytest.mark.parametrize("end", ["shutdown", "exit", "flush"])
@pytest.mark.parametrize("where", ["memory", "folder"])
def test_parent_and_children_deliver_each_event_once(stub: Stub, tmp_path: Path, end: str, where: str) -> None:
    folder = str(tmp_path / "events") if where == "folder" else ""
    out, complaint = run(FORKS, stub.endpoint, folder, end)
    assert (out, complaint) == ("1000\n", "")
    assert counted(stub) == Counter(EXPECTED)
    installs = {asked.batch["sillage"]["install"] for asked in stub.asked}
    # Each process is a device of its own; in a folder, one that begins late may go on with what one left that ended.
    assert len(installs) == 5 if where == "memory" else 2 <= len(installs) <= 5
    assert {event["context"]["app"]["name"] for event in stub.events} == {"shop"}


def test_the_real_collector_misses_none_of_a_fork(collect: Callable[..., Collector], tmp_path: Path) -> None:
    collector = collect()
    run(FORKS, collector.endpoint, str(tmp_path / "events"), "exit")
    total = collector.total()
    assert (total["received"], total["created"], total["lost"], total["duplicates"]) == (1_800, 1_800, 0, 0)


def test_a_child_that_tracks_nothing_starts_nothing_and_sends_nothing(stub: Stub) -> None:
    code = """
        import os, sys, threading, sillage
        client = sillage.Client("wk", sys.argv[1])
        client.track("Parent's")
        pid = os.fork()
        if pid == 0:
            # Nothing but the shutdown at exit, which must not send what is the parent's.
            print(client.flush(), client.ledger.created, threading.active_count(), flush=True)
            sys.exit(0)
        os.waitpid(pid, 0)
    """
    out, complaint = run(code, stub.endpoint)
    assert (out, complaint) == ("0 0 1\n", "")
    assert [event["event"] for event in stub.events] == ["Parent's"]


def test_a_child_knows_context_consent_and_privacy_of_its_parent_and_not_its_person(stub: Stub) -> None:
    code = """
        import os, sys, sillage
        client = sillage.Client("wk", sys.argv[1], consent_required=["a", "b"])
        client.context({"region": "north"})
        client.consent({"a": True, "b": False})
        client.consent({"b": True})
        client.privacy(gpc=True)
        client.identify("u")
        pid = os.fork()
        if pid == 0:
            client.track("Child's")
            pid = os.fork()
            if pid == 0:
                client.track("Grandchild's")
                sys.exit(0)
            sys.exit(os.waitpid(pid, 0)[1])
        assert os.waitpid(pid, 0)[1] == 0
    """
    assert run(code, stub.endpoint) == ("", "")
    events = {event.get("event"): event for event in stub.events}
    assert set(events) == {None, "Child's", "Grandchild's"}
    for name in ("Child's", "Grandchild's"):
        event = events[name]
        assert event["context"]["region"] == "north"
        assert event["context"]["consent"] == events[None]["context"]["consent"]
        assert event.get("userId") is None


def test_nothing_is_imported_while_the_network_works(stub: Stub) -> None:
    # A fork in the middle of an import leaves the child with a lock that nobody lets go.
    code = """
        import sys, sillage
        client = sillage.Client("wk", sys.argv[1])
        before = set(sys.modules)
        client.track("Seen", {"half": "\\ud83d"})
        client.page()
        assert client.flush() == 0
        print(sorted(set(sys.modules) - before))
    """
    assert run(code, stub.endpoint) == ("[]\n", "")


def test_pools_of_processes_deliver(stub: Stub) -> None:
    code = """
        import multiprocessing, sys, sillage
        client = None

        def begin(endpoint):
            global client
            client = client or sillage.Client("wk", endpoint)

        def work(number):
            client.track("Tried", {"n": number})

        if __name__ == "__main__":
            context = multiprocessing.get_context("fork")
            begin(sys.argv[1])
            with context.Pool(3) as pool:
                pool.map(work, range(60))
                pool.close()
                pool.join()
            process = context.Process(target=work, args=(60,))
            process.start()
            process.join()
            work(61)
    """
    assert "fork" in multiprocessing.get_all_start_methods()
    assert run(code, stub.endpoint) == ("", "")
    assert counted(stub) == Counter(range(62))


def test_what_killed_children_leave_in_the_folder_is_delivered_by_the_next(stub: Stub, tmp_path: Path) -> None:
    code = """
        import os, sys, signal, sillage
        client = sillage.Client("wk", sys.argv[1], folder=sys.argv[2], durable=True)
        pid = os.fork()
        if pid == 0:
            client.track("Child's")
            os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(pid, 0)
        client.track("Parent's")
        client.shutdown(0)
    """
    folder = str(tmp_path / "events")
    run(code, f"http://127.0.0.1:{closed_port()}", folder)
    assert stub.events == []
    next_one = """
        import sys, time, sillage
        client = sillage.Client("wk", sys.argv[1], folder=sys.argv[2])
        deadline = time.monotonic() + 30
        while int(sys.stdin.readline()) < 2 and time.monotonic() < deadline:
            client.flush()
    """
    process: Any = python(next_one, stub.endpoint, folder)
    deadline = time.monotonic() + 30
    while process.poll() is None:
        assert time.monotonic() < deadline
        try:
            process.stdin.write(f"{len(stub.events)}\n")
            process.stdin.flush()
        except BrokenPipeError:
            pass
        time.sleep(0.05)
    process.communicate()
    assert Counter(event["event"] for event in stub.events) == {"Child's": 1, "Parent's": 1}
