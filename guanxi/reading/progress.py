"""How far each reader has come on its topic, from the positions that are stored with what it wrote."""

from dataclasses import dataclass

from shared.kafka.scan import bounds
from shared.mongo import Database, transient_errors
from shared.mongo.generations import current_generation
from shared.settings import Settings
from shared.topics import INBOX, LOG

FOLDING = ("tiering", "engagement")


@dataclass(frozen=True, slots=True)
class Progress:
    """One reader: records that its topic holds or held, how many of them it has not processed, partitions with any."""

    reader: str
    topic: str
    end: int
    behind: int
    partitions_behind: int


Stored = dict[str, dict[int, int]]
"""By reader, the next offset to process of each partition."""


async def progress(settings: Settings, database: Database) -> list[Progress]:
    """Ingest first, then the services that fold the log. Raises Transient where a store or broker does not answer.

    The ends are read after the positions: nothing is reported as caught up that was not.
    """
    stored = await stored_positions(database)
    return compare(settings, stored, await topic_ends(settings))


async def stored_positions(database: Database) -> Stored:
    """How far each reader has come. Raises Transient."""
    inbox_generation = await current_generation(database, "inbox")
    stored = {"ingest": await _offsets(database, "admission_positions", f"{inbox_generation}/")}
    for service in FOLDING:
        generation = await current_generation(database, service)
        stored[service] = await _offsets(database, f"{service}_positions", f"g{generation}/")
    return stored


async def topic_ends(settings: Settings) -> dict[str, dict[int, int]]:
    """How far inbox and log go, by topic and partition. Raises Transient."""
    return {topic: (await bounds(settings, topic)).ends for topic in (one.full_name(settings) for one in (INBOX, LOG))}


def compare(settings: Settings, stored: Stored, ends: dict[str, dict[int, int]]) -> list[Progress]:
    """Each reader against its topic."""
    found = []
    for reader, offsets in stored.items():
        topic = (INBOX if reader == "ingest" else LOG).full_name(settings)
        behind = [max(0, end - offsets.get(partition, 0)) for partition, end in ends[topic].items()]
        found.append(
            Progress(reader, topic, sum(ends[topic].values()), sum(behind), sum(1 for lag in behind if lag > 0))
        )
    return found


async def _offsets(database: Database, collection: str, prefix: str) -> dict[int, int]:
    async with transient_errors():
        return {
            int(document["_id"].removeprefix(prefix)): int(document["offset"])
            async for document in database[collection].find({"_id": {"$regex": f"^{prefix}"}})
        }
