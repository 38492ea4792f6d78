"""A peer as a process beside guanxi's: its topic, its collection, and what a load costs it."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from local.stack.errors import failed
from local.stack.paths import REPOSITORY
from local.stack.process import Process
from tests.bench import load
from tests.bench.arena import Arena
from tests.bench.load import Load
from tests.bench.measures import say
from tests.bench.peers import environment
from tests.bench.processes import Usage
from tests.bench.throughput import Rate

_POLL_SECONDS = 0.2
_START_SECONDS = 120.0
_IDLE_SECONDS = 60.0
"""How long nothing may become of the events before a peer counts as stuck."""

Command = Callable[[], Awaitable[list[str]]]


@dataclass(frozen=True, slots=True)
class Peer:
    """title: as the table calls it; command: what to run; lacks: what it does not do of what guanxi does."""

    name: str
    title: str
    command: Command
    lacks: str

    @property
    def topic(self) -> str:
        return f"bench.{self.name}"

    @property
    def collection(self) -> str:
        return f"bench_{self.name}"


async def _naive() -> list[str]:
    return [sys.executable, "-m", "tests.bench.naive"]


async def _quix() -> list[str]:
    return [str(await environment.python(say)), "-m", "tests.bench.peers.quix"]


async def _faust() -> list[str]:
    return [str(await environment.python(say)), "-m", "tests.bench.peers.faust_app"]


async def _kafka_streams() -> list[str]:
    source = Path(__file__).with_name("KafkaStreamsPeer.java")
    return ["java", "-Xmx512m", "-XX:+UseSerialGC", "-cp", f"{await environment.jars(say)}/*", str(source)]


NOT_BY_ANY = (
    "admission (one malformed event stops them or is lost), telling duplicates from new events, amendments and voided "
    "records, windows of time, tiers, decisions and reviews, history, views"
)
"""What guanxi does with these events and no peer does."""
NAIVE = Peer("naive", "FastStream, a message at a time", _naive, "keep an event when its handler dies")
PEERS = {
    peer.name: peer
    for peer in (
        NAIVE,
        Peer(
            "quix",
            "Quix Streams",
            _quix,
            "keep MongoDB in step with its state: after a failure it writes again, and readers may see older sums "
            "meanwhile",
        ),
        Peer(
            "faust",
            "Faust",
            _faust,
            "count each event once: after a failure between changelog and offsets it counts again; nor write to "
            "MongoDB, which own code does here and may lose what waits for its batch",
        ),
        Peer(
            "kafka-streams",
            "Kafka Streams",
            _kafka_streams,
            "write to MongoDB, which own code does here and may lose what waits for its batch; its exactly-once mode, "
            "off here, ends at Kafka",
        ),
    )
}


@asynccontextmanager
async def running(arena: Arena, peer: Peer) -> AsyncIterator[Process]:
    """The peer as a process, warm: it has taken one event already."""
    command = await peer.command()
    await arena.make_topic(peer.topic)
    state = arena.servers.folder / f"state-{peer.name}"
    process = await Process.start(
        peer.title,
        command,
        log=arena.services.log(peer.name),
        cwd=REPOSITORY,
        env={
            **arena.services.environment,
            "PEER_TOPIC": peer.topic,
            "PEER_COLLECTION": peer.collection,
            "PEER_DATABASE": arena.settings.mongo_database,
            "PEER_STATE": str(state),
        },
        remove=[state],
    )
    try:
        first = next(load.mixed(1, 1, 0, datetime.now(UTC), "warm"))
        await arena.write([(first.key, first.value())], peer.topic)
        await _until(arena, peer, process, 1, _START_SECONDS)
        yield process
    finally:
        await process.stop()


async def rate(arena: Arena, peer: Peer, process: Process, loads: Sequence[Load]) -> Rate:
    """Writes the events and waits until the peer's documents have counted as many."""
    records = [(one.key, one.value()) for one in loads]
    before = await _counted(arena, peer)
    usage = Usage.start({**arena.pids(), peer.name: process.pid})
    began = time.perf_counter()
    await arena.write(records, peer.topic)
    await _until(arena, peer, process, before + len(records), _IDLE_SECONDS)
    return Rate(len(records), time.perf_counter() - began, usage.so_far())


async def _counted(arena: Arena, peer: Peer) -> int:
    pipeline = [{"$group": {"_id": None, "events": {"$sum": "$events"}}}]
    async for total in arena.database[peer.collection].aggregate(pipeline):
        return int(total["events"])
    return 0


async def _until(arena: Arena, peer: Peer, process: Process, events: int, idle_seconds: float) -> None:
    """Until the documents have counted so many. Raises StackError when the peer ends, or does nothing for so long."""
    seen, since = -1, time.perf_counter()
    while (counted := await _counted(arena, peer)) < events:
        if counted != seen:
            seen, since = counted, time.perf_counter()
        if not process.running:
            raise failed(f"{peer.title} ended with exit code {await process.exit_code()}", process.log)
        if time.perf_counter() - since > idle_seconds:
            raise failed(
                f"{peer.title}: {counted:,} of {events:,} events, and none in {idle_seconds:.0f} s", process.log
            )
        await asyncio.sleep(_POLL_SECONDS)
