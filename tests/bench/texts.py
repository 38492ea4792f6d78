"""What texts cost: events a second, CPU and bytes on disk per event of a load without and with them, on a fresh stack.

    python -m tests.bench.texts texts=20000

On a version from before texts left the log: `make bench-compare OLD=cf6b4eb MEASURES=texts`.
"""

import argparse
import os
import sys

from tests.bench import footprint, load, throughput
from tests.bench.arena import arena
from tests.bench.measures import Measure, Value, command, parser_of, say

SEED = 1
MEASURES = {
    "texts": Measure("texts", 20_000, 1_000, "purchases and visits, without texts, and with five texts each visit")
}


async def measure_texts(events: int) -> list[Value]:
    """Purchases and visits without texts, and as many with five texts each visit: what both cost, and leave on disk."""
    customers = max(1, events // 5)
    values: list[Value] = []
    async with arena(say) as ground:
        await throughput.prepare(ground, customers, SEED)
        for label, texts in (("without texts", False), ("with texts", True)):
            before = await footprint.disk(ground)
            loads = list(load.written(events, customers, SEED, throughput.now(), label, texts=texts))
            found = await throughput.run(ground, loads)
            say(f"  {label}: {found.per_second:,.0f} events/s")
            after = await footprint.disk(ground)
            cpu = sum(spent for name, spent in found.cpu.items() if name != "the load itself")
            values.append(Value(f"{label}, rate", found.per_second, "events/s"))
            values.append(Value(f"{label}, CPU", 1e6 * cpu / found.events, "µs/event"))
            values += _grown(label, before, after, events)
    return values


def _grown(label: str, before: footprint.Disk, after: footprint.Disk, events: int) -> list[Value]:
    """Bytes per event on disk: of each topic, and of the collections that grew most."""
    topics = {name: after.topics[name] - before.topics[name] for name in after.topics}
    stored = {
        name: after.documents[name] + after.indexes[name] - before.documents.get(name, 0) - before.indexes.get(name, 0)
        for name in after.documents
    }
    grown = {**topics, "MongoDB in all": sum(stored.values())}
    grown |= {name: size for name, size in stored.items() if name in {"claims", "texts"}}
    return [Value(f"{label}, {name}", size / events, "B/event") for name, size in grown.items()]


async def measure(_: argparse.Namespace, name: str, size: int) -> list[Value]:
    """The one measure."""
    assert name in MEASURES, name
    return await measure_texts(size)


def main() -> int:
    os.environ.setdefault("GUANXI_STACK", "local")  # the topics' files are looked at
    return command(parser_of("texts", __doc__ or "", MEASURES), MEASURES, measure)


if __name__ == "__main__":
    sys.exit(main())
