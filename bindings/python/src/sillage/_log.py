"""What a developer must know, said once."""

import logging
from typing import Set

logger = logging.getLogger("sillage")

_SAID_MAX = 256
"""Different things that are remembered as said; a bound against messages that never repeat."""

_said: Set[str] = set()


def once(message: str) -> None:
    """Warns of something, unless this process has been warned of it before."""
    if message in _said or len(_said) >= _SAID_MAX:
        return
    _said.add(message)
    logger.warning("%s", message)


def failed(what: str, error: BaseException) -> None:
    """Says once that something did not work; the app goes on."""
    once(f"{what}: {type(error).__name__}: {error}"[:1_000])
