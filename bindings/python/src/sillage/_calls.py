"""Calls of the API as the bytes in which they cross into the library.

The generated code writes the same bytes field by field, each with calls into the library of its own, which takes some
forty microseconds an event; made in one piece they take a few. A test holds the two against each other.
"""

from struct import Struct
from typing import Any, Mapping, Optional

from ._values import json_text, moment_ms, plain_text, utf8
from .options import EventOptions

_LENGTH = Struct(">i").pack
_MOMENT = Struct(">q").pack
_NONE = b"\0"
_SOME = b"\1"
_EMPTY = _LENGTH(0)

# The number of each variant, as the library declares them.
_TRACK, _PAGE, _SCREEN, _IDENTIFY, _GROUP, _ALIAS, _RESET, _CONSENT, _PRIVACY, _CONTEXT, _LIFECYCLE = map(
    _LENGTH, range(1, 12)
)

RESET = _RESET
FLUSH = _LIFECYCLE + _LENGTH(5)
"""Send what waits, without waiting for it."""


def track(event: object, properties: Optional[Mapping[str, Any]], options: Optional[EventOptions]) -> bytes:
    """Somebody did something."""
    return b"".join((_TRACK, _text(event), _object(properties), _options(options)))


def page(
    name: object, properties: Optional[Mapping[str, Any]], category: object, options: Optional[EventOptions]
) -> bytes:
    """A page was viewed."""
    return b"".join((_PAGE, _text(name), _text(category), _object(properties), _options(options)))


def screen(
    name: object, properties: Optional[Mapping[str, Any]], category: object, options: Optional[EventOptions]
) -> bytes:
    """A screen was viewed."""
    return b"".join((_SCREEN, _text(name), _text(category), _object(properties), _options(options)))


def identify(user_id: object, traits: Optional[Mapping[str, Any]], options: Optional[EventOptions]) -> bytes:
    """Who it is from now on."""
    return b"".join((_IDENTIFY, _text(user_id), _object(traits), _options(options)))


def group(group_id: object, traits: Optional[Mapping[str, Any]], options: Optional[EventOptions]) -> bytes:
    """The person belongs to a group."""
    return b"".join((_GROUP, _text(group_id), _object(traits), _options(options)))


def alias(user_id: object, options: Optional[EventOptions]) -> bytes:
    """What was done so far is a person's."""
    return b"".join((_ALIAS, _text(user_id), _options(options)))


def consent(choices: Mapping[str, bool]) -> bytes:
    """The person has chosen."""
    answers = (_text(category) + (_SOME if granted else _NONE) for category, granted in choices.items())
    return b"".join((_CONSENT, _LENGTH(len(choices)), *answers))


def privacy(gpc: bool, dnt: bool) -> bytes:
    """What the system says of the person's wish."""
    return b"".join((_PRIVACY, _SOME if gpc else _NONE, _SOME if dnt else _NONE))


def context(shared: Mapping[str, Any]) -> bytes:
    """What all events share."""
    return _CONTEXT + _object(shared)


def _text(value: object) -> bytes:
    raw = utf8(plain_text(value))
    return _LENGTH(len(raw)) + raw


def _object(value: Optional[Mapping[str, Any]]) -> bytes:
    if value is None:
        return _EMPTY
    raw = utf8(json_text(value))
    return _LENGTH(len(raw)) + raw


def _optional(value: Optional[object]) -> bytes:
    return _NONE if value is None else _SOME + _text(value)


def _options(said: Optional[EventOptions]) -> bytes:
    if said is None:
        return _NONE
    at = moment_ms(said.timestamp)
    return b"".join(
        (
            _SOME,
            _object(said.context),
            _optional(said.user_id),
            _optional(said.anonymous_id),
            _NONE if at is None else _SOME + _MOMENT(at),
            _optional(said.message_id),
        )
    )
