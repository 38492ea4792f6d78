"""The weekly visits of account and product managers, from the logs of all customers and representatives at once
(domain.md, Engagement, per representative and ISO week)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction
from math import floor
from typing import NamedTuple

from tests.oracle.engagement import TierChange, tier_at_start
from tests.oracle.facts import Fact, Json, day, days_between, of_type, owner

CAP_CUSTOMERS_A_DAY = 6
VISITS_A_WEEK = 5
COUNTING_CHANNELS = frozenset({"onsite", "hosted"})
OWING_ROLES = ("account_manager", "product_manager")


@dataclass(frozen=True)
class Customer:
    """What stands of one customer."""

    facts: Sequence[Fact]
    tiers: Sequence[TierChange] = ()


@dataclass(frozen=True)
class Calendar:
    """Days that differ from Monday to Friday."""

    holidays: frozenset[date] = frozenset()
    working_weekends: frozenset[date] = frozenset()

    def works(self, on: date) -> bool:
        return on in self.working_weekends or (on.isoweekday() <= 5 and on not in self.holidays)


class Visit(NamedTuple):
    """One representative's part in one visit. The order is that of the cap."""

    on: date
    time: datetime
    source: str
    visit_id: str
    customer: str


@dataclass
class Week:
    """A representative's ISO week. `uncounted` is by visit: why it does not count."""

    counted: set[str] = field(default_factory=set)
    uncounted: dict[str, str] = field(default_factory=dict)
    target: int | None = None
    exempt: bool = False
    coverage_90d: Fraction | None = None


def rep_week(
    rep: str,
    monday: date,
    customers: Mapping[str, Customer],
    reps: Mapping[str, Sequence[Fact]],
    calendar: Calendar,
    today: date,
) -> Week | None:
    """One row as all that is known now gives it; None for who owes no visits that week."""
    own = reps.get(rep, ())
    on = reference_day(own, monday)
    registered = None if on is None else registration(own, on)
    if on is None or registered is None or registered["role"] not in OWING_ROLES:
        return None
    week = Week()
    candidates = []
    for visit, reason in _visits_of(rep, own, customers, days_between(monday, monday + timedelta(6))):
        if reason is None:
            candidates.append(visit)
        else:
            week.uncounted[visit.visit_id] = reason
    _cap_and_repeat(week, sorted(candidates))
    _target(week, rep, registered, on, customers, own, calendar)
    sunday = monday + timedelta(6)
    week.coverage_90d = _coverage(rep, own, registered["role"], min(sunday, today), customers)
    return week


def reference_day(own: Sequence[Fact], monday: date) -> date | None:
    """The day of a week on which role, fte and owned customers are looked at: Monday, or for who joins later the first
    active day; who was registered later than that, from then on. None for who is not active on any day."""
    days = days_between(monday, monday + timedelta(6))
    active = [one for one in days if _active(own, one)]
    if not active:
        return None
    registered_on = min(fact.day for fact in of_type(own, "representative.registered"))
    return max(active[0], registered_on) if registered_on <= days[-1] else None


def registration(facts: Iterable[Fact], on: date) -> Json | None:
    """The registered fields of a representative as on a day: of each field the greatest (time, id, source)."""
    said = [fact for fact in of_type(list(facts), "representative.registered") if fact.day <= on]
    fields: Json = {}
    for fact in sorted(said, key=lambda one: one.order):
        fields |= fact.data
    return fields or None


def flaw(visit: Fact, rep: str, registered: Json, tier: str, *, active: bool) -> str | None:
    """The first reason for which one visit does not count for one participant, cap and repeats aside."""
    data = visit.data
    own_roles = [one["role"] for one in data["participants"] if one["rep_id"] == rep]
    first_of_role = next((one["rep_id"] for one in data["participants"] if one["role"] == registered["role"]), None)
    reasons = {
        "exhibition": data["kind"] == "exhibition",
        "channel": data["channel"] not in COUNTING_CHANNELS,
        "no_attendee": not data.get("attendees"),
        "no_outcome": not data.get("consensus") and not data.get("follow_ups"),
        "not_general": tier != "general",
        "other_role": registered.get("role") not in own_roles,
        "joint": first_of_role != rep,
        "inactive": not active,
    }
    return next((reason for reason, applies in reasons.items() if applies), None)


