"""Planning from the words of the design: day by day over all that was said, without anything kept in between.

Slow and plain on purpose: for each record of the log everything is worked out again from the first day.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from tests.oracle.engagement import TIER_CHANGED
from tests.oracle.facts import REVIEWED, VOIDED, Fact, Json, Logged, business_day, day, days_between, of_type, standing

MEASURED = "guanxi.relationship.measured.v1"
DECIDED = frozenset({TIER_CHANGED, MEASURED})
FOLDED = frozenset(
    {
        *("guanxi.group_plan.agreed.v1", "guanxi.plan_step.done.v1", "guanxi.plan.reviewed.v1"),
        *("guanxi.service.delivered.v1", "guanxi.concern.raised.v1", "guanxi.key_person.assessed.v1"),
        *("guanxi.plan.covered.v1", "guanxi.account.assigned.v1", VOIDED, REVIEWED, *DECIDED),
    }
)
OWED = ("partner", "strategic")
REVIEW = {"strategic": 90, "partner": 180}
RANKS = ("potential", "general", "priority", "partner", "strategic")
LEAST = {"strategic": 4, "partner": 2, "priority": 1}
Quotas = Mapping[str, Mapping[str, int | None]]
"""By service and tier; None without limit, a tier that is missing has nothing."""


class Tier(NamedTuple):
    """A tier from a day on, with what is kept of tiers left: (tier, last day)."""

    version: int
    on: date
    to: str
    graces: tuple[tuple[str, date], ...]


class Told(NamedTuple):
    """A decision: as of which day, what, about what, of which due day."""

    on: date
    what: str
    about: tuple[str, ...]
    due_on: date


class Seen(NamedTuple):
    """What stands of a log, and what its revisions said before."""

    facts: list[Fact]
    plans: dict[tuple[str, str], Fact]
    original: dict[tuple[str, str, str], date]
    begun: dict[tuple[str, str], datetime]
    covering: list[Json]
    tiers: list[Tier]
    measured: dict[date, Json]
    zone: ZoneInfo


def planning(log: Sequence[Logged], quotas: Quotas, zone: ZoneInfo, until: datetime) -> tuple[Json, list[Told]]:
    """What is shown as of an instant, and all that was decided up to it."""
    told: list[Told] = []
    seen: list[Logged] = []
    clock: datetime | None = None
    behind = False
    end = Logged({"type": REVIEWED, "id": "end", "data": {}}, until)
    for one in [*(record for record in log if record.event["type"] in FOLDED), end]:
        history = one.backfill or (behind and one.event["type"] in DECIDED)
        now = one.time if one.event["type"] in DECIDED else one.clock
        if clock is not None and not history:
            first, last = business_day(clock, zone), business_day(max(clock, now), zone)
            known = _see(seen, zone)
            for on in days_between(first + timedelta(0 if behind else 1), last):
                _decide(known, on, told)
        seen.append(one)
        clock = now if clock is None else max(clock, now)
        behind = history
        if not history:
            _decide(_see(seen, zone), business_day(clock, zone), told)
    assert clock is not None, "the end moves the clock"
    return _shown(_see(seen, zone), quotas, business_day(clock, zone)), told


def _see(log: Sequence[Logged], zone: ZoneInfo) -> Seen:
    facts = standing([one for one in log if one.event["type"] not in DECIDED], zone)
    plans = {(fact.source, fact.data["plan_id"]): fact for fact in of_type(facts, "group_plan.agreed")}
    original: dict[tuple[str, str, str], date] = {}
    begun: dict[tuple[str, str], datetime] = {}
    agreed = [one for one in log if one.event["type"] == "guanxi.group_plan.agreed.v1"]
    for one in sorted(agreed, key=lambda one: one.event.get("revision", 1), reverse=True):
        data, source = one.event["data"], one.event["source"]
        begun[source, data["plan_id"]] = one.time
        for step in data.get("steps", []):
            original[source, data["plan_id"], step["step_id"]] = day(step["due_on"])
    tiers = []
    for one in log:
        if one.event["type"] == TIER_CHANGED:
            data = one.event["data"]
            graces = tuple((grace["tier"], day(grace["until"])) for grace in data.get("graces", ()))
            tiers.append(Tier(data["version"], day(data["effective_on"]), data["to"], graces))
    measured = [one.event["data"] for one in log if one.event["type"] == MEASURED]
    covering: dict[tuple[str, str], Json] = {}
    told = [one.event for one in log if one.event["type"] == "guanxi.plan.covered.v1"]
    for event in sorted(told, key=lambda one: one.get("revision", 1)):
        covering[event["source"], event["data"]["plan_id"]] = event["data"]
    stands = [one for one in covering.values() if "from_on" in one]
    return Seen(facts, plans, original, begun, stands, tiers, {day(one["effective_on"]): one for one in measured}, zone)


def tier_on(seen: Seen, on: date) -> str:
    """The highest version effective by a day."""
    by_then = [one for one in seen.tiers if one.on <= on]
    return max(by_then, key=lambda one: one.version).to if by_then else "potential"


def entitled(seen: Seen, on: date, by: date) -> str:
    """The highest of the tier and of what runs on, by what was effective by a day."""
    by_then = [one for one in seen.tiers if one.on <= by]
    if not by_then:
        return "potential"
    last = max(by_then, key=lambda one: one.version)
    return max((last.to, *(tier for tier, until in last.graces if on <= until)), key=RANKS.index)


def _holds(plan: Json, on: date) -> bool:
    return day(plan["from_on"]) <= on <= day(plan["to_on"])


def _first_of_run(seen: Seen, on: date, holds: Any) -> date:
    """The first day of the run of days, up to this one, on each of which something holds."""
    while holds(on - timedelta(1)):
        on -= timedelta(1)
    return on


def due(seen: Seen, on: date) -> date | None:
    """When a plan is due: 45 days after the first day of the run of owed days without one."""

    def lacks(one: date) -> bool:
        return tier_on(seen, one) in OWED and not any(
            _holds(plan, one) for plan in [*(fact.data for fact in seen.plans.values()), *seen.covering]
        )

    return _first_of_run(seen, on, lacks) + timedelta(45) if lacks(on) else None


def current(seen: Seen, on: date) -> tuple[str, str] | None:
    """The plan of the day."""
    holding = [key for key, plan in seen.plans.items() if _holds(plan.data, on)]
    return max(
        holding, key=lambda key: (day(seen.plans[key].data["from_on"]), seen.begun[key], key[1], key[0]), default=None
    )


def review_due(seen: Seen, on: date) -> date | None:
    """When the plan of the day is to be reviewed."""
    key, tier = current(seen, on), tier_on(seen, on)
    if key is None or tier not in OWED:
        return None
    reviews = [
        fact.day
        for fact in of_type(seen.facts, "plan.reviewed")
        if (fact.source, fact.data["plan_id"]) == key and fact.day <= on
    ]
    since = max([day(seen.plans[key].data["from_on"]), *reviews])
    first = _first_of_run(seen, on, lambda one: tier_on(seen, one) == tier)
    return max(since + timedelta(REVIEW[tier]), first + timedelta(30))


def done_on(seen: Seen, key: tuple[str, str], step: str, on: date) -> date | None:
    """The earliest day by now on which a step was done."""
    days = [
        day(fact.data["done_on"])
        for fact in of_type(seen.facts, "plan_step.done")
        if (fact.source, fact.data["plan_id"], fact.data["step_id"]) == (*key, step)
    ]
    return min((one for one in days if one <= on), default=None)


def _decide(seen: Seen, on: date, told: list[Told]) -> None:
    lapses = [one for one in told if one.what in ("lapsed", "resumed")]
    stands = lapses[-1] if lapses and lapses[-1].what == "lapsed" else None
    due_on = due(seen, on)
    if due_on is not None and due_on <= on:
        if stands is None:
            told.append(Told(on, "lapsed", (), due_on))
    elif stands is not None:
        told.append(Told(on, "resumed", (), stands.due_on))
    if tier_on(seen, on) in OWED:
        for what, found in (("overdue", _late_steps(seen, on)), ("review", _late_reviews(seen, on))):
            told += [Told(on, what, *one) for one in found if all(old[1:] != (what, *one) for old in told)]


def _late_steps(seen: Seen, on: date) -> list[tuple[tuple[str, ...], date]]:
    return [
        ((*key, step["step_id"]), day(step["due_on"]))
        for key, plan in sorted(seen.plans.items())
        for step in plan.data.get("steps", [])
        if day(plan.data["from_on"]) <= on <= day(plan.data["to_on"]) + timedelta(30)
        and day(step["due_on"]) < on
        and done_on(seen, key, step["step_id"], on) is None
    ]


def _late_reviews(seen: Seen, on: date) -> list[tuple[tuple[str, ...], date]]:
    key, due_on = current(seen, on), review_due(seen, on)
    return [(key, due_on)] if key is not None and due_on is not None and due_on <= on else []


def _shown(seen: Seen, quotas: Quotas, on: date) -> Json:
    due_on = due(seen, on)
    owed = tier_on(seen, on) in OWED
    return {
        "owed": owed,
        "due_on": due_on,
        "lapsed": due_on is not None and due_on <= on,
        "unassessed": _unassessed(seen, on) if owed else [],
        "covered_by": {one["plan_id"]: one["customer"] for one in seen.covering if on <= day(one["to_on"])},
        "plans": {key: _plan(seen, key, on) for key in seen.plans},
        **_served(seen, quotas, on),
    }


def _unassessed(seen: Seen, on: date) -> list[str]:
    found = []
    said = of_type(seen.facts, "key_person.assessed")
    for name in sorted({fact.data["person_id"] for fact in said}):
        latest: dict[str, tuple[Any, date]] = {}
        for fact in sorted((fact for fact in said if fact.data["person_id"] == name), key=lambda fact: fact.order):
            latest |= {field: (value, fact.day) for field, value in fact.data.items()}
        attitude, assessed_on = latest.get("attitude", (None, date.min))
        lapsed = attitude is None or (on - assessed_on).days >= 365
        gone = latest.get("left", (False, on))[0] is True
        if latest["decision_role"][0] in ("approve", "decide") and not gone and lapsed:
            found.append(name)
    return found


def _plan(seen: Seen, key: tuple[str, str], on: date) -> Json:
    data = seen.plans[key].data
    steps = {step["step_id"]: _step(seen, key, step, on) for step in data.get("steps", [])}
    done = sum(step["done_on"] is not None for step in steps.values())
    expected = sum(seen.original[(*key, name)] <= on for name in steps)
    behind = max(Fraction(0), Fraction(expected - done, len(steps))) if steps else Fraction(0)
    late = [(on - day(step["due_on"])).days for step in data.get("steps", []) if _is_late(seen, key, step, on)]
    if behind >= Fraction(25, 100) or any(days > 30 for days in late):
        track = "off_track"
    elif behind >= Fraction(10, 100) or late:
        track = "at_risk"
    else:
        track = "on_track"
    dropped = {name for source, plan, name in seen.original if (source, plan) == key and name not in steps}
    return {
        "current": current(seen, on) == key,
        "status": track if tier_on(seen, on) in OWED else "not_owed",
        "done": Fraction(done, len(steps)) if steps else None,
        "expected": Fraction(expected, len(steps)) if steps else None,
        "behind": behind,
        "review_due": review_due(seen, on) if current(seen, on) == key else None,
        "no_step": [
            one["objective_id"]
            for one in data.get("objectives", [])
            if not any(step["objective_id"] == one["objective_id"] for step in data.get("steps", []))
        ],
        "objectives": {one["objective_id"]: _objective(seen, data, one, on) for one in data.get("objectives", [])},
        "steps": steps,
        "dropped": dropped,
    }


def _objective(seen: Seen, plan: Json, one: Json, on: date) -> Json:
    """How far an objective is, and once its last day is over what came of it."""
    due_on, target = day(one["due_on"]), Fraction(one["target"])
    if one["metric"] == "attitude":
        value = _attitude(seen, one["person_id"], on)
    else:
        value = seen.measured[max(seen.measured)].get(one["metric"]) if seen.measured else None
    begins, ends = day(plan["from_on"]), min(on, due_on + timedelta(1))
    known = [had for one_day in days_between(begins, ends) if (had := _had(seen, one, one_day)) is not None]
    baseline = one.get("baseline", known[0] if known else None)
    outcome = None
    if on > due_on:
        share = _way(_had(seen, one, due_on + timedelta(1)), baseline, target)
        outcome = "unknown" if share is None else "met" if share >= 1 else "missed"
    return {"baseline": baseline, "value": value, "progress": _way(value, baseline, target), "outcome": outcome}


def _had(seen: Seen, one: Json, on: date) -> Any:
    """What a metric was measured at as of a day, which is at the end of the day before."""
    if one["metric"] == "attitude":
        return _attitude(seen, one["person_id"], on - timedelta(1))
    return seen.measured[on].get(one["metric"]) if on in seen.measured else None


def _way(value: Any, baseline: Any, target: Fraction) -> Fraction | None:
    if value is None or baseline is None or Fraction(baseline) == target:
        return None
    return (Fraction(value) - Fraction(baseline)) / (target - Fraction(baseline))


def _attitude(seen: Seen, person: str, on: date) -> int | None:
    """What was known of a person by the end of a day; an attitude counts for 365 days, and not of one who left."""
    latest: dict[str, tuple[Any, date]] = {}
    for fact in sorted(of_type(seen.facts, "key_person.assessed"), key=lambda fact: fact.order):
        if fact.data["person_id"] == person and business_day(fact.logged.clock, seen.zone) <= on:
            latest |= {field: (value, fact.day) for field, value in fact.data.items()}
    attitude, assessed_on = latest.get("attitude", (None, on))
    if attitude is None or latest.get("left", (False, on))[0] is True or assessed_on + timedelta(365) <= on:
        return None
    return int(attitude)


def _is_late(seen: Seen, key: tuple[str, str], step: Json, on: date) -> bool:
    return day(step["due_on"]) < on and done_on(seen, key, step["step_id"], on) is None


def _step(seen: Seen, key: tuple[str, str], step: Json, on: date) -> Json:
    due_on, done, original = (
        day(step["due_on"]),
        done_on(seen, key, step["step_id"], on),
        seen.original[(*key, step["step_id"])],
    )
    if done is not None:
        status = "done_late" if done > due_on else "done"
    elif on > due_on:
        status = "overdue"
    else:
        status = "due_soon" if due_on - timedelta(7) <= on else "open"
    return {
        "status": status,
        "done_on": done,
        "moved_days": (due_on - original).days,
        "slippage_days": max(0, ((done or on) - original).days),
    }


def _served(seen: Seen, quotas: Quotas, on: date) -> Json:
    made = [fact for fact in of_type(seen.facts, "service.delivered") if fact.day <= on]
    year = [fact for fact in made if fact.day > on - timedelta(365)]
    known = [fact for fact in year if fact.data["service"] in quotas]
    used = {
        name: sum(fact.data.get("quantity", 1) for fact in known if fact.data["service"] == name) for name in quotas
    }
    left = {}
    for name, by_tier in quotas.items():
        quota = by_tier.get(entitled(seen, on, on), 0)
        left[name] = None if quota is None else max(0, quota - used[name])
    raised = {
        (fact.source, fact.data["concern_id"])
        for fact in of_type(seen.facts, "concern.raised")
        if fact.data["kind"] == "difficulty" and on - timedelta(364) <= fact.day <= on - timedelta(15)
    }
    kept = [fact for fact in made if fact.day >= on - timedelta(730)]
    helped = {(fact.source, fact.data.get("concern_id")) for fact in kept}
    return {
        "used": used,
        "left": left,
        "beyond": {_ref(fact) for fact in known if _beyond(seen, made, quotas, fact)},
        "unserved": len(known) < LEAST.get(tier_on(seen, on), 0),
        "help_rate": Fraction(len(raised & helped), len(raised)) if raised else None,
        "unknown": sorted({fact.data["service"] for fact in made} - quotas.keys()),
    }


def _ref(fact: Fact) -> tuple[str, str]:
    return fact.source, fact.data["delivery_id"]


def _beyond(seen: Seen, made: Sequence[Fact], quotas: Quotas, fact: Fact) -> bool:
    def place(one: Fact) -> tuple[Any, ...]:
        return one.day, one.time, *_ref(one)

    before = [
        one
        for one in made
        if one.data["service"] == fact.data["service"]
        and one.day > fact.day - timedelta(365)
        and place(one) <= place(fact)
    ]
    quota = quotas[fact.data["service"]].get(entitled(seen, fact.day, fact.day - timedelta(1)), 0)
    return quota is not None and sum(one.data.get("quantity", 1) for one in before) > quota
