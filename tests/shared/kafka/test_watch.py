"""What a reader tells of Kafka and of its lag, asked when somebody wants to know."""

import asyncio
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError

from shared import metrics
from shared.kafka import watch as watch_module
from shared.kafka.watch import Watch
from tests.shared.fakes import LogRecord

TOPIC = "test.guanxi.inbox"


@dataclass
class Consumer:
    """What is asked of a consumer: where the topic ends, and how far it has read."""

    ends: dict[int, int] = field(default_factory=lambda: {0: 10})
    read_to: int = 10
    error: Exception | None = None
    hangs: bool = False

    async def end_offsets(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        if self.hangs:
            await asyncio.Event().wait()
        if self.error:
            raise self.error
        return {partition: self.ends[partition.partition] for partition in partitions}

    async def position(self, _: TopicPartition) -> int:
        return self.read_to


class World:
    def __init__(self, *, gapless: bool = True) -> None:
        self.positions = {0: 4}
        self.busy = False
        self.consumer: Any = Consumer()
        self.watch = Watch(TOPIC, "guanxi.inbox", self.positions, busy=lambda: self.busy, gapless=gapless)
        self.watch.assigned([0])

    async def look(self) -> str | None:
        return await self.watch.look(self.consumer)

    def gauge(self, name: str, **labels: str) -> float | None:
        self.watch.export()
        return metrics.REGISTRY.get_sample_value(name, {"topic": "guanxi.inbox", **labels})


async def test_records_left_are_those_between_position_and_end() -> None:
    world = World()
    assert await world.look() is None
    assert world.gauge("guanxi_lag_records", partition="0") == 6
    world.positions[0] = 10
    await world.look()
    assert world.gauge("guanxi_lag_records", partition="0") == 0
    assert world.gauge("guanxi_lag_seconds", partition="0") == 0


async def test_marks_of_transactions_at_the_end_are_not_left_to_process() -> None:
    world = World(gapless=False)
    world.positions[0] = 9  # the tenth is a mark, which no consumer sees
    await world.look()
    assert world.gauge("guanxi_lag_records", partition="0") == 0
    world.consumer.read_to = 9
    await world.look()
    assert world.gauge("guanxi_lag_records", partition="0") == 1
    world.consumer.read_to, world.busy = 10, True
    await world.look()
    assert world.gauge("guanxi_lag_records", partition="0") == 1


async def test_where_only_we_write_what_is_left_is_left() -> None:
    world = World(gapless=True)
    world.positions[0] = 9
    await world.look()
    assert world.gauge("guanxi_lag_records", partition="0") == 1


async def test_a_kafka_that_does_not_answer_is_said_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "CHECK_SECONDS", 0.05)
    world = World()
    world.consumer.hangs = True
    assert await world.look() == "Kafka does not answer"
    world.consumer = Consumer(error=KafkaConnectionError("no broker"))
    assert "no broker" in (await world.look() or "")


async def test_who_lags_for_more_than_a_minute_is_too_far_behind() -> None:
    world = World()
    old = int(1000 * (time.time() - 100))
    world.watch.done({0: [LogRecord(0, 3, old, b"k", b"v", [])]})
    await world.look()
    assert "100 s behind; the limit is 60 s" in (world.watch.behind() or "")
    world.positions[0] = 10
    await world.look()
    assert world.watch.behind() is None


async def test_what_another_owner_reads_is_not_told() -> None:
    world = World()
    await world.look()
    world.watch.revoked()
    world.watch.done({0: [LogRecord(0, 3, 0, b"k", b"v", [])]})  # a batch that ended after the partition went
    assert world.gauge("guanxi_lag_records", partition="0") is None
    assert world.gauge("guanxi_partitions_owned") == 0
    assert await world.look() is None
    world.watch.assigned([0])
    await world.look()
    assert (world.gauge("guanxi_lag_seconds", partition="0") or 0.0) < 10
