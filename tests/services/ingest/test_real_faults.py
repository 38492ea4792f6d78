"""Ingest as a process of its own: killed at any moment, and with MongoDB away."""

import asyncio
import os
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.stack.ports import free_port
from shared.keys.edit import create_key
from shared.topics import LOG
from tests.events.wire import raw
from tests.faults.relay import relay
from tests.services.ingest.fakes import read_log
from tests.services.ingest.real import PARTITIONS, Servers, servers_of, until
from tests.services.ingest.test_admission import purchase
from tests.services.ingest.test_real_admission import YESTERDAY, outgoing

pytestmark = [pytest.mark.real, pytest.mark.slow]

RECORDS = 4000
KILLS = 4
CUSTOMERS = 50


@asynccontextmanager
async def ingest(environment: Mapping[str, str], **more: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """The service's process; killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.ingest",
        env={**os.environ, **environment, "GUANXI_PARTITIONS": str(PARTITIONS), "GUANXI_HTTP_PORT": "0", **more},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def admitted_purchases(servers: Servers) -> Counter[str]:
    """How often readers of the log fold each purchase."""
    log = read_log(await servers.read_outgoing(LOG))
    return Counter(event.data.purchase_id for partition in log for _, event in partition)


async def test_a_process_killed_again_and_again_admits_each_record_once(stack_settings: dict[str, str]) -> None:
    chance = random.Random(1)
    # Small batches with rests between them, so that a quick machine has some left when it is killed for the last time.
    paced = {"GUANXI_BATCH_MAX_RECORDS": "50", "GUANXI_BATCH_EVERY_MS": "40"}
    environment = {**stack_settings, **paced, "GUANXI_SESSION_TIMEOUT_MS": "6000"}
    async with servers_of(stack_settings) as servers:
        records = [outgoing(purchase(f"p{n}", subject=f"c{n % CUSTOMERS}"), n % PARTITIONS) for n in range(RECORDS)]
        await servers.send(records)
        for _ in range(KILLS):
            before = await servers.store().positions(range(PARTITIONS))
            async with ingest(environment) as process:

                async def moved(before: Mapping[int, int] = before) -> bool:
                    return await servers.store().positions(range(PARTITIONS)) != before

                await until(moved)
                await asyncio.sleep(chance.uniform(0, 0.05))  # no synchronisation: the moment is meant to be any
                process.kill()
            assert not await servers.admitted_all(), "everything was admitted before the last kill: send more"
        async with ingest(environment):
            await until(servers.admitted_all)
        assert await admitted_purchases(servers) == Counter(f"p{n}" for n in range(RECORDS))
        assert len(await servers.claims()) == RECORDS


async def test_without_mongodb_the_door_is_open_and_nothing_is_lost(
    stack_settings: dict[str, str], tmp_path: Path
) -> None:
    host, port = stack_settings["GUANXI_MONGO_URI"].split("/")[2].split(":")
    keys_file = tmp_path / "keys.yaml"
    _, token = create_key(keys_file, ["erp"], now=datetime.now(UTC))
    http_port = str(free_port())
    async with servers_of(stack_settings) as servers, relay(free_port(), int(port), host) as cable:
        environment = {
            **stack_settings,
            "GUANXI_MONGO_URI": f"mongodb://127.0.0.1:{cable.port}/?directConnection=true",
            "GUANXI_API_KEYS_FILE": str(keys_file),
        }
        headers = {"authorization": f"Bearer {token}"}
        async with (
            ingest(environment, GUANXI_HTTP_PORT=http_port) as process,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{http_port}", headers=headers, timeout=30) as client,
        ):

            async def ready(*, wanted: bool) -> bool:
                try:
                    return ((await client.get("/readyz")).status_code == httpx.codes.OK) is wanted
                except httpx.TransportError:
                    return False

            async def send(number: int) -> dict[str, Any]:
                document = {**purchase(f"p{number}"), "time": YESTERDAY}
                content = {"content-type": "application/cloudevents+json"}
                answer = await client.post("/v1/events", content=raw(document), headers=content)
                assert answer.status_code == httpx.codes.ACCEPTED
                events: list[dict[str, Any]] = answer.json()["events"]
                return events[0]

            await until(lambda: ready(wanted=True))
            assert (await send(0))["status"] == "accepted"
            await until(servers.admitted_all)
            assert (await send(0))["status"] == "duplicate"
            cable.cut()
            for number in range(20):
                assert (await send(number))["status"] == "accepted"
            await until(lambda: ready(wanted=False))
            cable.mend()
            await until(servers.admitted_all)
            await until(lambda: ready(wanted=True))
            assert process.returncode is None
        assert await admitted_purchases(servers) == Counter(f"p{n}" for n in range(20))
