"""Engagement at scale: how long folding takes, how large documents get, how long the usual queries take.

    python -m tests.bench.engagement_scale [--visits 2500000] [--customers 50000] [--representatives 1000] [--seed 1]

A year of visits, with tiers, owners, answers, concerns and key persons, goes through the log processor of engagement as
records of the log, partition by partition, with decisions published and read back, into a real MongoDB; Kafka is left
out. One process. Then every view is asked its usual questions, and explained.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from os import cpu_count, environ, getloadavg
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

from pydantic import SecretStr
from pymongo import MongoClient

from local.stack.mongod import start_mongod
from local.stack.server import Ask
from services.engagement.calendar import build_calendar
from services.engagement.domain import Engagement
from services.engagement.store import SCHEMA, week_documents, write_weeks
from shared.errors import Transient
from shared.fold.processor import LogProcessor
from shared.kafka.batches import Appender, Outgoing
from shared.kafka.connection import Record
from shared.mongo import Database, connect
from shared.mongo.schema import apply
from shared.mongo.states import StateStore
from shared.policies.calendar import CalendarChoice
from shared.policies.entitlements import make_entitlements
from shared.settings import Settings
from tests.bench.engagement_year import END, START, Told, Year
from tests.services.engagement.usual import scans, usual

PARTITIONS = 12
ZONE = ZoneInfo("Asia/Shanghai")
SMALLEST_BATCH = 50
QUERY_TRIES, ENOUGH_SECONDS = 3, 5.0
SCREEN = 25
"""Rows that a person sees first."""


@dataclass(frozen=True, slots=True)
class _Read:
    """A record as a consumer gives it."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Any


@dataclass(slots=True)
class _Log:
    """One partition of a log in memory: what is told, and the decisions about it, read back with the next batch."""

    partition: int
    told: Iterable[Told]
    batch_records: int
    offset: int = 0
    decided: deque[Outgoing] = field(default_factory=deque)
    clock_ms: int = 0

    async def append(self, topic: str, records: Iterable[Outgoing]) -> list[tuple[int, int]]:
        """In the appender's place."""
        del topic
        self.decided.extend(records)
        return []

    def batch(self) -> list[Record]:
        """The decisions of the batch before, then what is told; empty at the end."""
        records: list[Record] = []
        while self.decided:
            one = self.decided.popleft()
            records.append(self._read(self.clock_ms, one.key, one.value, one.headers))
        for at, key, value, headers in self.told:
            self.clock_ms = int(at.timestamp() * 1000)
            records.append(self._read(self.clock_ms, key, value, headers))
            if len(records) >= self.batch_records:
                break
        return records

    def _read(self, at_ms: int, key: bytes | None, value: bytes | None, headers: Any) -> Record:
        self.offset += 1
        return _Read(self.partition, self.offset - 1, at_ms, key, value, headers)


@dataclass(slots=True)
class Folded:
    """What folding took: seconds that passed and of this process's CPU, without making the records up."""

    records: int = 0
    decisions: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0


async def fold(database: Database, year: Year, partitions: range, batch_records: int) -> Folded:
    """Some partitions, one after the other."""
    await apply(database, SCHEMA, 1)
    calendar = build_calendar(CalendarChoice("CN"), range(START.year, END.year + 1))
    await write_weeks(database, week_documents(calendar, ZONE, START.date(), END.date()))
    domain = Engagement(make_entitlements([(date(2020, 1, 1), None)]), ZONE)
    done = Folded()
    for partition in partitions:
        log = _Log(partition, iter(year.told(partition, PARTITIONS)), batch_records)
        store = StateStore(database, "engagement", 1, 1)
        processor = LogProcessor(domain, store, cast("Appender", log), "log", now=lambda: datetime.now(UTC))
        await processor.positions([partition])
        while records := log.batch():
            began, cpu = time.perf_counter(), time.process_time()
            await _process(processor, log, records)
            done.seconds += time.perf_counter() - began
            done.cpu_seconds += time.process_time() - cpu
            done.records += len(records)
        done.decisions += processor.counts.decided
        assert not processor.counts.frozen, "the year's records can all be folded"
        rate = done.records / done.seconds
        print(f"  partition {partition + 1} of {PARTITIONS}: {rate:,.0f} records/s so far", file=sys.stderr, flush=True)
    return done


async def _process(processor: LogProcessor[Any, Any], log: _Log, records: list[Record]) -> None:
    """A batch; in ever smaller parts where a transaction takes longer than MongoDB lets it."""
    begin, done, size = records[0].offset, 0, len(records)
    while done < len(records):
        decided = len(log.decided)
        try:
            await processor.process({log.partition: records[done : done + size]})
            done += size
        except Transient:
            size //= 2
            if size < SMALLEST_BATCH:
                raise
            processor.forget()
            reached = (await processor.positions([log.partition]))[log.partition] - begin
            if reached == done:  # nothing of it took effect, its decisions are not on the log
                while len(log.decided) > decided:
                    log.decided.pop()
            done = reached


