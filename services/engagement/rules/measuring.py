"""How the relationship stands at the end of a day, as plans and their objectives measure it (domain.md, Measured
relationship).
"""

from fractions import Fraction
from typing import Any

from services.engagement.rules.customer import Customer, CustomerRules
from services.engagement.rules.figures import text
from services.engagement.rules.relationship import DECIDING_ROLES, MET_DAYS, YEAR_DAYS
from services.engagement.rules.visits import EXECUTIVE

_FIGURES = ("kcr", "adherence", "nps", "csat", "ces", "loop_rate")


def measured(customer: Customer, rules: CustomerRules, day: int) -> dict[str, Any]:
    """The values at the end of a day, by what is known now."""
    visits, first, end = customer.visits, day - YEAR_DAYS + 1, rules.time.start_of(day + 1) - 1
    present = customer.persons.present(day, lambda person: visits.last_met(person, day))
    deciders = [one for one in present if one.decision_role in DECIDING_ROLES]
    counted = visits.weeks.between(first, day) if visits.weeks else ()
    return {
        **{name: _text(rules.measure(customer, name, end, day)) for name in _FIGURES},
        "departments": len(visits.departments_met(first, day)),
        "persons_met": visits.persons_met(first, day),
        "deciders_met": sum((one.last_met_on or 0) > day - MET_DAYS for one in deciders),
        "executive_meetings": sum(number for kind, _, number in counted if kind == EXECUTIVE),
    }


def _text(value: Fraction | None) -> str | None:
    return None if value is None else text(value)
