"""Kafka and MongoDB for demo, tests and `guanxi up`: chosen, started, ended together."""

import asyncio
import contextlib
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from local.stack import containers
from local.stack.choose import FOR_PEOPLE, Choice, Kind, choose
from local.stack.embedded import start_embedded
from local.stack.errors import StackError, failed
from local.stack.kafka import start_kafka
from local.stack.mongod import start_mongod
from local.stack.ports import is_free
from local.stack.process import Process, first_end
from local.stack.server import Ask, Server
from local.stack.supervise import Part
from shared.settings import Settings
from shared.topics import TOPICS

Say = Callable[[str], None]
DATA = {"kafka": "kafka", "mongo": "mongod"}
"""Folders of the servers' data, by server."""
_MEMORY = "stack.json"
_TRIES_AT_PORTS = 3
"""Between our look at a port and a server's bind, seconds later, another program may take it."""
_PORT_TAKEN = ("already in use", "already allocated", '"exitCode":48')
"""In the last lines of Kafka's, Docker's and mongod's log; 48 is how mongod ends when it can't listen."""


@dataclass(frozen=True)
class Backing:
    """Running servers. `folder` holds logs/ and, while it lasts, the data."""

    kafka: Server
    mongo: Server
    folder: Path
    again: Mapping[str, "_Again"] = field(default_factory=dict)
    """The processes that we started, by name."""

    @property
    def kafka_bootstrap(self) -> str:
        return self.kafka.endpoint

    @property
    def mongo_uri(self) -> str:
        return self.mongo.endpoint

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    async def first_end(self) -> StackError:
        """Waits until a server that we started ends, and returns which."""
        return await first_end([server.process for server in (self.kafka, self.mongo) if server.process])

    def parts(self) -> list[Part]:
        """What we started of them, for who keeps it running."""
        return list(self.again.values())

    def environment(self) -> dict[str, str]:
        """What a service needs to find them (shared/settings.py)."""
        return {"GUANXI_KAFKA_BOOTSTRAP": self.kafka_bootstrap, "GUANXI_MONGO_URI": self.mongo_uri}


@contextlib.asynccontextmanager
async def backing(
    say: Say,
    *,
    order: Sequence[Kind] = FOR_PEOPLE,
    data: Path | None = None,
    keep: bool = False,
    real_kafka_only: bool = False,
) -> AsyncIterator[Backing]:
    """Starts both, ends both. Raises StackError if they are not available or do not start.

    data: a folder for them instead of a temporary one. keep: their data stay there for the next time.
    """
    choice = await asyncio.to_thread(choose, order, real_kafka_only=real_kafka_only)
    for reason in choice.reasons:
        say(reason)
    with _folder(data, say, keep=keep) as folder:
        async with contextlib.AsyncExitStack() as running:
            servers = await _start(choice, folder, running, say, keep=keep)
            if keep:
                _remember(folder, servers)
            yield servers


async def _start(
    choice: Choice,
    folder: Path,
    running: contextlib.AsyncExitStack,
    say: Say,
    *,
    keep: bool,
) -> Backing:
    ports = _remembered(folder)
    again: dict[str, _Again] = {}

    async def started(name: str, kind: Kind) -> Server:
        ask = Ask(folder, folder / "logs", keep=keep, wanted_port=ports.get(name))
        server = await _start_somewhere(name, kind, ask, say)
        if server.process:
            again[name] = _Again(name, kind, replace(ask, wanted_port=server.port), server, say)
            running.push_async_callback(again[name].stop)
        return server

    try:
        async with asyncio.TaskGroup() as both:
            kafka = both.create_task(started("kafka", choice.kafka))
            mongo = both.create_task(started("mongo", choice.mongo))
    except* StackError as errors:
        raise _first_of(errors) from None
    return Backing(kafka.result(), mongo.result(), folder, again)


