"""From a call to the collector, through the real library and real sockets."""

import os
import threading
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Callable, List, Set
from uuid import uuid4

import pytest

import sillage
from collector import Collector
from sillage import EventOptions, Ledger, Signal, _calls, _ffi
from stub import Asked, Stub, Told, closed_port, settled, until

Start = Callable[..., sillage.Client]


def test_every_call_arrives_as_it_was_said(stub: Stub, start: Start) -> None:
    client = start(stub.endpoint, app="shop", app_version="2.4.0")
    client.context({"campaign": {"name": "spring"}, "library": "mine", "os": 1, "app": 2})
    client.track("Product Viewed", {"product_id": "sku-1", "price": 80.5})
    client.page("Home", {"a": 1}, "shop")
    client.screen("Start", {"b": 2}, "app")
    client.identify("u-42", {"plan": "pro"})
    client.group("g-7", {"size": 3})
    client.alias("u-43")
    assert client.user_id == "u-43"
    client.reset()
    assert client.user_id == ""
    client.track("After")
    assert client.flush() == 0
    track, page, screen, identify, group, alias, after = stub.events
    assert (track["type"], track["event"]) == ("track", "Product Viewed")
    assert track["properties"] == {"product_id": "sku-1", "price": 80.5}
    context = track["context"]
    assert context["campaign"] == {"name": "spring"}
    assert context["library"] == {"name": "sillage-python", "version": sillage.__version__}
    assert context["app"] == {"name": "shop", "version": "2.4.0"}
    assert context["os"]["name"] in ("linux", "macos", "windows")
    assert (page["name"], page["properties"]["a"], page["category"]) == ("Home", 1, "shop")
    assert (screen["name"], screen["properties"]["b"]) == ("Start", 2)
    assert (identify["userId"], identify["traits"]) == ("u-42", {"plan": "pro"})
    assert (group["groupId"], group["traits"]) == ("g-7", {"size": 3})
    assert alias["userId"] == "u-43"
    assert after["anonymousId"] != track["anonymousId"]
    assert client.anonymous_id == after["anonymousId"]
    assert client.ledger == Ledger(created=7, acknowledged=7)


def test_options_speak_of_another_person_time_and_context(stub: Stub, start: Start) -> None:
    client = start(stub.endpoint)
    client.context({"shared": 1})
    id = uuid4()
    at = datetime(2026, 11, 20, 8, 30, tzinfo=timezone.utc)
    options = EventOptions(
        context={"ip": "203.0.113.9"}, user_id="p1", anonymous_id="d1", timestamp=at, message_id=str(id)
    )
    client.track("Paid", {"by": id}, options)
    client.identify("p2", {"plan": "pro"}, EventOptions(user_id="p2"))
    assert client.flush() == 0
    paid, known = stub.events
    assert (paid["userId"], paid["anonymousId"], paid["messageId"]) == ("p1", "d1", str(id))
    assert paid["timestamp"] == "2026-11-20T08:30:00.000Z"
    assert (paid["context"]["shared"], paid["context"]["ip"]) == (1, "203.0.113.9")
    assert paid["properties"] == {"by": str(id)}
    assert known["userId"] == "p2"
    assert client.user_id == "", "the process itself is nobody"


def test_odd_arguments_reach_the_collector_or_the_ledger_and_never_the_app(stub: Stub, start: Start) -> None:
    client = start(stub.endpoint)
    odd: Any = client
    odd.track("list", [1, 2])
    odd.track("text", "no object")
    odd.track(None)
    odd.track(7, {"kept": True})
    odd.track("options", {}, {"user_id": "a mapping is no EventOptions"})
    odd.consent("nonsense")
    odd.consent(None)
    odd.context(None)
    odd.flush("soon")
    odd.identify(42)
    assert client.user_id == "42"
    assert client.flush() == 0
    assert [(event.get("event"), event.get("properties")) for event in stub.events] == [
        ("7", {"kept": True}),
        (None, None),
    ]
    assert client.ledger.dropped == {"invalid": 3}


def test_one_connection_serves_many_batches(stub: Stub, start: Start) -> None:
    client = start(stub.endpoint)
    for number in range(5):
        client.track("Seen", {"n": number})
        assert client.flush() == 0
    assert len({asked.client for asked in stub.asked}) == 1
    assert [asked.path for asked in stub.asked] == ["/v1/batch"] * 5
    headers = stub.asked[0].headers
    assert headers["x-write-key"] == "wk_test"
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"] == f"sillage-python/{sillage.__version__}"


