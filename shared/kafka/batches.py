"""Appending in order: one unacknowledged batch per partition at most (architecture.md, invariant 4).

Measured: with pipelined batches a failing first and a succeeding second lose the first forever, even with an
idempotent producer. So a round sends one batch to each partition and waits for all of them; after any failure the
producer is thrown away.
"""

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from shared import metrics
from shared.errors import Malformed, Transient
from shared.kafka.connection import make_producer, start_producer, stop_producer
from shared.settings import Settings

BATCH_BYTES = 1024 * 1024
"""Bytes of one batch, records of the inbox aside, which may be larger."""
ACK_TIMEOUT_SECONDS = 30.0


class Outgoing(NamedTuple):
    """A record to be appended; headers with bytes."""

    partition: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


class Dated(NamedTuple):
    """A record to be appended with the instant of its first append, onto a topic that keeps the producer's."""

    partition: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]
    timestamp_ms: int


Queues = dict[int, list[tuple[int, Outgoing | Dated]]]
"""By partition, records with their places in what was given."""


def ends_of(appended: Iterable[tuple[int, int]]) -> dict[int, int]:
    """By partition, the offset behind the last of what was appended."""
    ends: dict[int, int] = {}
    for partition, offset in appended:
        ends[partition] = max(ends.get(partition, 0), offset + 1)
    return ends


class Appender:
    """Appends records to partitions of a topic, each partition's in the order given; makes its producer when needed."""

    def __init__(self, settings: Settings, *, max_record_bytes: int = BATCH_BYTES) -> None:
        self._settings = settings
        self._max_bytes = max_record_bytes
        self._producer: AIOKafkaProducer | None = None

    async def append(self, topic: str, records: Iterable[Outgoing | Dated]) -> list[tuple[int, int]]:
        """Append and wait for all acknowledgements; gives (partition, offset) of each record, in the order given.

        Raises Transient when anything was not acknowledged: then some records may be on the topic, in order and
        without a gap before them, and the same records may be appended again.
        """
        queues: Queues = {}
        total = 0
        for total, record in enumerate(records, start=1):
            queues.setdefault(record.partition, []).append((total - 1, record))
        positions: list[tuple[int, int]] = [(-1, -1)] * total
        try:
            producer = await self._started()
            while queues:
                await asyncio.wait_for(self._round(producer, topic, queues, positions), ACK_TIMEOUT_SECONDS)
        except (KafkaError, TimeoutError, OSError) as error:
            metrics.APPEND_FAILURES.labels(topic).inc()
            await self.close()
            raise Transient(f"Kafka: {topic}: {error or type(error).__name__}") from error
        except BaseException:
            await self.close()
            raise
        return positions

    async def _round(
        self,
        producer: AIOKafkaProducer,
        topic: str,
        queues: Queues,
        positions: list[tuple[int, int]],
    ) -> None:
        sent = []
        for partition, queue in list(queues.items()):
            batch = producer.create_batch()
            taken = 0
            for _, record in queue:
                at = record.timestamp_ms if isinstance(record, Dated) else None
                if batch.append(key=record.key, value=record.value, timestamp=at, headers=record.headers) is None:
                    break
                taken += 1
            if not taken or batch.size() > self._max_bytes:  # a batch takes a first record of any size
                raise Malformed(f"a record of {len(queue[0][1].value or b'')} bytes is too large for {topic}")
            future = await producer.send_batch(batch, topic, partition=partition)
            sent.append((partition, [index for index, _ in queue[:taken]], future))
            if taken == len(queue):
                del queues[partition]
            else:
                del queue[:taken]
        for partition, indices, future in sent:
            metadata = await future
            for step, index in enumerate(indices):
                positions[index] = (partition, metadata.offset + step)

    async def _started(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = make_producer(self._settings, max_record_bytes=self._max_bytes)
            await start_producer(producer)
            self._producer = producer
        return self._producer

    async def close(self) -> None:
        """Throw the producer away; the next append makes a new one."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await stop_producer(producer)
