"""The views but rep_weeks on a real MongoDB: contact_plan, staffing, goals and the others."""

from typing import Any

import pytest
from pydantic import SecretStr
from pymongo import MongoClient

from services.tiering.store import SCHEMA as TIERING
from shared.events.facts import ConcernRaised
from shared.mongo import connect
from shared.mongo.schema import apply
from shared.settings import Settings
from tests.services.engagement.views import Reader, general
from tests.services.engagement.world import REP, World

pytestmark = pytest.mark.real


async def test_the_contact_plan_goes_by_tier_then_due_day_then_id(reader: Reader) -> None:
    world = World()
    for customer, tier in (("b", "general"), ("a", "general"), ("s", "strategic"), ("p", "potential")):
        world.tier(tier, "2026-01-10", customer=customer)
        world.visit("2026-02-01", customer=customer, consensus="价格表", follow_ups=["call back"])
    world.tier("general", "2026-01-05", customer="n")
    world.review("2026-02-02", "n")
    world.review("2026-02-10", "s")
    plan = await reader.view("contact_plan", world)
    assert [(row["_id"], row["due_on"], row["reasons"]) for row in plan] == [
        ("s", "2026-02-08", ["lapsed", "unowned"]),
        ("n", "2026-04-05", ["never_met", "unowned", "cadence"]),
        ("a", "2026-05-02", ["unowned", "cadence"]),
        ("b", "2026-05-02", ["unowned", "cadence"]),
    ]
    assert (plan[0]["last_consensus"], plan[0]["follow_ups"]) == ("价格表", ["call back"])


async def test_texts_are_looked_up_when_a_view_is_read_and_gone_when_they_are_erased(reader: Reader) -> None:
    world = World()
    agreed, call, about, lost = (written(number) for number in range(4))
    world.tier("general", "2026-01-10", customer="new")
    world.visit("2026-02-01", customer="new", consensus=agreed, follow_ups=[call, lost, "as of before"])
    world.tell(
        ConcernRaised.model_validate({"concern_id": "k", "kind": "complaint", "severity": "major", "about": about}),
        "2026-02-01",
        subject="new",
        record=("concern", "k"),
    )
    (plan,) = await reader.view("contact_plan", world)
    assert (plan["last_consensus"], plan["follow_ups"]) == (None, [None, None, "as of before"])
    with MongoClient[dict[str, Any]](reader.uri) as client:
        database = client[reader.name]
        texts = {agreed["text_id"]: "价格表", call["text_id"]: "x" * 301, about["text_id"]: "broken pallets"}
        database["texts"].insert_many([{"_id": text_id, "text": text} for text_id, text in texts.items()])
        plan, row, concern = (database[view].find_one({}) or {} for view in ("contact_plan", "engagement", "concerns"))
        cut = "x" * 299 + "…"
        assert (plan["last_consensus"], plan["follow_ups"]) == ("价格表", [cut, None, "as of before"])
        assert (row["last_visit"]["consensus"], row["last_visit"]["follow_ups"]) == ("价格表", plan["follow_ups"])
        assert plan["concerns"] == row["concerns"]["list"]
        assert concern["about"] == plan["concerns"][0]["about"] == "broken pallets"
        assert not any("_texts" in shown for shown in (plan, row, concern))
        database["texts"].update_many({}, {"$unset": {"text": ""}})
        plan, concern = (database[view].find_one({}) or {} for view in ("contact_plan", "concerns"))
        assert (plan["last_consensus"], concern["about"]) == (None, None)


def written(number: int) -> Any:
    return {"text_id": f"text:{number:032x}", "chars": 9}


async def test_the_relationship_assessment_table_is_of_strategic_and_partner(reader: Reader, world: World) -> None:
    for customer, tier in (("g", "general"), ("p", "partner"), ("s", "strategic")):
        world.tier(tier, "2026-01-10", customer=customer)
        world.visit("2026-02-01", customer=customer, kind="executive")
    table = await reader.view("relationship_assessments", world)
    shown = [(row["customer"], row["executive_meetings_365d"], row["executive_meetings_owed"]) for row in table]
    assert shown == [("s", 1, 4), ("p", 1, 2)]


async def test_satisfaction_and_concerns_by_tier(reader: Reader, world: World) -> None:
    world.tier("general", "2026-01-10")
    for score in (10, 9, 3):
        world.survey("2026-02-01", score)
    world.survey("2026-02-01", 6, "ces")
    world.concern("2026-02-01", severity="critical")
    world.confirm("2026-02-03", accepted=False)
    world.tier("general", "2026-01-10", customer="b")
    world.review("2026-03-01", "b")
    (care,) = await reader.view("tier_care", world)
    assert (care["tier"], care["customers"], care["nps"]["this_year"]) == ("general", 2, {"n": 3, "value": 33.33})
    assert (care["ces"]["this_year"]["value"], care["csat"]["last_year"]["value"]) == (6.0, None)
    concerns = care["concerns"]
    assert (concerns["open"], concerns["open_by_severity"]["critical"], concerns["reopened"]) == (1, 1, 1)
    assert concerns["loop_rate"] is None


