"""When the relationship is measured, for whom, and with which values (domain.md, Measured relationship)."""

from typing import Any

import bson
import pytest

from services.engagement.rules import plans
from shared.events.decisions import RelationshipMeasured
from shared.fold.entity import Entity, load_entity
from tests.services.engagement.world import CUSTOMER, World


def measured(world: World) -> list[str]:
    """The days as of which it was measured."""
    return [str(one.data.effective_on) for one in world.decided if isinstance(one.data, RelationshipMeasured)]


def last(world: World) -> dict[str, Any]:
    """The values measured last."""
    found = next(one.data for one in reversed(world.decided) if isinstance(one.data, RelationshipMeasured))
    return found.model_dump(exclude={"version", "after", "effective_on"})


def test_a_partner_is_measured_on_each_first_of_a_month_by_the_tier_of_the_day_before() -> None:
    world = World()
    world.tier("priority", "2026-01-10")
    world.tier("partner", "2026-03-01")
    world.tier("strategic", "2026-04-30")
    world.tier("priority", "2026-06-01")
    world.review("2026-08-15")
    assert measured(world) == ["2026-04-01", "2026-05-01", "2026-06-01"]


def test_a_plan_is_measured_whatever_the_tier() -> None:
    world = World()
    world.plan("2026-01-20", "2026-02-10", "2026-04-01", "2026-03-15", "2026-04-01")
    world.review("2026-06-15")
    assert measured(world) == ["2026-02-10", "2026-03-01", "2026-03-16", "2026-04-01", "2026-04-02"]


def test_a_plan_agreed_on_its_first_day_is_measured_that_day_and_one_agreed_later_is_not() -> None:
    world = World()
    world.plan("2026-02-10", "2026-02-10", "2026-02-20")
    world.plan("2026-02-11", "2026-02-10", "2026-02-20", "2026-02-15", plan_id="q")
    world.review("2026-02-28")
    assert measured(world) == ["2026-02-10", "2026-02-16"]


def test_the_day_after_a_review_of_a_standing_plan_is_one() -> None:
    world = World()
    world.plan_reviewed("2026-02-12", "early")
    world.plan("2026-02-12", "2026-02-02", "2026-02-20")
    world.plan_reviewed("2026-02-14", "void")
    world.void("plan_review", "void", "2026-02-14T12:00")
    world.plan_reviewed("2026-02-15", "other", plan_id="unknown")
    world.plan_reviewed("2026-02-17", "late", logged="2026-02-19")
    world.plan_reviewed("2026-02-18", "today", logged="2026-02-19T11:00")
    world.review("2026-02-28")
    assert measured(world) == ["2026-02-13", "2026-02-19"]


def test_a_void_of_the_plan_ends_it_and_a_revision_moves_its_days() -> None:
    world = World()
    world.plan("2026-02-01", "2026-02-10", "2026-02-20", "2026-02-14")
    world.plan("2026-02-02", "2026-02-11", "2026-03-20", "2026-02-16", revision=2)
    world.void("plan", "p", "2026-02-18", revision=3)
    world.review("2026-04-15")
    assert measured(world) == ["2026-02-11", "2026-02-17"]


def told(world: World) -> None:
    """A year of a relationship, whose figures change on 2026-03-01."""
    people = [{"person_id": "p1", "department": "buying"}, {"person_id": "p2", "department": "law"}]
    world.assess("2026-01-10", "p1", decision_role="decide", attitude=2)
    world.assess("2026-01-10", "p2", decision_role="approve", attitude=-1)
    world.assess("2026-01-10", "p3", decision_role="support", attitude=3)
    world.visit("2025-02-28", kind="executive", attendees=[{"person_id": "p9"}], logged="2026-01-11")
    world.visit("2025-03-01", kind="executive", attendees=[{"person_id": "p9"}], logged="2026-01-11")
    world.visit("2026-02-28T23:50", attendees=people, kind="executive")
    for score in (10, 9, 3):
        world.survey("2026-02-01", score)
    world.concern("2026-01-15")
    world.answer("2026-01-16")
    world.confirm("2026-01-17")


