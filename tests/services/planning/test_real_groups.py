"""A group of customers on a real MongoDB: its view is what Python says, and it is rolled up over the views of three
services.
"""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from services.engagement.store import SCHEMA as ENGAGEMENT
from services.planning.domain import Planning
from services.planning.questions import PlanningQuestions
from services.planning.store import SCHEMA as PLANNING
from services.planning.views.lists import groups_in_python
from services.tiering.store import SCHEMA as TIERING
from shared.events.facts import GroupRegistered
from shared.fold.entity import new_entity
from shared.fold.private import PRIVATE
from shared.mongo import connect
from shared.mongo.schema import apply
from shared.settings import Settings
from tests.events.log import event_of
from tests.services.engagement.usual import scans
from tests.services.engagement.world import World
from tests.services.planning.given import CATALOGUES, ZONE, Story

pytestmark = pytest.mark.real
NOW = datetime(2026, 3, 10, 1, 30, tzinfo=UTC)
FRESH = {
    "partition": 0,
    "log": {"generation": 1, "offset": 7},
    "recorded_at": NOW,
    "projected_at": NOW,
    "generation": 1,
}


def group(name: str, above: str | None) -> dict[str, Any]:
    entity = new_entity(Planning(CATALOGUES, ZONE), f"group:{name}")
    fact = GroupRegistered(name=f"Group {name}", parent_group_id=above)
    assert [*entity.fold(event_of(fact, NOW, subject=name), deciding=True)] == []
    return entity.document() | {"_id": name, **FRESH}


def cared(customer: str, group_id: str) -> dict[str, Any]:
    world = World()
    world.customer_registered("2026-03-01", name=customer, group_id=group_id)
    world.assess("2026-03-01", "p", attitude=2)
    world.tier("general", "2026-03-02")
    return world.entities["customer:C-1"].document() | {"_id": customer, **FRESH}


def tiered(customer: str, net: str) -> dict[str, Any]:
    shown = {"tier": "general", "net_365d": net, "currency": "CNY", "at_risk": True, "as_of": NOW}
    return {"_id": customer, "name": customer, **shown, **FRESH}


async def test_members_of_a_group_and_of_those_below_it(mongo_uri: str, mongo_database: str) -> None:
    database = connect(Settings(mongo_uri=SecretStr(mongo_uri), mongo_database=mongo_database))
    try:
        for schema in (TIERING, ENGAGEMENT, PLANNING):
            await apply(database, schema, 1)
        story = Story()
        story.tier("partner", "2025-06-01")
        story.until("2026-03-01")
        groups = [group("G", None), group("H", "G"), group("X", None)]
        await database["planning_groups_g1"].insert_many(groups)
        await database["planning_g1"].insert_one(story.entity.document() | {"_id": "a", **FRESH})
        await database["engagement_g1"].insert_many([cared("a", "G"), cared("b", "H"), cared("c", "X")])
        rows = [tiered("a", "4000000.00"), tiered("b", "1500000.00"), tiered("c", "7.00")]
        await database[f"{TIERING.collections[0]}_g1"].insert_many(rows)

        public = [{name: value for name, value in one.items() if name not in PRIVATE} for one in groups]
        seen = [row async for row in database["groups"].find().sort("_id")]
        assert seen == [row for one in public for row in groups_in_python(one)]
        shown = await PlanningQuestions(database).group("G")
        assert shown is not None
        assert (shown["name"], shown["groups"], shown["members"]) == ("Group G", ["H"], 2)
        assert shown["net_365d"] == {"CNY": "5500000.00"}
        assert (shown["at_risk"], shown["plans_lapsed"], shown["kcr_mean"]) == (2, 1, "2.00")
        assert (shown["tiers"], shown["incomplete"]) == ({"general": 2}, [])
        for view, field in (("member_keys", "group_id"), ("groups", "parent_group_id")):
            asked = {"find": view, "filter": {field: {"$in": ["G", "H"]}}}
            plan = await database.command({"explain": asked, "verbosity": "queryPlanner"})
            assert scans(plan) == [], view
    finally:
        database.client.close()
