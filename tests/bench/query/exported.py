"""A list whole: as an export by the worker, and streamed as CSV by the API."""

import asyncio
import os
import time
from datetime import UTC, datetime

import httpx

from tests.bench.arena import Arena
from tests.bench.console_screens import INSERTED, Made, put
from tests.bench.processes import Usage, peak_rss_mb, rss_mb
from tests.bench.table import Line, Part

LOOK_SECONDS = 0.2
SAID_ROWS = 100_000


async def more_customers(ground: Arena, start: int, rows: int) -> None:
    """Rows of customers, as many as are missing: of tiering alone, which is what the list is of."""
    now = datetime.now(UTC)
    made = Made(now, now.astimezone(ground.settings.zone).date(), 1000)
    for begin in range(start, rows, INSERTED):
        await put(ground.database, "tiering_g1", map(made.tiering, range(begin, min(rows, begin + INSERTED))))
        if begin % SAID_ROWS < INSERTED:
            ground.say(f"  {begin:,} of {rows:,} rows are there")


async def exported(ground: Arena, token: str, form: str) -> Part:
    """The job `export`, asked for as anybody does, done by the worker's process."""
    pid, pids = ground.pids()["worker"], ground.pids()
    used = Usage.start({"worker": pid, "mongod": pids["MongoDB (mongod)"]})
    before, began = rss_mb(pid), time.perf_counter()
    async with _client(ground, token) as client:
        asked = await client.post("/v1/jobs", json={"kind": "export", "resource": "customers", "format": form})
        asked.raise_for_status()
        path, job, said = asked.headers["location"], asked.json()["data"], began
        while job["status"] in {"queued", "running"}:
            await asyncio.sleep(LOOK_SECONDS)
            job = (await client.get(path)).raise_for_status().json()["data"]
            if time.perf_counter() - said > 10:
                said = time.perf_counter()
                at = job["progress"]
                ground.say(f"  {at['text']}: {at['done']:,} of {at['total']:,}")
    seconds, cpu, result = time.perf_counter() - began, used.so_far(), job["result"]
    if job["status"] != "done":
        raise RuntimeError(f"the export is {job['status']}: {job['error']}")
    rows = result["rows"]
    return Part(
        f"Export by the worker, as {form}",
        "POST /v1/jobs of all customers, until the job is done and its result stored.",
        (
            Line("rows", rows, "", "" if result["exact"] else "exact: false"),
            Line("time", seconds, "s", f"{rows / seconds:,.0f} rows a second"),
            Line("size", result["bytes"] / 1e6, "MB"),
            Line("memory of the worker before", before, "MB"),
            Line("most memory of the worker", peak_rss_mb(pid), "MB", "since it began"),
            Line("CPU of the worker", cpu["worker"], "s", f"MongoDB {cpu['mongod']:.1f}"),
        ),
    )


async def streamed(ground: Arena, token: str) -> Part:
    """The list whole, as CSV by one address, as a BI tool reads it."""
    pids = ground.pids()
    pid = pids["query"]
    used = Usage.start({"query": pid, "mongod": pids["MongoDB (mongod)"], "this": os.getpid()})
    before, began, size, ends = rss_mb(pid), time.perf_counter(), 0, 0
    async with _client(ground, token) as client, client.stream("GET", "/v1/customers.csv") as answer:
        answer.raise_for_status()
        async for piece in answer.aiter_bytes():
            size += len(piece)
            ends += piece.count(b"\n")
    seconds, cpu = time.perf_counter() - began, used.so_far()
    return Part(
        "Customers whole, as CSV",
        "GET /v1/customers.csv of the API.",
        (
            Line("rows", ends - 1, ""),
            Line("time", seconds, "s"),
            Line("size", size / 1e6, "MB"),
            Line("memory of query before", before, "MB"),
            Line("most memory of query", peak_rss_mb(pid), "MB", "since it began"),
            Line("CPU of query", cpu["query"], "s", f"MongoDB {cpu['mongod']:.1f}, the client {cpu['this']:.1f}"),
        ),
    )


def _client(ground: Arena, token: str) -> httpx.AsyncClient:
    headers = {"authorization": f"Bearer {token}"}
    return httpx.AsyncClient(base_url=ground.services.url("query"), headers=headers, timeout=600, trust_env=False)