def test_large_batches_are_compressed(stub: Stub, start: Start) -> None:
    client = start(stub.endpoint)
    for number in range(100):
        client.track("Seen", {"n": number, "text": "x" * 100})
    assert client.flush() == 0
    assert "gzip" in {asked.headers.get("content-encoding") for asked in stub.asked}
    assert sorted(event["properties"]["n"] for event in stub.events) == list(range(100))


def heard(start: Start, stub: Stub, **settings: Any) -> "tuple[sillage.Client, List[Signal]]":
    signals: List[Signal] = []
    return start(stub.endpoint, on_signal=signals.append, **settings), signals


def once(wrong: Told) -> Callable[[Asked], Told]:
    """The first request is answered wrongly, the others well."""
    return lambda asked: wrong if asked.number == 0 else settled(asked)


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        (Told(204), 204),
        (Told(200, {"content-type": "text/html"}, b"<h1>Sign in to this network</h1>"), 200),
        (Told(200, {"content-type": "application/json"}, b"{}"), 200),
        (Told(200, {"content-type": "application/json"}, b"x" * 3_000_000), 200),
        (Told(raw=b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{"), 200),
        (Told(raw=b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\n{"), 200),
        (Told(500, {}, b"oops"), None),
        (Told(raw=b""), None),
        (Told(raw=b"SSH-2.0-OpenSSH_9.7\r\n"), None),
        (Told(raw=b"HTTP/1.1 200"), 200),
    ],
)
def test_what_no_collector_says_settles_nothing(stub: Stub, start: Start, wrong: Told, status: Any) -> None:
    stub.script = once(wrong)
    client, signals = heard(start, stub)
    client.track("Seen", {"n": 1})
    assert client.flush(20_000) == 0
    assert len(stub.asked) >= 2
    assert client.ledger == Ledger(created=1, acknowledged=1)
    assert [signal.status for signal in signals if signal.name == "foreign_answer"] == ([status] if status else [])
    assert [asked.batch["batch"] for asked in stub.asked] == [stub.asked[0].batch["batch"]] * len(stub.asked)


def test_redirects_are_not_followed(stub: Stub, start: Start) -> None:
    with Stub() as elsewhere:
        stub.script = once(Told(307, {"location": elsewhere.endpoint + "/v1/batch"}))
        client, signals = heard(start, stub)
        client.track("Seen")
        client.flush(20_000)
        assert elsewhere.asked == []
        until("the signal", lambda: any(signal.name in ("foreign_answer", "held") for signal in signals))


def test_a_connection_that_was_closed_meanwhile_is_noticed_before_anything_is_sent(stub: Stub, start: Start) -> None:
    stub.script = lambda asked: settled(asked)._replace(hangs_up=True)
    client, signals = heard(start, stub)
    for number in range(5):
        client.track("Seen", {"n": number})
        assert client.flush() == 0
    assert len(stub.asked) == 5 == len({asked.client for asked in stub.asked})
    assert {signal.name for signal in signals} == {"delivered"}


def test_nobody_at_the_address_keeps_the_events(start: Start) -> None:
    client = start(f"http://127.0.0.1:{closed_port()}")
    client.track("Seen")
    assert client.flush(300) == 1
    assert client.ledger == Ledger(created=1, pending=1)
    assert client.shutdown(100) == 1
    assert client.ledger == Ledger(created=1, pending=1)


def test_refused_events_and_keys_are_told(stub: Stub, start: Start) -> None:
    refused = {"index": 0, "messageId": "m", "code": "too_deep", "message": ""}
    # What comes without events is the ledger's report.
    stub.script = lambda asked: settled(asked, accepted=0, rejected=[refused] if asked.batch["batch"] else [])
    client, signals = heard(start, stub)
    client.track("Seen")
    assert client.flush() == 0
    until("the signal", lambda: Signal("rejected", seq=1, code="too_deep") in signals)
    assert client.ledger.rejected == {"too_deep": 1}
    stub.script = lambda asked: Told(401, {"content-type": "application/json"}, b'{"error":"unknown_key"}')
    client.track("Seen")
    client.flush(500)
    until("the signal", lambda: any(signal.name == "held" and signal.status == 401 for signal in signals))


def test_consent_is_waited_for_and_obeyed(stub: Stub, start: Start) -> None:
    client = start(stub.endpoint, consent_required=["analytics"], consent_by_event={"Crash": []}, gpc="deny")
    client.track("Early")
    client.track("Crash")
    assert client.flush() == 0
    assert [event["event"] for event in stub.events] == ["Crash"]
    client.consent({"analytics": True})
    assert client.flush() == 0
    assert [event["event"] for event in stub.events] == ["Crash", "Early"]
    client.consent({"analytics": False})
    client.track("Late")
    assert client.flush() == 0
    assert len(stub.events) == 2
    assert client.ledger.dropped == {"consent_denied": 1}
    wary = start(stub.endpoint, gpc="deny")
    wary.privacy(gpc=True)
    wary.track("Unwanted")
    assert wary.flush() == 0
    assert len(stub.events) == 2
    assert wary.ledger.dropped == {"consent_denied": 1}


def test_segments_reach_listeners_and_outlive_the_process(
    collect: Callable[..., Collector], start: Start, tmp_path: Any
) -> None:
    rules = (
        'segments_in_answers = true\n[[project.segment]]\nkey = "hot-cart"\npublic = true\n'
        "when = 'count(\"Product Added\") >= 2'\n"
    )
    collector = collect(rules)
    folder = tmp_path / "events"
    client = start(collector.endpoint, folder=folder)
    told: List[List[str]] = []

    def breaks(_: List[str]) -> None:
        raise RuntimeError("made for this test")

    client.on_segments_changed(breaks)
    client.on_segments_changed(told.append)
    for number in (1, 2):
        client.track("Product Added", {"product_id": f"p-{number}"})
        assert client.flush(30_000) == 0
    assert client.segments == ["hot-cart"]
    until("the listener", lambda: told == [["hot-cart"]])
    late: List[List[str]] = []
    client.on_segments_changed(late.append)
    assert late == [["hot-cart"]]
    assert client.shutdown() == 0
    again = start(f"http://127.0.0.1:{closed_port()}", folder=folder)
    assert again.segments == ["hot-cart"]
    again.on_segments_changed(late.append)
    until("what was known before", lambda: len(late) == 2)


def test_a_real_collector_counts_every_event_of_every_thread(collect: Callable[..., Collector], start: Start) -> None:
    collector = collect()
    client = start(collector.endpoint, batch_events=100)
    threads, each = 50, 40
    go = threading.Barrier(threads)

    def work(first: int) -> None:
        go.wait()
        for number in range(first, first + each):
            client.track("Tried", {"n": number}, EventOptions(user_id=f"p{number}"))

    workers = [threading.Thread(target=work, args=(number * each,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert client.flush(60_000) == 0
    assert client.ledger == Ledger(created=2_000, acknowledged=2_000)
    total = collector.total()
    assert (total["received"], total["lost"], total["created"]) == (2_000, 0, 2_000)


def test_durable_events_outlive_a_process_that_is_killed(stub: Stub, start: Start, tmp_path: Any) -> None:
    dead = start(f"http://127.0.0.1:{closed_port()}", folder=tmp_path / "events", durable=True)
    dead.track("Kept", {"n": 1})
    assert dead.wait_durable()
    assert dead.shutdown(0) == 1
    client = start(stub.endpoint, folder=tmp_path / "events")
    assert client.flush() == 0
    assert [event["event"] for event in stub.events] == ["Kept"]


def test_without_a_folder_nothing_is_known_to_be_durable(stub: Stub, start: Start) -> None:
    client = start(stub.endpoint)
    client.track("Seen")
    assert client.wait_durable() is False


def test_what_listeners_raise_stays_with_them(stub: Stub, start: Start, caplog: pytest.LogCaptureFixture) -> None:
    def breaks(_: Signal) -> None:
        raise RuntimeError("made for this test")

    client = start(stub.endpoint, on_signal=breaks)
    for _ in range(3):
        client.track("Seen")
        assert client.flush() == 0
    until("the log", lambda: "on_signal raised: RuntimeError: made for this test" in caplog.messages)
    client.shutdown()
    assert len(caplog.messages) == 1


def test_signals_are_logged_once_each_unless_somebody_hears_them(
    stub: Stub, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    client = start(stub.endpoint)
    broken: Any = [1]
    for _ in range(3):
        client.track("Seen", broken)
    client.flush()
    until("the warning", lambda: "dropped invalid" in caplog.messages)
    assert caplog.messages.count("dropped invalid") == 1


def test_a_network_of_the_apps_own_is_used(start: Start) -> None:
    posts: List[str] = []

    def network(url: str, headers: Any, body: bytes) -> sillage.Reply:
        posts.append(url)
        if len(posts) == 1:
            raise RuntimeError("made for this test")
        asked = Asked(0, url, dict(headers), body, ("", 0))
        told = settled(asked)
        return sillage.Answer(200, "application/json", "", told.body)

    client = start("https://collect.example.com/in", network=network)
    client.track("Seen")
    assert client.flush(20_000) == 0
    assert posts == ["https://collect.example.com/in/v1/batch"] * 2


def test_the_end_is_final_and_calls_after_it_are_nothing(stub: Stub) -> None:
    with sillage.Client("wk_test", stub.endpoint) as client:
        client.track("Seen")
        device = client.anonymous_id
    assert [event["event"] for event in stub.events] == ["Seen"]
    client.track("Late")
    client.identify("u")
    assert (client.flush(), client.shutdown(), client.wait_durable()) == (0, 0, False)
    assert (client.segments, client.user_id, client.anonymous_id) == ([], "", device), "as they were"
    assert client.ledger == Ledger(created=1, acknowledged=1)
    assert "ended" in repr(client)


def test_a_shutdown_on_the_networks_thread_does_not_wait_for_itself(stub: Stub, start: Start) -> None:
    ended = threading.Event()
    client: sillage.Client

    def end(_: Signal) -> None:
        client.shutdown(60_000)
        ended.set()

    client = start(stub.endpoint, on_signal=end)
    client.track("Seen")
    client.flush(100)
    assert ended.wait(20)


def test_a_notebook_shows_the_ledger(stub: Stub, start: Start) -> None:
    client = start(stub.endpoint)
    broken: Any = [1]
    client.track("Seen")
    client.track("Broken", broken)
    assert client.flush() == 0
    assert repr(client) == "<sillage.Client created 2, acknowledged 1, pending 0, dropped: invalid 1>"
    assert "<th>dropped: invalid</th><td>1</td>" in client._repr_html_()


def generated(call: Any) -> bytes:
    converter: Any = _ffi._UniffiFfiConverterTypeCall
    buffer = converter.lower(call)
    try:
        return bytes(buffer.data[: buffer.len])
    finally:
        buffer.free()


def test_bytes_made_in_one_piece_are_those_of_the_generated_code() -> None:
    said = EventOptions({"a": 1}, "p1", None, datetime(2026, 11, 22, 10, tzinfo=timezone.utc), "m")
    options = _ffi.EventOptions(context='{"a":1}', user_id="p1", timestamp_ms=1_795_341_600_000, message_id="m")
    few = _ffi.EventOptions(anonymous_id="d1")
    call: Any = _ffi.Call
    text = '{"é":1}'
    pairs = [
        (_calls.track("Seen", {"é": 1}, said), call.TRACK("Seen", text, options)),
        (_calls.track("Seen", None, None), call.TRACK("Seen", "", None)),
        (_calls.page("Home", {"é": 1}, "shop", None), call.PAGE("Home", "shop", text, None)),
        (_calls.screen("Home", {"é": 1}, "", EventOptions(anonymous_id="d1")), call.SCREEN("Home", "", text, few)),
        (_calls.identify("u", {"é": 1}, said), call.IDENTIFY("u", text, options)),
        (_calls.group("g", None, None), call.GROUP("g", "", None)),
        (_calls.alias("u", said), call.ALIAS("u", options)),
        (_calls.RESET, call.RESET()),
        (_calls.consent({"a": True, "b": False}), call.CONSENT({"a": True, "b": False})),
        (_calls.privacy(True, False), call.PRIVACY(True, False)),
        (_calls.context({"é": 1}), call.CONTEXT(text)),
        (_calls.FLUSH, call.LIFECYCLE(_ffi.Lifecycle.FLUSH)),
    ]
    for made, expected in pairs:
        assert made == generated(expected), expected


def test_all_settings_are_taken(stub: Stub, start: Start) -> None:
    client = start(
        stub.endpoint,
        batch_events=3,
        batch_age_ms=60_000,
        batch_events_max=10,
        batch_bytes_max=100_000,
        queue_events_max=100,
        queue_bytes_max=1_000_000,
        queue_age_max_ms=1_000_000,
        waiting_events_max=10,
        waiting_bytes_max=100_000,
        leaving_batches_max=2,
        session_idle_ms=1_000,
        session_max_ms=2_000,
        events_kept_longest=["Paid"],
        events_dropped_first=("Beat",),
        sampling={"Beat": 0.0},
        consent_required=[],
        consent_by_event={},
        gpc="ignore",
        dnt="record",
    )
    for _ in range(3):
        client.track("Seen")
        client.track("Beat")
    until("three events leave by themselves", lambda: len(stub.events) == 3)
    assert client.flush() == 0
    assert client.ledger.dropped == {"sampled": 3}


@pytest.mark.parametrize(
    "wrong",
    [
        {"endpoint": "ftp://collect.example.com"},
        {"endpoint": ""},
        {"endpoint": None},
        {"write_key": "wk\n"},
        {"write_key": None},
        {"batch_events": "many"},
        {"batch_events": -1},
        {"gpc": "maybe"},
        {"events_kept_longest": "Paid"},
        {"sampling": ["Beat"]},
        {"folder": 7},
    ],
)
def test_a_client_that_cannot_start_says_so_once_and_does_nothing(
    wrong: Any, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        client = sillage.Client(**{"write_key": "wk_test", "endpoint": "http://127.0.0.1:1", **wrong})
        client.track("Seen")
        client.consent({"a": True})
        assert (client.flush(), client.shutdown(), client.wait_durable()) == (0, 0, False)
        assert (client.segments, client.user_id, client.ledger) == ([], "", Ledger())
    assert len(caplog.messages) == 1, caplog.messages
    assert caplog.messages[0].startswith("this client cannot start, and does nothing")


def test_a_folder_that_cannot_be_used_is_told_and_costs_no_event(stub: Stub, start: Start, tmp_path: Any) -> None:
    (tmp_path / "file").write_text("no folder")
    client, signals = heard(start, stub, folder=tmp_path / "file" / "events")
    client.track("Seen")
    assert client.flush() == 0
    until("the signal", lambda: any(signal.name == "storage_failed" and signal.detail for signal in signals))


def test_proxies_of_the_environment_are_obeyed(stub: Stub, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", stub.endpoint.replace("//", "//me:secret@"))
    monkeypatch.setenv("no_proxy", "direct.example.com")
    client = start("http://collect.example.com:81")
    client.track("Seen")
    assert client.flush() == 0
    asked = stub.asked[0]
    assert asked.path == "http://collect.example.com:81/v1/batch"
    assert asked.headers["host"] == "collect.example.com:81"
    assert asked.headers["proxy-authorization"] == "Basic bWU6c2VjcmV0"


def test_a_tunnel_that_is_refused_sends_nothing(stub: Stub, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", stub.endpoint)
    stub.script = lambda asked: Told(407)
    client = start("https://collect.example.com")
    client.track("Seen")
    assert client.flush(300) == 1
    until("the proxy was asked", lambda: stub.asked)
    assert {asked.path for asked in stub.asked} == {"collect.example.com:443"}
    assert all(asked.raw == b"" for asked in stub.asked)


def test_nothing_runs_once_all_clients_have_ended(stub: Stub, start: Start) -> None:
    client = start(stub.endpoint)
    client.track("Seen")
    has_tasks = os.path.isdir("/proc/self/task")
    assert not has_tasks or {"sillage"} <= native_threads()
    assert any(thread.name == "sillage-network" for thread in threading.enumerate())
    client.shutdown()
    until("the thread to end", lambda: not any(t.name == "sillage-network" for t in threading.enumerate()))
    if has_tasks:
        until("the native thread to end", lambda: "sillage" not in native_threads())


def native_threads() -> Set[str]:
    names = set()
    for task in os.listdir("/proc/self/task"):
        try:
            names.add(Path(f"/proc/self/task/{task}/comm").read_text().strip())
        except OSError:
            # It has ended meanwhile.
            continue
    return names
