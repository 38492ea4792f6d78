"""When the relationship with one customer is measured, and how it stands then: looked at on every single day, from all
that stands (domain.md, Measured relationship).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from tests.oracle.concerns import concerns
from tests.oracle.engagement import DECISIONS, TierChange, adherence, tier_at_start, tier_change
from tests.oracle.facts import REVIEWED, Fact, Logged, business_day, day, days_between, of_type, standing
from tests.oracle.relationship import relationship
from tests.oracle.satisfaction import INSTRUMENTS, figure

MEASURED_TIERS = ("partner", "strategic")
Values = dict[str, Any]


@dataclass
class Measures:
    """By the day as of which it was measured, the values at the end of the day before."""

    zone: ZoneInfo
    by_day: dict[date, Values] = field(default_factory=dict)

    def look(self, facts: Sequence[Fact], tiers: Sequence[TierChange], on: date) -> None:
        """Measure, if it is a day for that and it has not been done."""
        if on > max(self.by_day, default=date.min) and is_measured(facts, tiers, on):
            self.by_day[on] = values(facts, tiers, on - timedelta(1), self.zone)


def measured(log: Sequence[Logged], zone: ZoneInfo, until: datetime) -> dict[date, Values]:
    """Read a customer's log in log order, as `tests.oracle.engagement` does; time then passes up to an instant."""
    measures = Measures(zone)
    clock: datetime | None = None
    seen: list[Logged] = []
    facts: list[Fact] = []
    tiers: list[TierChange] = []
    in_history = False
    for logged in [*log, Logged({"type": REVIEWED, "time": until.isoformat()}, until)]:
        is_decision = logged.event["type"] in DECISIONS
        in_history = logged.backfill or (is_decision and in_history)
        now = logged.time if is_decision else logged.clock
        started = clock or now
        clock = max(started, now)
        today = business_day(clock, zone)
        if not in_history:
            for on in days_between(business_day(started, zone), today) if started < clock else []:
                measures.look(facts, tiers, on)
        if is_decision:
            tiers += tier_change(logged)
        elif logged.event["type"] != REVIEWED:
            seen.append(logged)
            facts = standing(seen, zone)
        if not in_history:
            measures.look(facts, tiers, today)
    return measures.by_day


def is_measured(facts: Sequence[Fact], tiers: Sequence[TierChange], on: date) -> bool:
    """On each first of a month while the tier or a plan asks for it, and on the days that plans name."""
    plans = {(one.source, one.data["plan_id"]): one.data for one in of_type(facts, "group_plan.agreed")}
    planned = any(day(plan["from_on"]) <= on <= day(plan["to_on"]) for plan in plans.values())
    if on.day == 1 and (planned or tier_at_start(tiers, on) in MEASURED_TIERS):
        return True
    named = {day(plan["from_on"]) for plan in plans.values()}
    after = {day(one["due_on"]) for plan in plans.values() for one in plan.get("objectives", [])}
    reviews = of_type(facts, "plan.reviewed")
    after |= {one.day for one in reviews if (one.source, one.data["plan_id"]) in plans}
    return on in named or on - timedelta(1) in after


def values(facts: Sequence[Fact], tiers: Sequence[TierChange], on: date, zone: ZoneInfo) -> Values:
    """Everything at the end of a day; of tier changes those that were decided by then."""
    end = datetime.combine(on + timedelta(1), time(0), zone).astimezone(UTC) - timedelta(microseconds=1)
    decided = [change for change in tiers if change.at <= end]
    how = relationship(facts, on)
    return {
        "kcr": _text(how.kcr),
        "departments": len(how.departments_met),
        "persons_met": len(how.persons_met),
        "deciders_met": len(how.deciders_met_90d),
        "executive_meetings": how.executive_meetings,
        "adherence": _text(adherence(facts, decided, on)),
        **{name: _text(figure(facts, name, on).value) for name in INSTRUMENTS},
        "loop_rate": _text(concerns(facts, tiers, end, zone).loop_rate),
    }


def _text(value: Fraction | None) -> str | None:
    return None if value is None else f"{float(round(value, 2)):.2f}"
