"""Door to view at a steady rate through HTTP, every event for another customer."""

import os
from datetime import UTC, datetime

from local.demo.latency import Latencies, Probe, door_to_view, over_http, percentile
from shared.mongo.generations import current_generation
from tests.bench import load
from tests.bench.arena import Arena
from tests.bench.processes import Usage
from tests.bench.table import Line, Part

EVENTS_PER_SECOND = 500.0
EVENTS_PER_REQUEST = 10
WARM_UP_SECONDS = 3


async def probes(arena: Arena, loads: list[load.Load]) -> list[Probe]:
    """A visit shows in engagement's collection, money in tiering's."""
    tiering = f"tiering_g{await current_generation(arena.database, 'tiering')}"
    engagement = f"engagement_g{await current_generation(arena.database, 'engagement')}"
    return [Probe(one.event, engagement if one.visit else tiering) for one in loads]


async def measure(arena: Arena, customers: int, seconds: int, seed: int) -> tuple[Latencies, dict[str, float]]:
    """A short warm-up, then the measured run; gives also how many cores each process kept busy in it, servers and load
    included.
    """
    count = int(EVENTS_PER_SECOND)
    total = min(customers, count * (seconds + WARM_UP_SECONDS))
    loads = list(load.one_each(total, customers, seed, datetime.now(UTC), "door"))
    all_probes = await probes(arena, loads)
    send = over_http(arena.door)
    split = count * WARM_UP_SECONDS

    async def run(some: list[Probe]) -> Latencies:
        found = await door_to_view(
            send,
            arena.database,
            some,
            events_per_second=EVENTS_PER_SECOND,
            events_per_request=EVENTS_PER_REQUEST,
        )
        await arena.settled()
        return found

    await run(all_probes[:split])
    usage = Usage.start({**arena.pids(), "the load itself": os.getpid()})
    found = await run(all_probes[split:])
    return found, {name: seconds / found.seconds for name, seconds in usage.so_far().items()}


def lines(found: Latencies, note: str = "") -> tuple[Line, ...]:
    """Percentiles, and what went wrong if anything did."""
    shown = [
        Line("p50", found.percentile(0.5), "ms", note),
        Line("p95", found.percentile(0.95), "ms"),
        Line("p99", found.percentile(0.99), "ms"),
        Line("largest", found.percentile(1.0), "ms"),
    ]
    if found.answers:
        shown.append(Line("the door's answer, p50", percentile(found.answers, 0.5), "ms", "acknowledged by Kafka"))
        shown.append(Line("the door's answer, p99", percentile(found.answers, 0.99), "ms"))
    if found.refused or found.missing:
        shown.append(Line("refused or not seen", found.refused + found.missing, "events"))
    return tuple(shown)


def part(found: Latencies, cores: dict[str, float]) -> Part:
    """The part of the table."""
    return Part(
        "Door to view",
        f"{EVENTS_PER_SECOND:.0f} events/s through HTTP, {EVENTS_PER_REQUEST} a request, the same mix; from when the "
        "request was due until a change stream tells of the document behind the view.",
        (
            *lines(found, f"{len(found.milliseconds):,} events"),
            Line("cores busy", sum(cores.values()), "", "of all processes"),
        ),
    )
