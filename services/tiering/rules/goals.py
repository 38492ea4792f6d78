"""Goals of which tiering alone knows the figure, score and net of 365 days: what came of them on their last day.

Which goal holds and how far it is, engagement says (its view `goals`); here is only noted what was measured when the
day ended, since nobody can know that later.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from services.tiering.rules.latest import Order, microseconds
from shared.events.event import Event
from shared.events.facts import GoalSet

METRICS = ("score", "net_365d")


class Goal(NamedTuple):
    """The latest goal of a metric. `outcome` as a decimal string once `passed`; None where the goal was set after its
    own last day.
    """

    order: Order
    due_on: int
    passed: bool = False
    outcome: str | None = None


Goals = Mapping[str, Goal]
"""By metric."""
NO_GOALS: Goals = {}


def put(goals: Goals, event: Event, today: int) -> Goals:
    """With a goal more, where it is the latest of its metric."""
    fact: GoalSet = event.data
    if fact.scope != "customer" or fact.metric not in METRICS:
        return goals
    order, due_on = Order(microseconds(event.time), event.id, event.source), fact.due_on.toordinal()
    known = goals.get(fact.metric)
    if known is not None and order <= known.order:
        return goals
    return {**goals, fact.metric: Goal(order, due_on, passed=due_on < today)}


def last_days(goals: Goals, today: int, until: int) -> list[int]:
    """The last days of open goals from today on, before a day, ascending."""
    return sorted({goal.due_on for goal in goals.values() if not goal.passed and today <= goal.due_on < until})


def settled(goals: Goals, day: int, measure: Callable[[str], str]) -> Goals:
    """With what came of the goals due on a day that ends."""
    ended = {metric: goal for metric, goal in goals.items() if not goal.passed and goal.due_on == day}
    return {**goals, **{m: goal._replace(passed=True, outcome=measure(m)) for m, goal in ended.items()}}
