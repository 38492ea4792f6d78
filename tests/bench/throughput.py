"""End to end: from the first event written to the inbox until the last one is in the services' collections."""

import os
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from random import Random

from tests.bench import load
from tests.bench.arena import Arena
from tests.bench.load import Load
from tests.bench.processes import Usage, rss_mb
from tests.bench.table import Line, Part

SAMPLE = 300
"""Customers whose sums are compared with what was sent."""


@dataclass(frozen=True, slots=True)
class Rate:
    """events: how many; seconds: from the first written to the last seen; cpu: seconds by process."""

    events: int
    seconds: float
    cpu: dict[str, float]

    @property
    def per_second(self) -> float:
        return self.events / self.seconds


def now() -> datetime:
    """The end of the year over which events are spread."""
    return datetime.now(UTC)


async def prepare(arena: Arena, customers: int, seed: int) -> tuple[Rate, list[Load]]:
    """Registers the representatives and gives each customer a first purchase."""
    today = now()
    await arena.write(list(load.representatives(today)))
    await arena.settled()
    loads = list(load.first_purchases(customers, seed, today))
    return await run(arena, loads), loads


async def run(arena: Arena, loads: Sequence[Load]) -> Rate:
    """Writes the events and waits until all of them show."""
    records = [(one.key, one.value()) for one in loads]
    usage = Usage.start({**arena.pids(), "the load itself": os.getpid()})
    began = time.perf_counter()
    await arena.write(records)
    ended = await arena.settled()
    return Rate(len(records), ended - began, usage.so_far())


async def verify(arena: Arena, loads: Sequence[Load], seed: int) -> int:
    """Compares a sample of customers with what was sent; gives how many. Raises AssertionError on a difference."""
    net: defaultdict[str, int] = defaultdict(int)
    visits: defaultdict[str, int] = defaultdict(int)
    for one in loads:
        net[one.customer] += one.net_minor
        visits[one.customer] += one.visit
    sample = Random(seed).sample(sorted(net), min(SAMPLE, len(net)))
    rows = {row["_id"]: row async for row in arena.database["customers"].find({"_id": {"$in": sample}})}
    contacts = {row["_id"]: row async for row in arena.database["engagement"].find({"_id": {"$in": sample}})}
    for customer in sample:
        found = Decimal(rows[customer]["net_730d"])
        assert found == Decimal(net[customer]) / 100, f"{customer}: {found} in the view, {net[customer]} minor sent"
        seen = contacts[customer]["contact"]["visits_365d"]["total"] if customer in contacts else 0
        assert seen == visits[customer], f"{customer}: {seen} visits in the view, {visits[customer]} sent"
    return len(sample)


def parts(arena: Arena, first: Rate, mixed: Rate, customers: int, verified: int) -> list[Part]:
    """The parts of the table."""
    per_1000 = 1000 / mixed.events
    busy = sum(mixed.cpu.values())
    return [
        Part(
            "End to end",
            f"{customers:,} customers, uniform; 70 % purchases, 5 % refunds, 25 % visits, over the last year. Written "
            "straight to the inbox; from the first event written until the last one and all decisions are in both "
            f"services' collections, by their stored positions; then {verified} customers compared with what was sent.",
            (
                Line("first purchase of each customer", first.per_second, "events/s", "every document new"),
                Line("mixed load", mixed.per_second, "events/s", f"{mixed.events:,} events in {mixed.seconds:.1f} s"),
            ),
        ),
        Part(
            "Where the time goes",
            f"CPU seconds per 1,000 events of the mixed load, by process; {busy / mixed.seconds:.2f} cores busy.",
            tuple(
                Line(name, seconds * per_1000, "s/1000", f"{100 * seconds / busy:.0f} %" if busy else "")
                for name, seconds in sorted(mixed.cpu.items(), key=lambda item: -item[1])
            ),
        ),
        Part(
            "Memory",
            "Resident memory after the load.",
            tuple(Line(name, rss_mb(arena.pids()[name]), "MB") for name in arena.services.names),
        ),
    ]