def _visits_of(
    rep: str, own: Sequence[Fact], customers: Mapping[str, Customer], days: Sequence[date]
) -> Iterable[tuple[Visit, str | None]]:
    """A representative's visits on some days, each with its flaw, if any, by what was registered for its week."""
    for name, customer in customers.items():
        for fact in of_type(customer.facts, "visit.logged"):
            if fact.day in days and any(one["rep_id"] == rep for one in fact.data["participants"]):
                visit = Visit(fact.day, fact.time, fact.source, fact.data["visit_id"], name)
                on = reference_day(own, fact.day - timedelta(fact.day.weekday()))
                registered = None if on is None else registration(own, on)
                tier, active = tier_at_start(customer.tiers, fact.day), _active(own, fact.day)
                yield visit, flaw(fact, rep, registered or {}, tier, active=active)


def _cap_and_repeat(week: Week, visits: Sequence[Visit]) -> None:
    """`visits` in the order of the cap."""
    customers_of_day: dict[date, list[str]] = {}
    for visit in visits:
        met = customers_of_day.setdefault(visit.on, [])
        if visit.customer not in met:
            met.append(visit.customer)
        if met.index(visit.customer) >= CAP_CUSTOMERS_A_DAY:
            week.uncounted[visit.visit_id] = "over_cap"
        elif visit.customer in week.counted:
            week.uncounted[visit.visit_id] = "repeat"
        else:
            week.counted.add(visit.customer)


def _target(
    week: Week,
    rep: str,
    registered: Json,
    on: date,
    customers: Mapping[str, Customer],
    own: Sequence[Fact],
    calendar: Calendar,
) -> None:
    """`on` is the week's reference day."""
    role = registered["role"]
    owned = [
        name
        for name, customer in customers.items()
        if owner(customer.facts, role, on) == rep and tier_at_start(customer.tiers, on) == "general"
    ]
    known = any(
        fact.data.get(role) == rep and day(fact.data["from_on"]) <= on
        for customer in customers.values()
        for fact in of_type(customer.facts, "account.assigned")
    )
    monday = on - timedelta(on.weekday())
    worked = sum(
        (
            1 - _absent(own, one)
            for one in days_between(monday, monday + timedelta(6))
            if calendar.works(one) and _active(own, one)
        ),
        Fraction(0),
    )
    week.exempt = worked == 0 or (known and not owned)
    if not week.exempt:
        share = min(Fraction(1), worked / VISITS_A_WEEK)
        fte = Fraction(str(registered.get("fte") or "1"))
        asked = max(1, floor(VISITS_A_WEEK * fte * share + Fraction(1, 2)))
        week.target = min(len(owned), asked) if known else asked


def _coverage(rep: str, own: Sequence[Fact], role: str, on: date, customers: Mapping[str, Customer]) -> Fraction | None:
    """Of the general customers owned on a day, the share with a countable visit in 90 days."""
    owned = [
        customer
        for customer in customers.values()
        if owner(customer.facts, role, on) == rep and tier_at_start(customer.tiers, on) == "general"
    ]
    window = days_between(on - timedelta(89), on)
    covered = [one for one in owned if any(flaw is None for _, flaw in _visits_of(rep, own, {"": one}, window))]
    return Fraction(len(covered), len(owned)) if owned else None


def _active(own: Sequence[Fact], on: date) -> bool:
    """Whether in active service on a day as far as is known now. Who begins again after an end has served before."""
    served: list[tuple[date, date]] = []
    fields: Json = {}
    for fact in sorted(of_type(own, "representative.registered"), key=lambda one: one.order):
        fields |= fact.data
        first, last = day(fields["active_from"]), fields.get("active_until")
        ended = [one for one in served if one[1] < first]
        served = [*ended, (first, date.max if last is None or day(last) < first else day(last))]
    return any(first <= on <= last for first, last in served)


def _absent(own: Sequence[Fact], on: date) -> Fraction:
    """The part of a day that is missed; that of several absences is added."""
    parts = [
        Fraction(str(fact.data.get("part", "1")))
        for fact in of_type(own, "representative.absent")
        if day(fact.data["from_on"]) <= on <= day(fact.data["to_on"])
    ]
    return min(Fraction(1), sum(parts, Fraction(0)))
