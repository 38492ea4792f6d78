"""What the doors' rules say of an event, at noon of the day on which tests.events.wire makes it."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from services.ingest.admit import Candidate, admit
from services.ingest.doors.kafka.wire import from_kafka
from shared.events.refusal import Refused
from tests.events.wire import raw

NOW = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")


def judged(value: bytes | dict[str, Any], headers: Any = (), **options: Any) -> Candidate | Refused:
    """What the doors' rules say of an event that comes as bytes, or of a document."""
    document = from_kafka(value if isinstance(value, bytes) else raw(value), headers)
    if isinstance(document, Refused):
        return document
    return admit(document, **{"now": NOW, "zone": ZONE, "internal": True, **options})


def candidate(value: bytes | dict[str, Any], **options: Any) -> Candidate:
    """The candidate of an event that must pass."""
    result = judged(value, **options)
    assert isinstance(result, Candidate), result
    return result
