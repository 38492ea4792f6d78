"""A stack whose servers a test may stop: services, what they say of themselves, and the command line beside them."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from local.stack.backing import Backing
from local.stack.kafka import start_kafka
from local.stack.mongod import start_mongod
from local.stack.paths import REPOSITORY
from local.stack.process import Process
from local.stack.server import Ask, Server
from local.stack.services import STORING, Services
from shared.keys.edit import create_key
from tests.events.wire import event
from tests.services.ingest.doors.http.door import OLD_KEY_DAY

POLICY = REPOSITORY / "deploy" / "policies" / "default-cny.yaml"
WAIT_SECONDS = 120.0
"""Far above what it takes; a machine that does much else must not fail it."""
POLL_SECONDS = 0.1


@dataclass
class Ended:
    """A command's end."""

    code: int
    out: str
    err: str


@dataclass
class Stand:
    """Everything running. `servers` may be stopped and started."""

    servers: Backing
    services: Services
    token: str

    async def send(self, *customers: str) -> int:
        """Purchases of customers by the HTTP door, in one request; gives its status."""
        now = datetime.now(UTC).isoformat()
        stamp = datetime.now(UTC).timestamp()
        events = [
            event(
                data={"purchase_id": f"{stamp}-{n}", "amount": "10.00"}, id=f"{stamp}-{n}", subject=customer, time=now
            )
            for n, customer in enumerate(customers)
        ]
        async with _client() as client:
            url, headers = f"{self.services.url()}/v1/events", {"Authorization": f"Bearer {self.token}"}
            return (await client.post(url, json=events, headers=headers)).status_code

    async def ready(self, service: str, check: str = "") -> tuple[int, dict[str, Any]]:
        """What /readyz says."""
        async with _client() as client:
            answer = await client.get(f"{self.services.url(service)}/readyz{'/' * bool(check)}{check}")
        return answer.status_code, answer.json()

    async def metric(self, service: str, name: str, **labels: str) -> float:
        """The sum of all series of a metric with these labels."""
        async with _client() as client:
            text = (await client.get(f"{self.services.url(service)}/metrics")).text
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    async def until(self, what: str, reached: Callable[..., Any], *arguments: Any) -> None:
        """Wait until the answer to a question is true."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                while not await reached(*arguments):  # noqa: ASYNC110 - nothing tells
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            raise AssertionError(f"not within {WAIT_SECONDS:.0f} s: {what}") from None

    async def status(self, *words: str) -> Ended:
        """`guanxi status`, told by the environment alone where everything is."""
        urls = ",".join(f"{name}={self.services.url(name)}" for name in self.services.names)
        running = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "guanxi", "status", *words),
            env={**self.services.environment, "GUANXI_SERVICES": urls},
            cwd=REPOSITORY,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(WAIT_SECONDS):
            out, err = await running.communicate()
        return Ended(running.returncode or 0, out.decode(), err.decode())

    @property
    def mongo(self) -> Process:
        """The MongoDB process."""
        return _running(self.servers.mongo)

    @property
    def kafka(self) -> Process:
        """The Kafka process."""
        return _running(self.servers.kafka)

    async def start_mongo(self) -> None:
        """Bring MongoDB back, where it was, with its data."""
        ask = Ask(self.servers.folder, self.servers.logs, keep=True, wanted_port=self.servers.mongo.port)
        self.servers = replace(self.servers, mongo=await start_mongod(ask, print))


@asynccontextmanager
async def a_stand(folder: Path, **settings: str) -> AsyncIterator[Stand]:
    """Servers of the test's own, local processes, and all services."""
    ask = Ask(folder, folder / "logs", keep=True)
    async with asyncio.TaskGroup() as both:
        kafka, mongo = both.create_task(start_kafka(ask, print)), both.create_task(start_mongod(ask, print))
    servers = Backing(kafka.result(), mongo.result(), folder)
    _, token = create_key(folder / "keys.yaml", ["*"], now=OLD_KEY_DAY)
    environment = {
        "GUANXI_PARTITIONS": "3",
        "GUANXI_POLICY": str(POLICY),
        "GUANXI_API_KEYS_FILE": str(folder / "keys.yaml"),
        **settings,
    }
    stand = Stand(servers, Services(servers, print, settings=environment, names=STORING), token)
    try:
        async with stand.services:
            yield stand
    finally:
        await asyncio.gather(stand.kafka.stop(), stand.mongo.stop())


def _running(server: Server) -> Process:
    assert server.process is not None
    return server.process


def _client() -> httpx.AsyncClient:
    return httpx.AsyncClient(trust_env=False, timeout=10)
