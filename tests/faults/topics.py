"""Reading whole topics, and what readers have stored of how far they are."""

import asyncio
from typing import Any

from aiokafka import TopicPartition
from pymongo import MongoClient
from pymongo.collection import Collection

from shared.kafka.connection import make_consumer
from shared.settings import Settings
from shared.topics import Topic
from tests.faults.anomalies.observed import Reader, Record
from tests.oracle.facts import Json

READ_SECONDS = 60.0


async def read_topic(settings: Settings, topic: Topic) -> list[list[Record]]:
    """Everything that is on a topic, by partition."""
    consumer = make_consumer(settings)
    found: list[list[Record]] = [[] for _ in range(settings.partitions)]
    await consumer.start()
    try:
        partitions = [TopicPartition(topic.full_name(settings), n) for n in range(settings.partitions)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        async with asyncio.timeout(READ_SECONDS):
            while any([await consumer.position(one) < end for one, end in ends.items()]):
                for batch in (await consumer.getmany(timeout_ms=500, max_records=5000)).values():
                    for one in batch:
                        found[one.partition].append(_record(one))
    finally:
        await consumer.stop()
    return found


def _record(one: Any) -> Record:
    headers = [(name, value or b"") for name, value in one.headers]
    return Record(one.partition, one.offset, one.timestamp, one.key, one.value, headers)


class Stored:
    """What is in MongoDB, read with another client than the services'."""

    def __init__(self, uri: str, database: str) -> None:
        self._client: MongoClient[Json] = MongoClient(uri, tz_aware=True)
        self._database = self._client[database]

    def close(self, *, drop: bool) -> None:
        if drop:
            self._client.drop_database(self._database.name)
        self._client.close()

    def collection(self, name: str) -> Collection[Json]:
        """For faults that change what is stored."""
        return self._database[name]

    def documents(self, collection: str) -> list[Json]:
        return list(self._database[collection].find())

    def admitted_to(self) -> dict[int, int]:
        """The next offset of each inbox partition."""
        return {_partition(one): one["offset"] for one in self.documents("admission_positions")}

    def reader(self, service: str) -> dict[int, Reader]:
        """How far a service has folded the log."""
        return {
            _partition(one): Reader(one["offset"], {(g, p): (offset, index) for g, p, offset, index in one["vector"]})
            for one in self.documents(f"{service}_positions")
        }


def _partition(document: Json) -> int:
    return int(str(document["_id"]).rpartition("/")[2])
