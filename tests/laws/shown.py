"""A customer's contact as readers see it, and the oracle's in the same shape."""

from collections import Counter
from datetime import date
from fractions import Fraction
from typing import Any

from tests.oracle.engagement import Outcome


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
