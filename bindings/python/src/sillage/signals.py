"""What happens inside."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Tuple

from . import _log

if TYPE_CHECKING:
    from . import _ffi

NAMES: Tuple[str, ...] = (
    "delivered",
    "rejected",
    "dropped",
    "foreign_answer",
    "held",
    "stopped",
    "storage_failed",
    "disabled",
)


@dataclass(frozen=True)
class Signal:
    """Something that happened inside. Nothing needs to be done about it."""

    name: str
    """One of ``NAMES``: ``delivered`` (count), ``rejected`` (seq, code: to be found among the collector's dead
    letters), ``dropped`` (reason, count), ``foreign_answer`` (status: something answered that is no collector),
    ``held`` (status: the collector does not want this client for now; look at key and address), ``stopped`` (it
    wants nothing more of this process), ``storage_failed`` (detail: events are kept in memory meanwhile),
    ``disabled`` (a defect was met inside: nothing is tracked any more)."""
    count: int = 0
    """How many events."""
    seq: int = 0
    """The event's number in this installation."""
    code: str = ""
    """The collector's word."""
    reason: str = ""
    """Why; see docs/SDK.md."""
    status: int = 0
    """HTTP's."""
    detail: str = ""
    """In the system's words."""

    def __str__(self) -> str:
        said = {"count": self.count, "seq": self.seq, "code": self.code, "reason": self.reason}
        said.update(status=self.status, detail=self.detail)
        return " ".join([self.name, *(f"{name}={value}" for name, value in said.items() if value)])


def told(signal: "_ffi.Signal") -> Signal:
    """The same for an app."""
    fields = {name: value for name, value in vars(signal).items() if name in Signal.__dataclass_fields__}
    for name in NAMES:
        is_it: Any = getattr(signal, f"is_{name}")
        if is_it():
            return Signal(name, **fields)
    raise ValueError(f"what is {signal}?")


def log(signal: Signal) -> None:
    """What is done with signals unless an app wants them: the first of each kind is a warning, the rest is detail."""
    if signal.name != "delivered":
        which = signal.code or signal.reason or signal.detail or (str(signal.status) if signal.status else "")
        _log.once(f"{signal.name} {which}".rstrip())
    _log.logger.debug("%s", signal)
