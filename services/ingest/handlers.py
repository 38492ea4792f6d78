"""Writes the HTTP door's events to the inbox, acknowledged by Kafka."""

import asyncio
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from services.ingest.inbox import Appended, InboxRecord
from shared.errors import Transient
from shared.kafka.connection import make_producer, partition_of, start_producer, stop_producer
from shared.settings import Settings
from shared.topics import INBOX, MAX_INBOX_RECORD_BYTES


class KafkaInbox:
    """`services.ingest.inbox.InboxWriter` on Kafka. Requests share one producer. It starts with the first request, so
    that the door can open before Kafka answers, and is replaced after a failure. Batches may be in flight together: the
    inbox promises no order beyond a single sender's, and a sender waits for one answer before sending the next request.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topic = INBOX.full_name(settings)
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()

    async def write(self, records: Sequence[InboxRecord]) -> Sequence[Appended]:
        """Append all and wait for all acknowledgements. Raises Transient when any is missing."""
        producer: AIOKafkaProducer | None = None
        try:
            producer = await self._started()
            waiting = [
                await producer.send(
                    self._topic, record.value, key=record.key, headers=record.headers, partition=self._partition(record)
                )
                for record in records
            ]
            done = await asyncio.gather(*waiting)
        except (KafkaError, OSError) as error:
            await self._drop(producer)
            raise Transient(f"Kafka: {self._topic}: {error or type(error).__name__}") from error
        return [Appended(one.partition, one.offset, one.timestamp) for one in done]

    def _partition(self, record: InboxRecord) -> int | None:
        return None if record.beside is None else partition_of(record.beside, self._settings.partitions)

    async def close(self) -> None:
        """Stop the producer; the next write would start another."""
        await self._drop(self._producer)

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                producer = make_producer(self._settings, max_record_bytes=MAX_INBOX_RECORD_BYTES)
                await start_producer(producer)
                self._producer = producer
            return self._producer

    async def _drop(self, producer: AIOKafkaProducer | None) -> None:
        """Discard the producer that failed, unless another request already did."""
        if producer is not None and producer is self._producer:
            self._producer = None
            await stop_producer(producer)
