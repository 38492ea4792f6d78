"""Which generation of what is current: the inbox and the log on Kafka, the views of each service."""

from collections.abc import Iterable

from pymongo.errors import DuplicateKeyError

from shared.mongo import Database, transient_errors

COLLECTION = "generations"
FIRST = 1


async def current_generation(database: Database, of: str) -> int:
    """The current generation of "inbox", "log" or a service's views; the first where none is written."""
    async with transient_errors():
        document = await database[COLLECTION].find_one({"_id": of})
    return FIRST if document is None else int(document["current"])


async def begin_generations(database: Database, names: Iterable[str]) -> None:
    """Write down the first generation of each where none is."""
    async with transient_errors():
        for name in names:
            try:
                await database[COLLECTION].update_one({"_id": name}, {"$setOnInsert": {"current": FIRST}}, upsert=True)
            except DuplicateKeyError:
                continue  # another set-up was quicker
