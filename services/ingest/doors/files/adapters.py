"""The ports of an import on Kafka and MongoDB."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path

from services.ingest.doors.files.ports import Place, Ports, Standing
from services.ingest.doors.files.riding import riding
from services.ingest.inbox import InboxRecord
from services.ingest.store import MongoStore
from shared.errors import Transient
from shared.kafka.batches import Appender, Outgoing
from shared.kafka.connection import partition_of
from shared.mongo import Database, connect, transient_errors
from shared.mongo.due import BackfillMarks
from shared.mongo.generations import current_generation
from shared.settings import Settings
from shared.topics import INBOX, MAX_INBOX_RECORD_BYTES

MARK_EVERY_SECONDS = 60.0
STATES = ("tiering", "engagement", "archives", "planning")
"""Services whose customer documents show how far each customer is; also the base names of the collections."""


class KafkaInbox:
    """Appends in rounds, with at most one unacknowledged batch per partition: history interrupted by a failure has no
    gap, so that the next import continues where it stopped.
    """

    def __init__(self, appender: Appender, settings: Settings) -> None:
        self._appender, self._settings = appender, settings

    async def append(self, records: Sequence[InboxRecord]) -> Sequence[Place]:
        """Append, and wait for the acknowledgements."""
        topic, partitions = INBOX.full_name(self._settings), self._settings.partitions
        outgoing = [
            Outgoing(partition_of(record.key, partitions), record.key, record.value, record.headers)
            for record in records
        ]
        return [Place(*place) for place in await self._appender.append(topic, outgoing)]


class MongoKnown:
    """Reads the current generation of the folded documents."""

    def __init__(self, database: Database, collections: Sequence[str]) -> None:
        self._collections = [database[name] for name in collections]

    async def standing(self, customers: Collection[str]) -> dict[str, Standing]:
        """The known customers among those given, with the latest clock of any service."""
        found: dict[str, Standing] = {}
        projection = {"live": 1, "as_of": 1}
        async with transient_errors():
            for collection in self._collections:
                async for document in collection.find({"_id": {"$in": list(customers)}}, projection=projection):
                    before = found.get(document["_id"], Standing(live=False, clock=None))
                    clocks = [at for at in (before.clock, document.get("as_of")) if at is not None]
                    live = before.live or bool(document.get("live"))
                    found[document["_id"]] = Standing(live, max(clocks, default=None))
        return found


@asynccontextmanager
async def connected(settings: Settings, *, backfill: str | None) -> AsyncIterator[Ports]:
    """The ports, closed at the end of the block. `backfill` names a run of history; an interrupted run keeps its name
    when run again. It is marked as running until it completes, so that sweeps wait. Raises Transient.
    """
    database = connect(settings)
    appender = Appender(settings, max_record_bytes=MAX_INBOX_RECORD_BYTES)
    try:
        generation = await current_generation(database, "inbox")
        states = [f"{name}_g{await current_generation(database, name)}" for name in STATES]
        ports = Ports(
            inbox=KafkaInbox(appender, settings),
            backfill_token=settings.backfill_token.get_secret_value().encode(),
            claims=(store := MongoStore(database, generation)),
            admitted=store,
            known=MongoKnown(database, states),
            generation=generation,
        )
        async with _marked(BackfillMarks(database), backfill) if backfill else contextlib.nullcontext():
            yield riding(ports)
    finally:
        await appender.close()
        database.client.close()


@asynccontextmanager
async def _marked(
    marks: BackfillMarks, run_id: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> AsyncIterator[None]:
    await marks.alive(run_id, now())
    marking = asyncio.create_task(_mark(marks, run_id, now))
    try:
        yield
        with contextlib.suppress(Transient):  # then the run counts as cut off, and another one ends it
            await marks.ended(run_id, now())
    finally:
        marking.cancel()


def run_name(files: Iterable[Path]) -> str:
    """The name of the run that imports these files, whatever folder it starts in and whatever their order."""
    paths = sorted(str(file.resolve()) for file in files)
    return blake2b("\0".join(paths).encode(), digest_size=8).hexdigest()


async def _mark(marks: BackfillMarks, run_id: str, now: Callable[[], datetime]) -> None:
    while True:
        await asyncio.sleep(MARK_EVERY_SECONDS)
        with contextlib.suppress(Transient):
            await marks.alive(run_id, now())
