"""A customer's concerns and their closed loop, read from all that stands (domain.md, Engagement: concerns)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from typing import NamedTuple
from zoneinfo import ZoneInfo

from tests.oracle.engagement import TierChange, tier_at_start
from tests.oracle.facts import Fact, business_day, of_type

HOURS = {"strategic": 24, "partner": 48, "priority": 72, "general": 120}
KEPT_WEEKS = 115
"""Closed concerns of before are forgotten."""


class Promise(NamedTuple):
    """To answer by an instant; when that was done."""

    by: datetime | None
    done_at: datetime | None

    def broken(self, clock: datetime) -> bool:
        return self.by is not None and self.by < (self.done_at or clock)


class Course(NamedTuple):
    """How one concern went."""

    promises: list[Promise]
    accepted_at: datetime | None
    closed: bool


@dataclass
class Counts:
    open_by_severity: Counter[str] = field(default_factory=Counter)
    open_overdue: int = 0
    answered_in_time: int = 0
    overdue: int = 0
    reopened: int = 0
    loop_rate: Fraction | None = None


def course(concern: Fact, facts: Sequence[Fact], tiers: Sequence[TierChange]) -> Course:
    """What was said about one concern, in the order in which it happened."""
    hours: float | None = HOURS.get(tier_at_start(tiers, concern.day))
    if hours is not None and concern.data["severity"] == "critical":
        hours /= 2
    said = sorted(
        (
            one
            for one in [*of_type(facts, "concern.resolved"), *of_type(facts, "concern.confirmed")]
            if (one.source, one.data["concern_id"]) == (concern.source, concern.data["concern_id"])
        ),
        key=lambda one: one.order,
    )
    promises = [_promise(concern.time, hours)]
    accepted_at, closed = None, False
    for one in said:
        if promises[-1].done_at is None:
            promises[-1] = promises[-1]._replace(done_at=one.time)
        if one.data.get("accepted") is False:
            promises.append(_promise(one.time, hours))
            closed = False
        elif one.data.get("accepted"):
            accepted_at, closed = accepted_at or one.time, True
    return Course(promises, accepted_at, closed)


def _promise(since: datetime, hours: float | None) -> Promise:
    return Promise(None if hours is None else since + timedelta(hours=hours), None)


def concerns(facts: Sequence[Fact], tiers: Sequence[TierChange], clock: datetime, zone: ZoneInfo) -> Counts:
    """All figures as of a clock."""
    today, counts = business_day(clock, zone), Counts()
    judged: list[bool] = []
    for concern in of_type(facts, "concern.raised"):
        went = course(concern, facts, tiers)
        if went.closed and concern.day < today - timedelta(today.weekday() + 7 * KEPT_WEEKS):
            continue
        broken = [promise.broken(clock) for promise in went.promises]
        counts.overdue += any(broken)
        counts.answered_in_time += not any(broken) and went.promises[-1].done_at is not None
        counts.reopened += len(went.promises) > 1
        if not went.closed:
            counts.open_by_severity[concern.data["severity"]] += 1
            counts.open_overdue += broken[-1]
        if today - timedelta(364) <= concern.day <= today - timedelta(15):
            until = concern.day + timedelta(14)
            judged.append(went.accepted_at is not None and business_day(went.accepted_at, zone) <= until)
    counts.loop_rate = Fraction(sum(judged), len(judged)) if judged else None
    return counts


def overdue(facts: Sequence[Fact], tiers: Sequence[TierChange], clock: datetime) -> set[tuple[str, str, int]]:
    """(source, concern, promise) of those open ones whose last promise is broken and still waits."""
    found = set()
    for concern in of_type(facts, "concern.raised"):
        went = course(concern, facts, tiers)
        last = went.promises[-1]
        if not went.closed and last.done_at is None and last.broken(clock):
            found.add((concern.source, concern.data["concern_id"], len(went.promises) - 1))
    return found


def deadlines(facts: Sequence[Fact], tiers: Sequence[TierChange]) -> set[datetime]:
    """The instants by which something was promised."""
    courses = [course(concern, facts, tiers) for concern in of_type(facts, "concern.raised")]
    return {promise.by for one in courses for promise in one.promises if promise.by is not None}
