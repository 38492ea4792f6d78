"""What readers see of a customer and of a representative: public fields from the state, as of its clock."""

from datetime import date
from fractions import Fraction
from typing import Any

from services.engagement.rules.concerns import KINDS as CONCERN_KINDS
from services.engagement.rules.concerns import SEVERITIES
from services.engagement.rules.contact import Contact
from services.engagement.rules.customer import PROFILE_FIELDS, Customer, CustomerRules
from services.engagement.rules.figures import number
from services.engagement.rules.goals import progress
from services.engagement.rules.history import SPANS
from services.engagement.rules.relationship import (
    BASIS,
    DECIDING_ROLES,
    MET_DAYS,
    YEAR_DAYS,
    KeyPerson,
    key_relationship,
)
from services.engagement.rules.representative import WHOLE, Representative
from services.engagement.rules.satisfaction import INSTRUMENTS, Figure
from services.engagement.rules.shown import NO_ANSWERS, NO_RELATIONSHIP, said
from services.engagement.rules.tiers import PARTNER
from services.engagement.rules.visits import CHANNELS, COMPANY_TOUR, EXECUTIVE, KINDS
from shared.events.types import TIERS
from shared.facts.days import iso, iso_or_none, to_instant
from shared.facts.latest import ALWAYS
from shared.facts.owners import OWNING_ROLES

_MAX_CONCERNS_SHOWN = 100
_STRATEGIC = len(TIERS) - 1


def customer_row(customer: Customer, rules: CustomerRules) -> dict[str, Any]:
    """The public fields of a customer's document. What is absent, empty or none is left out; the views fill it in, and
    show `status`, `due_on` and `cadence_days` as fields of `contact`. Those stand at the top for the indexes, as does
    `owned_by`, both owners; `has` names the sections that lists are made from.
    """
    today = customer.today
    contact = rules.contact(customer)
    row: dict[str, Any] = {
        "as_of": None if customer.clock is None else to_instant(customer.clock),
        "tier": customer.tiers.name,
        "tier_order": _STRATEGIC - customer.tiers.rank,
        "status": contact.status,
        "due_on": iso_or_none(contact.due_on),
    }
    if contact.cadence_days is not None:
        row["cadence_days"] = contact.cadence_days
    if customer.tiers.version:
        row["tier_version"] = customer.tiers.version
    if customer.profile:
        row |= _profile(customer)
    owners = {role: owner for role in OWNING_ROLES if (owner := customer.owners.on(role, today)) is not None}
    if owners:
        row["owners"], row["owned_by"] = owners, sorted(set(owners.values()))
    sections = {
        "contact": _contact(customer, rules, contact),
        "last_visit": _last_visit(customer),
        "relationship": _relationship(customer, rules),
        "satisfaction": _satisfaction(customer) if customer.answers else None,
        "concerns": _concerns(customer, rules) if customer.concerns else None,
        "goals": _goals(customer, rules) if customer.goals else None,
    }
    row |= {name: section for name, section in sections.items() if section}
    has = [name for name in LISTED if name in row] + (["key_persons"] if customer.persons else [])
    if has:
        row["has"] = has
    return row


LISTED = ("satisfaction", "concerns", "goals")
"""Sections that views read of those customers alone that have them."""


def _profile(customer: Customer) -> dict[str, Any]:
    profile = customer.profile.values(ALWAYS)
    row = {name: value for name in PROFILE_FIELDS if (value := profile.get(name)) is not None}
    if "name" in row:
        row["registered"] = True
    if (profile.get("rated_until") or 0) >= customer.today:
        row["rated"] = True
    return row


