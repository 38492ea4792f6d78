"""The API's ten usual queries: how many a second, and how long each takes."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count

from local.demo.latency import MAX_REQUESTS, percentile
from tests.bench import load
from tests.bench.arena import Arena
from tests.bench.door import Connections
from tests.bench.latency import EVENTS_PER_REQUEST
from tests.bench.processes import Usage
from tests.bench.table import Line

PAGE = 100
Path = Callable[[int], str]
"""The path and query for the number of a request."""
CUSTOMER = "customer"
CUSTOMER_AIM = "aim: under 30 alone"


def usual(customers: int, representatives: int, cursor: str) -> Mapping[str, Path]:
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
        CUSTOMER: lambda n: f"customers/{customer(n)}",
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
"""Nobody sent it: two looks by id that find nothing, which is what most who ask again and again get."""


@dataclass(slots=True)
class Asker:
    """Asks a process of query, so many times of each query, some at a time. wrong: queries not answered as expected."""

    ground: Arena
    connections: Connections
    token: str
    times: int
    at_once: int
    wrong: int = 0

    async def get(self, path: str) -> tuple[int, bytes]:
        """Status and body."""
        head = f"GET /v1/{path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {self.token}\r\n\r\n"
        return await self.connections.ask(head.encode())

    async def ask_all(self, asked: Mapping[str, Path]) -> tuple[Line, ...]:
        """One query after the other."""
        return tuple([line for name, path in asked.items() for line in await self.ask(name, path)])

    async def ask(self, name: str, path: Path) -> tuple[Line, ...]:
        """Some ask one after the other, all of them at the same time."""
        taken: list[float] = []
        statuses: set[int] = set()
        numbers = count()
        await self.get(path(0))

        async def one() -> None:
            while (n := next(numbers)) < self.times:
                began = time.perf_counter()
                status, _ = await self.get(path(n))
                taken.append(1000 * (time.perf_counter() - began))
                statuses.add(status)

        pids = self.ground.pids()
        used = Usage.start({"query": pids["query"], "mongod": pids["MongoDB (mongod)"], "this": os.getpid()})
        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(self.at_once):
                group.create_task(one())
        seconds, cpu = time.perf_counter() - began, used.so_far()
        wrong = statuses != {NOT_THERE.get(name, 200)}
        self.wrong += wrong
        per_request = 1000 / self.times
        return (
            Line(name, self.times / seconds, "a second", f"statuses {sorted(statuses)}" if wrong else ""),
            Line("  p50", percentile(taken, 0.5), "ms"),
            Line("  p99", percentile(taken, 0.99), "ms", CUSTOMER_AIM if name == CUSTOMER else ""),
            Line(
                "  CPU of query",
                per_request * cpu["query"],
                "ms",
                f"MongoDB {per_request * cpu['mongod']:.1f}, client {per_request * cpu['this']:.1f}",
            ),
        )


@dataclass(slots=True)
class Coming:
    """Events that come in. late_ms: the most that a request was sent after it was due."""

    sent: int = 0
    refused: int = 0
    seconds: float = 0.0
    late_ms: float = 0.0


@asynccontextmanager
async def coming_in(ground: Arena, customers: int, events_per_second: float, seed: int) -> AsyncIterator[Coming]:
    """The usual mix at the door, at a steady rate, while the block lasts."""
    coming = Coming()
    endless = load.mixed(10**9, customers, seed, datetime.now(UTC), f"coming-{seed}")
    began = time.perf_counter()

    places = asyncio.Semaphore(MAX_REQUESTS)

    async def send(requests: asyncio.TaskGroup) -> None:
        for number in count():
            due = began + number * EVENTS_PER_REQUEST / events_per_second
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            await places.acquire()
            coming.late_ms = max(coming.late_ms, 1000 * (time.perf_counter() - due))
            sending = requests.create_task(taken([next(endless).event for _ in range(EVENTS_PER_REQUEST)]))
            sending.add_done_callback(lambda _: places.release())

    async def taken(events: list[dict[str, object]]) -> None:
        if await ground.door.send(events):
            coming.sent += len(events)
        else:
            coming.refused += len(events)

    async with asyncio.TaskGroup() as requests:
        sending = requests.create_task(send(requests))
        yield coming
        sending.cancel()
    coming.seconds = time.perf_counter() - began


def came(coming: Coming) -> tuple[Line, ...]:
    """What came in meanwhile."""
    found = Line(
        "events that came in", coming.sent / coming.seconds, "a second", f"latest {coming.late_ms:.0f} ms late"
    )
    return (found, Line("refused", coming.refused, "events")) if coming.refused else (found,)
