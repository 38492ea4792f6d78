"""What Kafka promises and guanxi uses, in memory: partitions that are appended to, with the broker's append time.

Modelled: idempotent producers as measured (a broker that does not know a producer takes any first batch of it, one that
does refuses a batch out of order), requests that are lost, answered in vain or late; consumers that read on from a
position. Not modelled: several brokers, retention, transactions.
"""

import asyncio
import itertools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError, KafkaTimeoutError, OutOfOrderSequenceNumber

from tests.sim.chance import Chance
from tests.sim.net import Net

_RECORD_OVERHEAD = 20


@dataclass(frozen=True, slots=True)
class SimRecord:
    """A record as a consumer gets it; `control` marks the end of a transaction, which no consumer gets."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    control: bool = False


class Item(NamedTuple):
    """A record to be appended."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    control: bool = False


END_OF_TRANSACTION = Item(None, None, (), control=True)


def request_timed_out() -> Exception:
    """What a client sees of a request without an answer."""
    error: Exception = KafkaTimeoutError()
    return error


class SimKafka:
    """All topics. `wall_ms` gives the broker's clock; each partition may be some way off it, and never runs back."""

    def __init__(self, net: Net, partitions: int, wall_ms: Callable[[], int], skews_ms: Sequence[int]) -> None:
        self._net, self._partitions = net, partitions
        self._wall_ms, self._skews_ms = wall_ms, skews_ms
        self.topics: dict[str, list[list[SimRecord]]] = {}
        self._sequences: dict[tuple[int, str, int], int] = {}
        self._producers = itertools.count()
        self._waiting: list[asyncio.Future[None]] = []

    def partitions(self, topic: str) -> list[list[SimRecord]]:
        """The records of each partition of a topic."""
        if topic not in self.topics:
            self.topics[topic] = [[] for _ in range(self._partitions)]
        return self.topics[topic]

    def append(self, topic: str, partition: int, items: Iterable[Item]) -> int:
        """Append a batch; gives the offset of its first record."""
        records = self.partitions(topic)[partition]
        base = len(records)
        now = self._wall_ms() + self._skews_ms[partition % len(self._skews_ms)]
        if records:
            now = max(now, records[-1].timestamp)
        records.extend(
            SimRecord(topic, partition, base + step, now, item.key, item.value, item.headers, item.control)
            for step, item in enumerate(items)
        )
        self.stir()
        return base

    def stir(self) -> None:
        """Wake consumers that wait for something to read."""
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def stirred(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait until something is appended, or a consumer's position or assignment changes."""
        future = loop.create_future()
        self._waiting.append(future)
        await future

    def produce(self, topic: str, partition: int, items: Sequence[Item], producer: int, sequence: int) -> int:
        """Append a batch of an idempotent producer; `sequence` counts its batches to this partition."""
        address = (producer, topic, partition)
        known = self._sequences.get(address)
        if known is not None and sequence > known + 1:
            raise OutOfOrderSequenceNumber
        if known is not None and sequence <= known:
            return -1  # a repeat that the broker knows: not appended again
        self._sequences[address] = sequence
        return self.append(topic, partition, items)

    def end(self, topic: str, partition: int) -> int:
        """Past the last record that a consumer gets."""
        records = self.partitions(topic)[partition]
        return next((record.offset + 1 for record in reversed(records) if not record.control), 0)

    def producer(self, max_batch_bytes: int) -> "SimProducer":
        """A new idempotent producer."""
        return SimProducer(self, self._net, next(self._producers), max_batch_bytes)


class SimBatch:
    """A batch under construction, as aiokafka's: the first record fits in whatever its size."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self.items: list[Item] = []

    def append(self, *, key: bytes | None, value: bytes | None, timestamp: Any, headers: Any) -> Any:
        """None when the record does not fit in."""
        bytes_ = len(key or b"") + len(value or b"") + _RECORD_OVERHEAD
        if self.items and self._bytes + bytes_ > self._max_bytes:
            return None
        self._bytes += bytes_
        self.items.append(Item(key, value, headers))
        return True

    def size(self) -> int:
        """Bytes so far."""
        return self._bytes


class Metadata(NamedTuple):
    """What a producer learns of a batch."""

    offset: int


class SimProducer:
    """One producer, as `shared.kafka` makes them."""

    def __init__(self, kafka: SimKafka, net: Net, number: int, max_batch_bytes: int) -> None:
        self._kafka, self._net, self._number = kafka, net, number
        self._max_batch_bytes = max_batch_bytes
        self._sent: dict[tuple[str, int], int] = {}

    async def start(self) -> None:
        """Connecting costs a request."""
        await self._net.call("kafka", "connect", lambda: None, request_timed_out)

    def create_batch(self) -> SimBatch:
        """An empty batch."""
        return SimBatch(self._max_batch_bytes)

    async def send_batch(self, batch: SimBatch, topic: str, *, partition: int) -> "asyncio.Future[Metadata]":
        """Send a batch; the future is done when it is acknowledged."""
        sequence = self._sent.get((topic, partition), -1) + 1
        self._sent[topic, partition] = sequence
        kafka, number = self._kafka, self._number

        def effect() -> Metadata:
            return Metadata(kafka.produce(topic, partition, batch.items, number, sequence))

        return self._net.call("kafka", f"append:{topic}", effect, request_timed_out)

    async def stop(self) -> None:
        """What was sent may still arrive."""


class SimConsumer:
    """A group member's consumer, as far as `TopicReader` uses one."""

    def __init__(self, kafka: SimKafka, net: Net, chance: Chance, topic: str, max_records: int) -> None:
        self._kafka, self._net, self._chance = kafka, net, chance
        self._topic, self._max_records = topic, max_records
        self._positions: dict[int, int] = {}

    def assign(self, partitions: Collection[int]) -> None:
        """The group's assignment; reading would begin at the group's committed offset, here at the beginning."""
        self._positions = dict.fromkeys(partitions, 0)
        self._kafka.stir()

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Read on from there."""
        if partition.partition not in self._positions:
            raise IllegalStateError(f"No current assignment for partition {partition}")
        self._positions[partition.partition] = offset
        self._kafka.stir()

    async def beginning_offsets(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        """Nothing is ever deleted."""
        return dict.fromkeys(partitions, 0)

    async def end_offsets(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        """One request."""
        logs = self._kafka.partitions(self._topic)
        return await self._net.call(
            "kafka", "ends", lambda: {tp: len(logs[tp.partition]) for tp in partitions}, request_timed_out
        )

    def highwater(self, partition: TopicPartition) -> int:
        """As of the last fetch, which here is always now."""
        return len(self._kafka.partitions(self._topic)[partition.partition])

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Nobody reads them."""

    def ready(self) -> list[int]:
        """Assigned partitions with something to read."""
        logs = self._kafka.partitions(self._topic)
        return [partition for partition, offset in self._positions.items() if offset < len(logs[partition])]

    async def getmany(self, loop: asyncio.AbstractEventLoop) -> list[SimRecord]:
        """Wait for records and take some, of one partition or several."""
        while not self.ready():
            await self._kafka.stirred(loop)
        await self._net.call("kafka", "fetch", lambda: None, request_timed_out)
        taken: list[SimRecord] = []
        logs = self._kafka.partitions(self._topic)
        ready = self.ready()
        if len(ready) > 1 and self._chance.pick(2):
            ready = [ready[self._chance.pick(len(ready))]]
        for partition in ready:
            offset = self._positions[partition]
            count = self._max_records - self._chance.pick(self._max_records)
            some = logs[partition][offset : offset + count]
            self._positions[partition] = offset + len(some)
            taken += [record for record in some if not record.control]
        return taken
