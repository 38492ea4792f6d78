"""Goals and how far they are (domain.md, Engagement: goals)."""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from services.engagement.rules.days import to_micros
from shared.events.event import Event

Measure = Callable[[str], Fraction | None]
"""Gives the value of a metric, None where unknown."""


class Goal(NamedTuple):
    """The latest goal of a metric. baseline, target: hundredths; `outcome`: the value on `due_on` as (numerator,
    denominator), once that day has passed and the value was known.
    """

    time: int
    id: str
    source: str
    baseline: int
    target: int
    due_on: int
    passed: bool = False
    outcome: tuple[int, int] | None = None

    @property
    def outcome_value(self) -> Fraction | None:
        """The value on the last day."""
        return None if self.outcome is None else Fraction(*self.outcome)

    def progress(self, value: Fraction | None) -> Fraction | None:
        """(now - baseline) / (target - baseline)."""
        if value is None:
            return None
        return (value * 100 - self.baseline) / (self.target - self.baseline)


class Goals:
    """By metric, the goal with the greatest (time, id, source)."""

    __slots__ = ("by_metric",)

    def __init__(self, by_metric: dict[str, Goal] | None = None) -> None:
        self.by_metric = by_metric or {}

    def __bool__(self) -> bool:
        return bool(self.by_metric)

    def fold(self, event: Event) -> None:
        """Fold a GoalSet."""
        fact = event.data
        goal = Goal(
            to_micros(event.time),
            event.id,
            event.source,
            _hundredths(fact.baseline),
            _hundredths(fact.target),
            fact.due_on.toordinal(),
        )
        known = self.by_metric.get(fact.metric)
        if known is None or goal[:3] > known[:3]:
            self.by_metric[fact.metric] = goal

    def due_days(self, after: int) -> set[int]:
        """Last days of open goals, from a day on."""
        return {goal.due_on for goal in self.by_metric.values() if not goal.passed and goal.due_on >= after}

    def settle(self, day: int, measure: Measure) -> None:
        """At the end of a day, write down what came of the goals due on it. A goal set after its own last day has no
        outcome.
        """
        for metric, goal in self.by_metric.items():
            if not goal.passed and goal.due_on <= day:
                value = measure(metric) if goal.due_on == day else None
                outcome = None if value is None else (value.numerator, value.denominator)
                self.by_metric[metric] = goal._replace(passed=True, outcome=outcome)

    def dump(self) -> list[list[Any]]:
        """For storage."""
        return [[metric, *self.by_metric[metric]] for metric in sorted(self.by_metric)]

    @classmethod
    def load(cls, stored: list[list[Any]]) -> "Goals":
        """The inverse of `dump`."""
        return cls({metric: _load(*goal) for metric, *goal in stored})


def _load(time: int, id_: str, source: str, *rest: Any) -> Goal:
    baseline, target, due_on, passed, outcome = rest
    return Goal(time, id_, source, baseline, target, due_on, passed, None if outcome is None else tuple(outcome))


def _hundredths(value: Decimal) -> int:
    return int(value.scaleb(2))
