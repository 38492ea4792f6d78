"""One fault run: the services on servers that fail, an upstream that retries, somebody who watches."""

import asyncio
import re
import secrets
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import httpx
from pymongo.errors import PyMongoError

from local.stack.paths import REPOSITORY
from local.stack.services import Services
from operations.status.progress import progress
from services import API, SERVICES
from shared.errors import GuanxiError
from shared.keys import Scope
from shared.keys.edit import create_key
from shared.mongo import connect
from shared.settings import Settings
from tests.faults.load import SOURCE, Load
from tests.faults.reader import Reader
from tests.faults.servers import RUN, Servers
from tests.faults.topics import Stored
from tests.faults.upstream import Upstream

POLICY = REPOSITORY / "deploy" / "policies" / "wholesale-gbp.yaml"
PARTITIONS = 4
SESSION_MS = 3_000
SETTLE_SECONDS = 240.0
POLL_SECONDS = 0.25
WATCH_SECONDS = 0.5
SUPERVISE_SECONDS = 0.05
ANSWER_SECONDS = 2.0
_LEVELS = re.compile(r"\[(warning|error|critical)\s*\]|level\W+(warning|error|critical)")


@dataclass
class Seen:
    """What somebody who looks at the processes sees: sentences of /readyz, memory, how processes ended."""

    problems: Counter[str] = field(default_factory=Counter)
    looks: int = 0
    peak_bytes: dict[str, int] = field(default_factory=dict)
    ended: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)


class Stand:
    """The system under trouble. A fault's `act` gets it while events flow."""

    def __init__(
        self,
        servers: Servers,
        services: Services,
        settings: Settings,
        upstream: Upstream,
        reader: Reader,
        folder: Path,
        seed: int,
    ) -> None:
        self.servers, self.services, self.settings, self.folder = servers, services, settings, folder
        self.upstream, self.reader, self.random, self.seen = upstream, reader, Random(f"fault {seed}"), Seen()
        self.stored = Stored(servers.mongo.endpoint, settings.mongo_database)
        self.caught_up_seconds = 0.0
        self.may_be_refused = {"superseded"}
        """Reasons for which the door may refuse what upstream sends."""

    # -- what faults use

    async def flow(self, seconds: float) -> None:
        """Let events flow."""
        await asyncio.sleep(seconds)

    async def kill(self, name: str) -> None:
        """SIGKILL."""
        self.seen.ended[f"{name} by SIGKILL"] += 1
        await self.services.kill(name, signal.SIGKILL)

    def note(self, sentence: str) -> None:
        """Something that belongs into the table."""
        self.seen.notes.append(sentence)

    # -- running

    async def play(self, act: "Callable[[Stand], Awaitable[None]]") -> None:
        """Let events flow, do the fault, wait until all is folded again, end everything in order."""
        beside = [asyncio.create_task(one) for one in (self._watch(), self._supervise())]
        sending = [asyncio.create_task(one.run()) for one in (self.upstream, self.reader)]
        try:
            await act(self)
            self.upstream.end()
            self.reader.end()
            await asyncio.wait_for(asyncio.gather(*sending), SETTLE_SECONDS)
            await self.settled()
        finally:
            for task in (*beside, *sending):
                task.cancel()
            await asyncio.gather(*beside, *sending, return_exceptions=True)
        for name in self.services.names:
            code = await self.services.stop(name)
            if code != 0:
                self.seen.ended[f"{name} at the end with exit code {code}"] += 1

    async def _supervise(self) -> None:
        """Start again whatever has ended, at once."""
        while True:
            for name in self.services.names:
                if not self.services.running(name):
                    code = await self.services.stop(name)
                    if code != -signal.SIGKILL:
                        self.seen.ended[f"{name} with exit code {code}"] += 1
                    await self.services.launch(name)
            await asyncio.sleep(SUPERVISE_SECONDS)

    async def settled(self) -> None:
        """Everything admitted and folded, and nothing due. The time counts from the upstream's last acknowledgement."""
        self.caught_up_seconds = await settled(self.settings)

    async def _watch(self) -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=ANSWER_SECONDS) as client:
            while True:
                self.seen.looks += 1
                for name in self.services.names:
                    if not self.services.running(name):
                        continue
                    size = self.services.rss_bytes(name)
                    self.seen.peak_bytes[name] = max(size, self.seen.peak_bytes.get(name, 0))
                    try:
                        body = (await client.get(f"{self.services.url(name)}/readyz")).json()
                    except (httpx.HTTPError, ValueError):
                        self.seen.problems[f"{name} does not answer"] += 1
                        continue
                    for problem in body.get("problems", ()):
                        self.seen.problems[f"{name}: {_worn(problem)}"] += 1
                await asyncio.sleep(WATCH_SECONDS)

    def logged(self) -> Counter[str]:
        """How many lines of each level from warning up the services wrote."""
        found: Counter[str] = Counter()
        for name in self.services.names:
            path = self.services.log(name)
            if path.exists():
                for match in _LEVELS.finditer(path.read_text(encoding="utf-8", errors="replace")):
                    found[match[1] or match[2]] += 1
        return found


