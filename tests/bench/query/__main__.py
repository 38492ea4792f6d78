"""What reading costs, in one table from one run: the API's usual queries with many customers, alone and with events
coming in; from the door to a follower of the changes; a thousand followers; an export of many rows.

    python -m tests.bench.query [--customers 50000] [--rows 1000000] [--events-per-second 500] [--parts queries export]

The services run as processes of their own on a fresh Kafka and MongoDB. Customers are documents as the services store
them, put straight into MongoDB; the events that come in are of other customers, so that every answer is known. Each
query is asked for `--times` times, `--at-once` at a time, of other customers and representatives each time. CPU is a
request's: where the machine is busy, read that. Ctrl-C shows what was measured by then. Exits with 1 where an answer
was wrong, or a follower had not each change once.
"""

import argparse
import asyncio
import json
import os
import secrets
import sys
import time
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from services.engagement.store.rep_weeks import HEADS
from services.query.limits import MAX_STREAMS_PER_KEY
from shared.keys import Scope
from shared.keys.edit import create_key
from shared.mongo import Database
from shared.settings import Settings
from tests.bench import latency, throughput
from tests.bench.arena import Arena, arena
from tests.bench.console_screens import Made, fill_rows
from tests.bench.door import Connections
from tests.bench.measures import ended, say
from tests.bench.query import exported, followed, queries, started
from tests.bench.table import Line, Part, render

SERVICES = ("ingest", "tiering", "engagement", "archives", "planning", "feed", "query", "worker")
SEED = 1
SWEPT_SECONDS = 1_800.0
PARTS = ("start", "queries", "stream", "followers", "csv", "export")


def main(arguments: list[str] | None = None) -> int:
    """Measure what is asked for; print the table, of what there is after Ctrl-C."""
    options = parser().parse_args(arguments)
    os.environ.pop("GUANXI_KAFKA_BOOTSTRAP", None)
    found = Found([_machine(options)])
    try:
        code = ended(measure(options, found))
    finally:
        print(render(found.parts))
    return code or min(found.wrong, 1)


def parser() -> argparse.ArgumentParser:
    """Sizes, and what to measure."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    size = partial(options.add_argument, type=int, metavar="N")
    size("--customers", default=50_000, help="of the queries")
    size("--representatives", help="by default one for 50 customers")
    size("--rows", default=1_000_000, help="of the export")
    size("--times", default=400, help="that each query is asked for")
    size("--at-once", default=8)
    size("--events-per-second", default=500, help="that come in meanwhile")
    size("--events-of", default=20_000, help="customers of the events that come in")
    size("--stream-seconds", default=20, help="of door to stream")
    size("--followers", default=1_000)
    size("--changes", default=50, help="that each follower is told of")
    size("--starts", default=5)
    options.add_argument("--format", default="csv", choices=("csv", "ndjson", "parquet"), help="of the export")
    options.add_argument("--parts", nargs="+", default=PARTS, choices=PARTS, help="all without")
    return options


@dataclass(slots=True)
class Found:
    """What was measured so far."""

    parts: list[Part]
    wrong: int = 0
    """Answers that were not as they should be."""

    def add(self, part: Part) -> None:
        self.parts.append(part)
        say(render([part]))


async def measure(options: argparse.Namespace, found: Found) -> None:
    """All that was asked for, on one stack."""
    representatives = options.representatives or max(1, options.customers // 50)
    environment = {
        "GUANXI_QUERY_UNITS_PER_SECOND": "1000000",
        "GUANXI_CURSOR_KEYS": b64encode(secrets.token_bytes(32)).decode(),
        "GUANXI_PERSON_KEY": secrets.token_hex(24),
    }

    async def fill(database: Database, settings: Settings) -> None:
        say(f"{options.customers:,} customers and {representatives:,} representatives into MongoDB")
        now = datetime.now(UTC)
        made = Made(now, now.astimezone(settings.zone).date(), representatives)
        await fill_rows(database, made, options.customers)

    async with arena(say, environment, SERVICES, fill) as ground:
        keys_file = ground.servers.folder / "keys.yaml"
        now = datetime.now(UTC)
        _, token = create_key(keys_file, ["bench"], now=now, scopes=list(Scope))
        if "start" in options.parts:
            found.add(await started.starts(ground, options.starts))
        if "queries" in options.parts:
            await _swept(ground, representatives)
            await _queries(ground, options, representatives, token, found)
        if "stream" in options.parts:
            say(f"door to stream for {options.stream_seconds} s")
            rate = options.events_per_second
            told = await followed.door_to_stream(ground, token, options.stream_seconds, rate, SEED)
            found.wrong += told.refused + told.missing
            found.add(followed.latency_part(told, rate))
        if "followers" in options.parts:
            say(f"{options.followers:,} followers")
            tokens = [
                create_key(keys_file, [], now=now, scopes=[Scope.CUSTOMERS_READ])[1]
                for _ in range(0, options.followers, MAX_STREAMS_PER_KEY)
            ]
            part, wrong = await followed.followers(ground, tokens, options.followers, options.changes)
            found.wrong += wrong
            found.add(part)
        if "csv" in options.parts:
            say("customers whole, as CSV")
            found.add(await exported.streamed(ground, token))
        if "export" in options.parts:
            say(f"export of {options.rows:,} rows")
            await exported.more_customers(ground, options.customers, options.rows)
            found.add(await exported.exported(ground, token, options.format))


async def _queries(ground: Arena, options: argparse.Namespace, representatives: int, token: str, found: Found) -> None:
    """Alone, then with events coming in."""
    async with Connections(ground.services.url("query")) as connections:
        asker = queries.Asker(ground, connections, token, options.times, options.at_once)
        status, body = await asker.get(f"customers?tier=general&size={queries.PAGE}")
        assert status == 200, body
        asked = queries.usual(options.customers, representatives, json.loads(body)["page"]["next"] or "")
        how = f"{options.customers:,} customers; each {options.times} times, {options.at_once} at once."
        found.add(Part("The ten usual queries, alone", how, await asker.ask_all(asked)))
        say(f"events of {options.events_of:,} customers come in")
        await throughput.prepare(ground, options.events_of, SEED)
        rate = options.events_per_second
        async with queries.coming_in(ground, options.events_of, rate, SEED) as coming:
            await asyncio.sleep(latency.WARM_UP_SECONDS)
            lines = await asker.ask_all(asked)
        found.wrong += asker.wrong + coming.refused
        title = f"The ten usual queries, with {rate:,} events/s at the door"
        both = f"{how} What MongoDB does for the events is in its CPU."
        found.add(Part(title, both, (*lines, *queries.came(coming))))
        await ground.settled()


async def _swept(ground: Arena, representatives: int) -> None:
    """Waits until the weeks of all representatives are rows, which engagement sees to."""
    heads, deadline, before = ground.database[HEADS], time.monotonic() + SWEPT_SECONDS, -1
    while (swept := await heads.count_documents({})) < representatives:
        if swept != before:
            before = swept
            say(f"  weeks of {swept:,} of {representatives:,} representatives are rows")
        if time.monotonic() > deadline:
            raise TimeoutError("the weeks of representatives are not all written")
        await asyncio.sleep(2)


def _machine(options: argparse.Namespace) -> Part:
    return Part(
        "What reading costs",
        f"One machine with {os.cpu_count()} cores for everything: servers, services and the client that measures.",
        (
            Line("customers", options.customers, ""),
            Line("load average before the run", os.getloadavg()[0], "", "above 0.5: it shared the machine"),
        ),
    )


if __name__ == "__main__":
    sys.exit(main())
