"""Goals: of each metric the latest holds, and what came of it is noted when its last day ends (domain.md, Goals)."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from shared.events.event import Event
from shared.events.facts import GoalSet
from shared.facts.days import NEVER
from shared.facts.latest import Order, order_of


class Goal(NamedTuple):
    """The latest goal of a metric. baseline, target: hundredths. `outcome`: the value on `due_on` once `passed`, in the
    service's own terms; None where it was unknown or the goal was set after its own last day. `kept`: days that a
    service needs to measure it again.
    """

    order: Order
    due_on: int
    baseline: int = 0
    target: int = 0
    passed: bool = False
    outcome: Any = None
    kept: tuple[int, ...] = ()


Goals = Mapping[str, Goal]
"""By metric."""
NO_GOALS: Goals = {}


def put(goals: Goals, event: Event, today: int) -> Goals:
    """With a goal more, where it is the latest of its metric."""
    fact: GoalSet = event.data
    order, due_on = order_of(event), fact.due_on.toordinal()
    known = goals.get(fact.metric)
    if known is not None and order <= known.order:
        return goals
    goal = Goal(order, due_on, _hundredths(fact.baseline), _hundredths(fact.target), passed=due_on < today)
    return {**goals, fact.metric: goal}


def last_days(goals: Goals, today: int, until: int = NEVER) -> list[int]:
    """The last days of open goals from today on, before a day, ascending."""
    return sorted({goal.due_on for goal in goals.values() if not goal.passed and today <= goal.due_on < until})


def settled(goals: Goals, day: int, measure: Callable[[str], Any]) -> Goals:
    """With what came of the goals due on a day that ends."""
    ended = {metric: goal for metric, goal in goals.items() if not goal.passed and goal.due_on == day}
    return {**goals, **{m: goal._replace(passed=True, outcome=measure(m)) for m, goal in ended.items()}}


def _hundredths(value: Decimal) -> int:
    return int(value.scaleb(2))
