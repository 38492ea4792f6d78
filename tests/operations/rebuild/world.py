"""Services on real servers with events of their own, small enough to be rebuilt within a second or two."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from pymongo import MongoClient

from local.stack.backing import Backing
from local.stack.paths import REPOSITORY
from local.stack.services import STORING, Services
from operations.rebuild.run import Asked, Outcome, run
from operations.status.progress import progress
from services import SERVICES
from shared.kafka.batches import Appender, Outgoing
from shared.kafka.connection import partition_of
from shared.mongo import Database, connect
from shared.mongo.generations import Generations
from shared.settings import Settings
from shared.topics import INBOX
from tests.bench import load

PARTITIONS = 4
CUSTOMERS = 60
SETTLE_SECONDS = 60.0
POLICY = REPOSITORY / "deploy" / "policies" / "default-cny.yaml"


def settings_of(environment: dict[str, str]) -> Settings:
    """The settings that a process with this environment has."""
    known = {name.removeprefix("GUANXI_").lower(): value for name, value in environment.items()}
    return Settings.model_validate({name: known[name] for name in known if name in Settings.model_fields})


def environment_of(stack: Backing, folder: Path, **more: str) -> dict[str, str]:
    """Of a system with a database and topics of its own."""
    name = secrets.token_hex(6)
    return {
        **stack.environment(),
        "GUANXI_MONGO_DATABASE": f"test_{name}",
        "GUANXI_TOPIC_PREFIX": f"test-{name}.",
        "GUANXI_PARTITIONS": str(PARTITIONS),
        "GUANXI_POLICY": str(POLICY),
        "GUANXI_API_KEYS_FILE": str(folder / "keys.yaml"),
        "GUANXI_SWEEP_EVERY_SECONDS": "1",
        **more,
    }


@dataclass
class World:
    """One system: its services, its database, what was sent to it."""

    services: Services
    settings: Settings
    database: Database
    sent: list[load.Load] = field(default_factory=list)

    async def send(self, events: Iterable[load.Load]) -> None:
        """Straight to the inbox."""
        some = list(events)
        appender = Appender(self.settings)
        topic, partitions = INBOX.full_name(self.settings), self.settings.partitions
        try:
            await appender.append(
                topic, [Outgoing(partition_of(one.key, partitions), one.key, one.value(), []) for one in some]
            )
        finally:
            await appender.close()
        self.sent += some

    async def send_mixed(self, count: int, seed: int) -> None:
        """Purchases, refunds and visits."""
        await self.send(load.mixed(count, CUSTOMERS, seed, load_now(), prefix=f"mix{seed}"))

    async def trickle(self, stop: asyncio.Event, seed: int) -> None:
        """Events without end, some 200 a second, until told to stop."""
        for number in range(10_000):
            if stop.is_set():
                return
            await self.send_mixed(20, seed + number)
            await asyncio.sleep(0.1)

    async def settled(self, *names: str) -> None:
        """Wait until everything is folded, decisions included; by these services, or by all."""

        async def quiet() -> bool:
            behind = [
                one.behind for one in await progress(self.settings, self.database) if one.reader in (names or STORING)
            ]
            return not any(behind)

        await until(quiet, in_a_row=2)

    async def current(self, service: str) -> int:
        """The generation that readers see."""
        return int((await Generations(self.database, service).read())["current"])

    async def rebuild(self, service: str, **asked: Any) -> Outcome:
        """As the command does it."""
        return await run(self.settings, self.database, Asked(service, **asked), note=print)

    async def check_all(self) -> None:
        """Every event sent is in effect once, versions have no gap, the views are the fold of the log."""
        await self.settled()
        await check_effects(self.database, self.sent)
        for service in SERVICES.folding:
            outcome = await self.rebuild(service, check=True)
            assert outcome.compared.documents > 0
            assert not outcome.compared.later
            assert not outcome.compared.differences


async def until(reached: Callable[[], Awaitable[bool]], in_a_row: int = 1) -> None:
    """Wait for a condition, found as many times one after the other."""
    async with asyncio.timeout(SETTLE_SECONDS):
        found = 0
        while found < in_a_row:
            found = found + 1 if await reached() else 0
            await asyncio.sleep(0.2)


async def check_effects(database: Database, sent: Sequence[load.Load]) -> None:
    """Net sums and counts of visits are those of what was sent; versions are 1, 2, ... per customer."""
    net: dict[str, int] = {}
    visits: dict[str, int] = {}
    for one in sent:
        net[one.customer] = net.get(one.customer, 0) + one.net_minor
        visits[one.customer] = visits.get(one.customer, 0) + one.visit
    rows = {row["_id"]: row async for row in database["customers"].find()}
    contacts = {row["_id"]: row async for row in database["engagement"].find()}
    for customer, minor in net.items():
        shown = round(float(rows[customer]["net_730d"]) * 100)
        assert shown == minor, f"{customer}: {shown} minor, {minor} sent: {rows[customer]}"
        seen = contacts[customer]["contact"]["visits_365d"]["total"]
        assert seen == visits[customer], f"{customer}: {seen} visits, {visits[customer]} sent"
    versions: dict[str, list[int]] = {}
    async for one in database["tier_history"].find().sort([("customer", 1), ("version", 1)]):
        versions.setdefault(one["customer"], []).append(one["version"])
    for customer, found in versions.items():
        assert found == list(range(1, len(found) + 1)), customer
        assert rows[customer]["version"] == found[-1], customer


def load_now() -> Any:
    """The end of the time over which events are spread."""
    from tests.bench.throughput import now  # noqa: PLC0415 - the benchmark's own clock

    return now()


@asynccontextmanager
async def a_world(
    stack: Backing, folder: Path, environment: dict[str, str], names: Sequence[str] = STORING
) -> AsyncIterator[World]:
    """Starts the services on an empty system, or on one that is there, and ends them."""
    settings = settings_of(environment)
    database = connect(settings)
    try:
        async with Services(stack, print, settings=environment, logs=folder, names=names) as services:
            yield World(services, settings, database)
    finally:
        database.client.close()


def drop(settings: Settings) -> None:
    """Remove the system's database."""
    client: MongoClient[dict[str, Any]] = MongoClient(settings.mongo_uri.get_secret_value())
    with client:
        client.drop_database(settings.mongo_database)


def first_purchases(seed: int = 1) -> list[load.Load]:
    """One for each customer."""
    return list(load.first_purchases(CUSTOMERS, seed, load_now()))


def registered() -> list[tuple[bytes, bytes]]:
    """Representatives."""
    return list(load.representatives(load_now()))


def rng(seed: int) -> Random:
    """Chance of its own."""
    return Random(seed)
