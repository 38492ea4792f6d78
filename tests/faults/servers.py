"""Kafka and a replica set of MongoDB that can be killed, stopped, starved of disk space and cut off, and come back.

Each service has listeners of its own: Kafka tells clients where to go on, and what it tells a service leads through the
service's own relay.
"""

import asyncio
import re
import signal
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from local.stack import kafka, mongod
from local.stack.backing import Backing
from local.stack.jars import ensure_jars
from local.stack.paths import DEPLOY_KAFKA
from local.stack.ports import free_port
from local.stack.process import Process
from local.stack.server import Server
from local.stack.services import STORING
from services import API
from tests.faults.relay import Relay

RUN = (*STORING, API)
"""The processes of a run: those that store something, and the one that answers readers."""
START_SECONDS = 60.0
POLL_SECONDS = 0.1
ELECTION_MS = 2_000
Json = dict[str, Any]


class KafkaNode:
    """One broker, with a listener for everybody and one for each service behind its relay."""

    def __init__(self, folder: Path, data: Path | None = None) -> None:
        self._folder, self._data = folder, data or folder / "kafka"
        self.port, self._controller = free_port(), free_port()
        behind = {name: free_port() for name in RUN}
        self.relays = {name: Relay(free_port(), port) for name, port in behind.items()}
        self._listeners = {"CLIENT": self.port, **{name.upper(): port for name, port in behind.items()}}
        self.process: Process | None = None
        self.log = folder / "logs" / "kafka.log"

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        jars = await ensure_jars(print)
        java = [kafka._java() or "java", *kafka._JVM, f"-Dlog4j2.configurationFile={DEPLOY_KAFKA / 'log4j2.xml'}"]
        java += ["-cp", f"{jars}/*"]
        if not (self._data / "meta.properties").exists():
            self._data.mkdir(parents=True, exist_ok=True)
            for file in (await kafka._formatted(java, jars, self.log)).iterdir():
                (self._data / file.name).write_bytes(file.read_bytes())
        begin = self.log.stat().st_size if self.log.exists() else 0
        self.process = await Process.start("Kafka", [*java, "kafka.Kafka", self._properties()], log=self.log)

        async def ready() -> bool:
            with self.log.open("rb") as lines:
                lines.seek(begin)
                return kafka._STARTED.encode() in lines.read()

        await self.process.until(ready, what="ready", timeout_s=START_SECONDS)

    async def kill(self) -> None:
        assert self.process is not None, "it was started"
        self.process.send(signal.SIGKILL)
        await self.process.exit_code()

    async def stop(self) -> None:
        if self.process is not None:
            await self.process.stop()

    def _properties(self) -> Path:
        file = self._folder / "kafka.properties"
        text = kafka._write_properties(file, self.port, self._data).read_text(encoding="utf-8")
        seen = {name.upper(): relay.port for name, relay in self.relays.items()} | {"CLIENT": self.port}
        controller = f"CONTROLLER://127.0.0.1:{self._controller}"
        lines = {
            "controller.quorum.voters": f"1@127.0.0.1:{self._controller}",
            "listeners": ",".join([*_addresses(self._listeners), controller]),
            "advertised.listeners": ",".join(_addresses(seen)),
            "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name in [*seen, "CONTROLLER"]),
        }
        for name, value in lines.items():
            text = re.sub(rf"(?m)^{re.escape(name)}=.*$", f"{name}={value}", text)
        file.write_text(text, encoding="utf-8")
        return file


def _addresses(ports: Mapping[str, int]) -> Iterator[str]:
    return (f"{name}://127.0.0.1:{port}" for name, port in ports.items())


