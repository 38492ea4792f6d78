"""Reading a topic from one position to another, for tools: rebuilds, checks, lists."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.errors import Transient
from shared.kafka.connection import Record, make_consumer
from shared.settings import Settings

POLL_MS = 500
MAX_EMPTY_POLLS = 60
"""Polls without a record before reading gives up: half a minute."""


class Bounds(NamedTuple):
    """By partition: the first offset that is held, and the next one to be written."""

    begins: dict[int, int]
    ends: dict[int, int]


async def bounds(settings: Settings, topic: str) -> Bounds:
    """What a topic holds now; raises Transient when Kafka does not answer or does not know the topic."""
    consumer = make_consumer(settings)
    try:
        await consumer.start()
        return await _bounds(consumer, topic)
    except (KafkaError, OSError) as error:
        raise Transient(f"Kafka: {topic}: {error or type(error).__name__}") from error
    finally:
        await consumer.stop()


async def appended_since(settings: Settings, topic: str, instants: Sequence[datetime]) -> list[int]:
    """How many records a topic holds, and how many of them were appended at each instant or later. Raises Transient."""
    consumer = make_consumer(settings)
    try:
        await consumer.start()
        held = await _bounds(consumer, topic)
        counts = [sum(end - held.begins[partition] for partition, end in held.ends.items())]
        for instant in instants:
            wanted = {TopicPartition(topic, partition): int(instant.timestamp() * 1000) for partition in held.ends}
            found = await consumer.offsets_for_times(wanted)
            counts.append(sum(held.ends[tp.partition] - one.offset for tp, one in found.items() if one is not None))
    except (KafkaError, OSError) as error:
        raise Transient(f"Kafka: {topic}: {error or type(error).__name__}") from error
    finally:
        await consumer.stop()
    return counts


async def scan(
    settings: Settings, topic: str, start: Mapping[int, int], end: Mapping[int, int], *, max_records: int | None = None
) -> AsyncIterator[dict[int, list[Record]]]:
    """Batches by partition, from `start` up to but without `end`, each partition in order. Commits nothing.

    Raises Transient when Kafka does not answer, or gives nothing for half a minute.
    """
    left = {partition: last for partition, last in end.items() if start[partition] < last}
    if not left:
        return
    consumer = make_consumer(settings)
    empty = 0
    try:
        await consumer.start()
        consumer.assign([TopicPartition(topic, partition) for partition in left])
        for partition in left:
            consumer.seek(TopicPartition(topic, partition), start[partition])
        while left:
            fetched = await consumer.getmany(timeout_ms=POLL_MS, max_records=max_records)
            empty = 0 if fetched else empty + 1
            if empty > MAX_EMPTY_POLLS:
                raise Transient(f"Kafka: {topic}: nothing came from partitions {sorted(left)}")
            batches: dict[int, list[Record]] = {}
            for topic_partition, records in fetched.items():
                partition = topic_partition.partition
                wanted = [record for record in records if record.offset < left.get(partition, 0)]
                if wanted:
                    batches[partition] = wanted
                if partition in left and records[-1].offset + 1 >= left[partition]:
                    del left[partition]
            if batches:
                yield batches
    except (KafkaError, OSError) as error:
        raise Transient(f"Kafka: {topic}: {error or type(error).__name__}") from error
    finally:
        await consumer.stop()


async def _bounds(consumer: AIOKafkaConsumer, topic: str) -> Bounds:
    if topic not in await consumer.topics():
        raise Transient(f"Kafka does not know the topic {topic}; run 'guanxi setup'")
    first = TopicPartition(topic, 0)
    consumer.assign([first])
    await consumer.beginning_offsets([first])  # a consumer learns the partitions of what it has been assigned only
    numbers = consumer.partitions_for_topic(topic) or ()
    partitions = [TopicPartition(topic, number) for number in sorted(numbers)]
    begins = await consumer.beginning_offsets(partitions)
    ends = await consumer.end_offsets(partitions)
    return Bounds({tp.partition: o for tp, o in begins.items()}, {tp.partition: o for tp, o in ends.items()})
