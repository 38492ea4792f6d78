"""Reading several partitions of a topic up to given offsets, and then on from there, with one consumer."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.errors import Transient
from shared.kafka.connection import Record, make_consumer
from shared.kafka.scan import MAX_EMPTY_POLLS, POLL_MS
from shared.settings import Settings

FETCH_BYTES = 2 * 1024 * 1024


class Tail:
    """Follows a topic whose every offset holds a record, as the log's do. Commits nothing. Raises Transient when Kafka
    does not answer, or gives nothing for half a minute.
    """

    def __init__(self, settings: Settings, topic: str) -> None:
        self._settings, self._topic = settings, topic
        self._consumer: AIOKafkaConsumer | None = None
        self._next: dict[int, int] = {}
        self._ahead: dict[int, list[Record]] = {}
        """Fetched, but past what was asked for."""

    async def __aenter__(self) -> Self:
        self._consumer = make_consumer(self._settings, max_partition_fetch_bytes=FETCH_BYTES)
        try:
            await self._consumer.start()
        except (KafkaError, OSError) as error:
            await self._consumer.stop()
            raise self._transient(error) from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._consumer is not None:
            await asyncio.sleep(0)  # a consumer whose tasks have not begun yet raises CancelledError when it is stopped
            await self._consumer.stop()

    async def read(
        self, start: Mapping[int, int], until: Mapping[int, int], *, max_records: int
    ) -> AsyncIterator[dict[int, list[Record]]]:
        """Batches by partition, from `start` up to but without `until`, each partition in order."""
        left = {partition: end for partition, end in until.items() if start[partition] < end}
        self._seek(start, left)
        empty = 0
        while left:
            fetched = self._kept(left) or await self._fetch(left, max_records)
            empty = 0 if fetched else empty + 1
            if empty > MAX_EMPTY_POLLS:
                raise Transient(f"Kafka: {self._topic}: nothing came from partitions {sorted(left)}")
            batches: dict[int, list[Record]] = {}
            for partition, records in fetched.items():
                wanted = [record for record in records if record.offset < left[partition]]
                if len(wanted) < len(records):
                    self._ahead[partition] = records[len(wanted) :]
                self._next[partition] = records[len(wanted) - 1].offset + 1 if wanted else self._next[partition]
                if wanted:
                    batches[partition] = wanted
                if records[-1].offset + 1 >= left[partition]:
                    del left[partition]
            if batches:
                yield batches

    def _seek(self, start: Mapping[int, int], left: Mapping[int, int]) -> None:
        consumer = self._running()
        new = {partition for partition in start if partition not in self._next}
        if new:
            consumer.assign([TopicPartition(self._topic, partition) for partition in {*self._next, *new}])
            self._next = dict.fromkeys({*self._next, *new}, -1)
            self._ahead.clear()
        for partition in left:
            if self._next[partition] != start[partition]:
                consumer.seek(TopicPartition(self._topic, partition), start[partition])
                self._next[partition] = start[partition]
                self._ahead.pop(partition, None)

    def _kept(self, left: Mapping[int, int]) -> dict[int, list[Record]]:
        return {partition: self._ahead.pop(partition) for partition in left if partition in self._ahead}

    async def _fetch(self, left: Mapping[int, int], max_records: int) -> dict[int, list[Record]]:
        wanted = [TopicPartition(self._topic, partition) for partition in left]
        try:
            fetched = await self._running().getmany(*wanted, timeout_ms=POLL_MS, max_records=max_records)
        except (KafkaError, OSError) as error:
            raise self._transient(error) from error
        return {at.partition: list(records) for at, records in fetched.items() if records}

    def _running(self) -> AIOKafkaConsumer:
        assert self._consumer is not None, "entered before it is used"
        return self._consumer

    def _transient(self, error: KafkaError | OSError) -> Transient:
        return Transient(f"Kafka: {self._topic}: {error or type(error).__name__}")
