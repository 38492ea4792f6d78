"""How far the objectives of a plan are, by what engagement measured of the relationship (domain.md, Objectives)."""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Literal, NamedTuple

from services.planning.rules.persons import Persons, assessed_on, attitude
from services.planning.rules.plans import Objective, Plan, Plans
from shared.events.decisions import RelationshipMeasured
from shared.events.facts import MAX_PLAN_DAYS

MEASURED = (
    *("kcr", "departments", "persons_met", "deciders_met", "executive_meetings"),
    *("adherence", "nps", "csat", "ces", "loop_rate"),
)
"""The metrics of a measure, in the order in which they are kept."""
ATTITUDE = "attitude"
"""The metric that is of one person, and folded here."""
METRICS = frozenset({*MEASURED, ATTITUDE})
"""What is measured; an objective of another metric is taken and flagged."""
KEPT_DAYS = 2 * MAX_PLAN_DAYS
"""Measures are kept so long, those of a plan's days as long as the plan."""
MAX_MEASURES = 1_000
"""Kept of a customer, the last ones."""

Outcome = Literal["met", "missed", "unknown"]
Measures = Mapping[int, tuple[str | None, ...]]
"""By the day as of which it was measured, the value of each metric at the end of the day before."""


class Reached(NamedTuple):
    """An objective as of a day. baseline, value: None where unknown; progress: the share of the way, None where one of
    them is unknown or the way is nothing; outcome: None until its last day has ended.
    """

    baseline: Decimal | None
    value: Decimal | None
    progress: Fraction | None
    outcome: Outcome | None


NOTHING_REACHED = Reached(None, None, None, None)
"""Of an objective that is void."""


def put(measures: Measures, decision: RelationshipMeasured, plans: Plans) -> Measures:
    """With a measure more."""
    said = [getattr(decision, name) for name in MEASURED]
    values = tuple(None if value is None else str(value) for value in said)
    made = {**measures, decision.effective_on.toordinal(): values}
    first = max(made) - KEPT_DAYS
    spans = [(plan.from_on, plan.to_on + 1) for plan in plans.by_ref.values()]
    kept = [day for day in sorted(made) if day > first or any(begin <= day <= end for begin, end in spans)]
    return {day: made[day] for day in kept[-MAX_MEASURES:]}


def reached(plan: Plan, objective: Objective, measures: Measures, persons: Persons, today: int) -> Reached:
    """How far an objective is as of a day."""
    value, measured = _measured(plan, objective, measures, persons, today)
    target, baseline = Decimal(objective.target), None
    if objective.baseline is not None:
        baseline = Decimal(objective.baseline)
    elif measured:
        baseline = measured[min(measured)]
    outcome: Outcome | None = None
    if today > objective.due_on:
        share = _share(measured.get(objective.due_on + 1), baseline, target)
        outcome = "unknown" if share is None else "met" if share >= 1 else "missed"
    return Reached(baseline, value, _share(value, baseline, target), outcome)


def _measured(
    plan: Plan, objective: Objective, measures: Measures, persons: Persons, today: int
) -> tuple[Decimal | None, dict[int, Decimal]]:
    """The value now; and the known ones as of the plan's first day up to the day after the objective is due."""
    first, last = plan.from_on, min(today, objective.due_on + 1)
    if objective.metric == ATTITUDE and objective.person_id is not None:
        who = objective.person_id
        days = {first, objective.due_on + 1, *(day + 1 for day in assessed_on(persons, who))}
        found = {day: attitude(persons, who, day - 1) for day in days if first <= day <= last}
        now = attitude(persons, who, today)
        return (
            None if now is None else Decimal(now),
            {day: Decimal(one) for day, one in found.items() if one is not None},
        )
    if objective.metric not in MEASURED:
        return None, {}
    place = MEASURED.index(objective.metric)
    known = {day: Decimal(one) for day, values in measures.items() if (one := values[place]) is not None}
    latest = max((day for day in measures if day <= today), default=0)
    return known.get(latest), {day: one for day, one in known.items() if first <= day <= last}


def _share(value: Decimal | None, baseline: Decimal | None, target: Decimal) -> Fraction | None:
    if value is None or baseline is None or baseline == target:
        return None
    return Fraction(value - baseline) / Fraction(target - baseline)
