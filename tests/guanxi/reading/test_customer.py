"""What `guanxi customer` says to people, over what engagement shows of customers."""

from typing import Any

from guanxi.reading.customer import relationship
from tests.guanxi.reading.documents import AT
from tests.services.engagement.world import CUSTOMER, REP, World


def text_of(world: World, *goals: dict[str, Any]) -> str:
    shown = world.row()
    fresh = {"_id": CUSTOMER, "recorded_at": AT, "projected_at": AT}
    return relationship({**shown, **fresh}, list(goals))


def test_of_a_customer_of_whom_nothing_is_known() -> None:
    world = World()
    world.review("2026-03-01")
    text = text_of(world)
    assert "C-1  (not registered)  potential" in text
    assert "no owner" in text
    assert "never met; no cadence below general" in text
    assert "concerns" not in text


def test_of_a_customer_of_whom_all_is_known() -> None:
    world = World()
    world.customer_registered("2026-01-10", name="华芯科技")
    world.rate("2026-01-10", strategic_fit="7")
    world.tier("partner", "2026-01-10")
    world.assign("2026-01-11")
    world.assess("2026-02-01", attitude=2)
    met = [{"person_id": "p1", "department": "采购部"}]
    world.visit("2026-02-20", kind="executive", attendees=met, consensus="两季度框架", follow_ups=["send samples"])
    world.survey("2026-02-21", 9, expectation=8)
    world.concern("2026-02-22", severity="critical")
    text = text_of(world)
    for part in (
        "C-1  华芯科技  partner",
        f"{REP} (account manager)",
        "due 2026-03-06, last 2026-02-20; every 14 days",
        "1 in 365 days (1 executive), 1 in 90",
        "agreed on 2026-02-20: 两季度框架",
        "to do: send samples",
        "1 persons of 1 departments met in 365 days: 采购部",
        "relationship 2.00 (-1 opposed ... 3 coach); 1 of 1 approvers and deciders met in 90 days",
        "1 of 2 executive meetings, 0 company tours",
        "NPS 100 (n 1), the year before unknown (n 0), +1.00 against expectation",
        "critical complaint of 2026-02-22: broken pallets (answer by 2026-02-23",
    ):
        assert part in text
    assert "rated" not in text


def test_of_goals_while_they_run_and_when_they_are_over() -> None:
    world = World()
    world.review("2026-03-01")
    goal = {"metric": "nps", "baseline": 0.0, "target": 50.0, "due_on": "2026-02-01", "value": 10.0, "progress": 0.2}
    running = text_of(world, {**goal, "outcome": None, "outcome_progress": None})
    assert "nps from 0 to 50: is 10, due 2026-02-01 (20 % of the way)" in running
    over = text_of(world, {**goal, "outcome": 40.0, "outcome_progress": 0.8})
    assert "nps from 0 to 50: was 40 on 2026-02-01 (80 % of the way)" in over
