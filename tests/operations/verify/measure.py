"""How quickly `guanxi verify` checks a log, and how much memory it takes.

    python -m tests.operations.verify.measure [events]

Puts the benchmark's mix and what the services decide of it on the log of a system of its own, with its claims, folds
the views by rebuilding, and runs the command as an operator does. CPU seconds are given beside the clock's, since the
machine may be busy otherwise.
"""

import asyncio
import json
import resource
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local.stack.backing import backing
from local.stack.paths import REPOSITORY
from local.stack.services import Services
from operations.rebuild.run import Asked, run
from services import SERVICES
from services.ingest.admission import log_record
from services.ingest.admit import Accepted, Candidate, admit, judge
from services.ingest.store import CLAIMS, _document
from shared.events.codec import decode, encode
from shared.events.event import LogPosition, Position
from shared.fold.entity import Entity, new_entity
from shared.kafka.batches import Appender, Outgoing
from shared.kafka.connection import partition_of
from shared.kafka.scan import bounds
from shared.mongo import Database, connect
from shared.mongo.states import StateStore
from shared.settings import Settings
from shared.topics import LOG
from tests.bench import load
from tests.bench.arena import POLICY, settings_of

EVENTS = 200_000
CUSTOMERS = 20_000
WRITE_RECORDS = 5_000
OLD_INBOX = 0
"""The generation of an inbox that is no longer there."""


class Deciding:
    """What both services would decide."""

    def __init__(self, domains: list[Any]) -> None:
        self._domains = domains
        self._entities: dict[tuple[str, str], Entity[Any, Any]] = {}

    def decisions(self, key: str, name: str, value: bytes, at: datetime) -> Iterator[tuple[bytes, Any]]:
        """The records that follow a fact."""
        for domain in self._domains:
            if name not in domain.folds:
                continue
            entity = self._entities.setdefault((domain.service, key), new_entity(domain, key))
            fact = decode(value, recorded_at=at, log=LogPosition(1, 0, 0))
            for decision in list(entity.fold(fact, deciding=True)):
                yield encode(decision)
                for other in self._domains:
                    if other is domain or decision.type in other.folds:
                        known = self._entities.setdefault((other.service, key), new_entity(other, key))
                        list(known.fold(decision, deciding=True))


async def fill(settings: Settings, database: Database, events: int, domains: list[Any]) -> int:
    """Facts, decisions and claims; gives the number of records on the log."""
    now, deciding, appender = datetime.now(UTC), Deciding(domains), Appender(settings)
    offsets = [0] * settings.partitions
    records: list[Outgoing] = []
    claims: list[Any] = []
    written = 0
    sent = [*load.first_purchases(CUSTOMERS, 1, now), *load.mixed(events - CUSTOMERS, CUSTOMERS, 2, now)]
    for number, one in enumerate(sent):
        candidate = admit(one.event, now=now, zone=settings.zone)
        assert isinstance(candidate, Candidate), candidate
        partition = partition_of(one.key, settings.partitions)
        position = Position(OLD_INBOX, partition, offsets[partition])
        offsets[partition] += 1
        fact = log_record(candidate, position, None, settings.partitions)
        accepted = judge(None, candidate, position)
        assert isinstance(accepted, Accepted), accepted
        assert accepted.claim is not None, "a new record is claimed"
        claims.append(_document(accepted.claim))
        records.append(fact)
        assert fact.value is not None, "a fact has a value"
        for value, headers in deciding.decisions(candidate.key, candidate.type, fact.value, now):
            records.append(Outgoing(partition, one.key, value, headers))
        if len(records) >= WRITE_RECORDS or number == len(sent) - 1:
            await appender.append(LOG.full_name(settings), records)
            await database[CLAIMS].insert_many(claims, ordered=False)
            written += len(records)
            records, claims = [], []
    await appender.close()
    return written


async def fold(settings: Settings) -> None:
    """The first views, by a rebuild with nothing live before it; a process of its own, since it makes itself nice."""
    database = connect(settings)
    ends = (await bounds(settings, LOG.full_name(settings))).ends
    for service in SERVICES.folding:
        await StateStore(database, service, 1, 1).progress(list(ends))
        for partition, end in ends.items():
            await database[f"{service}_positions"].update_one({"_id": f"g1/{partition}"}, {"$set": {"offset": end}})
        await run(settings, database, Asked(service, accept=True), note=print)


async def main(events: int) -> None:
    """Make the log, then measure."""
    async with backing(print, real_kafka_only=True) as servers:
        services = Services(servers, print, settings={"GUANXI_POLICY": str(POLICY)}, names=())
        await services.set_up()
        settings = settings_of(servers)
        database = connect(settings)
        try:
            domains = [await one.domain(database, settings) for one in SERVICES.folding.values()]
            began = time.perf_counter()
            written = await fill(settings, database, events, domains)
            print(
                f"{written:,} records of {events:,} events on the log, {time.perf_counter() - began:.0f} s", flush=True
            )
            began = time.perf_counter()
            command = [sys.executable, "-m", "tests.operations.verify.measure", "fold"]
            folding = await asyncio.create_subprocess_exec(*command, env=services.environment, cwd=REPOSITORY)
            assert await folding.wait() == 0, "folding failed"
            print(f"folded in {time.perf_counter() - began:.0f} s", flush=True)
        finally:
            database.client.close()
        for words in (("verify",), ("verify", "log"), ("verify", "--sample", "5%"), ("doctor",)):
            await _measured(services, *words)


async def _measured(services: Services, *words: str) -> None:
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "guanxi", *words, "--json", "--quiet"]
    process = await asyncio.create_subprocess_exec(
        *command, env=services.environment, cwd=REPOSITORY, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None, "asked for"
    reading = asyncio.create_task(process.stdout.read())
    peak_kb = 0
    while not reading.done():
        peak_kb = max(peak_kb, _peak_kb(process.pid))
        await asyncio.sleep(0.05)
    code = await process.wait()
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(
        f"{' '.join(words):<20} exit {code}, {seconds:.1f} s, CPU {cpu:.1f} s, peak {peak_kb / 1024:,.0f} MB",
        flush=True,
    )
    said = json.loads(await reading)
    print({name: value for name, value in said.items() if name in {"differences", "kinds", "looked_at", "checked"}})


def _peak_kb(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), 0)


if __name__ == "__main__":
    if sys.argv[1:] == ["fold"]:
        asyncio.run(fold(Settings()))
    else:
        asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS))