@dataclass
class _Again:
    """A server that we started, and how to start it again as it was: on its data, on its port."""

    name: str
    kind: Kind
    ask: Ask
    server: Server
    say: Say

    async def ended(self) -> int | None:
        return await self._process.exit_code()

    def why_not_again(self, code: int | None) -> str | None:
        del code
        if self.kind is Kind.EMBEDDED:
            return "the embedded broker keeps its data in memory, and they are gone"
        if self.kind is Kind.DOCKER and not self.ask.keep:
            return "its data are gone with its container (use --keep to keep them)"
        return None

    async def start(self) -> None:
        if self.ask.wanted_port is not None and not is_free(self.ask.wanted_port):
            raise StackError(f"{self.name}: another program has taken its port {self.ask.wanted_port}")
        self.server = await _start_one(self.name, self.kind, self.ask, self.say)

    def failure(self, what: str) -> StackError:
        return failed(what, self._process.log)

    async def stop(self) -> None:
        await self._process.stop()
        if self.kind is Kind.LOCAL and not self.ask.keep:
            await asyncio.to_thread(shutil.rmtree, self.ask.folder / DATA[self.name], ignore_errors=True)

    @property
    def _process(self) -> Process:
        assert self.server.process is not None, "only what we started is here"
        return self.server.process


def _first_of(errors: ExceptionGroup[StackError]) -> StackError:
    first = errors.exceptions[0]
    return _first_of(first) if isinstance(first, ExceptionGroup) else first


async def _start_somewhere(name: str, kind: Kind, ask: Ask, say: Say) -> Server:
    """Starts it on another port where somebody else was quicker to take the one chosen."""
    for left in reversed(range(_TRIES_AT_PORTS)):
        try:
            return await _start_one(name, kind, ask, say)
        except StackError as error:
            if not left or not any(words in str(error) for words in _PORT_TAKEN):
                raise
            say(f"{name}: another program took its port; trying another one")
            ask = replace(ask, wanted_port=None)
    raise AssertionError


async def _start_one(name: str, kind: Kind, ask: Ask, say: Say) -> Server:
    match name, kind:
        case "kafka", Kind.GIVEN:
            return Server("Kafka of GUANXI_KAFKA_BOOTSTRAP", os.environ["GUANXI_KAFKA_BOOTSTRAP"])
        case "mongo", Kind.GIVEN:
            return Server("MongoDB of GUANXI_MONGO_URI", os.environ["GUANXI_MONGO_URI"])
        case _, Kind.DOCKER:
            return await containers.start_container(name, ask, say)
        case "kafka", Kind.EMBEDDED:
            return await start_embedded(ask, _topics(), say)
        case "kafka", _:
            return await start_kafka(ask, say)
        case _:
            return await start_mongod(ask, say)


def _topics() -> dict[str, int]:
    """Those of the settings in force, for the one broker through which topics cannot be created."""
    settings = Settings()
    return {topic.full_name(settings): topic.partitions(settings) for topic in TOPICS}


@contextlib.contextmanager
def _folder(data: Path | None, say: Say, *, keep: bool) -> Iterator[Path]:
    """A temporary folder that goes at the end unless something failed, or `data`, for one stack at a time."""
    if data is None:
        folder = Path(tempfile.mkdtemp(prefix="guanxi-"))
        try:
            yield folder
        except Exception:
            say(f"Logs are in {folder / 'logs'}")
            raise
        except BaseException:  # Ctrl-C and the like: nothing to look into
            shutil.rmtree(folder, ignore_errors=True)
            raise
        shutil.rmtree(folder, ignore_errors=True)
        return
    folder = data.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if not keep and (folder / _MEMORY).exists():
        raise StackError(
            f"{folder} has the data of a kept stack: continue with them (--keep), or choose another folder"
        )
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError(f"another stack is running in {folder}") from None
        yield folder


def _remembered(folder: Path) -> dict[str, int]:
    """The ports of last time: readers' connection strings go on working."""
    with contextlib.suppress(OSError, ValueError):
        ports = json.loads((folder / _MEMORY).read_text(encoding="utf-8"))
        return {str(name): int(port) for name, port in ports.items()}
    return {}


def _remember(folder: Path, servers: Backing) -> None:
    ports = {"kafka": servers.kafka.port, "mongo": servers.mongo.port}
    known = {name: port for name, port in ports.items() if port is not None}
    (folder / _MEMORY).write_text(json.dumps(known), encoding="utf-8")
