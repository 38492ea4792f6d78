"""The contact with one customer, recomputed from its whole log on every single day (domain.md, Engagement)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import NamedTuple
from zoneinfo import ZoneInfo

from tests.oracle.facts import REVIEWED, Fact, Logged, business_day, day, days_between, of_type, standing
from tests.oracle.satisfaction import INSTRUMENTS, Dropped, Figure, Watch, figure

TIER_CHANGED = "guanxi.tier.changed.v1"
CADENCE_DAYS = {"strategic": 7, "partner": 14, "priority": 30, "general": 90}
DECISIONS = frozenset({TIER_CHANGED, "guanxi.tier.proposed.v1"})


class TierChange(NamedTuple):
    version: int
    on: date
    to: str
    at: datetime = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Lapsed:
    effective_on: date
    due_on: date


@dataclass(frozen=True)
class Resumed:
    effective_on: date
    cause: str
    lapsed_due_on: date


@dataclass(frozen=True)
class Contact:
    """The contact as of a day. Everything but `last_on` and `ever_met` is None while there is no cadence."""

    last_on: date | None
    due_on: date | None
    status: str | None
    cadence_days: int | None

    @property
    def ever_met(self) -> bool:
        return self.last_on is not None


@dataclass(frozen=True)
class Outcome:
    as_of: datetime
    tier: str
    contact: Contact
    adherence: Fraction | None
    decisions: list[Lapsed | Resumed]
    visits_90d: Counter[tuple[str, str]]
    visits_365d: Counter[tuple[str, str]]
    last_answer: Fact | None
    satisfaction: dict[str, tuple[Figure, Figure]]
    drops: list[Dropped]


def engagement(log: Sequence[Logged], zone: ZoneInfo, as_of: datetime) -> Outcome:
    """Read a customer's log in log order; time then passes up to `as_of`.

    A decision of tiering moves the clock to its `time` and sets off deciding, as a review then would. What is due
    before that instant is decided by the tier before it. History, and what is decided in the midst of it, is read
    without deciding: the next record that is none decides, as of where history ended and of every day since.
    """
    run = _Run()
    watch = Watch()
    clock: datetime | None = None
    seen: list[Logged] = []
    facts: list[Fact] = []
    tiers: list[TierChange] = []
    in_history = False
    for logged in [*log, Logged({"type": REVIEWED, "time": as_of.isoformat()}, as_of)]:
        is_decision = logged.event["type"] in DECISIONS
        in_history = logged.backfill or (is_decision and in_history)
        now = logged.time if is_decision else logged.clock
        started = clock or now
        clock = max(started, now)
        today = business_day(clock, zone)
        if not in_history:
            for on in days_between(business_day(started, zone), today) if started < clock else []:
                run.decide(facts, tiers, on)
                watch.decide(facts, on)
        if is_decision:
            tiers += tier_change(logged)
        elif logged.event["type"] != REVIEWED:
            seen.append(logged)
            facts = standing(seen, zone)
        if not in_history:
            run.decide(facts, tiers, today)
            watch.decide(facts, today)
    assert clock is not None
    today = business_day(clock, zone)
    return Outcome(
        as_of=clock,
        tier=tiers[-1].to if tiers else "potential",
        contact=contact(facts, tiers, today),
        adherence=adherence(facts, tiers, today),
        decisions=run.decisions,
        visits_90d=_visits(facts, today, 90),
        visits_365d=_visits(facts, today, 365),
        last_answer=max(
            (fact for fact in of_type(facts, "satisfaction.surveyed") if fact.day <= today),
            key=lambda fact: (fact.day, *fact.order),
            default=None,
        ),
        satisfaction={
            name: (figure(facts, name, today), figure(facts, name, today, years_ago=1)) for name in INSTRUMENTS
        },
        drops=watch.drops,
    )


def tier_change(logged: Logged) -> list[TierChange]:
    data = logged.event["data"]
    if logged.event["type"] != TIER_CHANGED:
        return []
    return [TierChange(data["version"], day(data["effective_on"]), data["to"], logged.time)]


def tier_at_start(tiers: Sequence[TierChange], on: date) -> str:
    """The tier in force at the start of a business day."""
    earlier = [change for change in tiers if change.on < on]
    return max(earlier).to if earlier else "potential"


def contact(facts: Sequence[Fact], tiers: Sequence[TierChange], today: date) -> Contact:
    last_on = max(_contact_days(facts, today), default=None)
    cadence = _cadence(tiers)
    due_on = due_day(tiers, last_on, _first_on(tiers))
    if cadence is None or due_on is None:
        return Contact(last_on, None, None, None)
    days_left = (due_on - today).days
    status = "lapsed" if days_left <= 0 else "due_soon" if 5 * days_left <= cadence else "on_track"
    return Contact(last_on, due_on, status, cadence)


def adherence(facts: Sequence[Fact], tiers: Sequence[TierChange], today: date) -> Fraction | None:
    """The share of the last 90 days, since there is a cadence, on which the last contact was recent enough."""
    cadence, first_on = _cadence(tiers), _first_on(tiers)
    if cadence is None or first_on is None:
        return None
    met_on = _contact_days(facts, today)
    looked_at = days_between(max(first_on, today - timedelta(89)), today)
    kept = [one for one in looked_at if any(met <= one < met + timedelta(cadence) for met in met_on)]
    return Fraction(len(kept), len(looked_at)) if looked_at else None


def _contact_days(facts: Sequence[Fact], today: date) -> set[date]:
    visits = of_type(facts, "visit.logged")
    return {visit.day for visit in visits if visit.data["kind"] != "exhibition" and visit.day <= today}


def _cadence(tiers: Sequence[TierChange]) -> int | None:
    return CADENCE_DAYS.get(tiers[-1].to) if tiers else None


def _first_on(tiers: Sequence[TierChange]) -> date | None:
    """The first day with a cadence."""
    return next((change.on for change in tiers if change.to in CADENCE_DAYS), None)


def due_day(tiers: Sequence[TierChange], last_on: date | None, first_on: date | None) -> date | None:
    """When the next contact is due; None while there is no cadence, which is longer than any."""
    base = last_on or first_on
    if base is None:
        return None
    cadence = due_on = None
    for change in tiers:
        new = CADENCE_DAYS.get(change.to)
        if change.on <= base:
            due_on = None if new is None else base + timedelta(new)
        elif new is None:
            due_on = None
        elif cadence is None or new < cadence:
            fresh = change.on + timedelta(new)
            due_on = fresh if due_on is None else min(due_on, fresh)
        elif new > cadence:
            due_on = base + timedelta(new)
        cadence = new
    return due_on


def _visits(facts: Sequence[Fact], today: date, days: int) -> Counter[tuple[str, str]]:
    """Visits by kind and channel in so many days."""
    return Counter(
        (visit.data["kind"], visit.data["channel"])
        for visit in of_type(facts, "visit.logged")
        if today - timedelta(days - 1) <= visit.day <= today
    )


@dataclass
class _Run:
    decisions: list[Lapsed | Resumed] = field(default_factory=list)
    lapsed_due_on: date | None = None
    said: set[date] = field(default_factory=set)
    last_on: date | None = None

    def decide(self, facts: Sequence[Fact], tiers: Sequence[TierChange], today: date) -> None:
        now = contact(facts, tiers, today)
        if now.status == "lapsed" and now.due_on is not None:
            if now.due_on not in self.said:
                self.decisions.append(Lapsed(today, now.due_on))
                self.said.add(now.due_on)
            self.lapsed_due_on = now.due_on
        elif self.lapsed_due_on is not None:
            cause = "contact" if now.last_on != self.last_on else "tier"
            self.decisions.append(Resumed(today, cause, self.lapsed_due_on))
            self.lapsed_due_on = None
        self.last_on = now.last_on
