"""The services on real servers, what flows through them, and ways to harm what they have stored."""

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local.stack.backing import Backing
from local.stack.paths import REPOSITORY
from local.stack.services import STORING, Services
from operations.status.progress import progress
from operations.verify.findings import Check, Finding, Report
from operations.verify.meter import Meter
from operations.verify.run import Run
from operations.verify.sample import Sample
from shared.fold.entity import WAITING
from shared.kafka.batches import Appender, Outgoing
from shared.mongo import Database, Document, connect
from shared.settings import Settings
from shared.topics import INBOX, LOG
from tests.operations.verify.load import histories, live

PARTITIONS = 3
POLICY = REPOSITORY / "deploy" / "policies" / "default-cny.yaml"
SETTLE_SECONDS = 120.0


@dataclass
class World:
    """One stack of services with a database and topics of its own. Used from one event loop."""

    services: Services
    settings: Settings
    database: Database
    appender: Appender

    async def send(self, records: Iterable[Outgoing]) -> None:
        """Put records on the inbox."""
        await self.appender.append(INBOX.full_name(self.settings), list(records))

    async def append_to_log(self, records: Sequence[Outgoing]) -> None:
        """Put records on the log behind everybody's back."""
        await self.appender.append(LOG.full_name(self.settings), records)

    async def settled(self, *readers: str) -> None:
        """Wait until everything sent is folded, or has been taken by these readers."""
        async with asyncio.timeout(SETTLE_SECONDS):
            while await self._behind(readers):  # noqa: ASYNC110 - it happens on servers
                await asyncio.sleep(0.1)

    async def reviewed(self) -> None:
        """Wait until nobody waits for a review, which may decide, and write a whole row anew."""
        waiting = {"review_at": {"$lte": WAITING}, "incomplete_since": None}
        async with asyncio.timeout(SETTLE_SECONDS):
            for name in ("tiering_g1", "engagement_g1", "archives_g1", "planning_g1"):
                while await self.database[name].find_one(waiting):  # noqa: ASYNC110 - it happens on servers
                    await asyncio.sleep(0.1)
        await self.settled()

    async def _behind(self, readers: Sequence[str]) -> bool:
        found = await progress(self.settings, self.database)
        return any(one.behind for one in found if not readers or one.reader in readers)

    async def one(self, collection: str, query: Mapping[str, Any] | None = None) -> Document:
        """A document that must be there."""
        found = await self.database[collection].find_one(query or {})
        assert found is not None, f"{collection} holds no {query}"
        return found

    async def verify(self, *checks: Check, sample: Sample | None = None, at_once: int = 200_000) -> Report:
        """`guanxi verify`, without its words."""
        run = Run(self.settings, self.database, sample or Sample(), datetime.now(UTC), Meter(), Report(), at_once)
        return await run.run(checks)

    async def guanxi(self, *words: str) -> tuple[int, str, str]:
        """A command as an operator runs it: exit code, what it said, what it said of errors."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "guanxi",
            *words,
            env=self.services.environment,
            cwd=REPOSITORY,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        assert process.returncode is not None, "it has ended"
        return process.returncode, out.decode(), err.decode()


def told(report: Report, kind: str) -> list[Finding]:
    """The findings of one kind."""
    return [finding for finding in report.findings if finding.kind == kind]


@asynccontextmanager
async def a_world(stack: Backing, folder: Path) -> AsyncIterator[World]:
    """Starts the services and sends them everything, to rest."""
    name = secrets.token_hex(6)
    environment = {
        **stack.environment(),
        "GUANXI_MONGO_DATABASE": f"test_{name}",
        "GUANXI_TOPIC_PREFIX": f"test-{name}.",
        "GUANXI_PARTITIONS": str(PARTITIONS),
        "GUANXI_POLICY": str(POLICY),
        "GUANXI_API_KEYS_FILE": str(folder / "keys.yaml"),
    }
    known = {key.removeprefix("GUANXI_").lower(): value for key, value in environment.items()}
    settings = Settings.model_validate({key: value for key, value in known.items() if key in Settings.model_fields})
    database = connect(settings)
    appender = Appender(settings)
    try:
        async with Services(stack, print, settings=environment, logs=folder, names=STORING) as services:
            world = World(services, settings, database, appender)
            await world.send(histories(PARTITIONS))
            await world.send(live(PARTITIONS))
            await world.settled()
            yield world
    finally:
        await appender.close()
        await database.client.drop_database(settings.mongo_database)
        database.client.close()
