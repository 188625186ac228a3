"""How programs end."""

import shutil
import signal
import time
from pathlib import Path

from program import SOURCES, python, run
from stub import Stub, closed_port, until

TRACK = "import sys, sillage; client = sillage.Client('wk', sys.argv[1]); client.track('Seen', {'n': 1})\n"


def names(stub: Stub) -> "list[str]":
    return [event["event"] for event in stub.events]


def test_a_program_that_just_ends_delivers(stub: Stub) -> None:
    assert run(TRACK, stub.endpoint) == ("", "")
    assert names(stub) == ["Seen"]


def test_a_program_that_exits_or_fails_delivers(stub: Stub) -> None:
    run(TRACK + "sys.exit(3)", stub.endpoint, status=3)
    _, complaint = run(TRACK + "raise RuntimeError('made for this test')", stub.endpoint, status=1)
    assert complaint.strip().endswith("RuntimeError: made for this test")
    assert names(stub) == ["Seen", "Seen"]


def test_an_interrupted_program_delivers(stub: Stub) -> None:
    process = python(TRACK + "print(flush=True)\nimport time\ntime.sleep(60)", stub.endpoint)
    assert process.stdout and process.stdout.readline() == "\n"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert names(stub) == ["Seen"]


def test_what_is_tracked_while_the_program_ends_is_delivered(stub: Stub) -> None:
    code = "import atexit, threading, sys\natexit.register(lambda: client.track('Early'))\n" + TRACK
    run(code + "atexit.register(lambda: client.track('Last'))", stub.endpoint)
    # Registered before sillage was imported, it runs when the client has ended.
    assert names(stub) == ["Seen", "Last"]


def test_several_clients_share_the_time_at_the_end(stub: Stub) -> None:
    code = """
        import sys, sillage
        dead = [sillage.Client("wk", sys.argv[2]) for _ in range(3)]
        for client in dead:
            client.track("Lost")
        sillage.Client("wk", sys.argv[1]).track("Seen")
    """
    began = time.monotonic()
    run(code, stub.endpoint, f"http://127.0.0.1:{closed_port()}")
    assert names(stub) == ["Seen"]
    assert time.monotonic() - began < 12, "five seconds for all, not for each"


def test_the_network_thread_keeps_no_program_alive(stub: Stub) -> None:
    began = time.monotonic()
    run(TRACK + "client.shutdown()\nsillage.Client('wk', sys.argv[1])", stub.endpoint)
    assert time.monotonic() - began < 5


def test_without_its_library_the_package_says_so_once_and_does_nothing(tmp_path: Path) -> None:
    libraries = shutil.ignore_patterns("*.so", "*.dylib", "*.dll")
    shutil.copytree(SOURCES / "sillage", tmp_path / "sillage", ignore=libraries)
    code = """
        import sillage
        for _ in range(3):
            with sillage.Client("wk") as client:
                for _ in range(3):
                    client.track("Seen", {"n": 1}, sillage.EventOptions(user_id="u"))
                client.page(); client.screen(); client.identify("u"); client.group("g"); client.alias("v")
                client.reset()
                client.consent({"a": True}); client.privacy(gpc=True); client.context({"a": 1})
                client.on_segments_changed(print)
                print(client.flush(), client.wait_durable(), client.segments, repr(client.anonymous_id), client.user_id)
        print(client, client.shutdown())
    """
    out, complaint = run(code, sources=tmp_path)
    assert out.splitlines() == [
        *["0 False [] '' "] * 3,
        "<sillage.Client ended, created 0, acknowledged 0, pending 0> 0",
    ]
    assert complaint.count("\n") == 1 and "cannot start, and does nothing" in complaint, complaint
    (tmp_path / "sillage" / "_ffi.py").unlink()
    _, complaint = run("import sillage; sillage.Client('wk').track('Seen')", sources=tmp_path)
    assert complaint.count("\n") == 1, complaint


def test_importing_alone_loads_nothing_native_and_starts_no_thread() -> None:
    out, _ = run("import sys, threading, sillage; print('sillage._ffi' in sys.modules, threading.active_count())")
    assert out == "False 1\n"


def test_warnings_are_no_errors_of_ours(stub: Stub) -> None:
    _, complaint = run(TRACK, stub.endpoint, flags=("-W", "error", "-X", "dev"))
    assert complaint == ""
    until("the event", lambda: names(stub) == ["Seen"])
