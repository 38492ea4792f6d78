"""From a batch of log records to states, decisions and views: each effect once (architecture.md, invariants 4-8).

One transaction per batch: it first moves the positions, then reads the states, folds and decides, publishes the
decisions and waits for their acknowledgement, and writes everything. Reading states before the positions are moved
would let two owners fold one record twice and publish a decision from it.
"""

import asyncio
import logging
from collections import Counter as Tally
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Generic

from shared import metrics, tracing
from shared.errors import Malformed, Stop, Transient
from shared.events.codec import decode, encode, type_and_position
from shared.events.event import Event, LogPosition
from shared.events.registry import MODELS
from shared.fold.carry import carry, stored_pending
from shared.fold.domain import Domain, S, T
from shared.fold.entity import Entity, load_entity, new_entity
from shared.fold.repair import Refolded, Reread, is_marker, parts, refold
from shared.kafka.batches import Appender, Outgoing
from shared.kafka.connection import Record
from shared.mongo.states import Move, Progress, Quarantined, StateSession, StateStore, Writes
from shared.topics import LOG

YIELD_EVERY = 200
"""Records folded before the event loop gets a turn, so that a long fold misses no heartbeat."""
QUARANTINE_LIMIT = 10
QUARANTINE_WINDOW = 10_000
"""More keys frozen than the limit within so many records is a bug in us: the partition stops instead."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

log = logging.getLogger(__name__)

Announce = Callable[[str, Event], bytes | None]
"""Gives what to put on the public topic for an accepted decision of a key, or None."""


@dataclass(slots=True)
class Counts:
    """What a processor has done since it started, for metrics and tests."""

    folded: int = 0
    repeated: int = 0
    passed_over: int = 0
    unknown: int = 0
    decided: int = 0
    frozen: int = 0
    repaired: int = 0
    batches: int = 0


@dataclass(slots=True)
class _Work(Generic[S, T]):
    """One key in one batch. `stored` is its document as loaded, `folded` the events since, to undo a failing one."""

    stored: dict[str, Any] | None
    entity: Entity[S, T] | None
    frozen: str | None = None
    folded: list[Event] = field(default_factory=list)
    changed: bool = False


class LogProcessor(Generic[S, T]):
    """Folds the log into a service's collections.

    `now` gives the wall clock for `projected_at` only; no rule reads it. `deciding` is False for a rebuild, which folds
    the decisions on the log and makes none. `reread` reads the log again, to repair who is frozen
    (shared/fold/repair.py); without it markers are passed over.
    """

    def __init__(
        self,
        domain: Domain[S, T],
        store: StateStore,
        appender: Appender,
        log_topic: str,
        *,
        now: Callable[[], datetime],
        deciding: bool = True,
        announce: Announce | None = None,
        announce_topic: str = "",
        reread: Reread | None = None,
    ) -> None:
        self._domain, self._store, self._appender = domain, store, appender
        self._log_topic, self._now, self._deciding = log_topic, now, deciding
        self._announce, self._announce_topic = announce, announce_topic
        self._reread = reread if deciding else None
        self._known: dict[int, Progress] = {}
        self._recent_freezes: deque[int] = deque()
        self._batch: tracing.Batch = tracing.NOTHING
        self._seen: Tally[tuple[str, str]] = Tally()
        """Records of the batch in work, by type and by what became of them."""
        self.counts = Counts()

    async def positions(self, partitions: Collection[int]) -> dict[int, int]:
        """The next offset to fold, by partition."""
        progress = await self._store.progress(partitions)
        self._known |= progress
        return {partition: stored.offset for partition, stored in progress.items()}

    def forget(self) -> None:
        """What is stored is the truth."""
        self._known.clear()

    async def process(self, batches: Mapping[int, Sequence[Record]]) -> None:
        """Fold a batch of records, by partition; raises Transient when nothing of it took effect in the store."""
        for partition, records in batches.items():
            known = self._known.get(partition)
            if known is None or known.offset != records[0].offset:
                raise Transient(f"the records of partition {partition} do not begin where its stored position is")
        several = list(parts(batches))
        if len(several) > 1:
            for part in several:
                await self.process(part)
            return
        with tracing.batch("fold", LOG.name, sum(map(len, batches.values()))) as self._batch:
            await self._process(batches)

    async def _process(self, batches: Mapping[int, Sequence[Record]]) -> None:
        watch = metrics.Stopwatch(self._batch.step if self._batch.on else None)
        self._seen.clear()
        moves: dict[int, Move] = {}
        todo: list[tuple[Record, str]] = []
        broken: list[Quarantined] = []
        for partition, records in batches.items():
            moves[partition] = self._select(partition, records, todo, broken)
        refolded = await self._refold(batches)
        watch.step("select")
        with metrics.transaction():
            async with self._store.moving(moves) as session:
                watch.step("move")
                keys = {_key(record): None for record, _ in todo}
                loaded = await session.load((self._domain.collection(key), _subject(key)) for key in keys)
                watch.step("load")
                works = {
                    key: self._open(key, loaded.get((self._domain.collection(key), _subject(key)))) for key in keys
                }
                writes = Writes(quarantined=broken)
                decisions = await self._repair(session, refolded, works, writes)
                decisions += await self._fold(todo, works, writes)
                self._write(works, writes)
                watch.step("fold")
                if decisions:
                    await self._publish(decisions)
                    watch.step("publish")
                await self._announce_accepted(works)
                watch.step("announce")
                await session.save(writes)
                watch.step("save")
        watch.step("commit")
        self._known |= {partition: move.after for partition, move in moves.items()}
        self.counts.batches += 1
        metrics.add(metrics.LOG_RECORDS, self._seen)
        for name, count in Tally(decision.type for _, decision in decisions).items():
            metrics.DECISIONS.labels(name).inc(count)

    def _select(
        self, partition: int, records: Sequence[Record], todo: list[tuple[Record, str]], broken: list[Quarantined]
    ) -> Move:
        """Pick what is to be folded by headers alone: skip what has been folded and what this domain does not fold."""
        begin = self._known[partition]
        vector = dict(begin.vector)
        wanted = self._domain.folds | self._domain.decides
        counts = self.counts
        for record in records:
            try:
                name, position = type_and_position(record.headers)
                if record.key is None or record.value is None:
                    raise Malformed("no key or no value")
                record.key.decode()
            except (Malformed, UnicodeDecodeError) as error:
                broken.append(Quarantined(partition, record.offset, "", str(error), record.value or b""))
                self._seen[metrics.UNREAD, "broken"] += 1
                continue
            if position is not None:
                source, reached = position[:2], position[2:]
                if reached <= vector.get(source, (-1, -1)):
                    counts.repeated += 1
                    self._seen[name if name in MODELS else metrics.UNREAD, "repeated"] += 1
                    continue
                vector[source] = reached
            if name in wanted:
                todo.append((record, name))
            elif name in MODELS:
                counts.passed_over += 1
                self._seen[name, "passed over"] += 1
            else:
                counts.unknown += 1
                self._seen[metrics.UNREAD, "passed over"] += 1
        return Move(begin.offset, Progress(records[-1].offset + 1, vector))

    def _open(self, key: str, stored: dict[str, Any] | None) -> _Work[S, T]:
        if stored is None:
            return _Work(None, new_entity(self._domain, key))
        if stored.get("incomplete_since") is not None:
            return _Work(stored, None, frozen="")
        return _Work(stored, load_entity(self._domain, key, stored))

    async def _fold(
        self, todo: Sequence[tuple[Record, str]], works: dict[str, _Work[S, T]], writes: Writes
    ) -> list[tuple[Record, Event]]:
        decisions: list[tuple[Record, Event]] = []
        generation = self._store.log_generation
        for count, (record, name) in enumerate(todo, start=1):
            if count % YIELD_EVERY == 0:
                await asyncio.sleep(0)
            work = works[_key(record)]
            entity = work.entity
            if entity is None or work.frozen is not None:
                self._seen[name, "skipped"] += 1
                continue
            try:
                assert record.value is not None, "selected records have a value"
                event = decode(
                    record.value,
                    recorded_at=EPOCH + timedelta(milliseconds=record.timestamp),
                    log=LogPosition(generation, record.partition, record.offset),
                )
                for decision in entity.fold(event, deciding=self._deciding):
                    decision.traceparent = event.traceparent
                    decisions.append((record, decision))
                if self._batch.on and event.traceparent is not None:
                    self._batch.saw(event.traceparent, event.type, f"{record.partition}/{record.offset}")
                work.folded.append(event)
                work.changed = True
                self._seen[name, "folded"] += 1
            except Stop:
                raise
            except Exception as error:  # noqa: BLE001 - whatever a record does, only its customer stops
                self._freeze(work, record, error, writes)
                self._seen[name, "frozen"] += 1
            self.counts.folded += 1
        self.counts.decided += len(decisions)
        return decisions

    async def _refold(self, batches: Mapping[int, Sequence[Record]]) -> dict[str, Refolded[S, T]]:
        """Fold afresh whom a marker names and who is frozen, by key."""
        found: dict[str, Refolded[S, T]] = {}
        for records in batches.values():
            marker = records[0]
            if self._reread is None or not is_marker(marker) or marker.key is None:
                continue
            key = marker.key.decode(errors="replace")
            if await self._store.is_frozen(self._domain.collection(key), _subject(key)):
                found[key] = await refold(self._domain, marker, self._reread, self._store.log_generation)
        return found

    async def _repair(
        self,
        session: StateSession,
        refolded: Mapping[str, Refolded[S, T]],
        works: dict[str, _Work[S, T]],
        writes: Writes,
    ) -> list[tuple[Record, Event]]:
        """Put what was folded afresh in the place of what is frozen, and decide; gives the decisions. Who still can't
        be folded stays as it is.
        """
        decisions: list[tuple[Record, Event]] = []
        addresses = [(self._domain.collection(key), _subject(key)) for key in refolded]
        loaded = await session.load(addresses) if addresses else {}
        for key, one in refolded.items():
            stored = loaded.get((self._domain.collection(key), _subject(key)), {})
            if stored.get("incomplete_since") is None:
                continue
            record, reason = one.failed or (one.marker, "the log holds nothing of it")
            if one.failed is None and one.entity.log is not None:
                try:
                    carry(one.entity, stored_pending(stored))
                    made = [(one.marker, decision) for decision in one.entity.decide_now(one.name)]
                except Stop:
                    raise
                except Exception as error:  # noqa: BLE001 - as in _fold
                    reason = f"deciding after the repair: {type(error).__name__}: {error}"
                else:
                    works[key] = _Work(stored, one.entity, changed=True)
                    decisions += made
                    writes.repaired.append(key)
                    self.counts.repaired += 1
                    log.info("%s is repaired at %s/%s", key, one.marker.partition, one.marker.offset)
                    continue
            log.error("%s stays frozen: %s/%s: %s", key, record.partition, record.offset, reason)
            writes.quarantined.append(Quarantined(record.partition, record.offset, key, reason, record.value or b""))
        return decisions

    def _write(self, works: dict[str, _Work[S, T]], writes: Writes) -> None:
        projected_at = self._now()
        for key, work in works.items():
            address = (self._domain.collection(key), _subject(key))
            entity = work.entity
            if entity is not None and work.changed:
                document = entity.document()
                position = entity.log
                assert position is not None, "a changed entity has folded something"
                document |= {
                    "partition": position.partition,
                    "log": {"generation": position.generation, "offset": position.offset},
                    "recorded_at": entity.recorded_at,
                    "projected_at": projected_at,
                    "generation": self._store.generation,
                }
                writes.documents[address] = document
                writes.rows += self._domain.rows(entity.state)
                fresh = {"projected_at": projected_at, "generation": self._store.generation}
                writes.rows += [replace(row, document={**(row.document or {}), **fresh}) for row in entity.history]
            if work.frozen:
                frozen = {"incomplete_since": work.frozen}
                if address in writes.documents:
                    writes.documents[address] |= frozen
                else:
                    writes.fields[address] = frozen

    def _freeze(self, work: _Work[S, T], record: Record, error: Exception, writes: Writes) -> None:
        """Put the customer back to just before the record and fold nothing of it any more (invariant 8)."""
        key = _key(record)
        reason = str(error) if isinstance(error, Malformed) else f"{type(error).__name__}: {error}"
        extra = tracing.of_record(record.headers)
        log.error(
            "%s is frozen at %s/%s: %s", key, record.partition, record.offset, reason, exc_info=error, extra=extra
        )
        assert work.entity is not None, "only an open entity can freeze"
        pending, head = work.entity.pending, work.entity.head
        entity = self._open(key, work.stored).entity
        assert entity is not None, "it could be opened before"
        for event in work.folded:
            for _ in entity.fold(event, deciding=False):
                pass
        entity.pending, entity.head = pending, head
        work.entity = entity
        work.frozen = f"{self._store.log_generation}/{record.partition}/{record.offset}"
        writes.quarantined.append(Quarantined(record.partition, record.offset, key, reason, record.value or b""))
        self.counts.frozen += 1
        self._recent_freezes.append(self.counts.folded)
        while self._recent_freezes[0] < self.counts.folded - QUARANTINE_WINDOW:
            self._recent_freezes.popleft()
        if len(self._recent_freezes) > QUARANTINE_LIMIT:
            raise Stop(
                f"more than {QUARANTINE_LIMIT} keys could not be folded within {QUARANTINE_WINDOW} records; "
                f"the last one: {key}: {reason}"
            )

    async def _publish(self, decisions: Sequence[tuple[Record, Event]]) -> None:
        records = []
        for cause, decision in decisions:
            value, headers = encode(decision)
            records.append(Outgoing(cause.partition, cause.key, value, headers))
        await self._appender.append(self._log_topic, records)

    async def _announce_accepted(self, works: dict[str, _Work[S, T]]) -> None:
        """Tell the public topic what was accepted, before the commit: after it, a crash would leave it untold until the
        next decision. Whoever folds these records again accepts the same, and a repeat does no harm.
        """
        if self._announce is None:
            return
        records = []
        for key, work in works.items():
            if work.entity is None:
                continue
            for event in work.entity.accepted:
                value = self._announce(key, event)
                if value is not None:
                    records.append(Outgoing(event.log.partition, key.encode(), value, []))
        if records:
            await self._appender.append(self._announce_topic, records)


def _key(record: Record) -> str:
    assert record.key is not None, "selected records have a key"
    return record.key.decode()


def _subject(key: str) -> str:
    return key.partition(":")[2]
