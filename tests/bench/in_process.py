"""What an event costs in the services' own code and in mongod: CPU time, with everything else left out.

    python -m tests.bench.in_process load=8000 year=300 [--profile tiering]

Each measure runs the real admission and the real folds in this process, on a mongod of its own and a log in memory.
Compare two trees only in one sitting and in turn (python -m tests.bench.compare): what else the machine does makes CPU
time longer too.
"""

import argparse
import sys
from collections.abc import Awaitable, Callable, Iterable
from cProfile import Profile
from datetime import datetime, timedelta
from heapq import merge
from itertools import islice
from pstats import Stats
from statistics import median
from typing import Any

from tests.bench import load
from tests.bench.engagement_year import Told, Year, fact
from tests.bench.measures import Measure, Value, command, parser_of, say
from tests.bench.pipeline import ENGAGEMENT, FEED, STAGES, TIERING, TODAY, Pipeline, pipeline

SEED = 1
CACHE_GB = 0.5
VISITS_A_YEAR = 40
CHUNK = 1_000
"""Records of a year that arrive together."""
SHORT, LONG = 10, 1_000
"""Events of history."""
HISTORY_DAYS = 1_000
ROUNDS = 10
FEW = 50
"""The part of the many customers that is measured first: 10,000 of 500,000."""
MANY_ROUNDS = 3
MANY_EVENTS = 25
"""The part of the customers that has an event in each round."""
MANY_CACHE_GB = 2.0
"""What the MongoDB of half a million customers is given at least."""
FILL = 20_000


async def measure_load(on: Pipeline, customers: int) -> list[Value]:
    """First purchases, then as many events of the mix."""
    loads = load.first_purchases(customers, SEED, TODAY)
    await _representatives(on)
    first = await _through(on, "first purchase", loads)
    mixed = await _through(on, "mixed load", load.mixed(customers, customers, SEED + 1, TODAY))
    values = []
    for label, count in (("first purchase", first), ("mixed load", mixed)):
        values.append(Value(f"{label}, in all", _microseconds(on, label, count), "µs/event"))
        for stage in on.stages:
            cost = on.costs[label, stage]
            values.append(Value(f"{label}: {stage}", 1e6 * cost.own / count, "µs/event"))
            values.append(Value(f"{label}: {stage}'s mongod", 1e6 * cost.mongod / count, "µs/event"))
    return [*values, Value("decisions", on.decisions(), "")]


