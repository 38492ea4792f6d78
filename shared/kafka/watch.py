"""What a reader tells of itself: whether Kafka answers, how far it is behind, how long records take.

Kafka is asked for the ends of the topic when somebody wants to know, not while records are read.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared import metrics
from shared.errors import Stop, Transient
from shared.health import CHECK_SECONDS, READY_LAG_SECONDS
from shared.kafka.connection import Record
from shared.kafka.lag import Lag

LOOKED_WITHIN_SECONDS = 2 * CHECK_SECONDS
"""How long a reading of the topic's ends is valid."""


class Watch:
    """Beside one TopicReader. `topic` is its real name, `label` the one in metrics; `positions` are the reader's own
    next offsets; `busy` says whether a batch is being processed. gapless: see TopicReader.
    """

    def __init__(
        self, topic: str, label: str, positions: Mapping[int, int], *, busy: Callable[[], bool], gapless: bool
    ) -> None:
        self.label = label
        self._topic, self._positions = topic, positions
        self._busy, self._gapless = busy, gapless
        self._lag = Lag()
        self._owned: frozenset[int] = frozenset()

    def assigned(self, partitions: Collection[int]) -> None:
        """These are ours now, and no others."""
        self._owned = frozenset(partitions)
        self._lag.forget(kept=self._owned)
        metrics.REBALANCES.labels(self.label).inc()

    def revoked(self) -> None:
        """None are ours any more."""
        self._owned = frozenset()
        self._lag.forget()

    def failed(self, error: Exception) -> None:
        """The reader drops what it holds and begins again at the stored positions."""
        why = "transient" if isinstance(error, Transient | KafkaError) else "unexpected"
        metrics.RESTARTS.labels(self.label, "stop" if isinstance(error, Stop) else why).inc()

    def done(self, batches: Mapping[int, Sequence[Record]]) -> None:
        """These records are processed and stored."""
        now = time.time()
        for partition in self._owned.intersection(batches):
            batch = batches[partition]
            self._lag.processed(partition, batch[-1].offset + 1, batch[-1].timestamp / 1000)
        oldest = min(batch[0].timestamp for batch in batches.values()) / 1000
        metrics.DELAY.labels(self.label).observe(max(0.0, now - oldest))
        metrics.BATCH_RECORDS.labels(self.label).observe(sum(map(len, batches.values())))

    def behind(self) -> str | None:
        """What is too old for a ready process, in a sentence."""
        seconds = self.lag_seconds()
        if seconds > READY_LAG_SECONDS:
            return f"{self._topic}: {seconds:.0f} s behind; the limit is {READY_LAG_SECONDS:.0f} s"
        return None

    def lag_seconds(self) -> float:
        """Of the partition that is furthest behind."""
        return round(max(self._lag.seconds(time.time(), LOOKED_WITHIN_SECONDS).values(), default=0.0), 3)

    async def look(self, consumer: AIOKafkaConsumer | None) -> str | None:
        """Ask Kafka how far the topic goes; gives what is wrong with Kafka, or None. The answer comes behind that of a
        fetch which waits for records: half a second at most.
        """
        if consumer is None or not self._owned:
            return None  # the reader's own check says so
        asked_at, wanted = time.time(), [TopicPartition(self._topic, partition) for partition in self._owned]
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                ends = {tp.partition: end for tp, end in (await consumer.end_offsets(wanted)).items()}
                if not self._gapless:
                    await self._pass_over_marks(consumer, ends)
        except TimeoutError:
            return "Kafka does not answer"
        except KafkaError as error:
            return f"Kafka: {error or type(error).__name__}"
        self._lag.looked({p: end for p, end in ends.items() if p in self._owned}, self._positions, asked_at)
        return None

    async def _pass_over_marks(self, consumer: AIOKafkaConsumer, ends: dict[int, int]) -> None:
        """When the consumer has read to the end and nothing is in progress, only marks of transactions are left."""
        for partition, end in ends.items():
            position = self._positions.get(partition, end)
            if position >= end:
                continue
            if await consumer.position(TopicPartition(self._topic, partition)) >= end and not self._busy():
                ends[partition] = self._positions.get(partition, end)

    def export(self) -> None:
        """Set the gauges. A process reads one topic; what another owner reads is not ours to tell."""
        metrics.PARTITIONS.labels(self.label).set(len(self._owned))
        metrics.LAG_RECORDS.clear()
        metrics.LAG_SECONDS.clear()
        for partition, records in self._lag.records().items():
            metrics.LAG_RECORDS.labels(self.label, partition).set(records)
        for partition, seconds in self._lag.seconds(time.time(), LOOKED_WITHIN_SECONDS).items():
            metrics.LAG_SECONDS.labels(self.label, partition).set(seconds)
        if self._lag.newest is not None:
            metrics.NEWEST.labels(self.label).set(self._lag.newest)
