"""What each step costs by itself: the pure ones in CPU time of this process, the writes in time that passes."""

import asyncio
import gc
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import bson
from pymongo import ReplaceOne

from services import SERVICES
from services.ingest.admission import Arrived, judge_all, log_record, read
from shared.events.codec import decode, encode, type_and_position
from shared.events.event import Event, LogPosition, Position
from shared.fold.domain import Domain
from shared.fold.entity import Entity, load_entity, new_entity
from shared.kafka.batches import Outgoing
from shared.mongo import transaction
from tests.bench import fold_tiering, load
from tests.bench.arena import Arena
from tests.bench.table import Line, Part

CUSTOMERS, EVENTS = 4_000, 20_000
FOLDED = 50_000
TOPIC = "bench.steps"
BATCH = 1_000
WRITE_BATCHES = 10


@dataclass(frozen=True, slots=True)
class _Record:
    """As aiokafka gives it."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class _Timer:
    """Microseconds per item of named steps."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def time(self, what: str, items: int, work: Callable[[], Any], note: str = "") -> Any:
        gc.collect()
        began = time.process_time()
        result = work()
        self.add(what, items, time.process_time() - began, note)
        return result

    def add(self, what: str, items: int, seconds: float, note: str = "") -> None:
        self.lines.append(Line(what, 1e6 * seconds / max(1, items), "µs", note))


async def measure(arena: Arena, seed: int) -> list[Part]:
    """All steps; the services stay idle meanwhile."""
    now = datetime.now(UTC)
    timer = _Timer()
    log = _admission(timer, arena, seed, now)
    await asyncio.sleep(0)
    documents = []
    for service in SERVICES.folding.values():
        domain = await service.domain(arena.database, arena.settings)
        documents = _folding(timer, domain, log)
    await _writing(timer, arena, documents, log)
    return [
        Part(
            "Cost of each step",
            f"{EVENTS:,} events of the same mix for {CUSTOMERS:,} customers, one after the other in one process; per "
            "event, or per document where it says so. CPU time; for the two writes the time that passes.",
            tuple(timer.lines),
        ),
        _fold_and_decide(seed),
    ]


def _fold_and_decide(seed: int) -> Part:
    """By how much a customer buys: what an event costs must not depend on it."""
    lines = [
        Line(f"{rate.policy}, {rate.purchases_a_year:,} purchases a year", rate.events_per_second, "events/s")
        for rate in fold_tiering.rates(FOLDED, seed=seed)
    ]
    return Part(
        "Tiering: fold and decide alone",
        f"Purchases of customers of three sizes over two years, {FOLDED:,} for each line, without decoding, documents "
        "or input and output; CPU time of one core.",
        tuple(lines),
    )


def _admission(timer: _Timer, arena: Arena, seed: int, now: datetime) -> list[_Record]:
    loads = list(load.mixed(EVENTS, CUSTOMERS, seed, now, "step"))
    stamp = int(now.timestamp() * 1000)
    header = [("content-type", b"application/json")]
    records = [_Record(0, n, stamp, one.key, one.value(), header) for n, one in enumerate(loads)]
    zone, partitions = arena.settings.zone, arena.settings.partitions
    judged = timer.time(
        "admission: parse and admit",
        EVENTS,
        lambda: [Arrived(record, Position(1, 0, record.offset), now, read(record, now, zone)) for record in records],
    )
    verdicts = timer.time("admission: judge", EVENTS, lambda: judge_all(judged, {}))
    assert len(verdicts.accepted) == EVENTS, "the benchmark's events are all to be taken"
    outgoing: list[Outgoing] = timer.time(
        "admission: encode for the log",
        EVENTS,
        lambda: [log_record(c, p, r, partitions) for c, p, r in verdicts.accepted],
    )
    return [_Record(0, n, stamp, one.key, one.value, one.headers) for n, one in enumerate(outgoing)]


