"""`make test-cluster`, or `python -m tests.cluster [NAME ...]`: three machines on this one, broken in turn under load.

Brings them up by the commands of docs/cluster.md, lets events flow through the three fronts while each fault is played,
and judges what is left as tests/faults does: every acknowledged event in effect once, every document as the log says.
Needs Docker, root, and 6 GB of memory. Ends with 1 when a promise did not hold.
"""

import argparse
import asyncio
import dataclasses
import ssl
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from shared.kafka.connection import client_options
from shared.settings import Settings
from shared.topics import INBOX, LOG, TIERS
from tests.cluster.faults import FAULTS, Cluster
from tests.cluster.machines import NODES, Machines, commands
from tests.faults.load import Load
from tests.faults.reader import Reader
from tests.faults.stand import settled
from tests.faults.topics import Stored
from tests.faults.upstream import ACCEPTED, Upstream
from tests.faults.verdict import judge

DOORS = tuple(f"https://127.0.0.1:{node}8080" for node in NODES)
API = "https://127.0.0.1:18081"
SETTLE_SECONDS = 600.0
POLL_SECONDS = 1.0
SEED = 7
CUSTOMERS = 400
"""So many that a run of half an hour leaves each with few hundred events: what judges them at the end is slow."""


@dataclass
class Timed(Upstream):
    """Notes of each answer when it came and how long it took; of what was acknowledged only."""

    acknowledged_at: list[tuple[float, float]] = field(default_factory=list)
    """Moment and seconds."""

    async def _ask(self, body: bytes) -> tuple[int, dict[str, Any]]:
        begin = time.monotonic()
        status, answer = await super()._ask(body)
        if status == ACCEPTED:
            now = time.monotonic()
            self.acknowledged_at.append((now, now - begin))
        return status, answer


@dataclass
class Run:
    """What judge asks for."""

    settings: Settings
    stored: Stored
    upstream: Timed
    reader: Reader
    may_be_refused: set[str] = field(default_factory=lambda: {"superseded"})


def row(name: str, upstream: Timed, begin: float, end: float) -> str:
    """Of the table: requests that were acknowledged meanwhile, the door's times, the longest time without any."""
    within = [one for one in upstream.acknowledged_at if begin <= one[0] <= end]
    seconds = sorted(took for _, took in within)
    moments = [begin, *(at for at, _ in within), end]
    silence = max(later - earlier for earlier, later in pairwise(moments))
    p50, p99 = (seconds[int(len(seconds) * share)] if seconds else float("nan") for share in (0.5, 0.99))
    return (
        f"| {FAULTS[name][0]} | {len(within):,} | {p50:.2f} s | {p99:.2f} s | {silence:.1f} s | {end - begin:.0f} s |"
    )


async def whole(cluster: Cluster, settings: Settings) -> None:
    """Waits until all that a fault took is there again: containers, copies on brokers, nodes of MongoDB."""
    async with asyncio.timeout(SETTLE_SECONDS):
        while not (  # noqa: ASYNC110 - servers set no event
            await asyncio.to_thread(cluster.machines.running)
            and await asyncio.to_thread(cluster.nodes_agree)
            and await in_sync(settings)
        ):
            await asyncio.sleep(POLL_SECONDS)


async def in_sync(settings: Settings) -> bool:
    """Whether each partition is on all brokers, and none is behind."""
    admin = AIOKafkaAdminClient(**client_options(settings))
    try:
        await admin.start()
        topics = await admin.describe_topics([topic.full_name(settings) for topic in (INBOX, LOG, TIERS)])
        return all(len(one["isr"]) == len(NODES) for topic in topics for one in topic["partitions"])
    except KafkaError:
        return False
    finally:
        await admin.close()


async def play(names: list[str], machines: Machines, folder: Path) -> int:
    """Everything but bringing up and taking down."""
    token = machines.shell(commands("A key")).split()[-1]
    machines.know_names()
    settings = machines.settings(folder / "ca.pem")
    who = settings.mongo_password.get_secret_value() if settings.mongo_password else ""
    uri = f"{settings.mongo_uri.get_secret_value()}&tls=true&tlsCAFile={settings.mongo_ca_file}&authSource=guanxi"
    uri = uri.replace("mongodb://", f"mongodb://operator:{who}@")
    start = time.time_ns() // 1_000  # on a log that may have those of another run, which sent fewer than one in a µs
    context = ssl.create_default_context(cafile=settings.kafka_ca_file)
    now = datetime.now(UTC)
    run = Run(
        settings,
        Stored(uri, settings.mongo_database),
        Timed(DOORS, token, Load(SEED, now, start, CUSTOMERS), SEED, context=context),
        Reader(DOORS[0], API, token, now, context=context, start=start),
    )
    cluster, rows = Cluster(machines, uri), []
    sending = [asyncio.create_task(one.run()) for one in (run.upstream, run.reader)]
    try:
        for name in names:
            begin = time.monotonic()
            await asyncio.to_thread(FAULTS[name][1], cluster)
            await whole(cluster, settings)
            rows.append(row(name, run.upstream, begin, time.monotonic()))
            print(rows[-1], flush=True)
        run.upstream.end()
        run.reader.end()
        await asyncio.wait_for(asyncio.gather(*sending), SETTLE_SECONDS)
        caught_up = await settled(settings, SETTLE_SECONDS)
        verdict = await judge(run)
    finally:
        for task in sending:
            task.cancel()
        await asyncio.gather(*sending, return_exceptions=True)
        run.stored.close(drop=False)
    for line in verdict.broken[:20]:
        print(f"  {line}", flush=True)
    figures = {name: value for name, value in dataclasses.asdict(verdict).items() if name != "broken"}
    print(f"{figures}; answers {dict(run.upstream.answers)}; read at once {run.reader.read}", flush=True)
    print(f"caught up after {caught_up:.1f} s; {len(verdict.broken)} anomalies or differences", flush=True)
    return 1 if verdict.broken else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *FAULTS], help=f"some of: {', '.join(FAULTS)}")
    parser.add_argument("--version", default="cluster-test", help="the images' tag")
    parser.add_argument("--running", action="store_true", help="the machines run already, and stay")
    options = parser.parse_args()
    machines = Machines({"GUANXI_VERSION": options.version})
    try:
        if not options.running:
            machines.on(1, "--profile", "'*'", "build", "--quiet")  # of this tree, whatever an earlier run has left
            machines.shell(commands("On one host"))
        with tempfile.TemporaryDirectory(prefix="guanxi-cluster-") as folder:
            return asyncio.run(play(options.names or [*FAULTS], machines, Path(folder)))
    finally:
        if not options.running:
            machines.shell(commands("Take it down"))


if __name__ == "__main__":
    sys.exit(main())
