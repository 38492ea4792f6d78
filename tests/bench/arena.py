"""Where the benchmark takes place: a fresh stack, its services, and the two ways in."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from local.stack.backing import Backing, backing
from local.stack.paths import REPOSITORY
from local.stack.services import STORING, Services
from shared.kafka.batches import Appender, Outgoing
from shared.kafka.connection import client_options, make_consumer, partition_of
from shared.keys.edit import create_key
from shared.mongo import Database, connect
from shared.settings import Settings
from shared.topics import INBOX, LOG
from tests.bench.door import Door
from tests.bench.pipeline import FOLDING

POLICY = REPOSITORY / "deploy" / "policies" / "default-cny.yaml"
WRITE_RECORDS = 2_000
"""Events per append: what an import writes at a time."""
POLL_SECONDS = 0.02
SETTLE_SECONDS = 300.0
Fill = Callable[[Database, Settings], Awaitable[None]]


@dataclass(slots=True)
class Arena:
    """Everything that a measurement needs."""

    servers: Backing
    services: Services
    settings: Settings
    database: Database
    door: Door
    appender: Appender
    consumer: AIOKafkaConsumer
    say: Callable[[str], None]

    def pids(self) -> dict[str, int]:
        """Processes by name; servers that somebody else runs are left out."""
        backed = {"Kafka (java)": self.servers.kafka.process, "MongoDB (mongod)": self.servers.mongo.process}
        pids = {name: process.pid for name, process in backed.items() if process is not None}
        names = self.services.names
        return pids | {name: self.services.pid(name) for name in names if self.services.running(name)}

    async def make_topic(self, name: str) -> None:
        """A topic with as many partitions as the inbox."""
        admin = AIOKafkaAdminClient(**client_options(self.settings))
        await admin.start()
        try:
            await admin.create_topics([NewTopic(name, self.settings.partitions, 1)])
        finally:
            await admin.close()

    async def write(self, records: Sequence[tuple[bytes, bytes]], topic: str | None = None) -> None:
        """Append keys and values to the inbox, or to another topic of as many partitions, as fast as Kafka takes."""
        name = topic or INBOX.full_name(self.settings)
        for start in range(0, len(records), WRITE_RECORDS):
            some = records[start : start + WRITE_RECORDS]
            await self.appender.append(name, [self._outgoing(key, value) for key, value in some])

    def _outgoing(self, key: bytes, value: bytes) -> Outgoing:
        return Outgoing(
            partition_of(key, self.settings.partitions), key, value, [("content-type", b"application/json")]
        )

    async def settled(self) -> float:
        """Waits until every record written so far, and every decision that came of it, is in the collections of every
        folding service that runs, by their stored positions; gives the moment (perf_counter) at which that was seen.
        """
        folding = [f"{name}_positions" for name in FOLDING if name in self.services.names]
        deadline = time.perf_counter() + SETTLE_SECONDS
        inbox_end = await self._end(INBOX.full_name(self.settings))
        while await self._offsets("admission_positions") < inbox_end:
            await self._wait(deadline)
        while True:
            log_end = await self._end(LOG.full_name(self.settings))
            for positions in folding:
                while await self._offsets(positions) < log_end:
                    await self._wait(deadline)
            seen = time.perf_counter()
            if await self._end(LOG.full_name(self.settings)) == log_end:
                return seen

    async def _wait(self, deadline: float) -> None:
        if time.perf_counter() > deadline:
            raise TimeoutError(f"not everything was folded within {SETTLE_SECONDS:.0f} s")
        await asyncio.sleep(POLL_SECONDS)

    async def _end(self, topic: str) -> int:
        partitions = [TopicPartition(topic, number) for number in range(self.settings.partitions)]
        return sum((await self.consumer.end_offsets(partitions)).values())

    async def _offsets(self, collection: str) -> int:
        """Sum over the partitions: each only grows, and none passes its topic's end."""
        return sum([document["offset"] async for document in self.database[collection].find({}, {"offset": 1})])


@asynccontextmanager
async def arena(
    say: Callable[[str], None],
    environment: Mapping[str, str] | None = None,
    names: Sequence[str] = STORING,
    prepare: Fill | None = None,
) -> AsyncIterator[Arena]:
    """A fresh stack with a real Kafka, the services on it (`tiering-2` is a second process of tiering), and an API
    key. All of it ends with the block. prepare: what is done between set-up and the services' start.
    """
    async with backing(say, real_kafka_only=True) as servers:
        keys_file = servers.folder / "keys.yaml"
        _, token = create_key(keys_file, ["*"], now=datetime.now(UTC))
        chosen = {"GUANXI_POLICY": str(POLICY), "GUANXI_API_KEYS_FILE": str(keys_file), **(environment or {})}
        services, settings = Services(servers, say, settings=chosen, names=names), settings_of(servers)
        async with AsyncExitStack() as held:
            database = connect(settings)
            held.callback(database.client.close)
            if prepare is not None:
                await services.set_up()
                await prepare(database, settings)
            await held.enter_async_context(services)
            consumer = make_consumer(settings)
            appender = Appender(settings)
            await consumer.start()
            held.push_async_callback(consumer.stop)
            held.push_async_callback(appender.close)
            door = await held.enter_async_context(Door(services.url(), token))
            yield Arena(servers, services, settings, database, door, appender, consumer, say)


def settings_of(servers: Backing) -> Settings:
    """Settings with the endpoints of a stack."""
    return Settings.model_validate({"kafka_bootstrap": servers.kafka_bootstrap, "mongo_uri": servers.mongo_uri})
