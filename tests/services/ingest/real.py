"""Admission on real servers: topics and collections of the test's own, ways to send and to read back."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from services.ingest.admission import Admission, Place
from services.ingest.admit import Claim
from services.ingest.admit.erasing import Person
from services.ingest.app import prepare_admission
from services.ingest.settings import IngestSettings
from services.ingest.store import SCHEMA, MongoStore
from shared.kafka.admin import make_topics
from shared.kafka.batches import Appender, Outgoing
from shared.kafka.connection import Record
from shared.kafka.scan import bounds, scan
from shared.mongo import Database, connect
from shared.mongo.generations import begin_generations
from shared.mongo.schema import apply
from shared.process import Process
from shared.topics import INBOX, LOG, MAX_INBOX_RECORD_BYTES, REJECTED, Topic
from tests.services.ingest.judging import ZONE

WAIT_SECONDS = 60.0
PARTITIONS = 3

logging.getLogger("aiokafka").setLevel(logging.ERROR)


def settings_from(environment: Mapping[str, str]) -> IngestSettings:
    """The settings of a process with this environment."""
    return IngestSettings.model_validate(
        {name.removeprefix("GUANXI_").lower(): value for name, value in environment.items()}
        | {"partitions": PARTITIONS}
    )


@dataclass
class Servers:
    """A real Kafka and MongoDB, set up for one test."""

    settings: IngestSettings
    database: Database
    appenders: list[Appender] = field(default_factory=list)

    def store(self) -> MongoStore:
        return MongoStore(self.database, 1)

    def appender(self) -> Appender:
        made = Appender(self.settings, max_record_bytes=MAX_INBOX_RECORD_BYTES)
        self.appenders.append(made)
        return made

    def admission(self, store: Any = None, log: Any = None) -> Admission:
        place = Place(ZONE, 1, PARTITIONS, LOG.full_name(self.settings), REJECTED.full_name(self.settings))
        return Admission(store or self.store(), log or self.appender(), place)

    async def send(self, records: Sequence[Outgoing]) -> None:
        await self.appender().append(INBOX.full_name(self.settings), records)

    async def read(self, topic: Topic) -> list[list[Record]]:
        """All records, by partition."""
        name = topic.full_name(self.settings)
        begins, ends = await bounds(self.settings, name)
        found: list[list[Record]] = [[] for _ in range(PARTITIONS)]
        async for batches in scan(self.settings, name, begins, ends):
            for partition, records in batches.items():
                found[partition] += records
        return found

    async def read_outgoing(self, topic: Topic) -> list[list[Outgoing]]:
        """As the producer's records, so that what reads a fake log reads a real one."""
        return [
            [Outgoing(record.partition, record.key, record.value, list(record.headers)) for record in records]
            for records in await self.read(topic)
        ]

    async def claims(self) -> dict[bytes, Claim]:
        identities = [bytes(document["_id"]) async for document in self.database["claims"].find({}, {"_id": 1})]
        return dict(await self.store().find(identities))

    async def ties(self) -> dict[Person, str]:
        """The ids that were drawn for persons known by name only."""
        drawn = self.database["people"].find({"tie": {"$ne": None}})
        return {(one["key"], one["tie"]): one["person_id"] async for one in drawn}

    async def admitted_all(self) -> bool:
        """Whether the stored positions have reached the inbox's end."""
        _, ends = await bounds(self.settings, INBOX.full_name(self.settings))
        return await self.store().positions(list(ends)) == ends

    @asynccontextmanager
    async def service(self) -> AsyncIterator[Process]:
        """Admission as the service wires it, without its HTTP door."""
        process = Process("ingest", self.settings)
        broker = await prepare_admission(process, self.settings, self.database, 1)
        await broker.start()
        try:
            yield process
        finally:
            await broker.stop()
            for close in process.closing:
                await close()


@asynccontextmanager
async def servers_of(environment: Mapping[str, str]) -> AsyncIterator[Servers]:
    """Topics and collections made, everything closed at the end."""
    settings = settings_from(environment)
    await make_topics(settings)
    database = connect(settings)
    servers = Servers(settings, database)
    try:
        await begin_generations(database, ("inbox", "log"))
        await apply(database, SCHEMA, 1)
        yield servers
    finally:
        for appender in servers.appenders:
            await appender.close()
        database.client.close()


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for a condition on the servers, a bounded time."""
    async with asyncio.timeout(WAIT_SECONDS):
        while not await condition():  # noqa: ASYNC110 - what is waited for happens on servers
            await asyncio.sleep(0.1)
