"""Which records reach the processor, and what the reader does when something goes wrong; in virtual time."""

import asyncio
import time
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError, KafkaTimeoutError

from shared.errors import Stop, Transient
from shared.health import Health
from shared.kafka.connection import Record
from shared.kafka.reader import MAX_GAPS, TopicReader
from shared.settings import Settings
from tests.shared.fakes import LogRecord, virtually
from tests.sim.loop import SimLoop
from tests.sim.member import Lock, Subscriber

T = TypeVar("T")
TOPIC = "topic"


@dataclass
class Consumer:
    """What the reader asks of a consumer; `begin` and `end` are the same for every partition."""

    assigned: set[int] = field(default_factory=lambda: {0, 1})
    sought: list[tuple[int, int]] = field(default_factory=list)
    begin: int = 0
    end: int = 100
    watermark: int | None = 100

    def seek(self, partition: TopicPartition, offset: int) -> None:
        if partition.partition not in self.assigned:
            raise IllegalStateError("No current assignment")
        self.sought.append((partition.partition, offset))

    async def beginning_offsets(self, partitions: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        return dict.fromkeys(partitions, self.begin)

    async def end_offsets(self, partitions: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        return dict.fromkeys(partitions, self.end)

    def highwater(self, _: TopicPartition) -> int | None:
        return self.watermark

    async def commit(self, offsets: Any) -> None:
        """For tools only."""


@dataclass
class Work:
    """A processor that keeps what it gets. `fail` and `away` are raised one by one by processing and by looking up
    positions; looking up takes `lookup_seconds`, one by one, and answers as it stood when it was asked.
    """

    stored: dict[int, int] = field(default_factory=lambda: {0: 0, 1: 0})
    got: list[tuple[int, int]] = field(default_factory=list)
    fail: list[Exception] = field(default_factory=list)
    away: list[Exception] = field(default_factory=list)
    lookup_seconds: list[float] = field(default_factory=list)
    seconds: float = 0.0
    forgotten: int = 0

    async def positions(self, partitions: Collection[int]) -> Mapping[int, int]:
        answer = {partition: self.stored[partition] for partition in partitions}
        await asyncio.sleep(self.lookup_seconds.pop(0) if self.lookup_seconds else 0)
        if self.away:
            raise self.away.pop(0)
        return answer

    async def process(self, batches: Mapping[int, Sequence[Record]]) -> None:
        await asyncio.sleep(self.seconds)
        if self.fail:
            raise self.fail.pop(0)
        for partition, batch in batches.items():
            self.got += [(partition, record.offset) for record in batch]
            self.stored[partition] = batch[-1].offset + 1

    def forget(self) -> None:
        self.forgotten += 1


class World:
    """A reader with both partitions, and what surrounds it."""

    def __init__(self, loop: SimLoop, **options: Any) -> None:
        self.loop = loop
        self.work, self.consumer, self.health = Work(), Consumer(), Health("test")
        self.lock = Lock(loop)
        self.stops = 0
        settings = Settings(retry_for_seconds=20.0)
        self.reader = TopicReader(TOPIC, "group", self.work, settings, self.health, self._stop, **options)
        consumer: Any = self.consumer
        self.reader._subscriber = Subscriber(self.lock, consumer)

    def _stop(self) -> None:
        self.stops += 1

    async def assign(self, *partitions: int) -> None:
        await self.reader.on_partitions_assigned({TopicPartition(TOPIC, number) for number in partitions})

    async def deliver(self, *offsets: int, partition: int = 0) -> None:
        now = int(1000 * time.time())
        await self.reader._handle([LogRecord(partition, offset, now, b"k", b"v", []) for offset in offsets])

    async def problem(self) -> str | None:
        problems = await self.health.problems()
        return problems[0] if problems else None


Scene = Callable[[World], Coroutine[Any, Any, None]]


def play(scene: Scene, **options: Any) -> World:
    """A scene in virtual time."""

    async def main(loop: SimLoop) -> World:
        world = World(loop, **options)
        await scene(world)
        return world

    return virtually(main)


def test_on_assignment_it_seeks_to_the_stored_positions() -> None:
    async def scene(world: World) -> None:
        world.work.stored = {0: 5, 1: 9}
        await world.assign(0, 1)
        await world.deliver(5, 6)
        await world.deliver(9, partition=1)

    world = play(scene)
    assert world.consumer.sought == [(0, 5), (1, 9)]
    assert world.work.got == [(0, 5), (0, 6), (1, 9)]


def test_what_comes_from_before_the_position_is_cut_off() -> None:
    async def scene(world: World) -> None:
        world.work.stored = {0: 5, 1: 0}
        await world.assign(0, 1)
        await world.deliver(3, 4, 5, 6)
        await world.deliver(2, 3)

    assert play(scene).work.got == [(0, 5), (0, 6)]


def test_what_is_left_of_another_assignment_is_not_processed() -> None:
    async def scene(world: World) -> None:
        await world.assign(0)
        await world.deliver(0, 1, partition=1)

    assert play(scene).work.got == []


def test_when_positions_cannot_be_looked_up_the_first_batch_looks_again() -> None:
    async def scene(world: World) -> None:
        world.work.stored = {0: 5, 1: 0}
        world.work.away = [Transient("MongoDB is away")]
        await world.assign(0)
        assert world.consumer.sought == [(0, 0)], "something has to be delivered"
        await world.deliver(0, 1, 2)
        await world.deliver(5, 6)

    world = play(scene)
    assert world.work.got == [(0, 5), (0, 6)]
    assert world.stops == 0


def test_after_a_failure_it_forgets_waits_and_seeks_again() -> None:
    async def scene(world: World) -> None:
        await world.assign(0)
        world.work.fail = [Transient("no answer")]
        before, forgotten = world.loop.time(), world.work.forgotten
        await world.deliver(0, 1)
        assert world.loop.time() - before >= 0.2
        assert world.work.forgotten == forgotten + 1
        assert "failing" in (await world.problem() or "")
        await world.deliver(0, 1)
        assert await world.problem() is None or "behind" in (await world.problem() or "")

    world = play(scene)
    assert world.consumer.sought == [(0, 0), (0, 0)]
    assert world.work.got == [(0, 0), (0, 1)]


def test_it_waits_longer_from_time_to_time_and_gives_up_in_the_end() -> None:
    async def scene(world: World) -> None:
        await world.assign(0)
        world.work.fail = [Transient("no answer")] * 50
        waits = []
        while not world.health.stopped:
            before = world.loop.time()
            await world.deliver(0)
            waits.append(round(world.loop.time() - before, 1))
        assert waits[:6] == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4]
        assert max(waits) == 10.0

    world = play(scene)
    assert world.health.stopped == "gave up after 20 s: no answer"
    assert world.stops == 1


def test_an_error_of_ours_is_tried_again_too() -> None:
    async def scene(world: World) -> None:
        await world.assign(0)
        world.work.fail = [KeyError("oops")]
        await world.deliver(0)
        await world.deliver(0)

    assert play(scene).work.got == [(0, 0)]


def test_a_failure_long_ago_that_somebody_else_made_good_is_no_failing() -> None:
    """Two failures an hour apart, nothing to do in between: not an hour of failing."""

    async def scene(world: World) -> None:
        await world.assign(0)
        world.consumer.watermark = 1
        world.work.fail = [Transient("the answer to the commit was lost")]
        world.work.stored[0] = 1  # it went through
        await world.deliver(0)
        assert await world.problem() is None
        await asyncio.sleep(3600)
        world.work.fail = [Transient("again")]
        await world.deliver(1)

    assert play(scene).health.stopped is None


def test_a_stop_ends_it_at_once_and_for_good() -> None:
    async def scene(world: World) -> None:
        await world.assign(0)
        world.work.fail = [Stop("going on would break a promise")]
        await world.deliver(0)
        await world.deliver(0)

    world = play(scene)
    assert (world.work.got, world.stops) == ([], 1)
    assert world.health.stopped == "going on would break a promise"


@pytest.mark.parametrize("offset", [4, 101])
def test_a_position_outside_of_what_kafka_holds_stops_it(offset: int) -> None:
    async def scene(world: World) -> None:
        world.consumer.begin = 5
        world.work.stored[0] = offset
        await world.assign(0)

    world = play(scene)
    assert f"the stored position {offset} is outside the topic (5 to 100)" in (world.health.stopped or "")
    assert world.stops == 1


def test_a_stop_that_shows_when_seeking_again_is_heard() -> None:
    async def scene(world: World) -> None:
        await world.assign(0)
        world.work.fail = [Transient("no answer")]
        world.consumer.begin = 50  # retention was quicker
        await world.deliver(0)

    assert "is outside" in (play(scene).health.stopped or "")


def test_records_missing_after_the_position_stop_it() -> None:
    async def scene(world: World) -> None:
        await world.assign(0)
        for _ in range(MAX_GAPS + 1):
            await world.deliver(3, 4)

    world = play(scene)
    assert world.work.got == []
    assert world.consumer.sought == [(0, 0)] * (1 + MAX_GAPS)
    assert "records after the stored position of partitions [0] are gone" in (world.health.stopped or "")


def test_a_batch_that_was_fetched_too_far_on_is_fetched_again() -> None:
    async def scene(world: World) -> None:
        await world.assign(0)
        for _ in range(2 * MAX_GAPS):
            first = world.work.stored[0]
            await world.deliver(first + 3)
            await world.deliver(first, first + 1)

    world = play(scene)
    assert world.work.got == [(0, offset) for offset in range(4 * MAX_GAPS)]
    assert world.health.stopped is None


def test_where_others_write_too_an_offset_without_a_record_is_passed_over_after_a_second_look() -> None:
    async def scene(world: World) -> None:
        await world.assign(0, 1)
        for _ in range(3 * MAX_GAPS):
            first = world.work.stored[0] + 1
            await world.deliver(first)
            await world.deliver(first)

    world = play(scene, gapless=False)
    assert world.work.got == [(0, offset) for offset in range(1, 6 * MAX_GAPS, 2)]
    assert world.health.stopped is None


def test_what_was_looked_for_before_a_new_assignment_is_looked_for_again() -> None:
    async def scene(world: World) -> None:
        await world.assign(0)
        await world.deliver(7)
        await world.assign(0)
        await world.deliver(7)  # fetched for the assignment before
        await world.deliver(0, 1)

    assert play(scene, gapless=False).work.got == [(0, 0), (0, 1)]


def test_the_answer_to_an_older_look_up_changes_nothing() -> None:
    """The assignment's own look-up is slow; the first batch has looked again and reading has gone on since."""

    async def scene(world: World) -> None:
        world.work.lookup_seconds = [5.0, 0.1]
        assigning = world.loop.create_task(world.assign(0))
        await asyncio.sleep(0.1)
        await world.deliver(0, 1)
        await world.deliver(0, 1)
        await world.deliver(2)
        await assigning
        await world.deliver(3)

    world = play(scene)
    assert world.work.got == [(0, 0), (0, 1), (0, 2), (0, 3)]
    assert world.consumer.sought == [(0, 0)]


def test_a_batch_that_ends_after_another_assignment_says_nothing_of_positions() -> None:
    async def scene(world: World) -> None:
        await world.assign(0)
        world.work.seconds = 5.0
        working = world.loop.create_task(world.deliver(0, 1))
        await asyncio.sleep(0.1)
        world.work.stored[0] = 1
        await world.assign(0)
        await working
        world.work.seconds = 0.0
        await world.deliver(1, 2)

    assert play(scene).work.got[-2:] == [(0, 1), (0, 2)]


def test_a_revocation_waits_for_the_batch_in_work() -> None:
    async def scene(world: World) -> None:
        await world.assign(0, 1)
        world.work.seconds = 5.0

        async def working() -> None:
            with world.lock:
                await world.deliver(0)

        task = world.loop.create_task(working())
        await asyncio.sleep(0.1)
        await world.reader.on_partitions_revoked(set())
        assert task.done()
        assert world.reader.owned == frozenset()
        assert await world.problem() == "topic: no partitions assigned yet"

    assert play(scene).work.got == [(0, 0)]


def test_a_failure_while_partitions_are_dealt_out_afresh_raises_nothing() -> None:
    async def scene(world: World) -> None:
        await world.assign(0)
        world.work.fail = [Transient("no answer")]
        world.work.away = [KafkaTimeoutError()]
        world.consumer.assigned.clear()
        await world.deliver(0)

    assert play(scene).health.stopped is None


def test_the_lag_is_known_when_all_positions_and_ends_are() -> None:
    async def scene(world: World) -> None:
        assert world.reader.lag_records() is None
        await world.assign(0, 1)
        assert world.reader.lag_records() == 200
        await world.deliver(0, 1, 2)
        assert world.reader.lag_records() == 197
        assert await world.problem() is None
        world.consumer.watermark = 20_000
        assert "records behind" in (await world.problem() or "")
        world.consumer.watermark = None
        assert world.reader.lag_records() is None
        assert await world.problem() == "topic: positions not known yet"

    play(scene)