async def settled(settings: Settings, within_seconds: float = SETTLE_SECONDS) -> float:
    """Waits until everything is admitted and folded, and nothing is due; gives the seconds until all was folded."""
    begin = time.monotonic()
    database = connect(settings)
    try:
        async with asyncio.timeout(within_seconds):
            folded_at = None
            while True:
                try:
                    behind = [one.behind for one in await progress(settings, database)]
                    now = datetime.now(UTC)
                    due = sum(
                        [
                            await database[name].count_documents({"due_at": {"$lte": now}})
                            for name in (f"{one.customers}_g1" for one in SERVICES.folding.values())
                        ]
                    )
                except (GuanxiError, PyMongoError):
                    behind, due = [1], 1
                if not any(behind) and folded_at is None:
                    folded_at = time.monotonic()
                if folded_at is not None and not any(behind) and not due:
                    return folded_at - begin
                await asyncio.sleep(POLL_SECONDS)
    finally:
        database.client.close()


def _worn(problem: str) -> str:
    """A sentence without its numbers and names, so that like ones count together."""
    shorter = re.sub(r"fault-\w+\.", "", problem).split("; ")[0]
    return re.sub(r"\d+(\.\d+)?", "N", shorter)[:90]


@asynccontextmanager
async def a_stand(
    servers: Servers,
    folder: Path,
    *,
    seed: int = 0,
    names: Sequence[str] = RUN,
    settings: Mapping[str, str] | None = None,
    own: Mapping[str, Mapping[str, str]] | None = None,
) -> AsyncIterator[Stand]:
    """Services with a database and topics of their own. own: settings of single processes."""
    name = secrets.token_hex(4)
    keys = folder / "keys.yaml"
    now = datetime.now(UTC)
    _, token = create_key(keys, [SOURCE], now=now, scopes=[Scope.EVENTS_WRITE, Scope.CUSTOMERS_READ])
    environment = {
        **servers.backing().environment(),
        "GUANXI_MONGO_DATABASE": f"fault_{name}",
        "GUANXI_TOPIC_PREFIX": f"fault-{name}.",
        "GUANXI_PARTITIONS": str(PARTITIONS),
        "GUANXI_TIME_ZONE": "Europe/London",
        "GUANXI_POLICY": str(POLICY),
        "GUANXI_API_KEYS_FILE": str(keys),
        "GUANXI_SESSION_TIMEOUT_MS": str(SESSION_MS),
        "GUANXI_SWEEP_EVERY_SECONDS": "1",
        **(settings or {}),
    }
    known = {field.upper(): field for field in Settings.model_fields}
    made = Settings(
        **{  # type: ignore[arg-type]
            known[variable.removeprefix("GUANXI_")]: value
            for variable, value in environment.items()
            if variable.removeprefix("GUANXI_") in known
        }
    )
    running = Services(servers.backing(), lambda _: None, settings=environment, own=own, names=names, logs=folder)
    async with running as services:
        doors = [services.url(one) for one in names if one.startswith("ingest")]
        upstream = Upstream(doors, token, Load(seed, now), seed)
        reader = Reader(doors[0], services.url(API), token, now)
        stand = Stand(servers, services, made, upstream, reader, folder, seed)
        try:
            yield stand
        finally:
            await asyncio.to_thread(stand.stored.close, drop=True)
