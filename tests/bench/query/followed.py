"""Changes as a stream: from the door to a follower, and what a thousand followers take."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from random import Random
from urllib.parse import urlsplit

from local.demo.latency import Latencies, Probe, door_to, over_http, percentile
from tests.bench import latency, load
from tests.bench.arena import Arena
from tests.bench.latency import EVENTS_PER_REQUEST
from tests.bench.processes import rss_mb
from tests.bench.table import Line, Part
from tests.services.query.changes_world import Client

CHANGES = "changes"
"""In the place of a collection's name."""
FOLLOWERS_MB = 150.0
"""Of the process with a thousand followers."""
OPENED_AT_ONCE = 10
"""Fewer than the requests that query takes of one key at a time."""
TOLD_SECONDS = 120.0


class Stream:
    """A follower's connection."""

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._head = (
            f"GET /v1/changes HTTP/1.1\r\nhost: {parts.netloc}\r\naccept: text/event-stream\r\n"
            f"authorization: Bearer {token}\r\n\r\n"
        ).encode()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def begin(self) -> None:
        """What is told from here on comes. Raises OSError where it is refused."""
        self._streams = reader, writer = await asyncio.open_connection(self._host, self._port)
        writer.write(self._head)
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head.split(b"\r\n", 1)[0]:
            raise ConnectionRefusedError(head.decode("latin-1"))
        await self.piece()  # where the follower stands

    async def piece(self) -> bytes:
        """The next bytes of the body. Raises asyncio.IncompleteReadError where it ended."""
        assert self._streams is not None, "it has begun"
        reader, _ = self._streams
        size = int(await reader.readuntil(b"\r\n"), 16)
        piece = await reader.readexactly(size + 2)
        return piece[:-2]

    async def batches(self) -> AsyncIterator[Sequence[tuple[str, str]]]:
        """Of whom a change was told, as `door_to` asks."""
        client = Client()
        while True:
            client.take(await self.piece())
            told, client.had = client.had, []
            yield [(CHANGES, subject) for subject, *_ in told]

    async def end(self) -> None:
        """Close it."""
        if self._streams is not None:
            self._streams[1].close()


async def door_to_stream(ground: Arena, token: str, seconds: int, events_per_second: float, seed: int) -> Latencies:
    """Every event of another customer; a short warm-up before."""
    some, before = int(events_per_second * seconds), int(events_per_second * latency.WARM_UP_SECONDS)
    loads = list(load.one_each(some + before, some + before, seed, datetime.now(UTC), "told"))
    found = Latencies()
    for part in (loads[:before], loads[before:]):
        found = await door_to(
            Stream(ground.services.url("query"), token),
            over_http(ground.door),
            [Probe(one.event, CHANGES) for one in part],
            events_per_second=events_per_second,
            events_per_request=EVENTS_PER_REQUEST,
        )
        await ground.settled()
    return found


def latency_part(found: Latencies, events_per_second: float) -> Part:
    return Part(
        "Door to stream",
        f"{events_per_second:.0f} events/s through HTTP, {EVENTS_PER_REQUEST} a request; from when the request was due "
        "until a follower of GET /v1/changes has the change, every event of another customer.",
        latency.lines(found, f"{len(found.milliseconds):,} events"),
    )


async def followers(ground: Arena, tokens: Sequence[str], many: int, changes: int) -> tuple[Part, int]:
    """A process of query begun anew, so many followers with these tokens in turn, and purchases of one customer that
    all of them are told of; how many had not each change once.
    """
    await ground.services.stop("query")
    await ground.services.start("query")
    url, pid, customer = ground.services.url("query"), ground.pids()["query"], "C-followed"
    await _until_served(Stream(url, tokens[0]))
    alone, chance = rss_mb(pid), Random(many)
    streams = [Stream(url, tokens[number % len(tokens)]) for number in range(many)]
    try:
        for start in range(0, len(streams), OPENED_AT_ONCE):
            await asyncio.gather(*(one.begin() for one in streams[start : start + OPENED_AT_ONCE]))
        idle = rss_mb(pid)
        now, began = datetime.now(UTC), time.perf_counter()
        reading = [asyncio.create_task(_all_of(one, customer, changes)) for one in streams]
        bought = [load.purchase(chance, f"followed-{number}", customer, now).event for number in range(changes)]
        await ground.door.send(bought)
        found = await asyncio.gather(*reading)
        busy = rss_mb(pid)
    finally:
        for one in streams:
            await one.end()
    first = min(number for client, _ in found for *_, number in client.had)
    each = [*range(first, first + changes)]
    wrong = sum(client.twice > 0 or [number for *_, number in client.had[:changes]] != each for client, _ in found)
    ends = [1000 * (end - began) for _, end in found]
    part = Part(
        f"{len(streams):,} followers",
        f"Of a process of query that did nothing before, each with a connection of its own; then {changes} changes of "
        "one customer, sent in one request, of which everybody is told. Memory is resident, of the whole process.",
        (
            Line("memory before them", alone, "MB"),
            Line("memory with them", idle, "MB", f"{1000 * (idle - alone) / len(streams):.0f} kB each"),
            Line("memory after the changes", busy, "MB", f"aim: under {FOLLOWERS_MB:.0f}"),
            Line("followers without each change once", wrong, ""),
            Line("all changes at half of them", percentile(ends, 0.5), "ms", "since they were sent"),
            Line("all changes at the last", percentile(ends, 1.0), "ms"),
        ),
    )
    return part, wrong


async def _until_served(stream: Stream) -> None:
    """A process is ready before it has read to where the changes end."""
    async with asyncio.timeout(TOLD_SECONDS):
        while True:
            try:
                await stream.begin()
            except ConnectionRefusedError:
                await asyncio.sleep(0.2)
            else:
                break
            finally:
                await stream.end()


async def _all_of(stream: Stream, customer: str, changes: int) -> tuple[Client, float]:
    """What a follower has of a customer when that is all, or time is over; and when."""
    client = Client()
    try:
        async with asyncio.timeout(TOLD_SECONDS):
            while len(client.had) < changes:
                client.take(await stream.piece())
                client.had = [one for one in client.had if one[0] == customer]
    except (TimeoutError, OSError, asyncio.IncompleteReadError):
        pass  # counted as one without all of them
    return client, time.perf_counter()
