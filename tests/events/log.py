"""Events as they stand on the log, built of a fact or a decision and what is said of it."""

from datetime import datetime
from typing import Any

from shared.events.event import Event, LogPosition
from shared.events.registry import NAMES


def event_of(
    data: Any,
    at: datetime,
    *,
    name: str = "e1",
    source: str = "erp",
    subject: str = "c0",
    recorded_at: datetime | None = None,
    log: LogPosition = LogPosition(1, 0, 0),  # noqa: B008 - a value
    **more: Any,
) -> Event:
    """The event; unless said, it is appended when it happens."""
    return Event(NAMES[type(data)], name, source, subject, at, data, recorded_at or at, log, **more)
