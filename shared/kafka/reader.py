"""Reading a topic by positions that are kept in MongoDB, on a FastStream batch subscriber.

FastStream's own acknowledgement is switched off: on assignment the reader seeks to the stored position, and after any
failure it forgets what it holds and seeks again (architecture.md, invariants 4 and 5). Its parser is replaced, since
the default one drops a batch with a header that is not UTF-8 without a word.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaMessage

from shared.errors import Stop, Transient
from shared.health import READY_LAG_RECORDS, Health
from shared.kafka.connection import DRAIN_SECONDS, Record
from shared.kafka.watch import Watch
from shared.settings import Settings

FETCH_BYTES = 1024 * 1024
POLL_MS = 10
"""FastStream sleeps this long again after an empty poll, so it bounds the latency that polling adds to 20 ms."""
FIRST_BACKOFF_SECONDS = 0.2
MAX_BACKOFF_SECONDS = 10.0
COMMIT_EVERY_SECONDS = 5.0
MAX_GAPS = 3

log = logging.getLogger(__name__)


class Processor(Protocol):
    """What is done with the records. All methods raise Transient where a store or broker does not answer."""

    async def positions(self, partitions: Collection[int]) -> Mapping[int, int]:
        """The stored position (the next offset to process) of each partition."""
        ...

    async def process(self, batches: Mapping[int, Sequence[Record]]) -> None:
        """Process records, by partition, each partition's beginning at its stored position and without a gap."""
        ...

    def forget(self) -> None:
        """Drop everything held in memory; what is stored is the truth."""
        ...


