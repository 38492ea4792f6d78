"""What a rebuild of tiering costs: events per second, memory, and what live traffic feels of it.

    python -m tests.bench.rebuild [--events 1000000] [--customers 100000] [--pace 1.0] [--rate 300] [--seconds S]

Facts are put straight onto the log and folded once, as if the services had always been there. Then
the services start, and `guanxi rebuild tiering` runs as an operator runs it while the door takes events at a steady
rate, before, during and after.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from random import Random

from local.demo.latency import Latencies, Probe, door_to_view, over_http
from local.stack.backing import backing
from local.stack.services import Services
from operations.fast import fast_process
from operations.rebuild.run import Asked, Outcome, run
from shared.events.codec import encode
from shared.events.event import Event, LogPosition, Position
from shared.events.facts import PurchaseRecorded
from shared.events.registry import NAMES
from shared.kafka.batches import Appender, Outgoing
from shared.kafka.connection import partition_of
from shared.kafka.scan import bounds
from shared.keys.edit import create_key
from shared.mongo import Database, connect
from shared.mongo.generations import current_generation
from shared.mongo.states import StateStore
from shared.settings import Settings
from shared.topics import LOG
from tests.bench import load
from tests.bench.arena import POLICY, settings_of
from tests.bench.door import Door
from tests.bench.latency import EVENTS_PER_REQUEST
from tests.bench.pipeline import FOLDING
from tests.bench.processes import peak_rss_mb
from tests.bench.throughput import now

WRITE_RECORDS = 5_000
SLICE_SECONDS = 10
SAMPLE_SECONDS = 0.2


async def fill(settings: Settings, events: int, customers: int) -> None:
    """Purchases, on the log as admission puts them."""
    chance, appender, until = Random(1), Appender(settings), now()
    offsets = [0] * settings.partitions
    records: list[Outgoing] = []
    for number in range(events):
        customer = load.customer_id(chance.randrange(customers))
        one = load.purchase(chance, f"fill-{number}", customer, until).event
        partition = partition_of(f"customer:{customer}".encode(), settings.partitions)
        fact = PurchaseRecorded.model_validate(one["data"])
        at = datetime.fromisoformat(one["time"])
        event = Event(NAMES[PurchaseRecorded], one["id"], one["source"], customer, at, fact, at, LogPosition(0, 0, 0))
        value, headers = encode(event, Position(0, partition, offsets[partition]))
        offsets[partition] += 1
        records.append(Outgoing(partition, f"customer:{customer}".encode(), value, headers))
        if len(records) == WRITE_RECORDS or number == events - 1:
            await appender.append(LOG.full_name(settings), records)
            records = []
    await appender.close()


async def fold_first(settings: Settings, database: Database) -> float:
    """The first views of tiering; of the others the positions alone, as if they folded none of this. Gives seconds."""
    ends = (await bounds(settings, LOG.full_name(settings))).ends
    began = time.perf_counter()
    for service in FOLDING:
        # A rebuild with nothing live before it: what it builds takes the place of an empty generation 1.
        await StateStore(database, service, 1, 1).progress(list(ends))
        for partition, end in ends.items():
            await database[f"{service}_positions"].update_one({"_id": f"g1/{partition}"}, {"$set": {"offset": end}})
    outcome = await run(settings, database, Asked("tiering", accept=True), note=print)
    print(f"first fold: {outcome.records / outcome.seconds:,.0f} events/s", flush=True)
    return time.perf_counter() - began


class Probes:
    """Events for one customer after the other, in slices."""

    def __init__(self, database: Database, door: Door, customers: int, rate: float) -> None:
        self._database, self._door, self._rate = database, door, rate
        self._order = Random(3).sample(range(customers), customers)
        self._used = 0

    async def slice(self, seconds: float) -> Latencies:
        """Purchases at a steady rate, each for a customer of its own."""
        count = int(seconds * self._rate)
        some = self._order[self._used : self._used + count]
        self._used += count
        collection = f"tiering_g{await current_generation(self._database, 'tiering')}"
        chance, at = Random(self._used), datetime.now(UTC)
        probes = [
            Probe(load.purchase(chance, f"probe-{one}", load.customer_id(one), at).event, collection) for one in some
        ]
        return await door_to_view(
            over_http(self._door),
            self._database,
            probes,
            events_per_second=self._rate,
            events_per_request=EVENTS_PER_REQUEST,
        )


def _say(what: str, found: Latencies) -> None:
    shown = ", ".join(f"p{share:g} {found.percentile(share / 100):.0f} ms" for share in (50, 95, 99, 99.9))
    print(f"{what:<10} {len(found.milliseconds):>7,} events: {shown}, largest {found.percentile(1):.0f} ms", end="")
    print(f"; {found.missing} not seen in the former collection" if found.missing else "", flush=True)


def _add(whole: Latencies, part: Latencies) -> None:
    whole.milliseconds += part.milliseconds
    whole.missing += part.missing


def _tell(outcome: Outcome) -> None:
    swapped, compared = outcome.handed_over, outcome.compared
    assert swapped is not None, compared.differences[:5]
    print(
        f"again: {outcome.records:,} events in {outcome.seconds:.0f} s, {outcome.records / outcome.seconds:,.0f}/s; "
        f"{compared.documents:,} documents compared, {compared.differing} differ; closed for "
        f"{swapped.closed_seconds:.2f} s, views pointed within {swapped.views_seconds:.2f} s",
        flush=True,
    )


async def rebuild(services: Services, probes: Probes, pace: float, seconds: float) -> Latencies:
    """The command, with probes until it ends, or for so long."""
    command = [sys.executable, "-m", "guanxi", "rebuild", "tiering", "--pace", str(pace)]
    process = await asyncio.create_subprocess_exec(*command, env=services.environment)
    whole, peak = Latencies(), 0.0

    async def sample() -> None:
        nonlocal peak
        while process.returncode is None:
            peak = max(peak, peak_rss_mb(process.pid))
            await asyncio.sleep(SAMPLE_SECONDS)

    sampling = asyncio.create_task(sample())
    began = time.perf_counter()
    while process.returncode is None and time.perf_counter() - began < seconds:
        _add(whole, await probes.slice(SLICE_SECONDS))
    if process.returncode is None:
        process.terminate()
    await sampling
    print(f"rebuild ended with {process.returncode}; its memory at most {peak:.0f} MB", flush=True)
    return whole


@asynccontextmanager
async def database_of(settings: Settings) -> AsyncIterator[Database]:
    """For the block."""
    database = connect(settings)
    try:
        yield database
    finally:
        database.client.close()


async def main(events: int, customers: int, pace: float, rate: float, seconds: float) -> None:
    """Run it all, and print."""
    async with backing(print, real_kafka_only=True) as servers:
        keys_file = servers.folder / "keys.yaml"
        _, token = create_key(keys_file, ["*"], now=datetime.now(UTC))
        chosen = {"GUANXI_POLICY": str(POLICY), "GUANXI_API_KEYS_FILE": str(keys_file)}
        services, settings = Services(servers, print, settings=chosen), settings_of(servers)
        await services.set_up()
        async with database_of(settings) as database:
            await fill(settings, events, customers)
            took = await fold_first(settings, database)
            print(f"first fold, and handed over: {events:,} events in {took:.0f} s", flush=True)
            print(f"memory of this process at most {peak_rss_mb(os.getpid()):.0f} MB", flush=True)
            if not seconds:
                again = await run(settings, database, Asked("tiering"), note=print)
                _tell(again)
                print(f"memory of this process at most {peak_rss_mb(os.getpid()):.0f} MB", flush=True)
                return
            try:
                for name in services.names:
                    await services.start(name)
                async with Door(services.url(), token) as door:
                    probes = Probes(database, door, customers, rate)
                    await probes.slice(3)
                    _say("before", await probes.slice(2 * SLICE_SECONDS))
                    _say("during", await rebuild(services, probes, pace, seconds))
                    _say("after", await probes.slice(2 * SLICE_SECONDS))
            finally:
                await services.stop_all()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--pace", type=float, default=1.0)
    parser.add_argument("--rate", type=float, default=300.0, help="events per second at the door")
    parser.add_argument("--seconds", type=float, default=1e9, help="of the rebuild beside live traffic; 0: none")
    asked = parser.parse_args()
    os.environ.pop("GUANXI_KAFKA_BOOTSTRAP", None)
    with fast_process():
        asyncio.run(main(asked.events, asked.customers, asked.pace, asked.rate, asked.seconds))
