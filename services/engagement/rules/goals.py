"""How far goals are, and what adherence needs to be measured again (domain.md, Engagement: goals)."""

from collections.abc import Callable, Sequence
from fractions import Fraction

from services.engagement.rules.contact import ADHERENCE_DAYS
from shared.facts import goals as shared
from shared.facts.goals import Goal, Goals
from shared.policies.entitlements import MAX_CADENCE_DAYS

ADHERENCE = "adherence"
KEPT_DAYS = ADHERENCE_DAYS + MAX_CADENCE_DAYS
"""An earlier contact does not reach into the days that adherence looks at."""
Measure = Callable[[str], Fraction | None]
"""Returns the value of a metric, None if unknown."""


def progress(goal: Goal, value: Fraction | None) -> Fraction | None:
    """(now - baseline) / (target - baseline)."""
    if value is None:
        return None
    return (value * 100 - goal.baseline) / (goal.target - goal.baseline)


def settled(goals: Goals, day: int, measure: Measure, contacts: Sequence[int]) -> Goals:
    """With what came of the goals due on a day that ends. Of adherence the days with a contact (`contacts`, ascending)
    are kept as known then, since the tier of then may still be decided.
    """
    after = shared.settled(goals, day, measure)
    if ADHERENCE not in after or after[ADHERENCE] is goals[ADHERENCE]:
        return after
    kept = tuple(one for one in contacts if day - KEPT_DAYS < one <= day)
    return {**after, ADHERENCE: after[ADHERENCE]._replace(kept=kept)}


def settled_again(goals: Goals, changed_on: int, adhered: Callable[[int, Sequence[int]], Fraction | None]) -> Goals:
    """A tier change of a day was decided only now: what came of adherence is as if it had been known. `adhered`
    measures as of the end of a day by the days with a contact.
    """
    goal = goals.get(ADHERENCE)
    if goal is None or not goal.passed or changed_on > goal.due_on:
        return goals
    return {**goals, ADHERENCE: goal._replace(outcome=adhered(goal.due_on, goal.kept))}
