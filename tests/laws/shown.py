"""A customer's contact as readers see it, and the oracle's in the same shape."""

from collections import Counter
from datetime import date
from fractions import Fraction
from typing import Any

from tests.oracle.engagement import Outcome
from tests.oracle.satisfaction import INSTRUMENTS


def shown_contact(contact: dict[str, Any]) -> dict[str, Any]:
    adherence = contact["adherence"]
    return {**contact, "adherence": None if adherence is None else float(Fraction(str(adherence)))}


def expected_contact(outcome: Outcome) -> dict[str, Any]:
    contact = outcome.contact
    return {
        "last_on": _iso(contact.last_on),
        "due_on": _iso(contact.due_on),
        "status": contact.status,
        "ever_met": contact.ever_met,
        "cadence_days": contact.cadence_days,
        "adherence": None if outcome.adherence is None else float(round(outcome.adherence, 2)),
        "visits_90d": _visits(outcome.visits_90d),
        "visits_365d": _visits(outcome.visits_365d),
    }


def _iso(on: date | None) -> str | None:
    return None if on is None else on.isoformat()


def _visits(counted: Counter[tuple[str, str]]) -> dict[str, Any]:
    kinds, channels = Counter[str](), Counter[str]()
    for (kind, channel), count in counted.items():
        kinds[kind] += count
        channels[channel] += count
    return {"total": counted.total(), "by_kind": dict(kinds), "by_channel": dict(channels)}


def shown_satisfaction(satisfaction: dict[str, Any]) -> dict[str, Any]:
    """By instrument, this year and the one before: n, figure, gap; without any answers there is nothing to show."""
    none = {"n": 0, "value": None, "gap": None}
    return {
        name: [
            (year["n"], year["value"], year["gap"])
            for year in ((satisfaction[name] or {}).get(which, none) for which in ("this_year", "last_year"))
        ]
        for name in INSTRUMENTS
    }


def expected_satisfaction(outcome: Outcome) -> dict[str, Any]:
    return {
        name: [(one.n, _number(one.value), _number(one.gap)) for one in outcome.satisfaction[name]]
        for name in INSTRUMENTS
    }


def _number(value: Fraction | None) -> float | None:
    return None if value is None else float(round(value, 2))
