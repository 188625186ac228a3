"""Plays a file of tests/fixtures/scenarios through the core behind the boundary, and says what is not as it must be.

Calls cross as they do in an app: values by ``sillage._values``, bytes by ``sillage._calls`` and ``sillage._crossing``.
"""

import json
import zlib
from datetime import datetime, timedelta, timezone
from typing import Any, Dict, List, Optional

from sillage import EventOptions, _calls, _ffi
from sillage._config import config
from sillage._crossing import Crossing
from sillage._values import json_text, utf8

Json = Any
WALL_START = 1_795_341_600_000
FIRST_HEAD, FIRST_EVENT = 2**32, 2**33
WEB = {"batch_age_ms": 5_000, "batch_bytes_max": 28_000, "leaving_batches_max": 2}
LIFECYCLES = ["foreground", "background", "online", "offline", "flush"]
CALLS = ("track", "page", "screen", "identify", "group", "alias")


class Player:
    """One story."""

    def __init__(self, name: str, scenario: Json) -> None:
        self.name = name
        self.scenario = scenario
        self.starts = 0
        self.jump = 0
        self.stored: Dict[int, bytes] = {}
        self.batch_ids: Dict[int, str] = {}
        self.bodies: List[Json] = []
        self.notices: List[Json] = []
        self.boot(0)

    def boot(self, at: int) -> None:
        self.starts += 1
        self.tracker = _ffi.Tracker(settings(self.scenario["config"]), bytes([self.starts] * 32), self.now(at))
        self.crossing = Crossing(_ffi, self.tracker, "tracker")

    def now(self, at: int) -> _ffi.Now:
        return _ffi.Now(wall_ms=WALL_START + self.jump + at, mono_ms=at + 1_000)

    def step(self, said: Json) -> List[Json]:
        at = said["at"]
        ((kind, input),) = said["input"].items()
        if kind in CALLS:
            call = made(kind, input)
            for _ in range(input.get("times", 1)):
                self.give(at, call)
        elif kind == "wall":
            self.jump += input
        elif kind == "tick":
            self.tracker.tick(self.now(at))
        elif kind == "reply":
            self.reply(at, input)
        elif kind in ("restored", "restart"):
            if kind == "restart":
                self.boot(at)
            self.restore(at, input)
        else:
            self.give(at, other(self.name, kind, input))
        return self.drain()

    def give(self, at: int, call: bytes) -> None:
        now = self.now(at)
        told = now.wall_ms.to_bytes(8, "big", signed=True) + now.mono_ms.to_bytes(8, "big")
        self.crossing.give(call, told)

    def reply(self, at: int, said: Json) -> None:
        send = said["send"]
        reply: Any
        kinds: Any = _ffi.Reply
        if "status" in said:
            body = said.get("body") or ""
            text = body if isinstance(body, str) else json_text(body)
            text = text.replace("$batchId", self.batch_ids.get(send, ""))
            content_type = said.get("contentType", "application/json")
            reply = kinds.ANSWER(said["status"], content_type, said.get("retryAfter", ""), text.encode())
        else:
            reply = kinds.UNSENT() if said.get("outcome") == "unsent" else kinds.LOST()
        self.tracker.reply(self.now(at), send, reply)

    def restore(self, at: int, said: Json) -> None:
        for key in [key for key in self.stored if key_name(key) in said.get("without", [])]:
            del self.stored[key]
        records = [_ffi.Record(key=key, value=value) for key, value in sorted(self.stored.items())]
        witness = said.get("witness", 0)
        self.tracker.restored(self.now(at), records, witness, said.get("install"), said.get("anonymousId"))

    def drain(self) -> List[Json]:
        return [self.told(action) for action in self.tracker.poll()]

    def told(self, action: Any) -> Json:
        if action.is_persist():
            self.stored[action.key] = action.value
            return {"persist": key_name(action.key), "bytes": len(action.value), "crc32": crc32(action.value)}
        if action.is_forget():
            self.stored.pop(action.key, None)
            return {"forget": key_name(action.key)}
        if action.is_send():
            body = json.loads(action.body)
            self.batch_ids[action.send] = body["sillage"]["batchId"]
            self.bodies.append(body)
            way = "leaving" if action.leaving else "usual"
            return {"send": action.send, "way": way, "crc32": crc32(action.body), "body": body}
        if action.is_wake_at():
            return {"wakeAt": action.mono_ms - 1_000}
        notice = {"segmentsChanged": action.segments} if action.is_segments() else notice_of(action.signal)
        self.notices.append(notice)
        return {"notice": notice}

    def known(self) -> Json:
        state = self.tracker.state()
        ledger = state.ledger
        return {
            **vars(ledger),
            "waiting": state.waiting,
            "idle": state.is_idle,
            "userId": state.user_id,
            "segments": state.segments,
            "sends": len(self.bodies),
            "eventsSent": [len(body["batch"]) for body in self.bodies],
            "notices": self.notices,
            "stored": [key_name(key) for key in sorted(self.stored)],
        }


