"""Goals and how far they are (domain.md, Engagement: goals)."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from services.engagement.rules.contact import ADHERENCE_DAYS
from services.engagement.rules.days import to_micros
from shared.events.event import Event
from shared.policies.entitlements import MAX_CADENCE_DAYS

ADHERENCE = "adherence"
KEPT_DAYS = ADHERENCE_DAYS + MAX_CADENCE_DAYS
"""An earlier contact does not reach into the days that adherence looks at."""
Measure = Callable[[str], Fraction | None]
"""Gives the value of a metric, None where unknown."""


class Goal(NamedTuple):
    """The latest goal of a metric. baseline, target: hundredths; `outcome`: the value on `due_on` as (numerator,
    denominator), once that day has passed and the value was known. `contacts`: of adherence, the days with a contact
    as known when the last day ended, since the tier of then may still be decided.
    """

    time: int
    id: str
    source: str
    baseline: int
    target: int
    due_on: int
    passed: bool = False
    outcome: tuple[int, int] | None = None
    contacts: tuple[int, ...] = ()

    @property
    def outcome_value(self) -> Fraction | None:
        """The value on the last day."""
        return None if self.outcome is None else Fraction(*self.outcome)

    def ended_at(self, value: Fraction | None) -> "Goal":
        """With what came of it."""
        return self._replace(outcome=None if value is None else (value.numerator, value.denominator))

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

    def settle(self, day: int, measure: Measure, contacts: Sequence[int] = ()) -> None:
        """At the end of a day, write down what came of the goals due on it. A goal set after its own last day has no
        outcome. `contacts`: the days with a contact, ascending.
        """
        for metric, goal in self.by_metric.items():
            if not goal.passed and goal.due_on <= day:
                value = measure(metric) if goal.due_on == day else None
                kept: set[int] = set()
                if metric == ADHERENCE and goal.due_on == day:
                    kept = {one for one in contacts if day - KEPT_DAYS < one <= day}
                self.by_metric[metric] = goal._replace(passed=True, contacts=tuple(sorted(kept))).ended_at(value)

    def settle_again(self, changed_on: int, adhered: Callable[[int, Sequence[int]], Fraction | None]) -> None:
        """A tier change of a day was decided only now: what came of adherence is as if it had been known. `adhered`
        measures as of the end of a day by the days with a contact.
        """
        goal = self.by_metric.get(ADHERENCE)
        if goal is not None and goal.passed and changed_on <= goal.due_on:
            self.by_metric[ADHERENCE] = goal.ended_at(adhered(goal.due_on, goal.contacts))

    def dump(self) -> list[list[Any]]:
        """For storage."""
        return [[metric, *(goal if goal.contacts else goal[:-1])] for metric, goal in sorted(self.by_metric.items())]

    @classmethod
    def load(cls, stored: list[list[Any]]) -> "Goals":
        """The inverse of `dump`."""
        return cls({metric: _load(*goal) for metric, *goal in stored})


def _load(time: int, id_: str, source: str, *rest: Any) -> Goal:
    baseline, target, due_on, passed, outcome, *contacts = rest
    known = None if outcome is None else tuple(outcome)
    return Goal(time, id_, source, baseline, target, due_on, passed, known, *map(tuple, contacts))


def _hundredths(value: Decimal) -> int:
    return int(value.scaleb(2))
