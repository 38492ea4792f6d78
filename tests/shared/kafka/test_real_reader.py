"""Reading a topic of a real Kafka by positions of one's own."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from shared.health import Health
from shared.kafka.admin import make_topics
from shared.kafka.batches import Appender, Outgoing
from shared.kafka.broker import make_broker
from shared.kafka.connection import Record, client_options
from shared.kafka.reader import TopicReader
from shared.settings import Settings
from shared.topics import INBOX

pytestmark = pytest.mark.real

PARTITIONS = 2
WAIT_SECONDS = 60.0


@dataclass
class Seen:
    """A processor that keeps what it gets, and its positions."""

    stored: dict[int, int] = field(default_factory=dict)
    values: list[bytes | None] = field(default_factory=list)
    fail: int = 0
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def positions(self, partitions: Collection[int]) -> Mapping[int, int]:
        return {partition: self.stored.get(partition, 0) for partition in partitions}

    async def process(self, batches: Mapping[int, Sequence[Record]]) -> None:
        if self.fail:
            self.fail -= 1
            raise ConnectionError("the store is away")
        for partition, records in batches.items():
            self.values += [record.value for record in records]
            self.stored[partition] = records[-1].offset + 1
        await self.tell()

    async def tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    def forget(self) -> None:
        """Nothing is held."""


@pytest.fixture
async def settings(stack_settings: dict[str, str]) -> Settings:
    names = {name.removeprefix("GUANXI_").lower(): value for name, value in stack_settings.items()}
    made = Settings.model_validate(names | {"partitions": PARTITIONS})
    await make_topics(made)
    return made


@asynccontextmanager
async def reading(settings: Settings, seen: Seen, **options: Any) -> AsyncIterator[Health]:
    health = Health("test")
    broker = make_broker(settings, "test")
    topic = INBOX.full_name(settings)
    loop = asyncio.get_running_loop()
    telling: list[asyncio.Task[None]] = []
    on_stop = lambda: telling.append(loop.create_task(seen.tell()))  # noqa: E731
    TopicReader(topic, f"{topic}-test", seen, settings, health, on_stop=on_stop, **options).register(broker)
    await broker.start()
    try:
        yield health
    finally:
        await broker.stop()


async def until(seen: Seen, health: Health, count: int) -> None:
    async with asyncio.timeout(WAIT_SECONDS), seen.changed:
        await seen.changed.wait_for(lambda: len(seen.values) >= count or health.stopped)


def outgoing(*values: str, partition: int = 0) -> list[Outgoing]:
    return [Outgoing(partition, None, value.encode(), []) for value in values]


async def test_it_goes_on_from_the_stored_positions(settings: Settings) -> None:
    appender = Appender(settings)
    await appender.append(INBOX.full_name(settings), outgoing("a", "b", "c") + outgoing("x", "y", partition=1))
    seen = Seen({0: 1, 1: 2})
    async with reading(settings, seen) as health:
        await until(seen, health, 2)
        await appender.append(INBOX.full_name(settings), outgoing("z", partition=1))
        await until(seen, health, 3)
    await appender.close()
    assert seen.values == [b"b", b"c", b"z"]
    assert seen.stored == {0: 3, 1: 3}


async def test_what_failed_comes_again(settings: Settings) -> None:
    appender = Appender(settings)
    seen = Seen(fail=2)
    async with reading(settings, seen) as health:
        await appender.append(INBOX.full_name(settings), outgoing("a", "b", "c"))
        await until(seen, health, 3)
    await appender.close()
    assert seen.values == [b"a", b"b", b"c"]


async def test_a_position_outside_of_what_kafka_holds_stops_it(settings: Settings) -> None:
    seen = Seen({0: 7})
    async with reading(settings, seen) as health:
        await until(seen, health, 1)
    assert "the stored position 7 is outside the topic (0 to 0)" in (health.stopped or "")


async def test_transactions_of_other_producers_hold_nothing_up(settings: Settings) -> None:
    """The end of a transaction takes an offset that no consumer sees."""
    seen = Seen()
    producer = AIOKafkaProducer(**client_options(settings), transactional_id=f"{settings.topic_prefix}upstream")
    await producer.start()
    async with reading(settings, seen, gapless=False) as health:
        for count, value in enumerate((b"a", b"b", b"c"), start=1):
            async with producer.transaction():
                await producer.send_and_wait(INBOX.full_name(settings), value, partition=0)
            await until(seen, health, count)
    await producer.stop()
    assert health.stopped is None
    assert seen.values == [b"a", b"b", b"c"]
