"""The views of archives on a real MongoDB agree with the Python functions beside them, and show nothing private."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr
from pymongo import MongoClient

from services.archives.store import SCHEMA
from services.archives.views.lists import grants_in_python, profiles_in_python
from shared.events.facts import AccessGranted
from shared.fold.private import PRIVATE
from shared.mongo import connect
from shared.mongo.schema import apply
from shared.settings import Settings
from tests.services.archives.given import CP, Story, at, texts

pytestmark = pytest.mark.real
NOW = datetime(2026, 8, 1, tzinfo=UTC)


def document(name: str, story: Story) -> dict[str, Any]:
    more = {"log": {"generation": 1, "offset": 7}, "recorded_at": NOW, "projected_at": NOW, "generation": 1}
    return story.entity.document() | {"_id": name, "partition": 0, **more}


async def test_the_views_are_what_python_says(mongo_uri: str, mongo_database: str) -> None:
    stories = {"a": Story(), "b": Story(), "g": Story()}
    stories["a"].tier("partner", "2026-01-01")
    stories["a"].cp(texts(*CP[:9]), "2026-01-02", grade="secret")
    stories["a"].vp("V", texts("growth"), "2026-01-03")
    stories["b"].tier("strategic", "2026-01-01")
    for name in ("g1", "g2"):
        end = at("2026-07-31").date()
        grant = AccessGranted(
            grant_id=name, grantee="r", max_grade="secret", purpose="bid", approved_by="s", expires_on=end
        )
        stories["b"].told(grant, "2026-06-01")
    stories["g"].tier("general", "2026-01-01")
    for story in stories.values():
        story.until("2026-08-01")
    documents = [document(name, story) for name, story in stories.items()]
    database = connect(Settings(mongo_uri=SecretStr(mongo_uri), mongo_database=mongo_database))
    await apply(database, SCHEMA, 1)
    database.client.close()
    with MongoClient[Any](mongo_uri, tz_aware=True) as client:
        reader = client[mongo_database]
        reader["archives_g1"].insert_many(documents)
        public = [{name: value for name, value in one.items() if name not in PRIVATE} for one in documents]
        assert [*reader["profiles"].find().sort("_id")] == [profiles_in_python(one) for one in public]
        shown = [*reader["grants"].find().sort("_id")]
        assert shown == [row for one in public for row in grants_in_python(one)]
        assert [one["_id"] for one in shown] == ["b/crm/g1", "b/crm/g2"]
        assert [one["_id"] for one in reader["profile_keys"].find()] == ["a", "b", "g"]
