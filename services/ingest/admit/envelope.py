"""The envelope of an event: CloudEvents' attributes, read strictly (domain.md, The envelope)."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import TypeAdapter, ValidationError

from shared.events.nearest import nearest
from shared.events.refusal import Reason, Refused
from shared.events.registry import DECISIONS, FACTS, FactType
from shared.events.types import MAX_ID_CHARS, Id, whole

MAX_REVISION = 2**53 - 1
"""Every JSON reader handles whole numbers up to here, and microseconds since 1970 fit as revisions."""
MAX_AGE = timedelta(days=760)
MAX_AHEAD = timedelta(minutes=5)
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
"""History starts here, so that windows can go back from any day without leaving the calendar."""

KNOWN = frozenset(
    {
        "specversion", "id", "source", "type", "subject", "time", "datacontenttype", "data", "revision", "actor",
        "traceparent",
    }
)  # fmt: skip
ID_HINT = f"1 to {MAX_ID_CHARS} printable characters, no leading or trailing white space"

_validate_id = TypeAdapter(Id).validator.validate_python
_SUCH_AS = "such as 2026-01-31T08:00:00+08:00"
_INSTANT = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ]((?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?)([Zz]|[+-]\d{2}:\d{2})?", re.ASCII
)
TRACEPARENT = r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
"""Of W3C, as a regular expression."""
_TRACEPARENT = re.compile(TRACEPARENT)


@dataclass(slots=True)
class Envelope:
    """The attributes of an event, checked; `data` as received."""

    entry: FactType
    id: str
    source: str
    subject: str
    time: datetime
    revision: int
    data: dict[str, Any]
    actor: str | None
    traceparent: str | None


def read_envelope(document: object, *, internal: bool) -> Envelope | Refused:
    """Read the envelope of a JSON document; `internal` allows guanxi's own types."""
    if not isinstance(document, dict):
        return Refused(Reason.NOT_CLOUDEVENT, "", "expected a JSON object: a CloudEvents 1.0 event")
    if document.get("specversion") != "1.0":
        return Refused(Reason.NOT_CLOUDEVENT, "specversion", 'specversion must be "1.0"')
    entry = _entry(document.get("type"), internal=internal)
    if isinstance(entry, Refused):
        return entry
    for name in ("id", "source", "subject"):
        refused = _refuse_id(document.get(name), name)
        if refused is not None:
            return refused
    time = read_instant(document.get("time"))
    if isinstance(time, Refused):
        return time
    revision = document.get("revision")
    revision = 1 if revision is None else whole(revision)
    if type(revision) is not int or not 1 <= revision <= MAX_REVISION:
        return Refused(Reason.INVALID_FIELD, "revision", f"must be a whole number from 1 to {MAX_REVISION}")
    refused = _refuse_actor(document) or _refuse_data(document)
    if refused is not None:
        return refused
    traceparent = document.get("traceparent")
    if not isinstance(traceparent, str) or not _TRACEPARENT.fullmatch(traceparent):
        traceparent = None
    return Envelope(
        entry=entry,
        id=document["id"],
        source=document["source"],
        subject=document["subject"],
        time=time,
        revision=revision,
        data=document["data"],
        actor=document.get("actor"),
        traceparent=traceparent,
    )


def ignored_attributes(document: dict[str, Any], envelope: Envelope) -> list[str]:
    """Attributes that guanxi does not know, or can't read and does not need."""
    ignored = []
    if not document.keys() <= KNOWN:
        ignored = [name for name, value in document.items() if name not in KNOWN and value is not None]
    if envelope.traceparent is None and document.get("traceparent") is not None:
        ignored.append("traceparent")
    return ignored


def refuse_age(time: datetime, now: datetime, *, backfill: bool) -> Refused | None:
    """Refuse a time that is too old for a live event, or in the future (domain.md, Age). History may be old, but not in
    the future.
    """
    if time > now + MAX_AHEAD:
        return Refused(Reason.IN_FUTURE, "time", f"time is more than 5 minutes after {now:%Y-%m-%dT%H:%M:%SZ}")
    if backfill:
        return None if time >= EARLIEST else Refused(Reason.TOO_OLD, "time", f"history begins on {EARLIEST:%Y-%m-%d}")
    if time < now - MAX_AGE:
        hint = f"time lies more than {MAX_AGE.days} days ago; send history with guanxi import --backfill"
        return Refused(Reason.TOO_OLD, "time", hint)
    return None


def read_instant(value: object) -> datetime | Refused:
    """An instant of RFC 3339, in UTC; one without an offset has its own reason. Digits beyond microseconds are
    dropped.
    """
    if value is None:
        return Refused(Reason.MISSING_FIELD, "time", f"time is required: when it happened, {_SUCH_AS}")
    match = _INSTANT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return Refused(Reason.INVALID_TIME, "time", f"must be an instant, {_SUCH_AS}")
    day, clock, offset = match.groups()
    if offset is None:
        return Refused(Reason.NAIVE_TIME, "time", "time has no offset; add one, such as +08:00 or Z")
    try:
        return datetime.fromisoformat(f"{day}T{clock}{offset.upper()}").astimezone(UTC)
    except (ValueError, OverflowError):
        return Refused(Reason.INVALID_TIME, "time", f"no such instant; write it {_SUCH_AS}")


def _entry(name: object, *, internal: bool) -> FactType | Refused:
    if name is None:
        return Refused(Reason.MISSING_FIELD, "type", "type is required, such as guanxi.purchase.recorded.v1")
    entry = FACTS.get(name) if isinstance(name, str) else None
    if entry is None:
        if isinstance(name, str) and name in DECISIONS:
            return Refused(Reason.INTERNAL_TYPE, "type", "only guanxi makes decisions; they can't be sent")
        close = nearest(name, FACTS) if isinstance(name, str) else None
        found = f"; did you mean {close}?" if close else "; docs/reference/schemas/door lists all types"
        return Refused(Reason.UNKNOWN_TYPE, "type", f"unknown type: {_shown(name)}{found}")
    if entry.derived or (entry.internal and not internal):
        return Refused(Reason.INTERNAL_TYPE, "type", "only guanxi sends this type")
    return entry


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else type(value).__name__
    return ascii(text[:100]) if not text.isprintable() else repr(text[:100])


def _refuse_id(value: object, name: str) -> Refused | None:
    if value is None:
        return Refused(Reason.MISSING_FIELD, name, f"{name} is required: {ID_HINT}")
    try:
        _validate_id(value)
    except ValidationError:
        return Refused(Reason.INVALID_ID, name, f"{name} must be a string of {ID_HINT}")
    return None


def _refuse_actor(document: dict[str, Any]) -> Refused | None:
    return None if document.get("actor") is None else _refuse_id(document["actor"], "actor")


def _refuse_data(document: dict[str, Any]) -> Refused | None:
    data = document.get("data")
    if not isinstance(data, dict):
        reason = Reason.MISSING_FIELD if data is None else Reason.INVALID_FIELD
        return Refused(reason, "data", "data must be a JSON object")
    media_type = document.get("datacontenttype")
    if media_type is not None and not _says_json(media_type):
        return Refused(Reason.UNSUPPORTED_MEDIA_TYPE, "datacontenttype", "data must be application/json")
    return None


def _says_json(media_type: object) -> bool:
    if not isinstance(media_type, str):
        return False
    essence = media_type.split(";", 1)[0].strip().lower()
    return essence == "application/json" or essence.endswith(("+json", "/json"))
