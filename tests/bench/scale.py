"""1, 2 and 4 processes of each service on the same load: what each costs, and what saturates first.

    python -m tests.bench.scale [--processes 1 2 4] [--customers 50000] [--events 50000]

Every number of processes gets a fresh Kafka and MongoDB and the same events. CPU per event is what is compared: where
all share a few cores, events per second only say that the cores are full.
"""

import argparse
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import cpu_count
from typing import Any

from local.stack.services import ALL
from tests.bench import load, throughput
from tests.bench.arena import Arena, arena
from tests.bench.measures import ended, say
from tests.bench.table import Line, Part, render
from tests.bench.throughput import Rate

PROCESSES = (1, 2, 4)
CUSTOMERS = 50_000
EVENTS = 50_000
A_MINUTE = 1_000_000
"""Events: what the arithmetic is about."""
BUSY = 0.7
"""How much of a core is planned with: the rest is for peaks and for catching up."""
FULL = 0.9
"""A core that is busy for so much of the time has no more to give."""
SERVERS = ("MongoDB (mongod)", "Kafka (java)")
"""Which use more cores than one."""
LOAD = "the load itself"
SMALL_SHARE = 0.005


@dataclass(frozen=True, slots=True)
class Scaled:
    """processes: of each service; mongod: share of its operations' time, by collection."""

    processes: int
    rate: Rate
    mongod: Mapping[str, float]


def names(processes: int) -> list[str]:
    """Of the services' processes: the second one of tiering is `tiering-2`."""
    return [service if number == 1 else f"{service}-{number}" for service in ALL for number in range(1, processes + 1)]


def service_of(process: str) -> str:
    """`tiering` of `tiering-2`; servers and the load are their own."""
    service = process.partition("-")[0]
    return service if service in ALL else process


def by_service(cpu: Mapping[str, float], events: int) -> dict[str, float]:
    """Microseconds of CPU per event of all processes of a service together."""
    costs: dict[str, float] = {}
    for process, seconds in cpu.items():
        service = service_of(process)
        costs[service] = costs.get(service, 0.0) + 1e6 * seconds / events
    return costs


def shares(before: Mapping[str, Any], after: Mapping[str, Any], database: str) -> dict[str, float]:
    """Of the time that operations took between two answers of `top`, by collection; the largest first. Others than
    the database's are one.
    """
    spent: dict[str, float] = {}
    for namespace, found in after.items():
        if isinstance(found, Mapping):
            known = before.get(namespace, {}).get("total", {}).get("time", 0)
            of, _, collection = namespace.partition(".")
            name = collection if of == database else "the rest (oplog, sessions)"
            spent[name] = spent.get(name, 0) + found["total"]["time"] - known
    whole = sum(spent.values()) or math.nan
    return {name: time / whole for name, time in sorted(spent.items(), key=lambda one: -one[1])}


def cores_needed(cost: float, events_a_minute: int = A_MINUTE) -> float:
    """Cores that a cost in microseconds per event keeps busy."""
    return cost * events_a_minute / 60 / 1e6


def saturated(rate: Rate, cores: int) -> str:
    """What was at its limit while the events went through: all cores together, one process that has but one, or none
    of them, and then it is waiting for disk and network that takes the time.
    """
    busy = {name: seconds / rate.seconds for name, seconds in rate.cpu.items()}
    most = max((name for name in busy if name not in SERVERS), key=busy.__getitem__)
    if sum(busy.values()) >= FULL * cores:
        return (
            f"the {cores} cores that all of them share; of the processes, {most}, with {100 * busy[most]:.0f} % of one"
        )
    if busy[most] >= FULL:
        return f"{most}, which has one core"
    return f"no core; {most} is the busiest process, with {100 * busy[most]:.0f} % of one"


async def _top(ground: Arena) -> Mapping[str, Any]:
    answer: dict[str, Any] = await ground.database.client.admin.command("top")
    totals: Mapping[str, Any] = answer["totals"]
    return totals


async def measure(processes: int, options: argparse.Namespace) -> Scaled:
    """One number of processes on a stack of its own."""
    say(f"{processes} of each service")
    async with arena(say, names=names(processes)) as ground:
        _, sent = await throughput.prepare(ground, options.customers, options.seed)
        before = await _top(ground)
        mixed = list(load.mixed(options.events, options.customers, options.seed, throughput.now()))
        rate = await throughput.run(ground, mixed)
        after = await _top(ground)
        say(f"  {rate.per_second:,.0f} events/s")
        await throughput.verify(ground, sent + mixed, options.seed)
        return Scaled(processes, rate, shares(before, after, ground.database.name))


def parts(found: Sequence[Scaled], customers: int) -> list[Part]:
    """Of the table: one for each number of processes, and the arithmetic."""
    return [part for one in found for part in _scaled(one, customers)] + ([_arithmetic(found)] if found else [])


def _scaled(one: Scaled, customers: int) -> list[Part]:
    rate = one.rate
    lines = [
        Line(name, 1e6 * seconds / rate.events, "µs/event", f"{100 * seconds / rate.seconds:.0f} % of a core")
        for name, seconds in rate.cpu.items()
    ]
    busy = f"{sum(rate.cpu.values()) / rate.seconds:.2f} cores"
    whole = Line("in all", 1e6 * sum(rate.cpu.values()) / rate.events, "µs/event", busy)
    collections = [Line(name, 100 * share, "%") for name, share in one.mongod.items() if share >= SMALL_SHARE]
    return [
        Part(
            f"{one.processes} of each service",
            f"{rate.events:,} events of the mix, {customers:,} customers; {rate.per_second:,.0f} events/s. "
            f"Saturated first: {saturated(rate, cpu_count() or 1)}.",
            (*lines, whole),
        ),
        Part(
            f"mongod by collection, {one.processes} of each service",
            "Of the time that its operations took (top), waits included: a share, not CPU time.",
            tuple(collections),
        ),
    ]


def _arithmetic(found: Sequence[Scaled]) -> Part:
    last = found[-1]
    costs = by_service(last.rate.cpu, last.rate.events)
    costs.pop(LOAD, None)
    lines = []
    for name, cost in sorted(costs.items(), key=lambda one: -one[1]):
        cores = cores_needed(cost)
        needed = math.ceil(cores / BUSY)
        alone = f"{needed} processes; one alone does {1e6 / cost:,.0f} events/s" if cost else ""
        lines.append(Line(name, cores, "cores", alone if name in ALL else f"a machine with {needed} cores"))
    return Part(
        f"{A_MINUTE:,} events a minute",
        f"{A_MINUTE / 60:,.0f} events/s times what an event costs with {last.processes} of each service, on cores like "
        f"these, servers on machines of their own, each core {100 * BUSY:.0f} % busy. Processes can be added as far as "
        "there are partitions; a primary of MongoDB has one machine.",
        tuple(lines),
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.scale", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--processes", type=int, nargs="+", default=PROCESSES, metavar="N", help="of each service [1 2 4]"
    )
    parser.add_argument("--customers", type=int, default=CUSTOMERS, help=f"[{CUSTOMERS}]")
    parser.add_argument("--events", type=int, default=EVENTS, help=f"of the mix [{EVENTS}]")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    found: list[Scaled] = []

    async def all_of_them() -> None:
        for processes in options.processes:
            one = await measure(processes, options)
            found.append(one)

    code = ended(all_of_them())
    if found:
        print(render(parts(found, options.customers)))
    return code


if __name__ == "__main__":
    sys.exit(main())
