"""What can be said of one event, besides what it is."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Mapping, Optional


@dataclass(frozen=True)
class EventOptions:
    """All else that can be said of an event."""

    context: Optional[Mapping[str, Any]] = None
    """Laid over the shared context."""
    user_id: Optional[str] = None
    """The event is about this person and not about this process's. With ``anonymous_id``: one of both, or both, as
    a server has it that speaks of many."""
    anonymous_id: Optional[str] = None
    """As ``user_id``."""
    timestamp: Optional[datetime] = None
    """When it happened; without a zone it is local time, as everywhere in Python. None: now."""
    message_id: Optional[str] = None
    """An id made by the caller, a UUID: the same event told twice counts once. What is no UUID is left out. None:
    one is made."""
