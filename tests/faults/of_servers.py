"""Faults of Kafka and MongoDB: restarts, outages, elections, full disks."""

import asyncio
import contextlib
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from tests.faults.fault import Fault
from tests.faults.servers import KafkaNode, MongoNodes, Servers
from tests.faults.stand import Stand

OUTAGE_SECONDS = float(os.environ.get("GUANXI_FAULT_OUTAGE_SECONDS", "60"))
MONGO_DISK_MB, KAFKA_DISK_MB = 700, 160
LEFT_BYTES = 256 * 1024
BALLAST = "ballast"


async def broker_restart(stand: Stand) -> None:
    """Once in order, once by SIGKILL."""
    kafka = stand.servers.kafka
    await stand.flow(3.0)
    await kafka.stop()
    await kafka.start()
    await stand.flow(3.0)
    await kafka.kill()
    await kafka.start()
    await stand.flow(3.0)


async def broker_outage(stand: Stand) -> None:
    """Down for a minute."""
    await stand.flow(3.0)
    await stand.servers.kafka.kill()
    await stand.flow(OUTAGE_SECONDS)
    await stand.servers.kafka.start()
    await stand.flow(3.0)


async def mongod_restart(stand: Stand) -> None:
    """The primary is killed, twice, then all nodes at once for as long as an outage."""
    mongo = stand.servers.mongo
    for _ in range(2):
        await stand.flow(3.0)
        port = await mongo.primary()
        await mongo.kill(port)
        await stand.flow(4.0)
        await mongo.start_node(port)
    await mongo.primary()
    await stand.flow(3.0)
    await asyncio.gather(*(mongo.kill(port) for port in mongo.ports))
    await stand.flow(OUTAGE_SECONDS / 4)
    for port in mongo.ports:
        await mongo.start_node(port)
    await mongo.primary()
    await stand.flow(3.0)


async def stepdown(stand: Stand) -> None:
    """The primary has to leave it to another, again and again."""
    for _ in range(5):
        await stand.flow(2.0)
        await stand.servers.mongo.step_down()
    await stand.servers.mongo.primary()
    await stand.flow(3.0)


@asynccontextmanager
async def _disk(folder: Path, megabytes: int) -> AsyncIterator[Path]:
    """A file system of its own."""
    disk = folder / "disk"
    disk.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(disk)], check=True)  # noqa: ASYNC221
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=False)  # noqa: ASYNC221


@asynccontextmanager
async def _on_small_disk(folder: Path, *, mongo: bool) -> AsyncIterator[Servers]:
    async with _disk(folder, MONGO_DISK_MB if mongo else KAFKA_DISK_MB) as disk:
        kafka = KafkaNode(folder, None if mongo else disk / "kafka")
        nodes = MongoNodes(folder, 1, disk if mongo else None)
        async with Servers(folder, kafka, nodes) as servers:
            yield servers


def _fill(disk: Path) -> None:
    """Take nearly all that is left of a disk."""
    left = shutil.disk_usage(disk).free - LEFT_BYTES
    with contextlib.suppress(OSError), (disk / BALLAST).open("wb") as ballast:
        os.posix_fallocate(ballast.fileno(), 0, max(1, left))


async def mongod_disk_full(stand: Stand) -> None:
    """The disk of MongoDB fills up; it ends; space is made, and it is started again."""
    disk, mongo = stand.folder / "disk", stand.servers.mongo
    (port,) = mongo.ports
    await stand.flow(4.0)
    _fill(disk)
    ended = await _ended(stand, lambda: not mongo.processes[port].running)
    (disk / BALLAST).unlink()
    if ended:
        await mongo.start_node(port)
    await mongo.primary()
    stand.note("mongod ended by itself and was started again" if ended else "mongod went on")
    await stand.flow(3.0)


async def broker_disk_full(stand: Stand) -> None:
    """The broker's disk fills up; it ends; space is made, and it is started again."""
    disk, kafka = stand.folder / "disk", stand.servers.kafka
    await stand.flow(4.0)
    _fill(disk)
    ended = await _ended(stand, lambda: kafka.process is not None and not kafka.process.running)
    (disk / BALLAST).unlink()
    if not ended:
        await kafka.kill()
    await kafka.start()
    stand.note(f"the broker {'ended by itself' if ended else 'was ended'} and was started again")
    await stand.flow(3.0)


async def _ended(stand: Stand, gone: Callable[[], bool]) -> bool:
    for _ in range(200):
        await stand.flow(0.1)
        if gone():
            return True
    return False


def why_no_disk() -> str | None:
    """Only root may mount a file system."""
    return None if os.geteuid() == 0 else "mounting a small file system needs root"


FAULTS = (
    Fault("broker-restart", "broker restarted in order, then by SIGKILL", broker_restart),
    Fault("broker-outage", f"broker away for {OUTAGE_SECONDS:.0f} s", broker_outage),
    Fault("mongod-restart", "primary killed twice, then all three nodes of MongoDB", mongod_restart),
    Fault("stepdown", "five elections in MongoDB", stepdown),
    Fault(
        "mongod-disk-full",
        "disk full at mongod",
        mongod_disk_full,
        servers=lambda folder: _on_small_disk(folder, mongo=True),
        why_not=why_no_disk,
    ),
    Fault(
        "broker-disk-full",
        "disk full at the broker",
        broker_disk_full,
        servers=lambda folder: _on_small_disk(folder, mongo=False),
        why_not=why_no_disk,
    ),
)
