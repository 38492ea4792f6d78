"""`python -m tests.bench [all|throughput|latency|naive|files|steps]`: one table from one run."""

import argparse
import platform
import sys
import time
from importlib.metadata import version
from os import cpu_count, getloadavg

from guanxi.running import Interrupted, run
from local.stack.errors import StackError
from tests.bench import file_door, latency, load, naive_run, steps, throughput
from tests.bench.arena import Arena, arena
from tests.bench.peers import service
from tests.bench.table import Line, Part, render

PARTS = ("all", "throughput", "latency", "naive", "files", "steps")
CUSTOMERS = 50_000
EVENTS = 60_000
NAIVE_EVENTS = 8_000
LATENCY_SECONDS = 20
NAIVE_LATENCY_SECONDS = 10


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("part", nargs="?", choices=PARTS, default="all")
    parser.add_argument("--events", type=int, default=EVENTS, help=f"events of the mixed load [{EVENTS}]")
    parser.add_argument("--customers", type=int, default=CUSTOMERS, help=f"customers [{CUSTOMERS}]")
    parser.add_argument("--naive-events", type=int, default=NAIVE_EVENTS, help=f"for the naive one [{NAIVE_EVENTS}]")
    parser.add_argument("--rows", type=int, default=file_door.ROWS, help=f"of the file door [{file_door.ROWS}]")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.load_average = getloadavg()[0]
    try:
        parts = run(_measure(options))
    except Interrupted:
        return 130
    except StackError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print(render(parts))
    return 0


async def _measure(options: argparse.Namespace) -> list[Part]:
    began = time.perf_counter()
    if options.part == "steps":
        async with arena(_say) as ground:
            return [_machine(ground, options), *await steps.measure(ground, options.seed)]
    async with arena(_say) as ground:
        parts = [_machine(ground, options)]
        if options.part != "files":
            parts += await _on_stack(ground, options)
        if options.part in {"all", "files"}:
            _say(f"file door, {options.rows:,} rows")
            parts.append(await file_door.measure(ground, options.rows, options.seed, throughput.now()))
    print(f"measured in {time.perf_counter() - began:.0f} s", file=sys.stderr)
    return parts


async def _on_stack(ground: Arena, options: argparse.Namespace) -> list[Part]:
    customers, seed, part = options.customers, options.seed, options.part
    parts: list[Part] = []
    _say(f"first purchase of {customers:,} customers")
    first, sent = await throughput.prepare(ground, customers, seed)
    _say(f"  {first.per_second:,.0f} events/s; mixed load of {options.events:,} events")
    now = throughput.now()
    mixed_loads = list(load.mixed(options.events, customers, seed, now))
    mixed = await throughput.run(ground, mixed_loads)
    sent += mixed_loads
    _say(f"  {mixed.per_second:,.0f} events/s")
    if part in {"all", "throughput"}:
        verified = await throughput.verify(ground, sent, seed)
        parts += throughput.parts(ground, first, mixed, customers, verified)
    if part in {"all", "latency"}:
        _say(f"door to view for {LATENCY_SECONDS} s")
        found, cores = await latency.measure(ground, customers, LATENCY_SECONDS, seed)
        parts.append(latency.part(found, cores))
    if part in {"all", "naive"}:
        _say(f"naive handler, {options.naive_events:,} events")
        async with service.running(ground, service.NAIVE) as naive:
            naive_rate = await service.rate(ground, service.NAIVE, naive, mixed_loads[: options.naive_events])
            _say(f"  {naive_rate.per_second:,.0f} events/s; door to view for {NAIVE_LATENCY_SECONDS} s")
            seen = await naive_run.latency(ground, customers, NAIVE_LATENCY_SECONDS, seed)
        parts.append(naive_run.part(mixed, naive_rate, seen))
    if part == "all":
        _say("steps")
        parts += await steps.measure(ground, seed)
    return parts


def _machine(ground: Arena, options: argparse.Namespace) -> Part:
    used = f"{ground.servers.kafka.what}; {ground.servers.mongo.what}; Python {platform.python_version()}"
    libraries = ", ".join(f"{name} {version(name)}" for name in ("faststream", "aiokafka", "motor", "pydantic"))
    return Part(
        "guanxi bench",
        f"One machine with {cpu_count()} cores for everything, the load included. {used}; {libraries}. "
        f"{ground.settings.partitions} partitions, one process of each service, seed {options.seed}.",
        (
            Line("customers", options.customers, ""),
            Line("events of the mixed load", options.events, ""),
            Line("load average before the run", options.load_average, "", "above 0.5: it shared the machine"),
        ),
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