def report_folded(done: Folded) -> None:
    """Print what folding took."""
    print(f"{done.records:,} records, {done.decisions:,} of them decisions")
    print(f"fold: {done.seconds:,.0f} s, {done.records / done.seconds:,.0f} records/s; ", end="")
    print(f"{1e6 * done.cpu_seconds / done.records:,.0f} µs of this process's CPU each", flush=True)


def report(database: Any, year: Year) -> None:
    """Print how large everything is."""
    for name in ("engagement", "representatives", "visit_rows", "account_rows"):
        (found,) = database[f"{name}_g1"].aggregate(
            [
                {"$group": {"_id": None, "count": {"$sum": 1}, "sizes": {"$push": {"$bsonSize": "$$ROOT"}}}}
                if name != "visit_rows"
                else {"$group": {"_id": None, "count": {"$sum": 1}, "mean": {"$avg": {"$bsonSize": "$$ROOT"}}}},
            ],
            allowDiskUse=True,
        )
        stats = database.command("collStats", f"{name}_g1")
        sizes = sorted(found.get("sizes", []))
        spread = (
            f"median {sizes[len(sizes) // 2]:,}, 99 % {sizes[len(sizes) * 99 // 100]:,}, largest {sizes[-1]:,}"
            if sizes
            else f"mean {found['mean']:,.0f}"
        )
        on_disk = f"{stats['storageSize'] / 1e6:,.0f} MB on disk, indexes {stats['totalIndexSize'] / 1e6:,.0f} MB"
        print(f"{name:16}{found['count']:>10,} documents, bytes: {spread}; {on_disk}")
    kept = Counter(tier for _, tier in year.tiers())
    print("customers by tier at the end:", ", ".join(f"{tier} {count:,}" for tier, count in kept.items()))


def ask(database: Any, year: Year) -> int:
    """Each usual query: rows, milliseconds to the first screen and to the last row (best of some), scans. Gives how
    many scan.
    """
    customer, partner = year.customer_of("general"), year.customer_of("partner")
    print(f"{'view':26}{'query':66}{'rows':>8}{'first ms':>10}{'all ms':>10}  reads all?")
    scanning = 0
    for view, query in usual(customer, partner, year.representative(3), year.last_week, END.date().isoformat()):
        first, _ = _best(lambda: list(database[view].find(query).limit(SCREEN)))  # noqa: B023
        best, rows = _best(lambda: list(database[view].find(query)))  # noqa: B023
        aggregate = {"aggregate": view, "pipeline": [{"$match": query}], "cursor": {}}
        found = scans(database.command({"explain": aggregate, "verbosity": "executionStats"}))
        scanning += bool(found)
        print(f"{view:26}{str(query)[:64]:66}{len(rows):>8,}{first:>10,.1f}{best:>10,.1f}  {found or 'no'}", flush=True)
    return scanning


def _best(work: Callable[[], list[Any]]) -> tuple[float, list[Any]]:
    """Milliseconds, the best of some tries, and what came."""
    best, rows = float("inf"), []
    for _ in range(QUERY_TRIES):
        began = time.perf_counter()
        rows = work()
        best = min(best, time.perf_counter() - began)
        if best > ENOUGH_SECONDS:
            break
    return 1000 * best, rows


async def main() -> int:
    """Run and print; 1 when a usual query reads a whole collection."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visits", type=int, default=250_000)
    parser.add_argument("--customers", type=int, default=50_000)
    parser.add_argument("--representatives", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=4_000, help="records a transaction")
    parser.add_argument("--first", type=int, default=0, help="partition to begin with; what is there stays if not 0")
    parser.add_argument("--last", type=int, default=PARTITIONS - 1, help="partition to end with; questions come at 11")
    given = parser.parse_args()
    year = Year(given.visits, given.customers, given.representatives, given.seed)
    print(f"{cpu_count()} cores, load average {getloadavg()[0]:.2f} before; seed {given.seed}")
    async with AsyncExitStack() as running:
        uri = environ.get("GUANXI_MONGO_URI")
        if uri is None:
            folder = Path(running.enter_context(tempfile.TemporaryDirectory()))
            (folder / "logs").mkdir()
            server = await start_mongod(Ask(folder, folder / "logs"), lambda text: print(text, file=sys.stderr))
            assert server.process is not None, "it was started here"
            running.push_async_callback(server.process.stop)
            uri = server.endpoint
        database = connect(Settings(mongo_uri=SecretStr(uri), mongo_database="bench_engagement"))
        try:
            if not given.first:
                await database.client.drop_database(database.name)
            done = await fold(database, year, range(given.first, given.last + 1), given.batch)
        finally:
            database.client.close()
        client: MongoClient[Any] = MongoClient(uri, tz_aware=True)
        with client:
            await asyncio.to_thread(report_folded, done)
            if given.last < PARTITIONS - 1:
                return 0
            await asyncio.to_thread(report, client.bench_engagement, year)
            scanning = await asyncio.to_thread(ask, client.bench_engagement, year)
            client.drop_database("bench_engagement")
    return 1 if scanning else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
