"""Faults of the services' processes: killed, stopped for a while, dealt their partitions again and again, with wrong
clocks and zones.
"""

import asyncio
import os
import signal
from collections.abc import Mapping
from itertools import cycle
from pathlib import Path

from aiokafka import AIOKafkaConsumer

from local.stack.services import STORING
from shared.topics import INBOX, LOG
from tests.faults.fault import TWICE, Fault
from tests.faults.stand import SESSION_MS, Stand

KILLS = int(os.environ.get("GUANXI_FAULT_KILLS", "200"))
BETWEEN_KILLS_SECONDS = (0.05, 0.2, 0.5, 1.0, 2.0, 2.5)
ALL_AT_ONCE = 0.05
"""How often a kill takes all processes at once, as a machine that goes down does."""
FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
ZONES = ("Asia/Kathmandu", "America/New_York", "Pacific/Kiritimati", "Australia/Lord_Howe")


async def kills(stand: Stand) -> None:
    """Somebody kills processes at random moments: while they start, read, fold, publish, commit."""
    await stand.flow(1.0)
    killed = 0
    while killed < KILLS:
        victims = list(stand.services.names)
        if stand.random.random() > ALL_AT_ONCE:
            victims = [stand.random.choice(victims)]
        running = [name for name in victims if stand.services.running(name)]
        await asyncio.gather(*(stand.kill(name) for name in running))
        killed += len(running)
        await stand.flow(stand.random.choice(BETWEEN_KILLS_SECONDS) * stand.random.uniform(0.5, 1.5))
    stand.note(f"{killed} kills")


async def zombies(stand: Stand) -> None:
    """Each service's first process stands still until it is out of its group, and goes on as if nothing was."""
    seconds = SESSION_MS / 1000
    for pause in (seconds * 1.5, seconds * 3):
        for name in STORING:
            await stand.flow(1.0 + stand.random.random())
            stand.services.signal(name, signal.SIGSTOP)
            await stand.flow(pause)
            stand.services.signal(name, signal.SIGCONT)
    await stand.flow(2.0)


async def rebalances(stand: Stand) -> None:
    """Strangers join each group and leave it again, all the time."""
    stop = asyncio.Event()
    rounds = 0

    async def stranger(service: str) -> None:
        nonlocal rounds
        topic = (INBOX if service == "ingest" else LOG).full_name(stand.settings)
        while not stop.is_set():
            consumer = AIOKafkaConsumer(
                topic,
                bootstrap_servers=stand.settings.kafka_bootstrap,
                group_id=f"{stand.settings.topic_prefix}guanxi-{service}",
                session_timeout_ms=SESSION_MS,
                heartbeat_interval_ms=500,
                enable_auto_commit=False,
            )
            await consumer.start()
            try:
                await stand.flow(stand.random.uniform(0.0, 1.0))
            finally:
                await consumer.stop()
            rounds += 2
            await stand.flow(stand.random.uniform(0.0, 0.5))

    strangers = [asyncio.create_task(stranger(service)) for service in STORING]
    await stand.flow(25.0)
    stop.set()
    await asyncio.gather(*strangers)
    stand.note(f"{rounds} times somebody joined or left")


def _clock_file(folder: Path, name: str) -> Path:
    return folder / f"{name}.clock"


def _faked(folder: Path) -> Mapping[str, Mapping[str, str]]:
    own = {}
    for name, zone in zip(STORING, cycle(ZONES), strict=False):
        _clock_file(folder, name).write_text("+0\n", encoding="ascii")
        own[name] = {
            "LD_PRELOAD": str(FAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(_clock_file(folder, name)),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "TZ": zone,
        }
    return own


async def clocks(stand: Stand) -> None:
    """The clocks of the services, each in a wrong zone, jump by weeks, there and back; the broker's does not."""
    stand.may_be_refused |= {"in_future"}  # the door, where its clock is late
    for offset in ("+40d", "-2d", "+400d", "-2h", "+0"):
        for name in STORING:
            if name == "ingest" and offset in {"+40d", "+400d"}:
                continue  # the door would refuse old events, rightly by its clock
            _clock_file(stand.folder, name).write_text(f"{offset}\n", encoding="ascii")
        await stand.flow(5.0)
    stand.note(f"{len(stand.upstream.refused)} events refused by the door")


async def zones(stand: Stand) -> None:
    """Processes are killed and come back in another zone."""
    for zone in ("America/New_York", "Pacific/Kiritimati", "UTC"):
        for name in STORING:
            stand.services.own.setdefault(name, {})["TZ"] = zone
            await stand.kill(name)
            await stand.flow(1.5)


def why_no_faketime() -> str | None:
    """Its library has to be installed."""
    return None if FAKETIME.exists() else "libfaketime is not installed (apt-get install faketime)"


FAULTS = (
    Fault("kills", "SIGKILL of any of six processes at random moments", kills, names=TWICE),
    Fault("zombies", "SIGSTOP past the session timeout, then SIGCONT", zombies, names=TWICE),
    Fault("rebalances", "rebalance storm in all three groups", rebalances),
    Fault("clocks", "clocks that jump by -2 to +400 days, in wrong zones", clocks, own=_faked, why_not=why_no_faketime),
    Fault("zones", "restarts in other time zones", zones),
)
