"""What a restore writes by hand: that it is under way, the generations, the positions that it folds up to."""

from collections.abc import Mapping
from typing import Any

from shared.mongo import Database, transient_errors
from shared.mongo.generations import COLLECTION, FIRST

LOG = "log"


async def restore_under_way(database: Database) -> str | None:
    """The backup whose restore has begun and not ended, by the instant at which it was taken."""
    async with transient_errors():
        document = await database[COLLECTION].find_one({"_id": LOG}) or {}
    found: str | None = document.get("restore")
    return found


async def begin_restore(database: Database, backup: str) -> None:
    """From here on nothing else may read or write the log (shared/mongo/generations.py), until `end_restore`."""
    async with transient_errors():
        await database[COLLECTION].delete_many({"_id": {"$ne": LOG}})
        await database[COLLECTION].replace_one({"_id": LOG}, {"current": FIRST, "restore": backup}, upsert=True)


async def end_restore(database: Database, session: Any) -> None:
    """It is over."""
    await database[COLLECTION].update_one({"_id": LOG}, {"$unset": {"restore": ""}}, session=session)


async def set_generations(database: Database, current: Mapping[str, int]) -> None:
    """The generations that the backup's positions and claims speak of."""
    async with transient_errors():
        for name, generation in current.items():
            await database[COLLECTION].update_one({"_id": name}, {"$set": {"current": generation}}, upsert=True)


async def set_positions(
    database: Database, service: str, generation: int, log_generation: int, offsets: Mapping[int, int]
) -> None:
    """Where a service had come on the log, for an empty generation of its views."""
    async with transient_errors():
        await database[f"{service}_positions"].insert_many(
            [
                {
                    "_id": f"g{generation}/{partition}",
                    "log_generation": log_generation,
                    "partition": partition,
                    "offset": offset,
                    "vector": [],
                }
                for partition, offset in offsets.items()
            ]
        )