def test_the_values_are_those_at_the_end_of_the_day_before() -> None:
    world = World()
    world.tier("partner", "2026-01-10")
    told(world)
    world.visit("2026-03-01T00:30", attendees=[{"person_id": "p4", "department": "it"}], kind="executive")
    assert measured(world)[-1] == "2026-03-01"
    assert last(world) == {
        "kcr": "1.00",
        "departments": 2,
        "persons_met": 3,
        "deciders_met": 2,
        "executive_meetings": 2,
        "adherence": "0.02",
        "nps": "33.33",
        "csat": None,
        "ces": None,
        "loop_rate": "1.00",
    }


def test_what_is_unknown_is_null_and_late_facts_change_no_measure() -> None:
    world = World()
    world.tier("strategic", "2026-01-10")
    world.review("2026-02-01")
    assert last(world) == {
        **dict.fromkeys(("kcr", "nps", "csat", "ces", "loop_rate")),
        **dict.fromkeys(("departments", "persons_met", "deciders_met", "executive_meetings"), 0),
        "adherence": "0.00",
    }
    world.visit("2026-01-20", logged="2026-02-01T11:00")
    world.review("2026-02-20")
    assert measured(world) == ["2026-02-01"]


def test_history_is_folded_without_measuring_and_the_closing_review_measures_from_its_end_on() -> None:
    world = World()
    world.tier("partner", "2025-10-01", backfill=True)
    world.visit("2025-12-15", backfill=True)
    assert measured(world) == []
    world.review("2026-02-20")
    assert measured(world) == ["2026-01-01", "2026-02-01"]


@pytest.mark.parametrize("reload", [False, True])
def test_the_sweep_comes_on_the_next_day_of_measuring_and_what_is_stored_is_loaded(*, reload: bool) -> None:
    world = World(reload=reload)
    world.tier("partner", "2026-01-10")
    world.plan("2026-01-11", "2026-01-20", "2026-02-20", "2026-02-05")
    world.plan_reviewed("2026-01-25T09:00")
    world.visit("2026-01-25")
    entity = world.entities[f"customer:{CUSTOMER}"]
    stored: dict[str, Any] = bson.decode(bson.encode(entity.document()), bson.CodecOptions(tz_aware=True))
    again: Entity[Any, Any] = load_entity(world.domain, f"customer:{CUSTOMER}", stored)
    agreed = plans.Plan(world_day("2026-01-20"), world_day("2026-02-20"), (world_day("2026-02-05"),))
    assert again.state.plans.by_ref == {("crm", "p"): agreed}
    assert again.state.plans.reviews == {("crm", "w"): plans.Review("p", world_day("2026-01-25"))}
    assert again.standing.measured == world_day("2026-01-20")
    assert world.domain.next_due(again.state, again.standing) == world.at("2026-01-26T00:00")
    world.review("2026-02-10")
    assert measured(world) == ["2026-01-20", "2026-01-26", "2026-02-01", "2026-02-06"]


def world_day(text: str) -> int:
    return World().domain.time.day(World().at(text))


def test_bounds_keep_the_plans_that_end_last_and_the_last_reviews(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "MAX_PLANS", 2)
    monkeypatch.setattr(plans, "MAX_REVIEWS", 2)
    world = World()
    for number in (1, 2, 3):
        world.plan("2026-02-01", "2026-02-10", f"2026-0{number + 2}-20", plan_id=f"p{number}")
        world.plan_reviewed(f"2026-02-0{number + 2}", f"w{number}", logged="2026-02-03")
    kept = world.entities[f"customer:{CUSTOMER}"].state.plans
    assert [name for _, name in kept.by_ref] == ["p2", "p3"]
    assert [name for _, name in kept.reviews] == ["w2", "w3"]
