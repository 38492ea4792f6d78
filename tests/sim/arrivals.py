"""What the inbox and the log say, read by another program text than guanxi's own."""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from tests.sim.kafka import SimRecord

REVIEWED = "guanxi.customer.reviewed.v1"
VOIDED = "guanxi.record.voided.v1"
ASSESSED = "guanxi.key_person.assessed.v1"
AGREED = "guanxi.group_plan.agreed.v1"
COVERED = "guanxi.plan.covered.v1"
ERASED = "guanxi.person.erased.v1"
_RECORDS: dict[str, tuple[str, ...]] = {
    "guanxi.visit.logged.v1": ("visit", "visit_id"),
    "guanxi.purchase.recorded.v1": ("purchase", "purchase_id"),
    "guanxi.purchase.refunded.v1": ("refund", "refund_id"),
    "guanxi.invoice.issued.v1": ("invoice", "invoice_id"),
    "guanxi.invoice.paid.v1": ("payment", "invoice_id"),
    "guanxi.invoice.credited.v1": ("credit", "invoice_id", "credit_id"),
    "guanxi.satisfaction.surveyed.v1": ("survey", "survey_id"),
    "guanxi.concern.raised.v1": ("concern", "concern_id"),
    "guanxi.representative.absent.v1": ("absence", "absence_id"),
    "guanxi.group_plan.agreed.v1": ("plan", "plan_id"),
    "guanxi.plan_step.done.v1": ("step", "done_id"),
    "guanxi.plan.reviewed.v1": ("plan_review", "review_id"),
    "guanxi.service.delivered.v1": ("delivery", "delivery_id"),
}
"""Kind and field of the id, by type, of what has a business id (domain.md, Identity)."""


class LogEntry(NamedTuple):
    """A record of the log; `position` is None for decisions."""

    record: SimRecord
    document: dict[str, Any]
    position: tuple[int, int, int, int] | None


def entries(records: Iterable[SimRecord]) -> Iterator[LogEntry]:
    """A partition of the log, what repeats an earlier position left out."""
    reached: dict[tuple[int, int], tuple[int, int]] = {}
    for record in records:
        assert record.value is not None, "the log has no empty records"
        position = position_of(record)
        if position is not None:
            source, place = position[:2], position[2:]
            if place <= reached.get(source, (-1, -1)):
                continue
            reached[source] = place
        yield LogEntry(record, json.loads(record.value), position)


def position_of(record: SimRecord) -> tuple[int, int, int, int] | None:
    """Where on the inbox a record of the log came from."""
    for name, value in record.headers:
        if name == "position":
            generation, partition, offset, index = map(int, value.split(b"/"))
            return generation, partition, offset, index
    return None


class Meant(NamedTuple):
    """The event of an inbox record, as far as its identity goes; `key` is the same for all revisions."""

    subject: str
    log_key: str
    key: tuple[str, ...]
    revision: int
    content: str
    document: dict[str, Any]


def meant(record: SimRecord) -> Meant:
    """What upstream meant by a record of the inbox."""
    assert record.value is not None, "upstream sends no empty records here"
    document = json.loads(record.value)
    data, name = document["data"], document["type"]
    key: tuple[str, ...]
    if name == REVIEWED:
        key = ("review", str(record.partition), str(record.offset))  # needs no claim, however often it comes
    elif name == VOIDED:
        of = (data["invoice_id"],) if data["kind"] in {"payment_part", "credit"} else ()
        key = ("record", document["source"], data["kind"], *of, data["record_id"])
    elif "payment_id" in data:
        key = ("record", document["source"], "payment_part", data["invoice_id"], data["payment_id"])
    elif name in _RECORDS:
        kind, *fields = _RECORDS[name]
        key = ("record", document["source"], kind, *(data[field] for field in fields))
    else:
        key = ("fact", document["source"], document["id"])
    content = json.dumps([name, document["subject"], document["time"], data], sort_keys=True)
    return Meant(document["subject"], _log_key(document), key, document.get("revision", 1), content, document)


def is_early(record: SimRecord, document: dict[str, Any]) -> bool:
    """Whether the event lies in the future, seen from its arrival."""
    appended_at = datetime.fromtimestamp(record.timestamp / 1000, UTC)
    return datetime.fromisoformat(document["time"]) > appended_at + timedelta(minutes=5)


def is_late(record: SimRecord, document: dict[str, Any]) -> bool:
    """Whether the event is older than 760 days, seen from its arrival."""
    appended_at = datetime.fromtimestamp(record.timestamp / 1000, UTC)
    return datetime.fromisoformat(document["time"]) < appended_at - timedelta(days=760)


def is_erasing(entry: LogEntry) -> bool:
    """Whether a record of the log erases a person of its key."""
    return bool(entry.document["type"] == ERASED)


def _log_key(document: dict[str, Any]) -> str:
    about_representative = (
        document["type"].startswith("guanxi.representative.")
        or document["data"].get("scope") == "representative"
        or (document["type"] == VOIDED and document["data"]["kind"] == "absence")
    )
    return f"{'representative' if about_representative else 'customer'}:{document['subject']}"
