"""The topic of changes as one subscription reads it: a consumer without a group, from the places that are asked for."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from services.delivery.courier import STEP_CHANGES
from shared.errors import Moved, Transient
from shared.kafka.connection import Record, make_consumer
from shared.kafka.scan import POLL_MS, Bounds, bounds
from shared.settings import Settings
from shared.topics import CHANGES

FETCH_BYTES = 64 * 1024
"""Of a partition at a time; a larger record comes all the same."""
ONE_MS = 10_000
"""In which one change that is held must come."""


class ChangesTopic:
    """All methods raise Transient while Kafka does not answer."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._topic = settings, CHANGES.full_name(settings)
        self._consumer: AIOKafkaConsumer | None = None
        self._single: AIOKafkaConsumer | None = None
        self._lock = asyncio.Lock()
        self._next: dict[int, int] = {}

    async def bounds(self) -> Bounds:
        """What the topic holds now."""
        return await bounds(self._settings, self._topic)

    async def since(self, instant: datetime) -> Mapping[int, int]:
        """Where what was appended from an instant on begins; all that is held for one before Kafka's time begins."""
        held = await self.bounds()
        consumer = await self._started()
        try:
            at_ms = max(0, int(instant.timestamp() * 1000))  # the driver raises ValueError for less
            wanted = dict.fromkeys((TopicPartition(self._topic, one) for one in held.ends), at_ms)
            found = await consumer.offsets_for_times(wanted)
        except (KafkaError, OSError) as error:
            raise self._transient(error) from error
        else:
            return {tp.partition: held.ends[tp.partition] if one is None else one.offset for tp, one in found.items()}
        finally:
            await consumer.stop()

    async def read(self, at: Mapping[int, int]) -> Mapping[int, Sequence[Record]]:
        """Some of what comes from these places on. Raises Moved where one of them is held no more."""
        try:
            if self._consumer is None:
                self._consumer = await self._started()
            consumer, wanted = self._consumer, [TopicPartition(self._topic, partition) for partition in at]
            if not {*wanted} <= consumer.assignment():
                consumer.assign([*{*wanted, *consumer.assignment()}])
                self._next.clear()
            for one in wanted:
                if self._next.get(one.partition) != at[one.partition]:
                    consumer.seek(one, at[one.partition])
            fetched = await consumer.getmany(*wanted, timeout_ms=POLL_MS, max_records=STEP_CHANGES)
        except OffsetOutOfRangeError as error:
            raise Moved(f"guanxi.changes: {error}") from error
        except (KafkaError, OSError) as error:
            raise self._transient(error) from error
        found = {one.partition: records for one, records in fetched.items() if records}
        self._next = {**at, **{partition: records[-1].offset + 1 for partition, records in found.items()}}
        return found

    async def one(self, partition: int, offset: int) -> Record | None:
        """One change; None where it is held no more."""
        async with self._lock:
            try:
                if self._single is None:
                    self._single = await self._started()
                place = TopicPartition(self._topic, partition)
                self._single.assign([place])
                self._single.seek(place, offset)
                fetched = await self._single.getmany(place, timeout_ms=ONE_MS, max_records=1)
            except OffsetOutOfRangeError:
                return None
            except (KafkaError, OSError) as error:
                raise self._transient(error) from error
        records: Sequence[Record] = fetched.get(place, ())
        if not records:
            raise Transient(f"Kafka: {self._topic}: {partition}/{offset} did not come")
        return records[0] if records[0].offset == offset else None

    async def close(self) -> None:
        """Give up the connections."""
        for consumer in (self._consumer, self._single):
            if consumer is not None:
                await consumer.stop()
        self._consumer = self._single = None

    async def _started(self) -> AIOKafkaConsumer:
        consumer = make_consumer(
            self._settings, auto_offset_reset="none", max_partition_fetch_bytes=FETCH_BYTES, fetch_max_wait_ms=POLL_MS
        )
        try:
            await consumer.start()
        except (KafkaError, OSError) as error:
            await consumer.stop()
            raise self._transient(error) from error
        await asyncio.sleep(0)  # a consumer that is stopped before its own tasks have begun raises CancelledError
        return consumer

    def _transient(self, error: KafkaError | OSError) -> Transient:
        return Transient(f"Kafka: {self._topic}: {error or type(error).__name__}")
