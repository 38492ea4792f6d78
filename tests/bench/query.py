"""The API's usual queries with many customers, and a list whole as CSV, in one table.

    python -m tests.bench.query [--customers 50000] [--representatives N] [--rows 50000] [--times 400] [--at-once 8]

Documents as the services store them are put straight into a real MongoDB, without events; the API runs in this process,
so that the requests a second are what is left of one core after the client. Each query is asked for `--times` times,
`--at-once` at a time, of other customers and representatives each time. CPU is a request's, of this process and of
MongoDB: where the machine is busy, read that. Weeks of representatives are swept before.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from statistics import median

import httpx
from starlette.applications import Starlette

from services.query.api.cursors import Seals
from services.query.app import api_routes
from shared.keys import ApiKeys, Scope
from shared.keys.edit import create_key
from tests.bench.console_screens import HOST, filled
from tests.bench.processes import Usage, peak_rss_mb
from tests.bench.table import Line, Part, render

SCOPES = (Scope.CUSTOMERS_READ, Scope.EVENTS_WRITE, Scope.EXPORTS_READ)
PAGE = 100
Path = Callable[[int], str]
"""The path and query for the number of a request."""


def queries(customers: int, representatives: int, cursor: str) -> Mapping[str, Path]:
    """The ten usual queries; cursor: of the second page of the list."""
    today = datetime.now(UTC).date()
    past = (today - timedelta(days=60)).isoformat()
    year, number, _ = (today - timedelta(weeks=12)).isocalendar()
    week = f"{year}-W{number:02}"

    def customer(n: int) -> str:
        return f"C-{n * 7919 % customers:06}"

    def rep(n: int) -> str:
        return f"R-{n * 31 % representatives:04}"

    return {
        "customer": lambda n: f"customers/{customer(n)}",
        "customers of an owner": lambda n: f"customers?account_manager={rep(n)}&size={PAGE}",
        "customers by tier, page 2": lambda _: f"customers?tier=general&size={PAGE}&cursor={cursor}",
        "customers' tiers on a day": lambda _: f"movements?on={past}&size={PAGE}",
        "explanation": lambda n: f"customers/{customer(n)}/explanation",
        "boards/tiers": lambda _: "boards/tiers",
        "rep-weeks, a quarter of one": lambda n: f"rep-weeks?representative={rep(n)}&week_min={week}",
        "concerns of one owner": lambda n: f"concerns?owned_by={rep(n)}",
        "search": lambda n: f"search?q={customer(n)[:6]}",
        "fate of an event": lambda n: f"events/bench/e{n}",
    }


NOT_THERE = {"fate of an event": 404}
"""No event came: two looks by id that find nothing, which is what most who ask again and again get."""


def main(arguments: list[str] | None = None) -> int:
    """Fill, ask, print; 1 where an answer was not what it should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=50_000, metavar="N")
    parser.add_argument("--representatives", type=int, metavar="N", help="by default one for 50 customers")
    parser.add_argument("--rows", type=int, metavar="N", help="of the list as CSV; by default as many as customers")
    parser.add_argument("--times", type=int, default=400, metavar="N")
    parser.add_argument("--at-once", type=int, default=8, metavar="N")
    return asyncio.run(_measure(parser.parse_args(arguments)))


async def _measure(asked: argparse.Namespace) -> int:
    rows = asked.rows or asked.customers
    reps = asked.representatives or max(1, asked.customers // 50)
    async with filled(max(asked.customers, rows), reps) as (database, settings, pids):
        _, token = create_key(settings.api_keys_file, ["bench"], now=datetime.now(UTC), scopes=SCOPES)
        keys = ApiKeys(settings.api_keys_file)
        app = Starlette(routes=api_routes(settings, keys, Seals.read(None), database, database))
        transport = httpx.ASGITransport(app=app)
        headers = {"authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(transport=transport, base_url=HOST, timeout=600, headers=headers) as client:
            first = (await client.get(f"/v1/customers?tier=general&size={PAGE}")).json()
            cursor = first["page"]["next"] or ""
            parts, bad = [], 0
            for name, path in queries(asked.customers, reps, cursor).items():
                part, wrong = await _ask(client, pids, name, path, asked.times, asked.at_once)
                parts.append(part)
                bad += wrong
            parts.append(await _whole(client, pids))
    print(render(parts))
    return min(bad, 1)


async def _ask(
    client: httpx.AsyncClient, pids: Mapping[str, int], name: str, path: Path, times: int, at_once: int
) -> tuple[Part, int]:
    """Some ask one after the other, all of them at the same time."""
    taken: list[float] = []
    statuses: set[int] = set()
    numbers = count()
    await client.get(f"/v1/{path(0)}")

    async def one() -> None:
        while (n := next(numbers)) < times:
            began = time.perf_counter()
            answer = await client.get(f"/v1/{path(n)}")
            taken.append(1000 * (time.perf_counter() - began))
            statuses.add(int(answer.status_code))

    used, began = Usage.start(pids), time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(one())
    seconds, cpu = time.perf_counter() - began, used.so_far()
    wrong = statuses != {NOT_THERE.get(name, 200)}
    lines = (
        Line("requests", times / seconds, "a second", f"statuses {sorted(statuses)}" if wrong else ""),
        Line("p50", median(taken), "ms"),
        Line("p99", sorted(taken)[max(0, round(0.99 * len(taken)) - 1)], "ms"),
        Line("CPU of the API and the client", 1000 * cpu["this"] / times, "ms a request"),
        Line("CPU of MongoDB", 1000 * cpu["mongod"] / times, "ms a request"),
    )
    return Part(name, f"GET /v1/{path(1)[:80]}", lines), int(wrong)


async def _whole(client: httpx.AsyncClient, pids: Mapping[str, int]) -> Part:
    used, began, size, ends = Usage.start(pids), time.perf_counter(), 0, 0
    async with client.stream("GET", "/v1/customers.csv") as answer:
        answer.raise_for_status()
        async for piece in answer.aiter_bytes():
            size += len(piece)
            ends += piece.count(b"\n")
    seconds, cpu = time.perf_counter() - began, used.so_far()
    lines = (
        Line("rows", ends - 1, ""),
        Line("time", seconds, "s"),
        Line("size", size / 1e6, "MB"),
        Line("CPU of the API and the client", cpu["this"], "s"),
        Line("CPU of MongoDB", cpu["mongod"], "s"),
        Line("most memory of this process", peak_rss_mb(pids["this"]), "MB", "since it began, with the whole answer"),
    )
    return Part("customers whole, as CSV", "GET /v1/customers.csv; the answer is held by the client.", lines)


if __name__ == "__main__":
    sys.exit(main())
