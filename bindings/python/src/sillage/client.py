"""The client."""

import os
import sys
import threading
from html import escape
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Literal, Mapping, Optional, Sequence, Union

from . import _calls, _live, _log
from ._config import config
from ._ears import Ears, OnSegments, OnSignal
from ._host import Host
from ._version import NAME, VERSION
from .ledger import Ledger
from .network import Network
from .options import EventOptions

if TYPE_CHECKING:
    from types import TracebackType

    from . import _ffi

Properties = Optional[Mapping[str, Any]]
Privacy = Literal["ignore", "record", "deny"]


class Client:
    """Tracks events and delivers them.

    ``folder`` is where events are kept until they are delivered; without one they live in memory and die with a process
    that is killed. ``durable``: each call waits until its event survives a power cut, at most 5 s. ``app`` and
    ``app_version`` are the context's ``app``. ``on_signal`` hears what happens inside, on the network's thread; without
    it the log is told, each thing once. ``network`` replaces ``HttpNetwork()``. The other settings are the core's; each
    has the name, the unit and the default that docs/SDK.md and the core say, and None is the default.

    Guarantees: no call raises an ``Exception``, and none but ``flush``, ``shutdown``, ``wait_durable`` and those of a
    durable client waits for the disk or the network. A client that cannot start (a wrong address, a value that is no
    setting, no native library for this machine) says so once in the log and does nothing. All calls may be made from
    any thread. In a forked child the client is another device with the same settings, which starts at its first call.
    A client lives until ``shutdown``, the end of its ``with``, or the end of the program, which waits 5 s for it.
    """

    def __init__(
        self,
        write_key: str,
        endpoint: str = "http://127.0.0.1:8080",
        *,
        folder: Union[str, "os.PathLike[str]", None] = None,
        durable: bool = False,
        app: Optional[str] = None,
        app_version: Optional[str] = None,
        on_signal: Optional[OnSignal] = None,
        network: Optional[Network] = None,
        batch_events: Optional[int] = None,
        batch_age_ms: Optional[int] = None,
        batch_events_max: Optional[int] = None,
        batch_bytes_max: Optional[int] = None,
        queue_events_max: Optional[int] = None,
        queue_bytes_max: Optional[int] = None,
        queue_age_max_ms: Optional[int] = None,
        waiting_events_max: Optional[int] = None,
        waiting_bytes_max: Optional[int] = None,
        leaving_batches_max: Optional[int] = None,
        session_idle_ms: Optional[int] = None,
        session_max_ms: Optional[int] = None,
        events_kept_longest: Optional[Sequence[str]] = None,
        events_dropped_first: Optional[Sequence[str]] = None,
        sampling: Optional[Mapping[str, float]] = None,
        consent_required: Optional[Sequence[str]] = None,
        consent_by_event: Optional[Mapping[str, Sequence[str]]] = None,
        gpc: Optional[Privacy] = None,
        dnt: Optional[Privacy] = None,
    ) -> None:
        said = dict(locals())
        core = {name: said[name] for name in _CORE_SETTINGS}
        self._lock = threading.RLock()
        self._host: Optional[Host] = None
        self._ears = Ears(on_signal)
        self._network = network
        self._is_over = False
        self._last = Ledger()
        self._left = 0
        # What a child repeats of what its parent was told.
        self._told: Dict[str, bytes] = {}
        self._choices: Dict[str, bool] = {}
        self._own_context: Dict[str, Any] = {
            "library": {"name": NAME, "version": VERSION},
            "os": {"name": _SYSTEMS.get(sys.platform, sys.platform)},
        }
        self._give: Callable[[bytes], None] = _nothing
        try:
            if app is not None:
                self._own_context["app"] = {"name": app, **({"version": app_version} if app_version else {})}
                self._told["context"] = _calls.context(self._own_context)
            self._settings: Dict[str, Any] = {
                "write_key": write_key,
                "endpoint": endpoint,
                "folder": None if folder is None else os.fspath(folder),
                "durable": bool(durable),
                "library": NAME,
                "library_version": VERSION,
            }
            self._core = core
            # Before it starts, so that no fork finds it started and unknown.
            _live.add(self)
            self._start()
        except Exception as error:
            self._is_over = True
            _live.remove(self)
            _log.failed("this client cannot start, and does nothing", error)

    def track(self, event: str, properties: Properties = None, options: Optional[EventOptions] = None) -> None:
        """Somebody did something. Cost: some ten microseconds for a handful of properties."""
        try:
            self._give(_calls.track(event, properties, options))
        except Exception as error:
            _log.failed("a call failed", error)

    def page(
        self, name: str = "", properties: Properties = None, category: str = "", options: Optional[EventOptions] = None
    ) -> None:
        """A page was viewed."""
        self._say(lambda: _calls.page(name, properties, category, options))

    def screen(
        self, name: str = "", properties: Properties = None, category: str = "", options: Optional[EventOptions] = None
    ) -> None:
        """A screen was viewed."""
        self._say(lambda: _calls.screen(name, properties, category, options))

    def identify(self, user_id: str = "", traits: Properties = None, options: Optional[EventOptions] = None) -> None:
        """Who uses this device from now on. An empty ``user_id`` adds traits to whoever it is. With ``options`` that
        name a person: what is known of that person."""
        self._say(lambda: _calls.identify(user_id, traits, options))

    def group(self, group_id: str, traits: Properties = None, options: Optional[EventOptions] = None) -> None:
        """The person belongs to a group."""
        self._say(lambda: _calls.group(group_id, traits, options))

    def alias(self, user_id: str, options: Optional[EventOptions] = None) -> None:
        """What this device did so far is given to ``user_id``, who uses it from now on."""
        self._say(lambda: _calls.alias(user_id, options))

    def reset(self) -> None:
        """The person has left: a new anonymous id, no user, a new session."""
        self._say(lambda: _calls.RESET)

    def consent(self, choices: Mapping[str, bool]) -> None:
        """The person has chosen, by category; those that are not named keep their answer."""

        def call() -> bytes:
            said = {category: bool(granted) for category, granted in choices.items()}
            self._choices.update(said)
            self._told["consent"] = _calls.consent(self._choices)
            return _calls.consent(said)

        self._say(call)

    def privacy(self, gpc: bool = False, dnt: bool = False) -> None:
        """What the system says of the person's wish not to be tracked."""

        def call() -> bytes:
            self._told["privacy"] = _calls.privacy(gpc, dnt)
            return self._told["privacy"]

        self._say(call)

    def context(self, context: Mapping[str, Any]) -> None:
        """What all events say besides ``library``, ``os`` and ``app``; replaces that of an earlier call."""

        def call() -> bytes:
            self._told["context"] = _calls.context({**context, **self._own_context})
            return self._told["context"]

        self._say(call)

    def flush(self, timeout_ms: int = 5_000) -> int:
        """Sends everything and waits for the answers, at most so long. Gives the number still pending."""
        try:
            host = self._host
            return 0 if host is None else host.native.flush(self._patience(host, timeout_ms))
        except Exception as error:
            _log.failed("a flush failed", error)
            return 0

    def shutdown(self, timeout_ms: int = 5_000) -> int:
        """As ``flush``, writes the rest to disk and ends. Calls that come later do nothing; the ledger stays as it was
        last."""
        try:
            with self._lock:
                if not self._is_over:
                    self._is_over = True
                    self._give = _nothing
                    self._end(timeout_ms)
                    _live.remove(self)
                return self._left
        except Exception as error:
            _log.failed("a shutdown failed", error)
            return 0

    def wait_durable(self) -> bool:
        """Waits until all told so far survives a power cut, at most 5 s. False: it is not known to."""
        try:
            native = self._native()
            return native is not None and native.wait_durable()
        except Exception as error:
            _log.failed("waiting for the disk failed", error)
            return False

    @property
    def segments(self) -> List[str]:
        """The public segments of this device as last told, sorted."""
        try:
            native = self._native()
            return [] if native is None else native.segments()
        except Exception as error:
            _log.failed("segments cannot be read", error)
            return []

    def on_segments_changed(self, callback: OnSegments) -> None:
        """Calls ``callback`` with all public segments of this device whenever they change, on the network's thread, and
        at once with those it has been told before. Keep it short: batches wait meanwhile."""
        self._ears.add(callback)

    @property
    def anonymous_id(self) -> str:
        """The device's own id; empty until storage has been read."""
        try:
            native = self._native()
            return "" if native is None else native.anonymous_id()
        except Exception as error:
            _log.failed("the anonymous id cannot be read", error)
            return ""

    @property
    def user_id(self) -> str:
        """Who uses the device, or empty."""
        try:
            native = self._native()
            return "" if native is None else native.user_id()
        except Exception as error:
            _log.failed("the user id cannot be read", error)
            return ""

    @property
    def ledger(self) -> Ledger:
        """What became of every event of this installation."""
        try:
            host = self._host
            return self._last if self._is_over or host is None else Ledger(**vars(host.native.ledger()))
        except Exception as error:
            _log.failed("the ledger cannot be read", error)
            return self._last

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self,
        kind: "Optional[type[BaseException]]",
        error: Optional[BaseException],
        trace: "Optional[TracebackType]",
    ) -> None:
        self.shutdown()

    def __repr__(self) -> str:
        counts = ", ".join(f"{name} {count}" for name, count in self.ledger.rows())
        return f"<sillage.Client {'ended, ' if self._is_over else ''}{counts}>"

    def _repr_html_(self) -> str:
        state = " (ended)" if self._is_over else ""
        return f"<b>{escape(NAME)}{state}</b>{self.ledger._repr_html_()}"

    def _born(self) -> None:
        """This process is a forked child: what the client had stays the parent's."""
        # Whoever held the lock is not here.
        self._lock = threading.RLock()
        host, self._host = self._host, None
        if host is not None:
            host.abandon()
        self._last, self._left = Ledger(), 0
        self._ears.forget()
        if not self._is_over:
            self._give = self._give_first

    def _hurry(self) -> None:
        """Sends what waits, without waiting for it."""
        if self._host is not None:
            self._say(lambda: _calls.FLUSH)

    def _say(self, call: Callable[[], bytes]) -> None:
        try:
            self._give(call())
        except Exception as error:
            _log.failed("a call failed", error)

    def _give_first(self, call: bytes) -> None:
        """The first call in a child."""
        host = self._begun()
        if host is not None:
            host.give(call)

    def _native(self) -> "Optional[_ffi.Client]":
        host = self._begun()
        return None if host is None else host.native

    def _begun(self) -> Optional[Host]:
        if self._host is None and not self._is_over:
            with self._lock:
                if self._host is None and not self._is_over:
                    try:
                        _live.add(self)
                        self._start()
                    except Exception:
                        # It will not go better the next time.
                        self._is_over = True
                        self._give = _nothing
                        raise
        return self._host

    def _start(self) -> None:
        from . import _ffi

        settings = _ffi.Settings(**self._settings, config=config(_ffi, self._core))
        host = Host(_ffi, settings, self._network, self._ears)
        for call in list(self._told.values()):
            host.give(call)
        self._host = host
        self._give = host.give

    def _end(self, timeout_ms: int) -> None:
        host = self._host
        if host is None:
            return
        self._left = host.native.shutdown(self._patience(host, timeout_ms))
        self._last = Ledger(**vars(host.native.ledger()))
        host.join(1.0)

    @staticmethod
    def _patience(host: Host, timeout_ms: int) -> int:
        """Who waits on the network's thread would wait for itself."""
        return 0 if host.is_current() else max(0, int(timeout_ms))


def _nothing(_call: bytes) -> None:
    """What a client does that has ended, or never began."""


_SYSTEMS = {"darwin": "macos", "win32": "windows"}
"""What the native library calls them."""

_CORE_SETTINGS = (
    "batch_events",
    "batch_age_ms",
    "batch_events_max",
    "batch_bytes_max",
    "queue_events_max",
    "queue_bytes_max",
    "queue_age_max_ms",
    "waiting_events_max",
    "waiting_bytes_max",
    "leaving_batches_max",
    "session_idle_ms",
    "session_max_ms",
    "events_kept_longest",
    "events_dropped_first",
    "sampling",
    "consent_required",
    "consent_by_event",
    "gpc",
    "dnt",
)
