"""The topic of changes as query reads it, without a group: on from a place for all, a stretch further back for one."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from services.query.changes import Ends, Gone
from services.query.limits import STEP_CHANGES
from shared.errors import Transient
from shared.kafka.connection import Record, make_consumer
from shared.kafka.scan import MAX_EMPTY_POLLS, POLL_MS, Bounds, bounds
from shared.settings import Settings
from shared.topics import CHANGES

FETCH_BYTES = 64 * 1024
"""Of a partition at a time: 20 that catch up hold 12 of these each at most. A larger record comes all the same."""


class ChangesTopic:
    """All methods raise Transient while Kafka does not answer."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._topic = settings, CHANGES.full_name(settings)

    async def bounds(self) -> Bounds:
        """What the topic holds now."""
        return await bounds(self._settings, self._topic)

    async def read(self, start: Ends, until: Ends) -> AsyncGenerator[Sequence[Record], None]:
        """From one place to another, each partition in order. Raises Gone."""
        left = {partition: end for partition, end in until.items() if start[partition] < end}
        if not left:
            return
        empty = 0
        async with aclosing(self._polled({partition: start[partition] for partition in left})) as polled:
            async for records in polled:
                empty = 0 if records else empty + 1
                if empty > MAX_EMPTY_POLLS:
                    raise Transient(f"Kafka: {self._topic}: nothing came from partitions {sorted(left)}")
                for one in records:
                    if one.offset + 1 >= until[one.partition]:
                        left.pop(one.partition, None)
                yield [one for one in records if one.offset < until[one.partition]]
                if not left:
                    return

    async def live(self, start: Ends) -> AsyncGenerator[Sequence[Record], None]:
        """From a place on, without an end; nothing now and then, while nothing comes. Raises Gone."""
        async with aclosing(self._polled(start)) as polled:
            async for records in polled:
                yield records

    async def _polled(self, start: Ends) -> AsyncGenerator[Sequence[Record], None]:
        consumer = make_consumer(
            self._settings, auto_offset_reset="none", max_partition_fetch_bytes=FETCH_BYTES, fetch_max_wait_ms=POLL_MS
        )
        try:
            await consumer.start()
            await asyncio.sleep(0)  # a consumer that is stopped before its own tasks have begun raises CancelledError
            consumer.assign([TopicPartition(self._topic, partition) for partition in start])
            for partition, offset in start.items():
                consumer.seek(TopicPartition(self._topic, partition), offset)
            while True:
                fetched = await consumer.getmany(timeout_ms=POLL_MS, max_records=STEP_CHANGES)
                yield [record for some in fetched.values() for record in some]
        except OffsetOutOfRangeError as error:
            raise Gone(str(error)) from error
        except (KafkaError, OSError) as error:
            raise Transient(f"Kafka: {self._topic}: {error or type(error).__name__}") from error
        finally:
            await consumer.stop()
