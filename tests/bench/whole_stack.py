"""What an event costs in everything together: services, MongoDB, Kafka and the load, on a fresh stack per measure.

    python -m tests.bench.whole_stack stack=20000 latency=10

CPU time is that of all processes. Compare two trees only in one sitting and in turn (python -m tests.bench.compare).
"""

import argparse
import os
import sys
import time
from collections.abc import Awaitable, Callable

from local.stack.backing import backing
from local.stack.services import Services
from operations.fast import fast_process
from operations.rebuild.run import Asked
from operations.rebuild.run import run as run_rebuild
from tests.bench import latency, load, rebuild, throughput
from tests.bench.arena import POLICY, Arena, arena, settings_of
from tests.bench.measures import Measure, Value, command, parser_of, say
from tests.bench.processes import Usage, peak_rss_mb, rss_mb
from tests.bench.throughput import Rate

SEED = 1


async def measure_stack(customers: int) -> list[Value]:
    """First purchases, then as many events of the mix."""
    async with arena(say) as ground:
        first, sent = await throughput.prepare(ground, customers, SEED)
        say(f"  first purchases: {first.per_second:,.0f} events/s")
        loads = list(load.mixed(customers, customers, SEED, throughput.now()))
        mixed = await throughput.run(ground, loads)
        say(f"  mixed load: {mixed.per_second:,.0f} events/s")
        await throughput.verify(ground, sent + loads, SEED)
        return [*_rate("first purchase", first), *_rate("mixed load", mixed)]


async def measure_latency(seconds: int) -> list[Value]:
    """Door to view, over customers that are there already: one for each event."""
    customers = int(latency.EVENTS_PER_SECOND) * (seconds + latency.WARM_UP_SECONDS)
    async with arena(say) as ground:
        await throughput.prepare(ground, customers, SEED)
        say(f"  door to view for {seconds} s")
        found, cores = await latency.measure(ground, customers, seconds, SEED)
    shares = (0.5, 0.95, 0.99)
    values = [Value(f"door to view, p{100 * share:.0f}", found.percentile(share), "ms") for share in shares]
    missing = Value("door to view, refused or not seen", found.refused + found.missing, "events")
    busy = [Value(f"door to view, cores of {name}", share, "") for name, share in cores.items()]
    return [*values, Value("door to view, cores busy", sum(cores.values()), ""), *busy, missing]


async def measure_memory(customers: int) -> list[Value]:
    """Resident memory when each customer has had an event."""
    async with arena(say) as ground:
        await throughput.prepare(ground, customers, SEED)
        return _memory(ground, customers)


async def measure_rebuild(events: int) -> list[Value]:
    """Folds purchases twice: once to have views, and again as `guanxi rebuild tiering` does, with the comparison."""
    async with backing(say, real_kafka_only=True) as servers:
        services, settings = Services(servers, say, settings={"GUANXI_POLICY": str(POLICY)}), settings_of(servers)
        await services.set_up()
        async with rebuild.database_of(settings) as database:
            await rebuild.fill(settings, events, max(1, events // 10))
            await rebuild.fold_first(settings, database)
            say("  rebuild")
            backed = {"Kafka (java)": servers.kafka.process, "MongoDB (mongod)": servers.mongo.process}
            pids = {name: process.pid for name, process in backed.items() if process is not None}
            usage = Usage.start({**pids, "the rebuild": os.getpid()})
            began = time.perf_counter()
            with fast_process():
                outcome = await run_rebuild(settings, database, Asked("tiering"), note=say)
            seconds = time.perf_counter() - began
            used = usage.so_far()
    assert outcome.handed_over is not None, outcome.compared.differences[:5]
    return [
        Value("rebuild, in all", seconds, "s"),
        *_cpu("rebuild", used, outcome.records),
        Value("rebuild, largest memory", peak_rss_mb(os.getpid()), "MB"),
    ]


RUNS: dict[str, Callable[[int], Awaitable[list[Value]]]] = {
    "stack": measure_stack,
    "latency": measure_latency,
    "memory": measure_memory,
    "rebuild": measure_rebuild,
}
MEASURES = {
    one.name: one
    for one in (
        Measure("stack", 50_000, 2_000, "customers: a first purchase each, then as many events of the mix"),
        Measure("latency", 20, 3, "seconds at 500 events/s, from the door to the view"),
        Measure("memory", 60_000, 2_000, "customers with an event each: resident memory of each service"),
        Measure("rebuild", 100_000, 10_000, "purchases, folded anew by `guanxi rebuild tiering`"),
    )
}


def _rate(label: str, found: Rate) -> list[Value]:
    return [Value(f"{label}, rate", found.per_second, "events/s"), *_cpu(label, found.cpu, found.events)]


def _cpu(label: str, used: dict[str, float], events: int) -> list[Value]:
    """CPU per event: of everything, then of each process."""
    costs = {name: 1e6 * seconds / events for name, seconds in used.items()}
    whole = Value(f"{label}, CPU in all", sum(costs.values()), "µs/event")
    return [whole, *(Value(f"{label}: {name}", cost, "µs/event") for name, cost in costs.items())]


def _memory(ground: Arena, customers: int) -> list[Value]:
    pids = ground.pids()
    names = ground.services.names
    return [Value(f"memory of {name}, {customers:,} customers", rss_mb(pids[name]), "MB") for name in names]


async def measure(_: argparse.Namespace, name: str, size: int) -> list[Value]:
    """One of the measures, on a stack of its own."""
    return await RUNS[name](size)


def main() -> int:
    os.environ.pop("GUANXI_KAFKA_BOOTSTRAP", None)
    return command(parser_of("whole_stack", __doc__, MEASURES), MEASURES, measure)


if __name__ == "__main__":
    sys.exit(main())