def _contact(customer: Customer, rules: CustomerRules, contact: Contact) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if contact.last_on is not None:
        shown["last_on"] = iso(contact.last_on)
    if contact.cadence_days is not None:
        adherence = rules.adherence_now(customer)
        if adherence is not None:
            shown["adherence"] = number(adherence)
    visits = customer.visits
    for span, days in enumerate(SPANS) if visits else ():
        kinds, channels = visits.counts(span, customer.today)
        total = sum(kinds)
        if total:
            shown[f"visits_{days}d"] = {
                "total": total,
                "by_kind": {name: kinds[place] for name, place in _KINDS_BY_NAME if kinds[place]},
                "by_channel": {name: channels[place] for name, place in _CHANNELS_BY_NAME if channels[place]},
            }
    return shown


_KINDS_BY_NAME = sorted((name, place) for place, name in enumerate(KINDS))
_CHANNELS_BY_NAME = sorted((name, place) for place, name in enumerate(CHANNELS))


def _last_visit(customer: Customer) -> dict[str, Any] | None:
    """The last visit at which something was agreed or promised, for the contact plan."""
    shown = customer.visits.shown
    if not shown or shown[0].day > customer.today:
        return None
    last = shown[0]
    return {
        "on": iso(last.day),
        "source": last.ref[0],
        "visit_id": last.ref[1],
        "consensus": last.notes[0],
        "follow_ups": list(last.notes[1:]),
    }


def _relationship(customer: Customer, rules: CustomerRules) -> dict[str, Any]:
    today, visits = customer.today, customer.visits
    shown: dict[str, Any] = {}
    if customer.tiers.rank:
        owed = rules.entitlements.at(date.fromordinal(today))[customer.tiers.rank].executive_meetings if today else 0
        shown = {"executive_meetings_owed": owed, "assessment_due": customer.tiers.rank >= PARTNER}
    if visits:
        year = today - YEAR_DAYS + 1
        kinds, _ = visits.counts(SPANS.index(YEAR_DAYS), today)
        shown |= {
            "persons_met_365d": visits.persons_met(year, today, customer.erased),
            "departments_met_365d": visits.departments_met(year, today),
            "executive_meetings_365d": kinds[EXECUTIVE],
            "company_tours_365d": kinds[COMPANY_TOUR],
        }
    if customer.persons:
        persons = customer.persons.present(today, lambda person: visits.last_met(person, today), customer.erased)
        shown |= _key_persons(persons, today)
        if not customer.persons.by_id.keys().isdisjoint(customer.erased):
            shown["kcr_cause"] = "erasure"
    return said(shown, NO_RELATIONSHIP)


def _key_persons(persons: list[KeyPerson], today: int) -> dict[str, Any]:
    deciding = [person for person in persons if person.decision_role in DECIDING_ROLES]
    return {
        "key_relationship": number(key_relationship(persons)),
        "deciders": len(deciding),
        "deciders_met_90d": sum((person.last_met_on or 0) > today - MET_DAYS for person in deciding),
        "deciders_never_met": [person.person_id for person in deciding if person.last_met_on is None],
        "key_persons": [
            {
                "person_id": person.person_id,
                "decision_role": person.decision_role,
                "department": person.department,
                "attitude": person.attitude,
                "basis": None if person.basis is None else dict(zip(BASIS, person.basis, strict=True)),
                "unfounded": person.unfounded,
                "last_met_on": iso_or_none(person.last_met_on),
            }
            for person in persons
        ],
    }


def _satisfaction(customer: Customer) -> dict[str, Any]:
    last = customer.answers.last(customer.today)
    shown: dict[str, Any] = {"last": None}
    if last is not None:
        (source, survey_id), answer = last
        shown["last"] = {
            "on": iso(answer.day),
            "instrument": INSTRUMENTS[answer.instrument],
            "score": answer.score,
            "expectation": answer.expectation,
            "touchpoint": answer.touchpoint,
            "source": source,
            "survey_id": survey_id,
        }
    for instrument in INSTRUMENTS:
        if not customer.answers.knows(instrument):
            shown[instrument] = None
            continue
        this, before = customer.answers.years(instrument, customer.today)
        turn = customer.answers.turns.get(instrument)
        shown[instrument] = {
            "this_year": _figure(this),
            "last_year": _figure(before),
            "dropped": turn is not None and turn.down,
            "quarters": [
                {"quarter": name, "n": n, "sum": total}
                for name, n, total in customer.answers.quarters(instrument, customer.today)
            ],
        }
    return said(shown, NO_ANSWERS)


