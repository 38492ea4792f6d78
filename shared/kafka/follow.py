"""Reading one partition after the other, in steps of the caller's choosing, with one consumer: for tools that check."""

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.errors import Transient
from shared.kafka.connection import Record, make_consumer
from shared.kafka.scan import MAX_EMPTY_POLLS, POLL_MS
from shared.settings import Settings

STEP_RECORDS = 2000
"""Records handed over at a time."""
FETCH_BYTES = 4 * 1024 * 1024
FETCH_WAIT_MS = 10
"""The broker holds a fetch at a partition's end up to so long, and those for the next partition wait behind it."""


class Follower:
    """Reads a topic for a while: `seek` to a place, then `read` up to one offset, then on to the next. Commits nothing.

    Everything raises Transient when Kafka does not answer, or gives nothing for half a minute.
    """

    def __init__(self, settings: Settings, topic: str) -> None:
        self._settings, self._topic = settings, topic
        self._consumer: AIOKafkaConsumer | None = None
        self._at = TopicPartition(topic, 0)
        self._ahead: list[Record] = []
        self._moved = False
        self.offset = 0
        """The next offset that `read` gives, if there is a record on it."""

    async def __aenter__(self) -> Self:
        self._consumer = make_consumer(
            self._settings, max_partition_fetch_bytes=FETCH_BYTES, fetch_max_wait_ms=FETCH_WAIT_MS
        )
        try:
            await self._consumer.start()
        except (KafkaError, OSError) as error:
            await self._consumer.stop()
            raise self._transient(error) from error
        await asyncio.sleep(0)  # a consumer that is stopped before its own tasks have begun raises CancelledError
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._consumer is not None:
            await self._consumer.stop()

    def seek(self, partition: int, offset: int) -> None:
        """Go to a place; the consumer goes there when something is read."""
        self._at = TopicPartition(self._topic, partition)
        self._ahead, self.offset = [], offset
        self._moved = True

    async def read(self, until: int) -> AsyncIterator[list[Record]]:
        """The records from where it stands up to but without `until`, in order; none twice."""
        empty = 0
        while self.offset < until:
            records = self._ahead or await self._fetch()
            self._ahead = []
            wanted = [record for record in records if record.offset < until]
            self._ahead = records[len(wanted) :]
            if wanted:
                self.offset = wanted[-1].offset + 1
                empty = 0
                yield wanted
            if self._ahead:
                self.offset = until
            elif not wanted:
                # The ends of transactions take offsets that no consumer sees; its position passes them.
                self.offset = max(self.offset, await self._position())
                empty += 1
                if empty > MAX_EMPTY_POLLS:
                    raise Transient(f"Kafka: {self._topic}: nothing came from partition {self._at.partition}")

    async def _fetch(self) -> list[Record]:
        assert self._consumer is not None, "entered before it is used"
        if self._moved:
            self._consumer.assign([self._at])
            self._consumer.seek(self._at, self.offset)
            self._moved = False
        try:
            fetched = await self._consumer.getmany(self._at, timeout_ms=POLL_MS, max_records=STEP_RECORDS)
        except (KafkaError, OSError) as error:
            raise self._transient(error) from error
        return list(fetched.get(self._at, ()))

    async def _position(self) -> int:
        assert self._consumer is not None, "entered before it is used"
        try:
            position: int = await self._consumer.position(self._at)
        except (KafkaError, OSError) as error:
            raise self._transient(error) from error
        return position

    def _transient(self, error: Exception) -> Transient:
        return Transient(f"Kafka: {self._topic}: {str(error) or type(error).__name__}")
