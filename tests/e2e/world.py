"""The services on real servers, fed by the file door, and what can be seen of them from outside."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from pymongo import MongoClient

from local.stack.backing import Backing
from local.stack.paths import REPOSITORY
from local.stack.services import STORING, Services
from operations.status.progress import progress
from shared.mongo import connect
from shared.settings import Settings
from shared.topics import LOG
from tests.oracle.facts import Json

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
POLL_SECONDS = 0.2
SETTLE_SECONDS = 300.0
IMPORT_SECONDS = 300.0
MAPPING = REPOSITORY / "deploy" / "mappings" / "online-retail.yaml"
POLICY = REPOSITORY / "deploy" / "policies" / "wholesale-gbp.yaml"


@dataclass(frozen=True)
class LogRecord:
    """A record as it stands on the log. `position`, of admitted ones: inbox generation, partition, offset, index."""

    partition: int
    key: str
    type: str
    recorded_at: datetime
    position: tuple[int, int, int, int] | None
    value: bytes


@dataclass
class World:
    """One stack of services with a database and topics of its own."""

    services: Services
    settings: Settings
    folder: Path

    async def import_(self, files: Sequence[Path], last_on: date) -> Path:
        """`guanxi import` as an operator runs it; gives the file of refused rows."""
        refused = self.folder / f"{files[0].name}.refused.csv"
        words = [*map(str, files), "--map", str(MAPPING), "--backfill", "--shift-to", last_on.isoformat()]
        await self.services.command("import", *words, "--refused", str(refused), timeout_s=IMPORT_SECONDS)
        return refused

    async def rebuild(self, service: str) -> Path:
        """`guanxi rebuild --check`, which fails with StackError when a document differs; gives what it said."""
        return await self.services.command("rebuild", service, "--check", timeout_s=SETTLE_SECONDS)

    async def settled(self) -> None:
        """Wait until all of the log is folded and every customer's time has passed up to now."""
        database = connect(self.settings)
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                while True:
                    behind = [one.behind for one in await progress(self.settings, database)]
                    due = sum(
                        [
                            await database[name].count_documents({"due_at": {"$lte": datetime.now(UTC)}})
                            for name in ("tiering_g1", "engagement_g1", "archives_g1", "planning_g1")
                        ]
                    )
                    if not any(behind) and not due:
                        return
                    await asyncio.sleep(POLL_SECONDS)
        finally:
            database.client.close()

    async def log_end(self) -> int:
        """How many records the log holds."""
        async with self._consumer() as (consumer, partitions):
            return sum((await consumer.end_offsets(partitions)).values())

    async def log_reaches(self, records: int) -> None:
        """Wait until the log holds so many."""
        async with asyncio.timeout(IMPORT_SECONDS), self._consumer() as (consumer, partitions):
            while sum((await consumer.end_offsets(partitions)).values()) < records:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(POLL_SECONDS / 10)

    async def log(self) -> list[LogRecord]:
        """Everything on the log, each partition in its order."""
        found: list[LogRecord] = []
        async with self._consumer() as (consumer, partitions):
            ends = await consumer.end_offsets(partitions)
            while any([await consumer.position(one) < end for one, end in ends.items()]):
                batches = await consumer.getmany(timeout_ms=1000, max_records=5000)
                found += [_log_record(record) for batch in batches.values() for record in batch]
        return found

    def documents(self, collection: str, query: Mapping[str, Any] | None = None) -> list[Json]:
        """All documents of a view or a collection."""
        client: MongoClient[Json] = MongoClient(self.settings.mongo_uri.get_secret_value(), tz_aware=True)
        with client:
            return list(client[self.settings.mongo_database][collection].find(query or {}))

    def update(self, collection: str, key: str, change: Json) -> None:
        """Change one document behind the services' back."""
        client: MongoClient[Json] = MongoClient(self.settings.mongo_uri.get_secret_value())
        with client:
            client[self.settings.mongo_database][collection].update_one({"_id": key}, change)

    @asynccontextmanager
    async def _consumer(self) -> AsyncIterator[tuple[AIOKafkaConsumer, list[TopicPartition]]]:
        consumer = AIOKafkaConsumer(bootstrap_servers=self.settings.kafka_bootstrap, auto_offset_reset="earliest")
        await consumer.start()
        try:
            topic = LOG.full_name(self.settings)
            partitions = [TopicPartition(topic, n) for n in range(self.settings.partitions)]
            consumer.assign(partitions)
            yield consumer, partitions
        finally:
            await consumer.stop()


def _log_record(record: Any) -> LogRecord:
    headers = dict(record.headers)
    position = headers.get("position")
    parts = [int(part) for part in position.split(b"/")] if position else []
    return LogRecord(
        partition=record.partition,
        key=record.key.decode(),
        type=headers["type"].decode(),
        recorded_at=EPOCH + timedelta(milliseconds=record.timestamp),
        position=(parts[0], parts[1], parts[2], parts[3]) if parts else None,
        value=record.value,
    )


@asynccontextmanager
async def a_world(stack: Backing, folder: Path) -> AsyncIterator[World]:
    """Starts the services of a retailer in London, who decides by purchases alone."""
    name = secrets.token_hex(6)
    environment = {
        **stack.environment(),
        "GUANXI_MONGO_DATABASE": f"test_{name}",
        "GUANXI_TOPIC_PREFIX": f"test-{name}.",
        "GUANXI_TIME_ZONE": "Europe/London",
        "GUANXI_POLICY": str(POLICY),
        "GUANXI_API_KEYS_FILE": str(folder / "keys.yaml"),
        "GUANXI_SWEEP_EVERY_SECONDS": "1",
    }
    settings = Settings(
        **{  # type: ignore[arg-type]
            key.removeprefix("GUANXI_").lower(): value
            for key, value in environment.items()
            if key.removeprefix("GUANXI_").lower() in Settings.model_fields
        }
    )
    try:
        async with Services(stack, print, settings=environment, logs=folder, names=STORING) as services:
            yield World(services, settings, folder)
    finally:
        client: MongoClient[Json] = MongoClient(stack.mongo_uri)
        with client:
            client.drop_database(settings.mongo_database)