def _figure(figure: Figure) -> dict[str, Any]:
    return {"n": figure.n, "value": number(figure.value), "gap": number(figure.gap), "sum": figure.total}


def _concerns(customer: Customer, rules: CustomerRules) -> dict[str, Any] | None:
    by_severity = dict.fromkeys(SEVERITIES, 0)
    in_time = overdue = reopened = overdue_open = 0
    shown = []
    clock = customer.clock or 0
    for (source, concern_id), raised, rank, loop in customer.concerns.standing(customer.tiers, rules.entitlements):
        late = [one.is_overdue(clock) for one in loop.rounds]
        overdue += any(late)
        in_time += not any(late) and loop.rounds[-1].answered_at is not None
        reopened += len(loop.rounds) > 1
        if loop.closed_at is not None:
            continue
        by_severity[SEVERITIES[raised.severity]] += 1
        overdue_open += late[-1]
        deadline = loop.rounds[-1].deadline
        answered_at = loop.rounds[-1].answered_at
        shown.append(
            {
                "source": source,
                "concern_id": concern_id,
                "kind": CONCERN_KINDS[raised.kind],
                "severity": SEVERITIES[raised.severity],
                "about": raised.about,
                "raised_on": iso(raised.day),
                "tier": TIERS[rank],
                "deadline": None if deadline is None else to_instant(deadline),
                "answered_at": None if answered_at is None else to_instant(answered_at),
                "overdue": late[-1],
                "reopened": len(loop.rounds) - 1,
            }
        )
    judged, closed = customer.concerns.loops(customer.today, customer.tiers, rules.entitlements, rules.time)
    if not (in_time or overdue or shown or judged or reopened):
        return None
    shown.sort(key=lambda concern: (SEVERITIES.index(concern["severity"]), concern["raised_on"], concern["concern_id"]))
    return {
        "open": sum(by_severity.values()),
        "open_by_severity": by_severity,
        "open_overdue": overdue_open,
        "answered_in_time": in_time,
        "overdue": overdue,
        "reopened": reopened,
        "loop_rate": number(Fraction(closed, judged) if judged else None),
        "loop": {"judged": judged, "closed": closed},
        "list": shown[:_MAX_CONCERNS_SHOWN],
    }


def _goals(customer: Customer, rules: CustomerRules) -> list[dict[str, Any]]:
    goals = []
    for metric, goal in sorted(customer.goals.items()):
        clock = customer.clock or 0
        value = rules.measure(customer, metric, clock, customer.today)
        goals.append(
            {
                "metric": metric,
                "baseline": goal.baseline / 100,
                "target": goal.target / 100,
                "due_on": iso(goal.due_on),
                "value": number(value),
                "progress": number(progress(goal, value)),
                "outcome": number(goal.outcome),
                "outcome_progress": number(progress(goal, goal.outcome)),
            }
        )
    return goals


def representative_row(representative: Representative) -> dict[str, Any]:
    """The public fields of a representative's document."""
    fields = representative.as_of(representative.today)
    return {
        "id": representative.id,
        "registered": bool(representative.registrations),
        "as_of": None if representative.clock is None else to_instant(representative.clock),
        "role": fields.get("role"),
        "team": fields.get("team"),
        "manager": fields.get("manager"),
        "fte": (fields.get("fte") or WHOLE) / 100 if fields else None,
        "active_from": iso_or_none(fields.get("active_from")),
        "active_until": iso_or_none(fields.get("active_until")),
        "goals": [
            {
                "metric": metric,
                "baseline": goal.baseline / 100,
                "target": goal.target / 100,
                "due_on": iso(goal.due_on),
            }
            for metric, goal in sorted(representative.goals.items())
        ],
    }
