"""Rules of the doors that look at several fields of an event at once."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from services.ingest.admit.envelope import Envelope
from shared.events.facts import (
    INVOICE_PARTS,
    MAX_OVERRIDE_DAYS,
    AccountAssigned,
    AccountRated,
    Fact,
    RecordVoided,
    TierOverridden,
)
from shared.events.refusal import Reason, Refused

MAX_DAYS_APART = 7
"""Most days between `occurred_on` and the business day of `time`; with more, one of the two is wrong."""


def refuse_combination(envelope: Envelope, fact: Fact, zone: ZoneInfo) -> Refused | None:
    """Refuse an event whose fields contradict each other; None for nearly all."""
    if fact.occurred_on is not None:
        refused = refuse_day(fact.occurred_on, envelope.time, zone)
        if refused is not None:
            return refused
    if isinstance(fact, RecordVoided):
        if envelope.revision < 2:
            hint = "a void needs a revision of at least 2, higher than the record's"
            return Refused(Reason.INVALID_FIELD, "revision", hint)
        return _refuse_void(fact)
    if envelope.revision > 1 and envelope.entry.kind is None:
        hint = "only records with a business id have revisions; send a new fact as an event with a new id"
        return Refused(Reason.INVALID_FIELD, "revision", hint)
    if isinstance(fact, TierOverridden):
        return _refuse_override(fact, envelope.time, zone)
    return _refuse_saying_nothing(fact)


_ONE_OF: dict[type[Fact], tuple[str, ...]] = {
    AccountRated: ("strategic_fit", "market_standing", "share_of_wallet"),
    AccountAssigned: ("account_manager", "product_manager"),
}


def _refuse_saying_nothing(fact: Fact) -> Refused | None:
    """Refuse a rating without a factor and an assignment without a role; null counts, as it clears."""
    fields = _ONE_OF.get(type(fact))
    if fields is None or not fact.model_fields_set.isdisjoint(fields):
        return None
    return Refused(Reason.MISSING_FIELD, f"data.{fields[0]}", f"required: at least one of {', '.join(fields)}")


def _refuse_void(fact: RecordVoided) -> Refused | None:
    if fact.kind in INVOICE_PARTS and fact.invoice_id is None:
        hint = (
            f"the void of a {fact.kind} also needs its invoice: put the invoice in invoice_id and the part in record_id"
        )
        return Refused(Reason.MISSING_FIELD, "data.invoice_id", hint)
    if fact.kind not in INVOICE_PARTS and fact.invoice_id is not None:
        hint = f"record_id alone identifies the {fact.kind}; invoice_id is only for payment_part and credit"
        return Refused(Reason.INVALID_FIELD, "data.invoice_id", hint)
    return None


def refuse_day(occurred_on: date, time: datetime, zone: ZoneInfo) -> Refused | None:
    """Refuse a day that differs from that of `time`."""
    days = (occurred_on - time.astimezone(zone).date()).days
    if abs(days) <= MAX_DAYS_APART:
        return None
    hint = f"occurred_on is {abs(days)} days from time; at most {MAX_DAYS_APART} are allowed"
    return Refused(Reason.INVALID_FIELD, "data.occurred_on", hint)


def _refuse_override(fact: TierOverridden, time: datetime, zone: ZoneInfo) -> Refused | None:
    if fact.approved_by == fact.requested_by:
        hint = "an override needs two people: approved_by must differ from requested_by"
        return Refused(Reason.FOUR_EYES, "data.approved_by", hint)
    day = fact.day(time.astimezone(zone).date())
    if not day <= fact.expires_on <= day + timedelta(days=MAX_OVERRIDE_DAYS):
        hint = f"expires_on must be from {day} to {MAX_OVERRIDE_DAYS} days later"
        return Refused(Reason.INVALID_FIELD, "data.expires_on", hint)
    return None