class MongoNodes:
    """A replica set of so many nodes of one machine."""

    def __init__(self, folder: Path, nodes: int = 3, data: Path | None = None) -> None:
        self._folder, self._data = folder, data or folder
        self.ports = [free_port() for _ in range(nodes)]
        self.processes: dict[int, Process] = {}

    @property
    def endpoint(self) -> str:
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.ports)
        return f"mongodb://{hosts}/?replicaSet={mongod.REPLICA_SET}"

    async def start(self) -> None:
        for port in self.ports:
            await self.start_node(port)
        async with asyncio.timeout(START_SECONDS):
            while not all([await asyncio.to_thread(_says, port, "ping", "ok") for port in self.ports]):  # noqa: ASYNC110
                await asyncio.sleep(POLL_SECONDS)
        await asyncio.to_thread(self._initiate)
        await self.primary()

    async def start_node(self, port: int) -> None:
        binary = mongod._binary()
        assert binary is not None, mongod.why_not()
        data = self._data / f"mongod-{port}"
        data.mkdir(parents=True, exist_ok=True)
        command: list[str | Path] = [
            binary,
            f"--dbpath={data}",
            f"--port={port}",
            "--bind_ip=127.0.0.1",
            "--nounixsocket",
        ]
        command += [f"--replSet={mongod.REPLICA_SET}", "--oplogSize=128", "--wiredTigerCacheSizeGB=0.25", "--quiet"]
        command += [f"--setParameter={name}={value}" for name, value in mongod.PARAMETERS.items()]
        self.processes[port] = await Process.start(
            "mongod",
            command,
            log=self._folder / "logs" / f"mongod-{port}.log",
            env=mongod._environment(binary),
        )

    async def kill(self, port: int) -> None:
        self.processes[port].send(signal.SIGKILL)
        await self.processes[port].exit_code()

    async def stop(self) -> None:
        await asyncio.gather(*(process.stop() for process in self.processes.values()))

    async def primary(self) -> int:
        """The port of the node that takes writes, waited for."""
        async with asyncio.timeout(START_SECONDS):
            while True:
                for port in self.ports:
                    if await asyncio.to_thread(_says, port, "hello", "isWritablePrimary"):
                        return port
                await asyncio.sleep(POLL_SECONDS)

    async def step_down(self) -> None:
        """Ask the primary to leave it to another for ten seconds."""
        port = await self.primary()
        await asyncio.to_thread(_says, port, {"replSetStepDown": 10, "force": True}, "ok")

    def _initiate(self) -> None:
        members = [{"_id": number, "host": f"127.0.0.1:{port}"} for number, port in enumerate(self.ports)]
        settings = {"electionTimeoutMillis": ELECTION_MS}
        config = {"_id": mongod.REPLICA_SET, "members": members, "settings": settings}
        with _client(self.ports[0], seconds=START_SECONDS) as client:
            client.admin.command("replSetInitiate", config)


@contextmanager
def _client(port: int, seconds: float = 1.0) -> Iterator[MongoClient[Json]]:
    made: MongoClient[Json] = MongoClient(
        "127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=int(seconds * 1000)
    )
    with made:
        yield made


def _says(port: int, command: Any, field_name: str) -> Any:
    try:
        with _client(port) as client:
            return client.admin.command(command).get(field_name)
    except PyMongoError:
        return None


@dataclass
class Servers:
    """Both, and how a service finds them: directly, or through its relays, which reach one MongoDB node only."""

    folder: Path
    kafka: KafkaNode
    mongo: MongoNodes
    mongo_relays: dict[str, Relay] = field(default_factory=dict)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def __aenter__(self) -> Self:
        (self.folder / "logs").mkdir(parents=True, exist_ok=True)
        try:
            for server in (self.kafka, self.mongo):
                self._stack.push_async_callback(server.stop)
            await asyncio.gather(self.kafka.start(), self.mongo.start())
            port = await self.mongo.primary()
            self.mongo_relays = {name: Relay(free_port(), port) for name in RUN}
            for relay in (*self.kafka.relays.values(), *self.mongo_relays.values()):
                await relay.start()
                self._stack.push_async_callback(relay.stop)
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def backing(self) -> Backing:
        return Backing(Server("Kafka", self.kafka.endpoint), Server("MongoDB", self.mongo.endpoint), self.folder)

    async def through_relays(self) -> dict[str, dict[str, str]]:
        """The settings of each service that lead it through its relays."""
        port = await self.mongo.primary()
        for relay in self.mongo_relays.values():
            relay.target = port
        return {
            name: {
                "GUANXI_KAFKA_BOOTSTRAP": f"127.0.0.1:{self.kafka.relays[name].port}",
                "GUANXI_MONGO_URI": f"mongodb://127.0.0.1:{self.mongo_relays[name].port}/?directConnection=true",
            }
            for name in RUN
        }