def _folding(timer: _Timer, domain: Domain[Any, Any], log: Sequence[_Record]) -> list[dict[str, Any]]:
    """Decode, fold and decide, take back the decisions, document, BSON; gives the documents."""
    name = domain.service
    wanted = domain.folds | domain.decides
    picked = timer.time(
        f"{name}: pick by header", len(log), lambda: [r for r in log if type_and_position(r.headers)[0] in wanted]
    )
    share = f"{len(picked):,} of {len(log):,} are its own"
    events: list[tuple[str, Event]] = timer.time(
        f"{name}: decode", len(picked), lambda: [(_key(r), _decoded(r)) for r in picked], share
    )
    entities = {key: new_entity(domain, key) for key, _ in events}

    def fold() -> int:
        decided = 0
        for key, event in events:
            entity = entities[key]
            decisions = list(entity.fold(event, deciding=True))
            decided += len(decisions)
            for decision in decisions:
                list(entity.fold(_read_back(decision), deciding=True))
        return decided

    began = time.process_time()
    decided = fold()
    note = f"{decided:,} decisions, read back"
    timer.add(f"{name}: fold and decide", len(events), time.process_time() - began, note)
    return _documents(timer, domain, entities)


def _documents(timer: _Timer, domain: Domain[Any, Any], entities: dict[str, Entity[Any, Any]]) -> list[dict[str, Any]]:
    name, count = domain.service, len(entities)
    documents = timer.time(f"{name}: document", count, lambda: [e.document() for e in entities.values()], "a document")
    encoded = timer.time(f"{name}: to BSON", count, lambda: [bson.encode(d) for d in documents], "a document")
    size = sum(map(len, encoded)) / max(1, count)
    decoded = timer.time(f"{name}: from BSON", count, lambda: _from_bson(encoded), f"a document, {size:,.0f} bytes")
    keys = list(entities)
    timer.time(
        f"{name}: load",
        count,
        lambda: [load_entity(domain, key, document) for key, document in zip(keys, decoded, strict=True)],
        "a document",
    )
    return [{"_id": key, **document} for key, document in zip(keys, documents, strict=True)]


async def _writing(timer: _Timer, arena: Arena, documents: list[dict[str, Any]], log: Sequence[_Record]) -> None:
    collection = arena.database["bench_steps"]
    total, seconds = 0, 0.0
    for again in range(2):  # the first time the documents are new, which the line is not about
        total, began = 0, time.perf_counter()
        for start in range(0, min(len(documents), WRITE_BATCHES * BATCH), BATCH):
            some = documents[start : start + BATCH]
            async with transaction(arena.database) as session:
                operations = [ReplaceOne({"_id": one["_id"]}, one, upsert=True) for one in some]
                await collection.bulk_write(operations, ordered=False, session=session)
            total += len(some)
        seconds = time.perf_counter() - began
        await asyncio.sleep(again)
    timer.add("MongoDB: write in a transaction", total, seconds, f"a document of engagement, {BATCH:,} at a time")
    records = [(r.key or b"", r.value or b"") for r in log]
    await arena.make_topic(TOPIC)
    began = time.perf_counter()
    await arena.write(records, TOPIC)
    timer.add("Kafka: append, acknowledged", len(records), time.perf_counter() - began, "2,000 at a time")


def _from_bson(encoded: Iterable[bytes]) -> list[dict[str, Any]]:
    options: Any = bson.CodecOptions(tz_aware=True)
    return [bson.decode(one, options) for one in encoded]


def _key(record: _Record) -> str:
    return (record.key or b"").decode()


def _decoded(record: _Record) -> Event:
    at = datetime.fromtimestamp(record.timestamp / 1000, UTC)
    return decode(record.value or b"", recorded_at=at, log=LogPosition(1, record.partition, record.offset))


def _read_back(decision: Event) -> Event:
    value, _ = encode(decision)
    return decode(value, recorded_at=decision.recorded_at, log=decision.log)
