"""The views of planning on a real MongoDB agree with the Python functions beside them, and show nothing private."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr
from pymongo import MongoClient

from services.planning.store import SCHEMA
from services.planning.views.lists import plan_steps_in_python, plans_in_python, service_use_in_python
from shared.fold.private import PRIVATE
from shared.mongo import connect
from shared.mongo.schema import apply
from shared.settings import Settings
from tests.services.planning.given import Story, plan, step

pytestmark = pytest.mark.real
NOW = datetime(2026, 8, 1, tzinfo=UTC)


def document(name: str, story: Story) -> dict[str, Any]:
    more = {"log": {"generation": 1, "offset": 7}, "recorded_at": NOW, "projected_at": NOW, "generation": 1}
    return story.entity.document() | {"_id": name, "partition": 0, **more}


async def test_the_views_are_what_python_says(mongo_uri: str, mongo_database: str) -> None:
    stories = {"a": Story(), "b": Story(), "g": Story(), "p": Story()}
    stories["a"].tier("partner", "2026-01-01")
    agreed = stories["a"].plan(plan(steps=(step("s", "2026-04-01"), step("t", "2026-05-01"))), "2026-03-01")
    stories["a"].plan(plan(steps=(step("t", "2026-06-01"),)), "2026-03-02", agreed)
    stories["a"].plan(plan(name="q", objectives=()), "2026-03-02")
    stories["b"].tier("strategic", "2026-01-01")
    stories["b"].delivered("training", "2026-02-01")
    stories["g"].tier("general", "2026-01-01")
    stories["p"].tier("priority", "2026-01-01")
    for story in stories.values():
        story.until("2026-08-01")
    documents = [document(name, story) for name, story in stories.items()]
    database = connect(Settings(mongo_uri=SecretStr(mongo_uri), mongo_database=mongo_database))
    await apply(database, SCHEMA, 1)
    database.client.close()
    with MongoClient[Any](mongo_uri, tz_aware=True) as client:
        reader = client[mongo_database]
        reader["planning_g1"].insert_many(documents)
        public = [{name: value for name, value in one.items() if name not in PRIVATE} for one in documents]
        for view, in_python, keys in (
            ("plans", plans_in_python, "group_plan_keys"),
            ("service_use", service_use_in_python, "service_use_keys"),
        ):
            shown = [*reader[view].find().sort("_id")]
            assert shown == [row for one in public for row in in_python(one)]
            assert [one["_id"] for one in reader[keys].find().sort("_id")] == [one["_id"] for one in shown]
        steps = [*reader["plan_steps"].find().sort("_id")]
        assert steps == sorted((row for one in public for row in plan_steps_in_python(one)), key=lambda one: one["_id"])
        assert [one["_id"] for one in steps] == ["a/crm/p/s", "a/crm/p/t"]
        assert [one["_id"] for one in reader["plans"].find().sort("_id")] == ["a", "b"]
