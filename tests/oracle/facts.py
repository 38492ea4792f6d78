"""What stands of a customer's log, by reading all of it: the oracles' common ground.

Nothing here or beside it imports from services/ or shared/: the oracles are written from the design's words
alone, and are slow and plain on purpose.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

Json = dict[str, Any]

RECORDS: dict[str, tuple[str, ...]] = {
    "guanxi.visit.logged.v1": ("visit", "visit_id"),
    "guanxi.purchase.recorded.v1": ("purchase", "purchase_id"),
    "guanxi.purchase.refunded.v1": ("refund", "refund_id"),
    "guanxi.invoice.issued.v1": ("invoice", "invoice_id"),
    "guanxi.invoice.paid.v1": ("payment", "invoice_id"),
    "guanxi.invoice.credited.v1": ("credit", "invoice_id", "credit_id"),
    "guanxi.satisfaction.surveyed.v1": ("survey", "survey_id"),
    "guanxi.concern.raised.v1": ("concern", "concern_id"),
    "guanxi.representative.absent.v1": ("absence", "absence_id"),
    "guanxi.access.granted.v1": ("grant", "grant_id"),
    "guanxi.group_plan.agreed.v1": ("plan", "plan_id"),
    "guanxi.plan_step.done.v1": ("step", "done_id"),
    "guanxi.plan.reviewed.v1": ("plan_review", "review_id"),
    "guanxi.service.delivered.v1": ("delivery", "delivery_id"),
}
VOIDED = "guanxi.record.voided.v1"
REVIEWED = "guanxi.customer.reviewed.v1"


@dataclass(frozen=True)
class Logged:
    """One record of the log: the CloudEvent as a plain dict, when it was appended, whether it is backfilled."""

    event: Json
    recorded_at: datetime
    backfill: bool = False

    @property
    def time(self) -> datetime:
        return datetime.fromisoformat(self.event["time"])

    @property
    def clock(self) -> datetime:
        return self.time if self.backfill else self.recorded_at


@dataclass(frozen=True)
class Fact:
    """A fact that stands: its type, data and own business day, and what decides which of two comes later."""

    type: str
    data: Json
    day: date
    time: datetime
    id: str
    source: str
    logged: Logged

    @property
    def order(self) -> tuple[datetime, str, str]:
        return self.time, self.id, self.source


def identity(event: Json) -> tuple[str, ...]:
    """What makes two events the same record, revisions aside."""
    data = event["data"]
    if event["type"] == VOIDED:
        of_invoice = [data["invoice_id"]] if data["kind"] in {"payment_part", "credit"} else []
        return (event["source"], data["kind"], *of_invoice, data["record_id"])
    if data.get("payment_id") is not None:
        return event["source"], "payment_part", data["invoice_id"], data["payment_id"]
    if event["type"] in RECORDS:
        kind, *fields = RECORDS[event["type"]]
        return (event["source"], kind, *(data[field] for field in fields))
    return event["source"], event["id"]


def standing(log: Iterable[Logged], zone: ZoneInfo) -> list[Fact]:
    """The facts that stand after a log: of each record its highest revision, unless that is a void."""
    latest: dict[tuple[str, ...], Logged] = {}
    for logged in log:
        if logged.event["type"] == REVIEWED:
            continue
        key = identity(logged.event)
        known = latest.get(key)
        if known is None or revision(logged) > revision(known):
            latest[key] = logged
    return [_fact(logged, zone) for logged in latest.values() if logged.event["type"] != VOIDED]


def revision(logged: Logged) -> int:
    return int(logged.event.get("revision", 1))


def _fact(logged: Logged, zone: ZoneInfo) -> Fact:
    event = logged.event
    given = event["data"].get("occurred_on")
    return Fact(
        type=event["type"],
        data=event["data"],
        day=day(given) if given else business_day(logged.time, zone),
        time=logged.time,
        id=event["id"],
        source=event["source"],
        logged=logged,
    )


def business_day(instant: datetime, zone: ZoneInfo) -> date:
    return instant.astimezone(zone).date()


def day(text: str) -> date:
    return date.fromisoformat(text)


def days_between(first: date, last: date) -> list[date]:
    """Every day from `first` to `last`, both included."""
    return [first + timedelta(n) for n in range((last - first).days + 1)]


def of_type(facts: Sequence[Fact], name: str) -> list[Fact]:
    return [fact for fact in facts if fact.type == f"guanxi.{name}.v1"]


def owner(facts: Sequence[Fact], role: str, on: date) -> str | None:
    """Who owns the customer in a role on a day: the greatest (from_on, time, id) that mentions the role."""
    said = [
        (day(fact.data["from_on"]), *fact.order, fact.data[role])
        for fact in of_type(facts, "account.assigned")
        if role in fact.data and day(fact.data["from_on"]) <= on
    ]
    return max(said, key=lambda one: one[:-1])[-1] if said else None
