"""A world put into MongoDB as the log processor would, and its views read back."""

from datetime import UTC, date, datetime
from typing import Any

from pydantic import SecretStr
from pymongo import MongoClient
from pymongo.database import Database

from services.engagement.calendar import Calendar
from services.engagement.store import SCHEMA, week_documents, write_weeks
from services.engagement.views.freshness import FIELDS, FRESHNESS
from shared.mongo import connect
from shared.mongo.schema import apply
from shared.settings import Settings
from tests.services.engagement.world import World

FIRST_WEEK, LAST_WEEK = date(2023, 1, 2), date(2027, 12, 31)
PROJECTED_AT = datetime(2026, 1, 1, tzinfo=UTC)


async def set_up(uri: str, name: str, calendar: Calendar, world: World) -> Database[Any]:
    """Collections, indexes, views and weeks."""
    database = connect(Settings(mongo_uri=SecretStr(uri), mongo_database=name))
    try:
        await apply(database, SCHEMA, 1)
        await write_weeks(database, week_documents(calendar, world.zone, FIRST_WEEK, LAST_WEEK))
    finally:
        database.client.close()
    client: MongoClient[Any] = MongoClient(uri, tz_aware=True)
    return client[name]


def put(world: World, database: Database[Any]) -> None:
    """All documents and rows of a world."""
    by_collection: dict[str, list[dict[str, Any]]] = {}
    for key, entity in world.entities.items():
        document = entity.document() | {
            "_id": entity.subject,
            "partition": 0,
            "log": {"generation": 1, "offset": 1},
            "recorded_at": entity.recorded_at,
            "projected_at": PROJECTED_AT,
            "generation": 1,
        }
        by_collection.setdefault(world.domain.collection(key), []).append(document)
    for (collection, row_id), document in world.rows.items():
        by_collection.setdefault(collection, []).append({"_id": row_id, **document})
    fresh: list[dict[str, Any]] = []
    for of in ("engagement", "representatives"):
        told = [one for one in by_collection.get(of, ()) if one["as_of"] is not None]
        if told:
            newest = {name: max(one[name] for one in told) for name in FIELDS}
            fresh.append({"_id": f"{of}/0", "of": of, "partition": 0, **newest})
    database[f"{FRESHNESS}_g1"].delete_many({})
    database[f"{FRESHNESS}_g1"].insert_many(fresh)
    for collection, documents in by_collection.items():
        database[f"{collection}_g1"].delete_many({})
        database[f"{collection}_g1"].insert_many(documents)