class TopicReader(ConsumerRebalanceListener):  # type: ignore[misc]
    """One group member's reading of a topic. `on_stop` is called once when it can't go on.

    gapless: whether each offset holds a record, as on topics that only guanxi writes. On others the ends of foreign
    transactions take offsets that no consumer sees. every_ms: between the starts of two batches at least, where the
    setting says less.
    """

    def __init__(
        self,
        topic: str,
        group: str,
        processor: Processor,
        settings: Settings,
        health: Health,
        on_stop: Callable[[], None],
        *,
        gapless: bool = True,
        every_ms: float = 0.0,
    ) -> None:
        self._topic, self._group, self._gapless = topic, group, gapless
        self._every_seconds = max(settings.batch_every_ms, every_ms) / 1000
        self._processor, self._settings = processor, settings
        self._health, self._on_stop = health, on_stop
        self._next: dict[int, int] = {}
        self._forgotten = 0
        """How often everything was dropped; tells an answer that was asked for before."""
        self._assigned: set[int] | None = None
        self._gaps = 0
        self._looked: dict[int, int] = {}
        """Positions to which the consumer was sent back because what came began after them."""
        self._failing_since: float | None = None
        self._backoff = FIRST_BACKOFF_SECONDS
        self._committed_at = 0.0
        self._subscriber: Any = None
        self._busy = False
        label = topic.removeprefix(settings.topic_prefix)
        self._watch = Watch(topic, label, self._next, busy=lambda: self._busy, gapless=gapless)
        health.checks["kafka"] = lambda: self._watch.look(self._consumer)
        health.checks[label] = self._problem
        health.details[f"lag_records:{topic}"] = self.lag_records
        health.details["partitions"] = lambda: len(self._assigned or ())
        health.details["lag_seconds"] = self._watch.lag_seconds
        health.exports.append(self._watch.export)

    def register(self, broker: KafkaBroker) -> None:
        """Subscribe on the broker; reading begins when the broker starts."""
        self._subscriber = broker.subscriber(
            self._topic,
            group_id=self._group,
            batch=True,
            max_records=self._settings.batch_max_records,
            batch_timeout_ms=POLL_MS,
            ack_policy=AckPolicy.MANUAL,
            auto_offset_reset="earliest",
            fetch_max_bytes=8 * FETCH_BYTES,
            max_partition_fetch_bytes=FETCH_BYTES,
            session_timeout_ms=self._settings.session_timeout_ms,
            heartbeat_interval_ms=max(500, self._settings.session_timeout_ms // 5),
            rebalance_timeout_ms=int(DRAIN_SECONDS * 1000) + self._settings.session_timeout_ms,
            max_poll_interval_ms=600_000,
            listener=self,
            parser=_parse,
            decoder=_decode,
        )
        self._subscriber(self._handle)

    @property
    def owned(self) -> frozenset[int]:
        """The partitions that this process reads now."""
        return frozenset(self._assigned or ())

    def lag_records(self) -> int | None:
        """Records on the owned partitions that are not processed yet; None while it is not known."""
        consumer = self._consumer
        if consumer is None or self._assigned is None:
            return None
        lag = 0
        for partition in self._assigned:
            end = consumer.highwater(TopicPartition(self._topic, partition))
            if partition not in self._next or end is None:
                return None
            lag += max(0, end - self._next[partition])
        return lag

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:  # noqa: ARG002 - all are revoked
        """Wait for the running batch; what is not finished then is stopped by the position's check."""
        await self._subscriber.lock.wait_release(DRAIN_SECONDS)
        self._assigned = None
        self._watch.revoked()
        self._forget()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Seek to the stored positions; where they can't be read now, the first batch tries again."""
        self._forget()
        self._assigned = {tp.partition for tp in assigned}
        self._watch.assigned(self._assigned)
        await self._seek_again()  # aiokafka would swallow an exception and go on from the committed offset

    async def _handle(self, records: Any) -> None:  # Any: FastStream would build a pydantic model of more
        if self._health.stopped:
            return
        self._busy = True
        begun = asyncio.get_running_loop().time()
        try:
            batches = await self._trim(records)
            if batches:
                forgotten = self._forgotten
                await self._processor.process(batches)
                if forgotten == self._forgotten:
                    for partition, batch in batches.items():
                        self._next[partition] = batch[-1].offset + 1
                self._recovered()
                self._watch.done(batches)
                await self._commit_for_lag_tools()
        except Exception as error:  # noqa: BLE001 - FastStream would log it and go on with the next batch
            await self._failed(error)
        finally:
            self._busy = False
        # Batches of a few records cost nearly as much as batches of many. At a steady trickle each would find a few
        # only, and services on one machine would be busy with nothing but beginning and ending batches.
        await asyncio.sleep(begun + self._every_seconds - asyncio.get_running_loop().time())

    async def _trim(self, records: Sequence[Record]) -> dict[int, list[Record]]:
        """By partition, only what begins at the stored position; anything else is a leftover of another assignment."""
        batches: dict[int, list[Record]] = {}
        for record in records:
            batches.setdefault(record.partition, []).append(record)
        unknown = {partition for partition in batches if partition not in self._next}
        if unknown:
            await self._seek(unknown & (self._assigned or set()))
        gap = set()
        for partition in list(batches):
            expected = self._next.get(partition)
            batch = [r for r in batches[partition] if expected is not None and r.offset >= expected]
            if batch and batch[0].offset != expected and not self._is_empty_before(partition, batch[0].offset):
                gap.add(partition)
            if batch and partition not in gap and partition not in unknown:
                batches[partition] = batch
            else:
                del batches[partition]
        if gap:
            await self._look_again(gap)
        elif batches:
            self._gaps = 0
        return batches

    def _is_empty_before(self, partition: int, offset: int) -> bool:
        """Whether the consumer has looked for the expected record already, and this is the first that there is."""
        found = not self._gapless and self._looked.pop(partition, None) == self._next[partition]
        if found:
            log.debug("%s/%s: no records from %s to %s", self._topic, partition, self._next[partition], offset)
        return found

    async def _look_again(self, gap: set[int]) -> None:
        """What was fetched begins after the stored position: a leftover of another assignment, or records are gone."""
        self._gaps += 1
        if self._gapless and self._gaps > MAX_GAPS:
            raise Stop(f"{self._topic}: records after the stored position of partitions {sorted(gap)} are gone")
        await self._seek(gap)
        self._looked |= {partition: self._next[partition] for partition in gap if partition in self._next}

    async def _seek(self, partitions: Collection[int]) -> None:
        consumer = self._consumer
        if consumer is None or not partitions:
            return
        forgotten = self._forgotten
        for partition in partitions:
            self._next.pop(partition, None)
        topic_partitions = {p: TopicPartition(self._topic, p) for p in partitions}
        stored = await self._processor.positions(partitions)
        begins = await consumer.beginning_offsets(list(topic_partitions.values()))
        ends = await consumer.end_offsets(list(topic_partitions.values()))
        if forgotten != self._forgotten:
            return  # another assignment or failure came between; whoever dropped everything seeks again
        for partition, topic_partition in topic_partitions.items():
            if partition in self._next:
                continue  # another seek was quicker, and reading may have gone on since
            begin, end = begins[topic_partition], ends[topic_partition]
            offset = stored[partition]
            if not begin <= offset <= end:
                raise Stop(
                    f"{self._topic}/{partition}: the stored position {offset} is outside the topic ({begin} to "
                    f"{end}); restore the topic, or rebuild from it"
                )
            consumer.seek(topic_partition, offset)
            self._next[partition] = offset

    async def _failed(self, error: Exception) -> None:
        self._forget()
        self._watch.failed(error)
        if isinstance(error, Stop):
            self._stop(str(error))
            return
        now = time.monotonic()
        if self._failing_since is None:
            self._failing_since = now
        if now - self._failing_since > self._settings.retry_for_seconds:
            self._stop(f"gave up after {self._settings.retry_for_seconds:.0f} s: {error}")
            return
        if isinstance(error, Transient | KafkaError):
            log.warning("%s: %s; trying again in %.1f s", self._group, error, self._backoff)
        else:
            log.error("%s: unexpected error; trying again in %.1f s", self._group, self._backoff, exc_info=error)
        await asyncio.sleep(self._backoff)
        self._backoff = min(self._backoff * 2, MAX_BACKOFF_SECONDS)
        await self._seek_again()

    async def _seek_again(self) -> None:
        """The consumer has read past what failed; without a seek it would only see what comes after."""
        try:
            await self._seek(self._assigned or ())
            if self.lag_records() == 0:
                self._recovered()  # somebody else has done what failed here
        except Stop as error:
            self._stop(str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, reading must not go on from where it is
            log.warning("%s: %s", self._group, error)
            self._rewind()

    def _rewind(self) -> None:
        """Make the consumer deliver something again, so that `_handle` is called and can look up the positions."""
        consumer = self._consumer
        if consumer is None:
            return
        for partition in self._assigned or ():
            try:
                consumer.seek(TopicPartition(self._topic, partition), 0)
            except KafkaError:
                return  # the group is dealing out afresh; the next assignment seeks

    def _recovered(self) -> None:
        self._failing_since, self._backoff = None, FIRST_BACKOFF_SECONDS

    def _forget(self) -> None:
        self._forgotten += 1
        self._next.clear()
        self._looked.clear()
        self._processor.forget()

    def _stop(self, reason: str) -> None:
        if not self._health.stopped:
            log.critical("%s stops: %s", self._group, reason)
            self._health.stopped = reason
            self._on_stop()

    async def _commit_for_lag_tools(self) -> None:
        """Tools show a group's lag from committed offsets; nothing here reads them."""
        now = time.monotonic()
        consumer = self._consumer
        if consumer is None or now - self._committed_at < COMMIT_EVERY_SECONDS:
            return
        self._committed_at = now
        try:
            await consumer.commit({TopicPartition(self._topic, p): offset for p, offset in self._next.items()})
        except (KafkaError, ValueError) as error:
            log.debug("%s: committing for lag tools: %s", self._group, error)

    @property
    def _consumer(self) -> AIOKafkaConsumer | None:
        return None if self._subscriber is None else self._subscriber.consumer

    async def _problem(self) -> str | None:
        if self._assigned is None:
            return f"{self._topic}: no partitions assigned yet"
        if self._failing_since is not None:
            return f"{self._topic}: failing for {time.monotonic() - self._failing_since:.0f} s, trying again"
        lag = self.lag_records()
        if lag is None:
            return f"{self._topic}: positions not known yet"
        if lag > READY_LAG_RECORDS:
            return f"{self._topic}: {lag} records behind; the limit is {READY_LAG_RECORDS}"
        return self._watch.behind()


async def _parse(message: tuple[Record, ...]) -> KafkaMessage:
    return KafkaMessage(raw_message=message, body=message, consumer=None)  # type: ignore[arg-type]


async def _decode(message: KafkaMessage) -> Any:
    return message.raw_message