def play(name: str, scenario: Json) -> List[str]:
    """What is wrong with a story, as lines; none if it is as it must be."""
    player = Player(name, scenario)
    wrong = []
    for index, step in enumerate(scenario["steps"]):
        given = player.step(step)
        if given != step["actions"]:
            wrong.append(f"{name}, step {index}\n  expected {step['actions']}\n  given    {given}")
    known = player.known()
    settled = sum(sum(known[fate].values()) for fate in ("rejected", "dropped", "unsure"))
    if known["created"] != known["acknowledged"] + known["pending"] + settled:
        wrong.append(f"{name}: the ledger is not balanced")
    if not scenario["claims"]:
        wrong.append(f"{name}: no claims")
    for what, claimed in scenario["claims"].items():
        is_so = part(player.bodies, what) if what.startswith("body ") else known.get(what, "nothing of this name")
        # 1 is True in Python, and no claim means that.
        if (is_so, type(is_so)) != (claimed, type(claimed)):
            wrong.append(f"{name}: claims {what} = {claimed}, is {is_so}")
    return wrong


def part(bodies: List[Json], what: str) -> Json:
    _, index, pointer = what.split(" ", 2)
    if int(index) >= len(bodies):
        return None
    value = bodies[int(index)]
    for name in pointer.split("/")[1:]:
        try:
            value = value[int(name)] if isinstance(value, list) else value[name]
        except (KeyError, IndexError, TypeError, ValueError):
            return None
    return value


def settings(said: Json) -> _ffi.Config:
    preset = {"native": {}, "web": WEB}[said["preset"]]
    snake = {snake_case(name): value for name, value in said.items() if name != "preset"}
    return config(_ffi, {**preset, **snake})


def snake_case(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def made(kind: str, said: Json) -> bytes:
    """The bytes of a call."""
    raw = said.get("traits", said.get("properties"))
    if "propertiesBytes" in said:
        raw = {"x": "x" * said["propertiesBytes"]}
    options = options_of(said)
    # What is text is given as it is, so that it may be no JSON.
    mark = {"\0": "\0"} if isinstance(raw, str) else raw
    name, category = said.get("name", ""), said.get("category", "")
    call = {
        "track": lambda: _calls.track(said.get("event", ""), mark, options),
        "page": lambda: _calls.page(name, mark, category, options),
        "screen": lambda: _calls.screen(name, mark, category, options),
        "identify": lambda: _calls.identify(said.get("userId", ""), mark, options),
        "group": lambda: _calls.group(said.get("groupId", ""), mark, options),
        "alias": lambda: _calls.alias(said.get("userId", ""), options),
    }[kind]()
    if isinstance(raw, str):
        call = call.replace(sized(json_text(mark)), sized(raw))
    return call


def sized(text: str) -> bytes:
    raw = utf8(text)
    return len(raw).to_bytes(4, "big") + raw


def options_of(said: Json) -> Optional[EventOptions]:
    if not any(name in said for name in ("context", "subject", "time", "messageId")):
        return None
    subject: Optional[Json] = said.get("subject")
    epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)
    return EventOptions(
        context=said.get("context"),
        user_id=None if subject is None else subject.get("userId", ""),
        anonymous_id=None if subject is None else subject.get("anonymousId", ""),
        timestamp=epoch + timedelta(milliseconds=said["time"]) if "time" in said else None,
        message_id=said.get("messageId"),
    )


def other(name: str, kind: str, said: Json) -> bytes:
    if kind == "reset":
        return _calls.RESET
    if kind == "context":
        return _calls.context(said)
    if kind == "consent":
        return _calls.consent(said)
    if kind == "privacy":
        return _calls.privacy(said.get("gpc", False), said.get("dnt", False))
    if kind == "lifecycle":
        return _calls.FLUSH[:4] + (LIFECYCLES.index(said) + 1).to_bytes(4, "big")
    raise ValueError(f"{name}: what is {kind}?")


def notice_of(signal: Any) -> Json:
    fields = vars(signal)
    if signal.is_stopped():
        return "stopped"
    if signal.is_delivered():
        return {"delivered": fields["count"]}
    if signal.is_foreign_answer():
        return {"foreignAnswer": fields["status"]}
    if signal.is_held():
        return {"held": fields["status"]}
    return {"rejected" if signal.is_rejected() else "dropped": fields}


def key_name(key: int) -> str:
    if key >= FIRST_EVENT:
        return f"event:{key - FIRST_EVENT}"
    if key >= FIRST_HEAD:
        return f"head:{key - FIRST_HEAD}"
    return ("state", "segments")[key]


def crc32(data: bytes) -> str:
    return f"{zlib.crc32(data):08x}"
