"""What events leave behind: bytes on Kafka and in MongoDB, CPU and memory: `python -m tests.bench.footprint`."""

import argparse
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guanxi.running import run as run_to_its_end
from shared.settings import Settings
from shared.topics import TOPICS
from tests.bench import load, throughput
from tests.bench.arena import Arena, arena
from tests.bench.processes import rss_mb
from tests.bench.table import Line, Part, render

CUSTOMERS, EVENTS = 20_000, 100_000


@dataclass(frozen=True, slots=True)
class Disk:
    """Bytes: of each topic's segments, and of each collection's documents as stored (compressed) and its indexes."""

    topics: Mapping[str, int]
    documents: Mapping[str, int]
    indexes: Mapping[str, int]
    counts: Mapping[str, int]


async def disk(ground: Arena) -> Disk:
    """What lies there now. MongoDB counts what it has written out: a checkpoint is asked for first."""
    await ground.database.client.admin.command("fsync")
    documents, indexes, counts = {}, {}, {}
    for name in sorted(await ground.database.list_collection_names(filter={"type": "collection"})):
        stats: dict[str, Any] = await ground.database.command("collStats", name)
        documents[name], indexes[name] = int(stats["storageSize"]), int(stats["totalIndexSize"])
        counts[name] = int(stats["count"])
    return Disk(_topics(ground.servers.folder / "kafka", ground.settings), documents, indexes, counts)


def _topics(folder: Path, settings: Settings) -> dict[str, int]:
    return {
        topic.name: sum(one.stat().st_size for one in folder.rglob(f"{topic.full_name(settings)}-*/*.log"))
        for topic in TOPICS
    }


async def measure(ground: Arena, events: int, customers: int, seed: int) -> list[Part]:
    """A first purchase for each customer, then the mix, `events` in all; and what is there afterwards."""
    first, _ = await throughput.prepare(ground, customers, seed)
    mixed = await throughput.run(ground, list(load.mixed(events - customers, customers, seed, throughput.now())))
    found = await disk(ground)
    per_event = 1 / events
    cpu = {name: first.cpu[name] + mixed.cpu[name] for name in first.cpu}
    seconds = first.seconds + mixed.seconds
    mongo = {name: found.documents[name] + found.indexes[name] for name in found.documents}
    largest = sorted((name for name in mongo if mongo[name] > events), key=lambda name: -mongo[name])
    return [
        Part(
            "Disk",
            f"After {events:,} events of {customers:,} customers (70 % purchases, 25 % visits) and their decisions. "
            "Bytes per event; MongoDB's are compressed (snappy), and hold indexes.",
            (
                *(
                    Line(name, size * per_event, "B/event", f"{size / 1e6:.1f} MB")
                    for name, size in found.topics.items()
                ),
                Line(
                    "MongoDB in all", sum(mongo.values()) * per_event, "B/event", f"{sum(mongo.values()) / 1e6:.1f} MB"
                ),
                *(_collection(name, found, per_event) for name in largest),
            ),
        ),
        Part(
            "CPU",
            f"Seconds per 100,000 events, first purchases included; {events / seconds:,.0f} events/s.",
            tuple(Line(name, spent * per_event * 100_000, "s") for name, spent in cpu.items() if spent),
        ),
        Part(
            "Memory",
            "Afterwards.",
            tuple(Line(name, rss_mb(ground.pids()[name]), "MB") for name in ground.services.names),
        ),
    ]


def _collection(name: str, found: Disk, per_event: float) -> Line:
    total = found.documents[name] + found.indexes[name]
    note = f"{found.counts[name]:,} documents, {total / max(1, found.counts[name]):,.0f} B each"
    return Line(f"  {name}", total * per_event, "B/event", note)


async def _main(events: int, customers: int, seed: int) -> list[Part]:
    async with arena(lambda line: print(line, flush=True)) as ground:
        return await measure(ground, events, customers, seed)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.footprint", description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--customers", type=int, default=CUSTOMERS)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    os.environ.setdefault("GUANXI_STACK", "local")  # the topics' files are looked at
    print(render(run_to_its_end(_main(options.events, options.customers, options.seed))))


if __name__ == "__main__":
    main()
