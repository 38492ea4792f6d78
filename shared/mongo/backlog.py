"""What waits or stands still in a service's collections, counted now and then for the metrics."""

import asyncio
import logging
from collections.abc import Callable, Collection
from datetime import datetime
from typing import NamedTuple

from shared import metrics
from shared.errors import Transient
from shared.mongo import transient_errors
from shared.mongo.states import StateStore

COUNT_EVERY_SECONDS = 30.0
MAX_COUNTED = 100_000
"""Nobody needs to know more exactly how far behind reviews are."""
MAX_QUERY_MS = 5_000

log = logging.getLogger(__name__)


class Backlog(NamedTuple):
    """Of some partitions, but `documents`, which are all of the service's main collection.

    due: customers whose day has come; frozen: customers with a record in quarantine; quarantined: those records.
    """

    documents: int
    due: int
    frozen: int
    quarantined: int


async def count_backlog(store: StateStore, collection: str, partitions: Collection[int], now: datetime) -> Backlog:
    """Count by indexes. Raises Transient."""
    due = {"partition": {"$in": sorted(partitions)}, "review_at": {"$lte": now}}
    stopped = {"_id": {"$regex": f"^g{store.generation}/"}, "partition": {"$in": sorted(partitions)}}
    async with transient_errors():
        documents = store.collection(collection)
        return Backlog(
            documents=await documents.estimated_document_count(),
            due=await documents.count_documents(due, limit=MAX_COUNTED, maxTimeMS=MAX_QUERY_MS),
            frozen=len([key for key in await store.quarantine.distinct("key", stopped) if key]),
            quarantined=await store.quarantine.count_documents(stopped, limit=MAX_COUNTED),
        )


class BacklogGauges:
    """Keeps the gauges of one service's backlog."""

    def __init__(
        self, store: StateStore, collection: str, owned: Callable[[], Collection[int]], now: Callable[[], datetime]
    ) -> None:
        self._store, self._collection, self._owned, self._now = store, collection, owned, now

    async def run(self) -> None:
        """Count forever; while MongoDB does not answer, the gauges stay, and the time of the last count tells."""
        while True:
            try:
                await self.once()
            except Transient as error:
                log.debug("backlog: %s", error)
            await asyncio.sleep(COUNT_EVERY_SECONDS)

    async def once(self) -> None:
        """Count and set."""
        now = self._now()
        counted = await count_backlog(self._store, self._collection, self._owned(), now)
        metrics.DOCUMENTS.set(counted.documents)
        metrics.DUE.set(counted.due)
        metrics.FROZEN.set(counted.frozen)
        metrics.QUARANTINED.set(counted.quarantined)
        metrics.BACKLOG_COUNTED_AT.set(now.timestamp())