async def measure_year(on: Pipeline, customers: int) -> list[Value]:
    """A year of visits through engagement, in the order of time."""
    year = Year(customers * VISITS_A_YEAR, customers, max(3, customers // 15), SEED)
    partitions = on.settings.partitions
    told = list(merge(*(year.told(one, partitions) for one in range(partitions)), key=lambda one: one[0]))
    values = []
    for number, name in enumerate(("first", "second", "last")):
        some = told[len(told) * number // 3 : len(told) * (number + 1) // 3]
        await on.settle()
        for start in range(0, len(some), CHUNK):
            on.tell(some[start : start + CHUNK])
            await on.run(ENGAGEMENT, name)
        await on.settle(name, ENGAGEMENT)
        values.append(Value(f"a year of visits, {name} third", _microseconds(on, name, len(some)), "µs/event"))
    return [*values, Value("decisions", on.decisions(), "")]


async def measure_tiering_history(on: Pipeline, customers: int) -> list[Value]:
    """Purchases of customers with few and with many purchase days."""
    return await _history(on, customers, TIERING, "purchase days", _purchase)


async def measure_engagement_history(on: Pipeline, customers: int) -> list[Value]:
    """Visits to customers with few and with many visits."""
    on.tell([fact("representative.registered", "r", "R1", TODAY - timedelta(HISTORY_DAYS + 1), _REP, "representative")])
    return await _history(on, customers, ENGAGEMENT, "visits", _visit)


async def measure_customers(on: Pipeline, many: int) -> list[Value]:
    """The mix over few customers, then over many on the same mongod; each the median of some rounds."""
    await _representatives(on)
    few, events = max(1, many // FEW), max(1, many // MANY_EVENTS)
    first = load.first_purchases(many, SEED, TODAY)
    values, there = [], 0
    for customers in (few, many):
        while there < customers:
            there += await _through(on, "fill", islice(first, min(FILL, customers - there)))
            say(f"  {there:,} of {many:,} customers")
        costs, of_mongod = [], []
        for number in range(MANY_ROUNDS):
            label = f"{customers}/{number}"
            loads = load.mixed(events, customers, SEED + number, TODAY, f"mix-{label}")
            count = await _through(on, label, loads)
            costs.append(_microseconds(on, label, count))
            of_mongod.append(1e6 * sum(on.costs[label, stage].mongod for stage in on.stages) / count)
            say(f"  {costs[-1]:,.0f} µs/event, {of_mongod[-1]:,.0f} of them mongod's")
        values.append(Value(f"mixed load over {customers:,} customers", median(costs), "µs/event"))
        values.append(Value(f"mongod's of {customers:,}", median(of_mongod), "µs/event"))
    return [*values, Value(f"{many:,} customers / {few:,}", values[2].value / values[0].value, "times")]


async def measure_feed_history(on: Pipeline, customers: int) -> list[Value]:
    """Purchases of customers with short and with long timelines."""
    return await _history(on, customers, FEED, "lines", _purchase)


RUNS: dict[str, Callable[[Pipeline, int], Awaitable[list[Value]]]] = {
    "load": measure_load,
    "year": measure_year,
    "tiering-history": measure_tiering_history,
    "engagement-history": measure_engagement_history,
    "feed-history": measure_feed_history,
    "customers": measure_customers,
}
MEASURES = {
    one.name: one
    for one in (
        Measure("load", 50_000, 2_000, "customers: a first purchase each, then as many events of the mix"),
        Measure("year", 1_500, 60, f"customers with {VISITS_A_YEAR} visits a year, through engagement"),
        Measure("tiering-history", 100, 10, f"customers with {SHORT} and with {LONG:,} purchase days"),
        Measure("engagement-history", 100, 10, f"customers with {SHORT} and with {LONG:,} visits"),
        Measure("feed-history", 100, 10, f"customers with {SHORT} and with {LONG:,} lines of the timeline"),
        Measure("customers", 500_000, 5_000, f"customers against a {FEW}th of them, mongod with {MANY_CACHE_GB:g} GB"),
    )
}


async def _representatives(on: Pipeline) -> None:
    on.take(load.representatives(TODAY))
    for stage in on.stages:
        await on.run(stage, "representatives")


async def _through(on: Pipeline, label: str, loads: Iterable[load.Load]) -> int:
    """From the inbox through all stages; gives how many events."""
    before = sum(map(len, on.inbox.records))
    on.take((one.key, one.value()) for one in loads)
    for stage in on.stages:
        await on.settle()
        await on.run(stage, label)
        await on.settle(label, stage)
    return sum(map(len, on.inbox.records)) - before


def _microseconds(on: Pipeline, label: str, count: int) -> float:
    """Of everything under a label, per event."""
    return 1e6 * sum(cost.own + cost.mongod for (of, _), cost in on.costs.items() if of == label) / count


async def _history(
    on: Pipeline, customers: int, stage: str, of_what: str, event: Callable[[str, str, datetime], Told]
) -> list[Value]:
    """A history for each customer, all at once, then an event a day for each."""
    values = []
    for length in (SHORT, LONG):
        names = [f"H{length}-{number}" for number in range(customers)]
        for name in names:
            days = range(0, HISTORY_DAYS, HISTORY_DAYS // length)
            on.tell(event(name, f"{name}-{day}", TODAY - timedelta(HISTORY_DAYS - day)) for day in days)
        await on.run(stage, f"{length} before")
        say(f"  {customers:,} customers with {length:,} {of_what}")
        await on.settle()
        for number in range(ROUNDS):
            on.tell(event(name, f"{name}+{number}", TODAY + timedelta(number)) for name in names)
            await on.run(stage, str(length))
        await on.settle(str(length), stage)
        cost = _microseconds(on, str(length), ROUNDS * customers)
        values.append(Value(f"{stage}, after {length:,} {of_what}", cost, "µs/event"))
    short, long = values
    return [*values, Value(f"{stage}, {LONG:,} {of_what} / {SHORT}", long.value / short.value, "times")]


_REP = {"role": "account_manager", "active_from": "2020-01-01"}


def _purchase(customer: str, name: str, at: datetime) -> Told:
    data = {"purchase_id": name, "amount": "1234.50", "currency": "CNY", "margin_rate": "0.22"}
    return fact("purchase.recorded", name, customer, at, data)


def _visit(customer: str, name: str, at: datetime) -> Told:
    data = {
        "visit_id": name,
        "kind": "routine",
        "channel": "onsite",
        "participants": [{"rep_id": "R1", "role": "account_manager"}],
        "attendees": [{"person_id": f"P-{customer}", "department": "采购部"}],
        "consensus": "双方同意下季度增加采购",
    }
    return fact("visit.logged", name, customer, at, data)


async def measure(options: argparse.Namespace, name: str, size: int) -> list[Value]:
    """One of the measures, on a mongod of its own."""
    cache = options.cache_gb or (MANY_CACHE_GB if name == "customers" else CACHE_GB)
    async with pipeline(say, cache_gb=cache, batch_records=options.batch) as on:
        values = await RUNS[name](_profiled(on, options.profile), size)
        on.check()
    return values


def _profiled(on: Pipeline, stage: str | None) -> Any:
    return on if stage is None else _Profiled(on, stage)


class _Profiled:
    """A pipeline that says where one stage's time goes, label by label."""

    def __init__(self, on: Pipeline, stage: str) -> None:
        self._on, self._stage = on, stage

    def __getattr__(self, name: str) -> Any:
        return getattr(self._on, name)

    async def run(self, stage: str, label: str) -> None:
        if stage != self._stage:
            await self._on.run(stage, label)
            return
        profile = Profile()
        with profile:
            await self._on.run(stage, label)
        print(f"{label}: {stage}")
        Stats(profile).sort_stats("tottime").print_stats(50)


def main() -> int:
    parser = parser_of("in_process", __doc__, MEASURES)
    parser.add_argument("--batch", type=int, help="records of a batch [what a service takes unless told otherwise]")
    parser.add_argument("--cache-gb", type=float, help=f"mongod's cache [{CACHE_GB}; customers: {MANY_CACHE_GB}]")
    parser.add_argument("--profile", choices=STAGES, help="print where the time of a stage goes; its CPU time swells")
    return command(parser, MEASURES, measure)


if __name__ == "__main__":
    sys.exit(main())
