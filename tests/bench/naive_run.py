"""The same load through the naive handler, on the same servers, in the same run."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from aiokafka import AIOKafkaProducer

from local.demo.latency import Latencies, Probe, Send, door_to_view
from shared.kafka.connection import client_options, partition_of
from tests.bench import load
from tests.bench.arena import Arena
from tests.bench.latency import EVENTS_PER_REQUEST, EVENTS_PER_SECOND
from tests.bench.load import Load
from tests.bench.naive import COLLECTION, TOPIC
from tests.bench.table import Line, Part
from tests.bench.throughput import Rate


async def latency(arena: Arena, customers: int, seconds: int, seed: int) -> Latencies:
    """From when the event was due on Kafka until its upsert is seen: without a door in between."""
    count = min(customers, int(EVENTS_PER_SECOND) * seconds)
    loads = list(load.one_each(count, customers, seed, datetime.now(UTC), "naive-door"))
    producer = AIOKafkaProducer(**client_options(arena.settings), acks="all", enable_idempotence=True)
    await producer.start()
    try:
        return await door_to_view(
            _over_kafka(producer, loads, arena.settings.partitions),
            arena.database,
            [Probe(one.event, COLLECTION) for one in loads],
            events_per_second=EVENTS_PER_SECOND,
            events_per_request=EVENTS_PER_REQUEST,
        )
    finally:
        await producer.stop()


def part(ours: Rate, naive: Rate, found: Latencies) -> Part:
    """The part of the table."""
    ratio = ours.per_second / naive.per_second
    cpu = naive.cpu["naive"] * 1000 / naive.events
    return Part(
        "The same load through a naive FastStream handler",
        "One message, one upsert, in a process of its own on the same servers: no door, no admission, no tiers, no "
        "history, and a repeated event counts twice.",
        (
            Line("mixed load", naive.per_second, "events/s", f"{naive.events:,} events in {naive.seconds:.1f} s"),
            Line("ours / naive", ratio, "times", "in the same run"),
            Line("its CPU", cpu, "s/1000", "the handler's process alone"),
            Line("p50 at 500 events/s", found.percentile(0.5), "ms", "from Kafka, not HTTP"),
            Line("p99 at 500 events/s", found.percentile(0.99), "ms"),
        ),
    )


def _over_kafka(producer: AIOKafkaProducer, loads: Sequence[Load], partitions: int) -> Send:
    by_id = {one.event["id"]: one for one in loads}

    async def send(probes: Sequence[Probe]) -> bool:
        futures = []
        for probe in probes:
            one = by_id[probe.event["id"]]
            partition = partition_of(one.key, partitions)
            futures.append(await producer.send(TOPIC, one.value(), key=one.key, partition=partition))
        await asyncio.gather(*futures)
        return True

    return send
