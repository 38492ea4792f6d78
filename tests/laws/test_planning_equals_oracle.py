"""Planning is what its oracle says, for every history: what is shown of plans and services, and what is decided.

How many histories are tried: HYPOTHESIS_PROFILE (tests/conftest.py), half of its examples per test here.
"""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.planning.domain import Planning
from services.planning.rules.catalogue import Catalogue
from shared.events.decisions import (
    ConcernOverdue,
    ContactLapsed,
    ContactResumed,
    Decision,
    PlanLapsed,
    PlanResumed,
    PlanReviewLapsed,
    PlanStepOverdue,
    SatisfactionDropped,
    TierProposed,
)
from shared.events.facts import GroupRegistered, PersonErased
from shared.events.registry import NAMES
from shared.events.types import TIERS
from tests.generate import PLANS, Seeded, ends, history, watched_histories
from tests.laws.drive import drive, events
from tests.oracle import planning as oracle
from tests.oracle.facts import REVIEWED, Logged, identity

pytestmark = pytest.mark.timeout(600)  # a failure is shrunk for up to five minutes
EXAMPLES = max(5, settings.default.max_examples // 2) if settings.default else 10
SHANGHAI = ZoneInfo("Asia/Shanghai")
QUOTAS: dict[str, dict[str, int | None]] = {
    "training": {"strategic": 7, "partner": 4, "priority": 2, "general": 0},
    "help": {"strategic": None, "partner": None, "priority": None, "general": 0},
}
CATALOGUES = (Catalogue(1, 1, {name: tuple(of.get(tier, 0) for tier in TIERS) for name, of in QUOTAS.items()}),)


def told(decisions: Sequence[Decision]) -> list[oracle.Told]:
    found = []
    for one in decisions:
        on = one.effective_on
        if isinstance(one, PlanLapsed):
            found.append(oracle.Told(on, "lapsed", (), one.due_on))
        elif isinstance(one, PlanResumed):
            found.append(oracle.Told(on, "resumed", (), one.lapsed_due_on))
        elif isinstance(one, PlanStepOverdue):
            assert one.overdue_days == (on - one.due_on).days
            found.append(oracle.Told(on, "overdue", (one.plan_source, one.plan_id, one.step_id), one.due_on))
        else:
            assert isinstance(one, PlanReviewLapsed)
            found.append(oracle.Told(on, "review", (one.plan_source, one.plan_id), one.due_on))
    return sorted(found)


OF_OBJECTIVES = ("baseline", "value", "progress", "outcome")


def objective(said: dict[str, Any]) -> dict[str, Any]:
    numbers = {name: None if said[name] is None else str(said[name]) for name in ("baseline", "value")}
    return said | numbers | {"progress": share(said["progress"])}


def share(exact: Fraction | None) -> str | None:
    return None if exact is None else str(round(Decimal(exact.numerator) / exact.denominator, 3))


def iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """What a row says, as far as the oracle says it too."""
    planned, served = row.get("planned", {}), row.get("served")
    found: dict[str, Any] = {name: planned.get(name) for name in ("owed", "due_on", "lapsed", "unassessed")}
    found["covered_by"] = {one["plan_id"]: one["customer"] for one in planned.get("covered_by", ())}
    found["plans"] = {(one["source"], one["plan_id"]): plan(one) for one in row.get("plans", ())}
    if served is not None:
        services = {one["service"]: one for one in served["services"]}
        beyond = [(ref["source"], ref["delivery_id"]) for one in services.values() for ref in one["beyond"]]
        found |= {
            "used": {name: one["used"] for name, one in services.items()},
            "left": {name: one["left"] for name, one in services.items()},
            "beyond": {*beyond},
            "unserved": served["unserved"],
            "help_rate": served["help_rate"],
            "unknown": served["unknown_services"],
        }
    return found


def plan(one: dict[str, Any]) -> dict[str, Any]:
    steps = {step["step_id"]: step for step in one["steps"]}
    fields = ("current", "status", "done", "expected", "behind", "review_due")
    return {
        **{name: one[name] for name in fields},
        "no_step": one["gaps"]["objectives"],
        "objectives": {
            goal["objective_id"]: {name: goal[name] for name in OF_OBJECTIVES} for goal in one["objectives"]
        },
        "steps": {
            name: {field: step[field] for field in ("status", "done_on", "moved_days", "slippage_days")}
            for name, step in steps.items()
            if step["status"] != "dropped"
        },
        "dropped": {name for name, step in steps.items() if step["status"] == "dropped"},
    }


def expected(said: dict[str, Any], *, planned: bool, served: bool) -> dict[str, Any]:
    """What the oracle says, in the words of a row."""
    found = {name: said[name] if planned else None for name in ("owed", "lapsed", "unassessed")}
    found["due_on"], found["covered_by"] = iso(said["due_on"]), said["covered_by"]
    found["plans"] = {
        key: one
        | {name: share(one[name]) for name in ("done", "expected", "behind")}
        | {"review_due": iso(one["review_due"])}
        | {"objectives": {name: objective(goal) for name, goal in one["objectives"].items()}}
        | {"steps": {name: step | {"done_on": iso(step["done_on"])} for name, step in one["steps"].items()}}
        for key, one in said["plans"].items()
    }
    if served:
        found |= {name: said[name] for name in ("used", "left", "beyond", "unserved", "unknown")}
        found["help_rate"] = share(said["help_rate"])
    return found


def check(log: Sequence[Logged], as_of: Sequence[datetime]) -> None:
    driven = drive(Planning(CATALOGUES, SHANGHAI), log)
    for instant in as_of:
        driven.review(instant)
    said, decided = oracle.planning(log, QUOTAS, SHANGHAI, as_of[-1])
    row = driven.document()
    assert ("planned" in row) == bool(said["owed"] or said["plans"] or said["covered_by"])
    if any(said["used"].values()) or said["unserved"]:
        assert "served" in row
    assert shown(row) == expected(said, planned="planned" in row, served="served" in row)
    assert told(driven.decisions) == sorted(decided)


@given(watched_histories(PLANS, most=15))
@settings(max_examples=EXAMPLES)
def test_of_plans(history: tuple[list[Logged], list[datetime]]) -> None:
    check(*history)


@pytest.mark.parametrize("seed", range(EXAMPLES // 2))
def test_of_long_histories(seed: int) -> None:
    chance = Seeded(seed)
    log = history(chance, PLANS, most=30)
    check(log, ends(log, chance))


@given(watched_histories(PLANS, most=15), st.data())
@settings(max_examples=EXAMPLES)
def test_reviews_anywhere_change_nothing(history: tuple[list[Logged], list[datetime]], data: st.DataObject) -> None:
    """In live history, where a service decides; each is as old as the record before it."""
    log, as_of = history
    more: list[Logged] = []
    for number, one in enumerate(log):
        more.append(one)
        if not one.backfill and data.draw(st.booleans()):
            more.append(Logged({"type": REVIEWED, "id": f"r{number}", "data": {}}, one.recorded_at))
    few, many = (drive(Planning(CATALOGUES, SHANGHAI), one) for one in (log, more))
    for driven in (few, many):
        driven.review(as_of[-1])
    assert told(many.decisions) == told(few.decisions)
    assert many.document() == few.document()


@given(watched_histories(PLANS, most=15, backfills=False), st.randoms(use_true_random=False))
@settings(max_examples=EXAMPLES)
def test_in_any_order_the_same_is_shown(history: tuple[list[Logged], list[datetime]], random: Any) -> None:
    """Of facts appended at one instant; a record's revisions and the decisions stay in their order."""
    log, as_of = history
    at = max(one.recorded_at for one in log)
    facts = [Logged(one.event, at) for one in log if one.event["type"] != REVIEWED]
    shuffled = [*facts]
    random.shuffle(shuffled)
    order = {id(one): number for number, one in enumerate(shuffled)}
    kept: dict[Any, list[Logged]] = {}
    for one in facts:
        kept.setdefault(_keeps_order(one), []).append(one)
    queues = {key: iter(ones) for key, ones in kept.items()}
    mixed = [next(queues[_keeps_order(one)]) for one in sorted(facts, key=lambda one: order[id(one)])]
    straight, other = (drive(Planning(CATALOGUES, SHANGHAI), ones, reload=True) for ones in (facts, mixed))
    for driven in (straight, other):
        driven.review(as_of[-1])
    assert shown(other.document()) == shown(straight.document())


def _keeps_order(one: Logged) -> Any:
    return one.event["source"] if one.event["type"] in oracle.DECIDED else identity(one.event)


def test_only_what_is_folded_is_read() -> None:
    followed = (ContactLapsed, ContactResumed, SatisfactionDropped, ConcernOverdue, TierProposed)
    kept_by_examples = {NAMES[one] for one in (GroupRegistered, PersonErased)}
    assert Planning.folds == oracle.FOLDED | {NAMES[one] for one in followed} | kept_by_examples
    assert not Planning.folds & {NAMES[one] for one in (PlanLapsed, PlanResumed)}
    assert [*events([])] == []
