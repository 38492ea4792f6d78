"""What the sweep asks MongoDB: whose day has come, and whether a backfill runs."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from shared.mongo import Database, transient_errors
from shared.mongo.states import StateStore

BACKFILLS = "backfills"


class DueDocuments:
    """Documents of customers by their due instant. (Representatives have no clock of their own.)"""

    def __init__(self, store: StateStore, collection: str, key_kind: str = "customer") -> None:
        self._store, self._collection, self._kind = store, collection, key_kind

    async def keys(
        self, partitions: Sequence[int], now: datetime, *, limit: int, chunk: int
    ) -> AsyncIterator[list[str]]:
        """The log's keys of due documents on these partitions, the longest due first, in chunks."""
        found: list[str] = []
        async with transient_errors():
            cursor = (
                self._store.collection(self._collection)
                .find(
                    {
                        "partition": {"$in": list(partitions)},
                        "due_at": {"$ne": None, "$lte": now},
                        "incomplete_since": None,
                    },
                    projection={"_id": 1},
                )
                .sort("due_at", 1)
                .limit(limit)
            )
            async for document in cursor:
                found.append(f"{self._kind}:{document['_id']}")
                if len(found) == chunk:
                    yield found
                    found = []
        if found:
            yield found


class BackfillMarks:
    """Signs of life of imports of history (domain.md, Age: sweeps pause while a backfill runs)."""

    def __init__(self, database: Database) -> None:
        self._marks = database[BACKFILLS]

    async def running(self, alive_after: datetime) -> bool:
        """Whether an import of history has given a sign of life after that instant and has not ended."""
        async with transient_errors():
            return await self._marks.find_one({"ended": False, "alive_at": {"$gt": alive_after}}) is not None

    async def alive(self, run_id: str, at: datetime) -> None:
        """Say that a run goes on; to be repeated every minute."""
        async with transient_errors():
            await self._marks.update_one({"_id": run_id}, {"$set": {"alive_at": at, "ended": False}}, upsert=True)

    async def ended(self, run_id: str, at: datetime) -> None:
        """Say that a run is over."""
        async with transient_errors():
            await self._marks.update_one({"_id": run_id}, {"$set": {"alive_at": at, "ended": True}}, upsert=True)
