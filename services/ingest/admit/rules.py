"""Rules of the doors that look at several fields of an event at once."""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from services.ingest.admit.envelope import Envelope
from shared.events.facts import (
    INVOICE_PARTS,
    MAX_GRANT_DAYS,
    MAX_OVERRIDE_DAYS,
    MAX_PLAN_DAYS,
    MAX_RESTRICT_DAYS,
    AccessGranted,
    AccountAssigned,
    AccountRated,
    Fact,
    GroupPlanAgreed,
    PersonErased,
    RecordVoided,
    TierOverridden,
)
from shared.events.refusal import Reason, Refused
from shared.events.registry import is_of_steward

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
    if isinstance(fact, AccessGranted):
        return _refuse_grant(fact, envelope.time, zone)
    if isinstance(fact, GroupPlanAgreed):
        return _refuse_plan(fact, envelope.subject)
    if isinstance(fact, PersonErased):
        return _refuse_erasing(envelope, fact, zone)
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
    return _refuse_end(fact, fact.expires_on, MAX_OVERRIDE_DAYS, time, zone)


def _refuse_grant(fact: AccessGranted, time: datetime, zone: ZoneInfo) -> Refused | None:
    if fact.approved_by == fact.grantee:
        hint = "nobody approves their own access: approved_by must differ from grantee"
        return Refused(Reason.SELF_APPROVED, "data.approved_by", hint)
    return _refuse_end(fact, fact.expires_on, MAX_GRANT_DAYS, time, zone)


def _refuse_plan(fact: GroupPlanAgreed, subject: str) -> Refused | None:
    if fact.approved_by == fact.agreed_by:
        hint = "nobody approves their own plan: approved_by must differ from agreed_by"
        return Refused(Reason.SELF_APPROVED, "data.approved_by", hint)
    if not fact.from_on <= fact.to_on < fact.from_on + timedelta(days=MAX_PLAN_DAYS):
        hint = f"to_on must be from from_on to {MAX_PLAN_DAYS - 1} days later: a plan has at most {MAX_PLAN_DAYS} days"
        return Refused(Reason.INVALID_FIELD, "data.to_on", hint)
    for field, found in (("objectives", _objectives_wrong(fact)), ("steps", _steps_wrong(fact))):
        if found is not None:
            number, name, hint = found
            return Refused(Reason.INVALID_FIELD, f"data.{field}.{number}.{name}", hint)
    if subject in fact.covers or len({*fact.covers}) < len(fact.covers):
        hint = "covers names other customers than the plan's own, each once"
        return Refused(Reason.INVALID_FIELD, "data.covers", hint)
    return None


def _refuse_erasing(envelope: Envelope, fact: PersonErased, zone: ZoneInfo) -> Refused | None:
    also = fact.also or ()
    if f"{fact.scope}:{envelope.subject}" in also or len({*also}) < len(also):
        return Refused(Reason.INVALID_FIELD, "data.also", "also names other subjects than the event's own, each once")
    if any(key.startswith("representative:") and key != f"representative:{fact.person_id}" for key in also):
        hint = "a representative is erased under their own id: also may name representative:<person_id> only"
        return Refused(Reason.INVALID_FIELD, "data.also", hint)
    if fact.scope == "representative" and fact.person_id != envelope.subject:
        hint = "a representative is erased under their own id: person_id must be the subject"
        return Refused(Reason.INVALID_FIELD, "data.person_id", hint)
    if fact.requested_on > fact.day(envelope.time.astimezone(zone).date()):
        return Refused(Reason.INVALID_FIELD, "data.requested_on", "requested_on must not be after the event's day")
    if fact.until is None:
        return None
    day = envelope.time.astimezone(zone).date()
    if day <= fact.until <= day + timedelta(days=MAX_RESTRICT_DAYS):
        return None
    hint = f"until must be from {day} to {MAX_RESTRICT_DAYS} days later"
    return Refused(Reason.INVALID_FIELD, "data.until", hint)


def _objectives_wrong(fact: GroupPlanAgreed) -> tuple[int, str, str] | None:
    """The first objective that is wrong: its number, the field, and a hint."""
    seen: set[str] = set()
    for number, one in enumerate(fact.objectives):
        if one.objective_id in seen:
            return number, "objective_id", "an objective is named twice; give each its own objective_id"
        if not fact.from_on <= one.due_on <= fact.to_on:
            return number, "due_on", "due_on must lie within the plan, from from_on to to_on"
        if one.baseline is not None and one.baseline == one.target:
            return number, "target", "target must differ from baseline"
        if one.metric == "attitude" and one.person_id is None:
            return number, "person_id", "the metric attitude needs the person_id of whose attitude it is"
        seen.add(one.objective_id)
    return None


def _steps_wrong(fact: GroupPlanAgreed) -> tuple[int, str, str] | None:
    """The first step that is wrong: its number, the field, and a hint."""
    seen: set[str] = set()
    objectives = {one.objective_id for one in fact.objectives}
    for number, one in enumerate(fact.steps):
        if one.step_id in seen:
            return number, "step_id", "a step is named twice; give each its own step_id"
        if one.objective_id not in objectives:
            return number, "objective_id", "objective_id must be that of an objective of this plan"
        if not fact.from_on <= one.due_on <= fact.to_on:
            return number, "due_on", "due_on must lie within the plan, from from_on to to_on"
        seen.add(one.step_id)
    return None


def _refuse_end(fact: Fact, expires_on: date, most_days: int, time: datetime, zone: ZoneInfo) -> Refused | None:
    day = fact.day(time.astimezone(zone).date())
    if day <= expires_on <= day + timedelta(days=most_days):
        return None
    hint = f"expires_on must be from {day} to {most_days} days later"
    return Refused(Reason.INVALID_FIELD, "data.expires_on", hint)


def refuse_sender(type_name: str, data: dict[str, Any], *, by_steward: bool) -> Refused | None:
    """Refuse what only a steward's key may send: grants with their voids, and erasures."""
    if by_steward or not is_of_steward(type_name, data):
        return None
    hint = (
        "grants, their voids and erasures are taken by the HTTP door alone, from an API key with the scope access:grant"
    )
    return Refused(Reason.STEWARDS_ONLY, "type", hint)
