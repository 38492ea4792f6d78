"""Builders of CloudEvents as plain dicts, for histories made by hand or at random. What a case is not about is filled
in; nothing is checked."""

from datetime import UTC, datetime
from typing import Any

from tests.events.wire import envelope
from tests.oracle.facts import VOIDED, Json, Logged

CUSTOMER = "C-1"
SOURCE = "erp"


def at(text: str) -> datetime:
    """An instant in UTC; a day alone is its noon in Shanghai (04:00)."""
    return datetime.fromisoformat(text if "T" in text else f"{text}T04:00:00").replace(tzinfo=UTC)


def event(
    noun: str, when: datetime, *, event_id: str, source: str = SOURCE, subject: str = CUSTOMER, **data: Any
) -> Json:
    """A first revision; `noun` is the type without "guanxi." and ".v1". Fields that are None are left out."""
    said = {name: value for name, value in data.items() if value is not None}
    return envelope(noun, said, id=event_id, source=source, subject=subject, time=when)


def revised(former: Json, revision: int, **changes: Any) -> Json:
    """A later revision of a record, with some of its data changed."""
    return {
        **former,
        "id": f"{former['id']}-r{revision}",
        "revision": revision,
        "data": {**former["data"], **changes},
    }


def voided(former: Json, kind: str, record_id: str, revision: int, **more: str) -> Json:
    """The revision without content. Of what is part of an invoice, `invoice_id` is given too."""
    return {
        **former,
        "type": VOIDED,
        "id": f"{former['id']}-r{revision}",
        "revision": revision,
        "data": {"kind": kind, "record_id": record_id, "reason": "made by mistake", **more},
    }


def logged(said: Json, recorded_at: datetime | None = None) -> Logged:
    """A live record; by default appended at once."""
    return Logged(said, recorded_at or datetime.fromisoformat(said["time"]))
