"""All that is stored of a person, for the right to see it: names, texts, and what the log says of the id."""

import json
from typing import Any

from services.ingest.erasures import ERASURES, PEOPLE
from shared.errors import Stop
from shared.kafka.connection import partition_of
from shared.kafka.follow import Follower
from shared.kafka.scan import bounds
from shared.mongo import Database, transient_errors
from shared.mongo.texts import TEXTS
from shared.settings import Settings
from shared.topics import LOG

MAX_RECORDS = 100_000
"""Of the log that name one person: more are no person's."""

Json = dict[str, Any]


async def export(settings: Settings, database: Database, key: str, person_id: str) -> Json:
    """Of a restricted or erased person, whether it is; nothing of what is kept from sight. Raises Stop for more records
    than a person can have.
    """
    of = {"key": key, "person_id": person_id}
    async with transient_errors():
        known = await database[PEOPLE].find_one({"_id": of}) or {}
        erasure = await database[ERASURES].find_one({"_id": of})
        texts = await database[TEXTS].find({"key": key, "mentions": person_id, "text": {"$exists": True}}).to_list(None)
    return {
        "key": key,
        "person_id": person_id,
        "erased": None if erasure is None else erasure["mode"],
        "name": known.get("name"),
        "title": known.get("title"),
        "texts": [{"text_id": one["_id"], "text": one["text"]} for one in texts],
        "log": await _on_log(settings, key, person_id),
    }


async def _on_log(settings: Settings, key: str, person_id: str) -> list[Json]:
    """The records of this key that have the id anywhere."""
    topic, found = LOG.full_name(settings), list[Json]()
    partition = partition_of(key.encode(), settings.partitions)
    held = await bounds(settings, topic)
    begin, end = held.begins[partition], held.ends[partition]
    if begin == end:
        return found  # aiokafka's consumer does not take being stopped before it has read anything
    async with Follower(settings, topic) as follower:
        follower.seek(partition, begin)
        async for records in follower.read(end):
            for record in records:
                if record.key != key.encode() or record.value is None or person_id.encode() not in record.value:
                    continue
                event = json.loads(record.value)
                if _has(event, person_id):
                    found.append({name: event[name] for name in ("type", "time", "source", "id", "data")})
            if len(found) > MAX_RECORDS:
                raise Stop(f"over {MAX_RECORDS:,} records of {key} name {person_id!r}")
    return found


def _has(part: Any, person_id: str) -> bool:
    if isinstance(part, dict):
        return any(_has(one, person_id) for one in part.values())
    if isinstance(part, list):
        return any(_has(one, person_id) for one in part)
    return bool(part == person_id)
