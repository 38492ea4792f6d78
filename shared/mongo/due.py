"""What the sweep asks MongoDB: whose day has come, and whether a backfill runs."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

from shared.mongo import Database, Document, transient_errors
from shared.mongo.states import StateStore

BACKFILLS = "backfills"
MAX_UNENDED = 1_000
"""Imports of history without an end, of different files, that are looked at; there is hardly ever one."""


NATURAL = [("$natural", 1)]


class DueDocuments:
    """Documents of customers by when they are to be reviewed: `review_at`, which stands in an index and moves rarely,
    and is never after the day that is due (shared/fold/entity.py). (Representatives have no clock of their own.)
    """

    def __init__(self, store: StateStore, collection: str, key_kind: str = "customer") -> None:
        self._store, self._collection, self._kind = store, collection, key_kind

    async def keys(
        self,
        partitions: Sequence[int],
        now: datetime,
        *,
        limit: int,
        chunk: int,
        begun: datetime | None = None,
        but_behind: bool = False,
    ) -> AsyncIterator[list[str]]:
        """The log's keys of due documents on these partitions, in chunks: those that an earlier version wrote without
        saying when; then the others, the longest due first; then, by a look through all documents, those whose clock
        stands before `begun`, the instant at which a policy came into force: when they were written it was perhaps not
        known that this day would come. `but_behind` leaves out those whose last fact was history.
        """
        left = limit
        for asked, order in _questions(now, begun):
            query = {"partition": {"$in": list(partitions)}, **asked, "incomplete_since": None, **_but(but_behind)}
            found: list[str] = []
            async with transient_errors():
                async for document in self._documents.find(query, projection={"_id": 1}).sort(order).limit(left):
                    found.append(f"{self._kind}:{document['_id']}")
                    left -= 1
                    if len(found) == chunk:
                        yield found
                        found = []
            if found:
                yield found
            if not left:
                return

    async def waiting(self, keys: Sequence[str], now: datetime, *, begun: datetime | None = None) -> int:
        """How many of these have not been folded since they were found due."""
        ids = [key.partition(":")[2] for key in keys]
        count = 0
        async with transient_errors():
            for asked, _ in _questions(now, begun):
                query = {"_id": {"$in": ids}, **asked}
                count += len(await self._documents.find(query, projection={"_id": 1}).to_list(len(ids)))
        return count

    async def any_due(self, partitions: Sequence[int], by: datetime, *, but_behind: bool = False) -> bool:
        """Whether a document on these partitions is due by an instant."""
        asked = {"review_at": {"$lte": by}, "incomplete_since": None, **_but(but_behind)}
        query = {"partition": {"$in": list(partitions)}, **asked}
        async with transient_errors():
            return bool(await self._documents.find(query, projection={"_id": 1}).limit(1).to_list(1))

    @property
    def _documents(self) -> Any:
        return self._store.collection(self._collection)


def _but(behind: bool) -> Document:  # noqa: FBT001 - the only thing it is about
    return {"behind": {"$ne": True}} if behind else {}


def _questions(now: datetime, begun: datetime | None) -> list[tuple[Document, list[tuple[str, int]]]]:
    """Filters of those to be reviewed, each with the order in which they come."""
    in_turn = [("review_at", 1)]
    questions: list[tuple[Document, list[tuple[str, int]]]] = [
        ({"review_at": None, "fold_version": {"$ne": None}}, in_turn),
        ({"review_at": {"$lte": now}}, in_turn),
    ]
    if begun is not None:
        questions.append(({"as_of": {"$ne": None, "$lt": begun}}, NATURAL))
    return questions


class BackfillMarks:
    """Signs of life of imports of history (domain.md, Age). One that was cut off
    has no end until it is run again, under the same id.
    """

    def __init__(self, database: Database) -> None:
        self._marks = database[BACKFILLS]

    async def last_alive(self) -> datetime | None:
        """The last sign of life of imports of history that have not ended, or None."""
        async with transient_errors():
            found = await self._marks.find({"ended": False}).to_list(MAX_UNENDED)
        return max((mark["alive_at"] for mark in found), default=None)

    async def alive(self, run_id: str, at: datetime) -> None:
        """Say that a run goes on; to be repeated every minute."""
        async with transient_errors():
            await self._marks.update_one({"_id": run_id}, {"$set": {"alive_at": at, "ended": False}}, upsert=True)

    async def ended(self, run_id: str, at: datetime) -> None:
        """Say that a run is over."""
        async with transient_errors():
            await self._marks.update_one({"_id": run_id}, {"$set": {"alive_at": at, "ended": True}}, upsert=True)
