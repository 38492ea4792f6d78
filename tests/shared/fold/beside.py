"""A toy service's live generation and one built beside it, on an in-memory MongoDB, both folded from one log."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from pymongo import DeleteOne, ReplaceOne

from shared.fold.processor import LogProcessor
from shared.mongo.generations import BUILDING
from shared.mongo.states import StateStore
from tests.shared.fakes import TOY, Appended, LogRecord, memory_database, purchase

LIVE, TARGET = 1, 2


class Beside:
    """`rebuild` is what compare and handover ask of a Rebuild."""

    def __init__(self) -> None:
        self.database: Any = memory_database()
        self.appended = Appended()
        self._live = self._processor(self.store(LIVE), deciding=True)
        self._built = self._processor(self.store(TARGET, mark=BUILDING), deciding=False)
        self.rebuild: Any = SimpleNamespace(
            database=self.database,
            domain=TOY,
            live=LIVE,
            target=TARGET,
            token="token",
            settings=SimpleNamespace(partitions=1),
            schema=SimpleNamespace(collections=["levels", "level_history"]),
            store=self.store,
        )

    def store(self, generation: int, *, mark: str | None = None) -> StateStore:
        return StateStore(self.database, "toy", generation, 1, mark=mark)

    def _processor(self, store: StateStore, *, deciding: bool) -> LogProcessor[Any, Any]:
        appender: Any = self.appended
        return LogProcessor(TOY, store, appender, "log", now=lambda: purchase("1.00").time, deciding=deciding)

    async def fold_live(self, *records: LogRecord) -> None:
        await self._fold(self._live, records)

    async def fold_built(self, *records: LogRecord) -> None:
        await self._fold(self._built, records)

    async def fold(self, *records: LogRecord) -> None:
        await self.fold_live(*records)
        await self.fold_built(*records)

    async def _fold(self, processor: LogProcessor[Any, Any], records: tuple[LogRecord, ...]) -> None:
        await processor.positions([0])
        await processor.process({0: list(records)})

    def published(self, offset: int) -> LogRecord:
        """The decision published last, as it stands on the log."""
        one = self.appended.records[-1]
        assert one.value is not None
        at = int(purchase("1.00").recorded_at.timestamp() * 1000)
        return LogRecord(0, offset, at, one.key, one.value, one.headers)

    async def put(self, collection: str, document: Mapping[str, Any]) -> None:

        await self.database[collection].bulk_write([ReplaceOne({"_id": document["_id"]}, dict(document), upsert=True)])

    async def change(self, collection: str, document_id: str, **fields: Any) -> None:
        """Behind the services' back."""
        document = await self.database[collection].find_one({"_id": document_id})
        await self.put(collection, {**document, **fields})

    async def lose(self, collection: str, document_id: str) -> None:

        await self.database[collection].bulk_write([DeleteOne({"_id": document_id})])
