"""Python's values as JSON text.

What is JSON already takes the standard library's fast way; everything else is written here, so that a date, a decimal
or a loop never costs an event.
"""

import dataclasses
import enum
import math
import os
from collections import deque
from collections.abc import Mapping, Set
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from json import JSONEncoder
from json.encoder import encode_basestring as _quoted
from typing import Any, Callable, Dict, Iterable, List, Optional, Type
from uuid import UUID

from . import _log

DEPTH_MAX = 32
"""Levels of nesting that are written once a value needs the slow way; collectors take fewer (8 unless configured)."""

_MEMBERS_MAX = 100_000
"""Values that are written of one object. An event that large is refused in any case; this bounds the time it takes."""

"".encode("utf-16-le")  # Imported with us; see the codec in _line.py.

_fast = JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


class _Dropped(Exception):
    """A value that is left out: a member goes with its name, an item of a list becomes null."""


def json_text(value: Any) -> str:
    """The JSON text of a value; its members keep their order.

    Dates and times become ISO 8601 (moments in UTC), decimals numbers, UUIDs and paths text, enums their values, sets
    lists, bytes the text that they are in UTF-8, what numpy has what Python has, NaN and infinities null, and anything
    unknown its ``str``. Left out, and said once in the log: loops, what lies deeper than ``DEPTH_MAX``, bytes that are
    no text, and what fails while it is read.
    """
    try:
        return _fast(value)
    except Exception:
        return _Writer().text(value)


def plain_text(value: object) -> str:
    """A name or an id as text."""
    if isinstance(value, str):
        return value
    return "" if value is None else str(value)


def utf8(text: str) -> bytes:
    """Bytes of a text; halves of surrogate pairs, which no UTF-8 can say, become U+FFFD."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


def moment_ms(moment: Optional[datetime]) -> Optional[int]:
    """Milliseconds since 1970 of a moment; what is none is left out, and said once."""
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        _log.once(f"a timestamp is a datetime and not {type(moment).__name__}; the present is taken")
        return None
    since = moment.astimezone(timezone.utc) - datetime(1970, 1, 1, tzinfo=timezone.utc)
    return since // timedelta(milliseconds=1)


class _Writer:
    """Writes one value."""

    def __init__(self) -> None:
        self.open: List[int] = []
        """Objects that are being written, by identity: what is met again inside of itself is a loop."""
        self.written = 0

    def text(self, value: Any) -> str:
        try:
            return self.write(value)
        except _Dropped as reason:
            _log.once(f"a value is left out: {reason}")
            return "null"

    def write(self, value: Any) -> str:
        self.written += 1
        if self.written > _MEMBERS_MAX:
            raise _Dropped(f"more than {_MEMBERS_MAX} values in one object")
        try:
            for kind, writer in _WRITERS.items():
                if isinstance(value, kind):
                    return writer(self, value)
            return self.unknown(value)
        except _Dropped:
            raise
        except Exception as error:
            raise _Dropped(f"{type(value).__name__} cannot be read: {type(error).__name__}: {error}") from None

    def number(self, value: Any) -> str:
        return int.__repr__(value) if isinstance(value, int) else self.real(value)

    def real(self, value: Any) -> str:
        return float.__repr__(value) if math.isfinite(value) else "null"

    def decimal(self, value: Decimal) -> str:
        # Its own text is JSON's, but for what is no number, and for a point without digits on both sides.
        return str(value) if value.is_finite() else "null"

    def quoted(self, value: Any) -> str:
        return _quoted(str(value))

    def bytes(self, value: Any) -> str:
        try:
            return _quoted(bytes(value).decode())
        except UnicodeDecodeError:
            raise _Dropped(f"{len(value)} bytes are no text") from None

    def moment(self, value: datetime) -> str:
        return _quoted(value.astimezone(timezone.utc).isoformat().replace("+00:00", "Z"))

    def members(self, value: Any) -> str:
        with_names = ((self.name(key), item) for key, item in value.items())
        return self.inside(value, lambda: "{" + ",".join(self.each_member(with_names)) + "}")

    def fields(self, value: Any) -> str:
        if isinstance(value, type):
            return self.quoted(value)
        said = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return self.inside(value, lambda: self.members(said))

    def items(self, value: Iterable[Any]) -> str:
        return self.inside(value, lambda: "[" + ",".join(self.text(item) for item in value) + "]")

    def set(self, value: Any) -> str:
        try:
            return self.items(sorted(value))
        except TypeError:
            return self.items(value)

    def unknown(self, value: Any) -> str:
        if dataclasses.is_dataclass(value):
            return self.fields(value)
        as_list = getattr(value, "tolist", None)
        if as_list is not None and not isinstance(value, type):
            # What numpy, pandas and their like have: Python's own value or lists of them.
            return self.inside(value, lambda: self.write(as_list()))
        return self.quoted(value)

    def name(self, key: Any) -> str:
        if isinstance(key, enum.Enum):
            key = key.value
        if key is None or isinstance(key, (bool, float)):
            return _fast(key) if key is None or math.isfinite(key) else str(key)
        return key.decode() if isinstance(key, bytes) else str(key)

    def each_member(self, members: Iterable[Any]) -> Iterable[str]:
        for name, item in members:
            try:
                yield f"{_quoted(name)}:{self.write(item)}"
            except _Dropped as reason:
                _log.once(f"a member is left out: {reason}")

    def inside(self, value: Any, write: Callable[[], str]) -> str:
        if id(value) in self.open:
            raise _Dropped("it contains itself")
        if len(self.open) >= DEPTH_MAX:
            raise _Dropped(f"it is nested deeper than {DEPTH_MAX}")
        self.open.append(id(value))
        try:
            return write()
        finally:
            self.open.pop()


_WRITERS: Dict[Type[Any], Callable[[_Writer, Any], str]] = {
    type(None): lambda _, value: "null",
    enum.Enum: lambda writer, value: writer.write(value.value),
    bool: lambda _, value: "true" if value else "false",
    str: _Writer.quoted,
    int: _Writer.number,
    float: _Writer.real,
    Mapping: _Writer.members,
    list: _Writer.items,
    tuple: _Writer.items,
    datetime: _Writer.moment,
    date: lambda writer, value: writer.quoted(value.isoformat()),
    time: lambda writer, value: writer.quoted(value.isoformat()),
    timedelta: lambda writer, value: writer.real(value.total_seconds()),
    Decimal: _Writer.decimal,
    UUID: _Writer.quoted,
    Set: _Writer.set,
    deque: _Writer.items,
    bytes: _Writer.bytes,
    bytearray: _Writer.bytes,
    os.PathLike: lambda writer, value: writer.quoted(os.fspath(value)),
}
"""In this order: a moment is a date, and an enum may be text or a number."""
