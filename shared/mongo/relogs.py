"""What is written down of a relog while it runs: nothing may read or write the log meanwhile."""

from dataclasses import dataclass
from typing import Any

from shared.errors import Stop
from shared.mongo import Database, transient_errors
from shared.mongo.generations import COLLECTION, FIRST

LOG = "log"


@dataclass(slots=True)
class Relog:
    """The generation that is being made and its partitions; `tiers`: how far guanxi.tiers is: "", "aside", "done"."""

    generation: int
    partitions: int
    tiers: str = ""

    async def note(self, database: Database, tiers: str) -> None:
        """Write down how far guanxi.tiers is."""
        async with transient_errors():
            await database[COLLECTION].update_one({"_id": LOG}, {"$set": {"relog.tiers": tiers}})
        self.tiers = tiers


async def relog_under_way(database: Database) -> Relog | None:
    """The relog that has begun and not ended."""
    async with transient_errors():
        document = await database[COLLECTION].find_one({"_id": LOG}) or {}
    found = document.get("relog")
    return None if found is None else Relog(found["generation"], found["partitions"], found["tiers"])


async def begin_relog(database: Database, current: int, partitions: int) -> Relog:
    """Write down that a relog begins, or goes on. Raises Stop when it contradicts what is written down."""
    begun = await relog_under_way(database)
    if begun is not None:
        if begun.partitions != partitions:
            raise Stop(
                f"a relog to {begun.partitions} partitions is unfinished: run it to completion, or use --abandon"
            )
        return begun
    made = Relog(current + 1, partitions)
    change = {"relog": {"generation": made.generation, "partitions": partitions, "tiers": ""}}
    async with transient_errors():
        await database[COLLECTION].update_one({"_id": LOG}, {"$setOnInsert": {"current": FIRST}}, upsert=True)
        found = await database[COLLECTION].update_one({"_id": LOG, "current": current}, {"$set": change})
    if not found.matched_count:
        raise Stop("the log's generation differs from GUANXI_LOG_GENERATION")
    return made


async def end_relog(database: Database, generation: int | None = None, session: Any = None) -> None:
    """It is over: with a generation, that one is the log from now on."""
    change: dict[str, Any] = {"$unset": {"relog": ""}}
    if generation is not None:
        change["$set"] = {"current": generation}
    async with transient_errors():
        await database[COLLECTION].update_one({"_id": LOG}, change, session=session)
