"""Breadth and the decision chain of one customer, read from all that stands (domain.md, Engagement: breadth, Key)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from tests.oracle.facts import Fact, of_type

WEIGHTS = {"approve": 2, "decide": 2, "support": 1, "influence": 1}
DECIDING = frozenset({"approve", "decide"})


@dataclass(frozen=True)
class Relationship:
    persons_met: set[str]
    departments_met: set[str]
    kcr: Fraction | None
    deciders: set[str]
    deciders_met_90d: set[str]
    deciders_never_met: set[str]
    executive_meetings: int
    company_tours: int


def relationship(facts: Sequence[Fact], today: date) -> Relationship:
    visits = [visit for visit in of_type(facts, "visit.logged") if visit.day <= today]
    year = [visit for visit in visits if visit.day > today - timedelta(365)]
    present = {name: said for name, said in _key_persons(facts).items() if said.get("left", (None,))[0] is not True}
    deciders = {name for name, said in present.items() if said["decision_role"][0] in DECIDING}
    return Relationship(
        persons_met=_persons(year),
        departments_met={one["department"] for visit in year for one in _attendees(visit) if one.get("department")},
        kcr=_kcr(present, today),
        deciders=deciders,
        deciders_met_90d=deciders & _persons([visit for visit in visits if visit.day > today - timedelta(90)]),
        deciders_never_met=deciders - _persons(visits),
        executive_meetings=sum(visit.data["kind"] == "executive" for visit in year),
        company_tours=sum(visit.data["kind"] == "company_tour" for visit in year),
    )


def _attendees(visit: Fact) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = visit.data.get("attendees") or []
    return found


def _persons(visits: Sequence[Fact]) -> set[str]:
    return {one["person_id"] for visit in visits for one in _attendees(visit) if one.get("person_id")}


def _key_persons(facts: Sequence[Fact]) -> dict[str, dict[str, tuple[Any, date]]]:
    """By person and field, the value said last, and the day of that."""
    persons: dict[str, dict[str, tuple[Any, date]]] = {}
    for fact in sorted(of_type(facts, "key_person.assessed"), key=lambda one: one.order):
        fields = persons.setdefault(fact.data["person_id"], {})
        for name, value in fact.data.items():
            fields[name] = (value, fact.day)
    return persons


def _kcr(present: dict[str, dict[str, tuple[Any, date]]], today: date) -> Fraction | None:
    """Mean attitude by weight; null without any approver or decider."""
    total = weights = 0
    for said in present.values():
        role = said["decision_role"][0]
        attitude, on = said.get("attitude", (None, today))
        if attitude is None or on <= today - timedelta(365):
            if role not in DECIDING:
                continue
            attitude = 0
        total += WEIGHTS[role] * attitude
        weights += WEIGHTS[role]
    decides = any(said["decision_role"][0] in DECIDING for said in present.values())
    return Fraction(total, weights) if decides else None