async def test_staffing_is_what_the_tiers_ask_for_against_the_roster(reader: Reader, world: World) -> None:
    world.register("2026-01-05", "P", role="product_manager", fte="0.5")
    world.register("2026-01-05", "gone", active_until="2026-02-01")
    world.register("2026-01-05", "X", role="executive")
    for index in range(10):
        world.tier("strategic", "2026-01-10", customer=f"s{index}")
        world.review("2026-02-10", f"s{index}")
    (need,) = await reader.view("staffing", world)
    assert (need["asked_per_week"], need["representatives"], need["fte"]) == (10.0, 2, 1.5)
    assert (need["can_per_week"], need["short_per_week"]) == (7.5, 2.5)


async def test_goals_of_customers_and_representatives(reader: Reader, world: World) -> None:
    general(world, "a", "b")
    world.goal("2026-02-01", "nps", "0", "100", "2026-12-31", subject="a")
    world.survey("2026-02-01", 10)
    world.goal("2026-02-01", "counted", "0", "4", "2026-03-04", subject=REP, kind="representative")
    world.goal("2026-02-01", "coverage_90d", "0", "1", "2026-12-31", subject=REP, kind="representative")
    world.goal("2026-02-01", "score", "40", "60", "2026-12-31", subject="a")
    world.visit("2026-03-02", customer="a")
    world.visit("2026-03-03", customer="b")
    world.review("2026-03-12", "a")
    goals = {goal["metric"]: goal for goal in await reader.view("goals", world)}
    assert {metric: (goal["scope"], goal["subject"]) for metric, goal in goals.items()} == {
        "nps": ("customer", "a"),
        "score": ("customer", "a"),
        "counted": ("representative", REP),
        "coverage_90d": ("representative", REP),
    }
    counted = goals["counted"]
    assert (counted["value"], counted["progress"], counted["outcome"], counted["outcome_progress"]) == (0, 0, 2, 0.5)
    assert (goals["coverage_90d"]["value"], goals["coverage_90d"]["outcome"]) == (1.0, None)
    assert (goals["nps"]["value"], goals["score"]["value"]) == (None, None)


async def test_score_and_net_of_goals_are_tierings(
    reader: Reader, world: World, mongo_uri: str, mongo_database: str
) -> None:
    """The value is tiering's row, the outcome what tiering noted on that day; not that of an earlier goal."""
    for metric in ("score", "net_365d"):
        world.goal("2026-02-01", metric, "0", "100", "2026-03-04", subject="a")
    world.review("2026-03-12", "a")
    tiering = connect(Settings(mongo_uri=SecretStr(mongo_uri), mongo_database=mongo_database))
    await apply(tiering, TIERING, 1)
    outcomes = [
        {"metric": "score", "due_on": "2026-03-04", "outcome": "61.5"},
        {"metric": "net_365d", "due_on": "2026-02-04", "outcome": "7.00"},
    ]
    row = {"_id": "a", "tier": "general", "score": 40.0, "net_365d": "125.50", "goal_outcomes": outcomes}
    await tiering["tiering_g1"].insert_one(row)
    tiering.client.close()
    goals = {goal["metric"]: goal for goal in await reader.view("goals", world)}
    score, net = goals["score"], goals["net_365d"]
    assert (score["value"], score["progress"], score["outcome"], score["outcome_progress"]) == (40.0, 0.4, 61.5, 0.62)
    assert (net["value"], net["progress"], net["outcome"], net["outcome_progress"]) == (125.5, 1.26, None, None)


async def test_the_plan_says_who_is_unowned_and_who_is_unrated(reader: Reader, world: World) -> None:
    for customer in ("owned", "rated", "lapsed", "neither"):
        world.tier("general", "2026-01-10", customer=customer)
    world.assign("2026-01-11", None, customer="owned", product_manager="P", on="2026-01-11")
    world.rate("2026-01-11", "rated", market_standing="5")
    world.rate("2026-01-11", "lapsed", market_standing="5", valid_until="2026-02-28")
    for customer in ("owned", "rated", "lapsed", "neither"):
        world.review("2026-03-01", customer)
    plan = {row["_id"]: row for row in await reader.view("contact_plan", world)}
    assert {name for name, row in plan.items() if row["unowned"]} == {"rated", "lapsed", "neither"}
    assert {name for name, row in plan.items() if row["unrated"]} == {"owned", "lapsed", "neither"}
    assert (plan["owned"]["owned_by"], plan["owned"]["owners"]) == (
        ["P"],
        {"account_manager": None, "product_manager": "P"},
    )
    assert all(("unowned" in row["reasons"]) == row["unowned"] for row in plan.values())


async def test_views_show_nothing_private(reader: Reader, world: World) -> None:
    general(world, "a")
    world.assess("2026-03-01")
    world.concern("2026-03-02")
    world.goal("2026-03-02", "nps", "10", "30", "2026-12-31")
    for view in ("engagement", "contact_plan", "rep_weeks", "concerns", "key_persons", "goals"):
        rows = await reader.view(view, world)
        assert rows, view
        for row in rows:
            assert not {"fold", "pending", "due_at", "marked_due", "behind", "live", "fold_version"} & row.keys()
            assert {"as_of", "recorded_at", "projected_at", "generation"} <= row.keys(), view
    assert "key_persons" not in (await reader.view("engagement", world))[0]["relationship"]
