"""What it costs to read a quarter of representatives' weeks: computed, and from rows, in turn.

    python -m tests.bench.rep_weeks [--representatives 1000] [--customers 5000] [--times 3]

Documents as the services store them are put straight into a real MongoDB; the API runs in this process, and is asked
for all pages of /v1/rep-weeks of 13 weeks with the fields that the console's Coverage asks for. CPU of this process
and of MongoDB, and wall time, for all pages together.
"""

import argparse
import asyncio
import sys
import time
from datetime import UTC, datetime, timedelta
from functools import partial

import httpx
from starlette.applications import Starlette

from services.engagement.store.rep_weeks import HEADS
from services.query.api.cursors import Seals
from services.query.app import api_routes
from services.query.console.screens.coverage import FIELDS, PAGE, WEEKS
from shared.keys import ApiKeys, Scope
from shared.keys.edit import create_key
from shared.mongo import Database
from tests.bench.console_screens import HOST, fill, filled, sweep
from tests.bench.processes import Usage


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--representatives", type=int, default=1_000, metavar="N")
    parser.add_argument("--customers", type=int, default=5_000, metavar="N")
    parser.add_argument("--times", type=int, default=3, metavar="N")
    asked = parser.parse_args(arguments)
    return asyncio.run(_measure(asked.representatives, asked.customers, asked.times))


async def _measure(representatives: int, customers: int, times: int) -> int:
    async with filled(partial(fill, customers=customers, representatives=representatives), swept=False) as (
        database,
        settings,
        pids,
    ):
        _, text = create_key(settings.api_keys_file, ["bench"], now=datetime.now(UTC), scopes=(Scope.CUSTOMERS_READ,))
        keys = ApiKeys(settings.api_keys_file)
        app = Starlette(routes=api_routes(settings, keys, Seals.read(None), database, database))
        transport = httpx.ASGITransport(app=app)
        headers = {"authorization": f"Bearer {text}"}
        async with httpx.AsyncClient(transport=transport, base_url=HOST, timeout=120, headers=headers) as client:
            return await _compare(client, database, pids, times)


async def _compare(client: httpx.AsyncClient, database: Database, pids: dict[str, int], times: int) -> int:
    began, used = time.perf_counter(), Usage.start(pids)
    await sweep(database)
    print(f"sweep of all: {time.perf_counter() - began:.1f} s, CPU {_said(used, 1)}")
    kept = await database[HEADS].find({}).to_list(None)
    print(f"{'':10}{'rows':>8}{'wall ms':>10}  CPU ms")
    answers = []
    for turn in ("computed", "rows") * times:
        await database[HEADS].delete_many({})
        if turn == "rows":
            await database[HEADS].insert_many(kept)
        began, used = time.perf_counter(), Usage.start(pids)
        rows = await _all(client)
        print(f"{turn:10}{len(rows):>8,}{1000 * (time.perf_counter() - began):>10,.0f}  {_said(used, 1)}", flush=True)
        answers.append(rows)
    return int(any(one != answers[0] for one in answers))


def _said(used: Usage, times: int) -> str:
    return ", ".join(f"{name} {1000 * seconds / times:,.0f}" for name, seconds in used.so_far().items())


async def _all(client: httpx.AsyncClient) -> list[dict[str, object]]:
    year, number, _ = (datetime.now(UTC) - timedelta(weeks=WEEKS - 1)).isocalendar()
    query = {"week_min": f"{year}-W{number:02}", "size": str(PAGE), "fields": FIELDS}
    rows: list[dict[str, object]] = []
    cursor: str | None = None
    while True:
        answer = await client.get("/v1/rep-weeks", params=query | ({"cursor": cursor} if cursor else {}))
        answer.raise_for_status()
        body = answer.json()
        rows += body["data"]
        cursor = body["page"]["next"]
        if cursor is None:
            return rows


if __name__ == "__main__":
    sys.exit(main())
