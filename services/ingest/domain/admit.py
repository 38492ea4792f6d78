"""The rules of the doors, put together: an event by itself, without a look at what came before."""

from datetime import datetime
from zoneinfo import ZoneInfo

from services.ingest.domain.candidate import Candidate
from shared.events.refusal import Refused


def admit(
    document: object, *, now: datetime, zone: ZoneInfo, backfill: bool = False, internal: bool = False
) -> Candidate | Refused:
    """The candidate that an event is, or why it is refused.

    document: as `services.ingest.wire` or another strict JSON reader gives it; now: the inbox's append time (at the
    HTTP door, which answers ahead of it, the door's clock); zone: of business days; backfill: history, which has no
    age limit; internal: whether guanxi's own types may come (they may on the inbox, not at the other doors).
    """
    raise NotImplementedError


def refuse_key(key: bytes | None, candidate: Candidate) -> Refused | None:
    """Refusal of a record whose Kafka key has our own form but names another subject. Any other key is fine: the log
    is keyed afresh."""
    raise NotImplementedError
