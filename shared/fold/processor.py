"""From a batch of log records to states, decisions and views: each effect once (architecture.md, invariants 4-8).

One transaction per batch: it first moves the positions, then reads the states, folds and decides, publishes the
decisions and waits for their acknowledgement, and writes everything. Reading states before the positions are moved
would let two owners fold one record twice and publish a decision from it. Where a batch changes nothing but positions,
one write moves them, on the same condition. What the last commit left is kept in memory and not read again
(shared/fold/kept.py): that the position is where that commit put it says that it is still true.
"""

import asyncio
import logging
from collections import Counter as Tally
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Generic

from shared import metrics, tracing
from shared.errors import Malformed, Stop, Transient
from shared.events.codec import decode, encode, type_and_position
from shared.events.event import Event, LogPosition, Position
from shared.events.registry import MODELS
from shared.fold.carry import carry, stored_pending
from shared.fold.domain import Address, Domain, S, T
from shared.fold.entity import Entity, load_entity, new_entity
from shared.fold.kept import Fingerprint, Kept, difference
from shared.fold.pace import Pace, cut, live
from shared.fold.repair import Refolded, Reread, is_marker, parts, refold
from shared.fold.telling import Telling
from shared.kafka.batches import Appender, Outgoing, ends_of
from shared.kafka.connection import Record
from shared.mongo.states import Fresh, Move, Progress, Quarantined, StateSession, StateStore, Unexpected, Writes
from shared.topics import LOG

YIELD_EVERY = 200
"""Records folded before the event loop gets a turn, so that a long fold misses no heartbeat."""
QUARANTINE_LIMIT = 10
QUARANTINE_WINDOW = 10_000
"""More keys frozen than the limit within so many records is a bug in us: the partition stops instead."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

log = logging.getLogger(__name__)


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
class _Selected:
    """A record to be folded. `event` is why not, where the record can't be decoded."""

    record: Record
    name: str
    event: Event | Exception


@dataclass(slots=True)
class _Work(Generic[S, T]):
    """One key in one batch. `stored` is its document as loaded, with the `pieces` that were attached, and `folded` the
    events since, to undo a failing one. `stands` is the fingerprint of a kept one's document in the store.
    """

    stored: dict[str, Any] | None
    entity: Entity[S, T] | None
    stands: Fingerprint | None = None
    frozen: str | None = None
    pieces: dict[Address, dict[str, Any] | None] = field(default_factory=dict)
    told: list[Outgoing] = field(default_factory=list)
    folded: list[Event] = field(default_factory=list)
    changed: bool = False


class _FromStoreError(Exception):
    """A kept entity can't be put back to before a record: the batch is done again from what is stored."""


class LogProcessor(Generic[S, T]):
    """Folds the log into a service's collections.

    `now` gives the wall clock for `projected_at` only; no rule reads it. `deciding` is False for a rebuild, which folds
    the decisions on the log and makes none. `reread` reads the log again, to repair who is frozen
    (shared/fold/repair.py); without it markers are passed over. `telling` tells of what was folded, before it counts.
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
        telling: Telling | None = None,
        reread: Reread | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._domain, self._store, self._appender = domain, store, appender
        self._log_topic, self._now, self._deciding = log_topic, now, deciding
        self._telling = telling
        self._reread = reread if deciding else None
        self._known: dict[int, Progress] = {}
        self.pace = pace or live()
        self._kept: Kept[S, T] = Kept()
        self._decides_by = domain.decides_by
        self._wanted = domain.folds | domain.decides
        self._recent_freezes: deque[int] = deque()
        self._batch: tracing.Batch = tracing.NOTHING
        self._seen: Tally[tuple[str, str]] = Tally()
        """Records of the current batch, by type and outcome."""
        self.counts = Counts()

    async def positions(self, partitions: Collection[int]) -> dict[int, int]:
        """The next offset to fold, by partition."""
        self._kept.clear()
        progress = await self._store.progress(partitions)
        self._known |= progress
        return {partition: stored.offset for partition, stored in progress.items()}

    def forget(self) -> None:
        """What is stored is the truth."""
        self._known.clear()
        self._kept.clear()

    async def process(self, batches: Mapping[int, Sequence[Record]]) -> None:
        """Fold a batch of records, by partition; raises Transient when nothing of it took effect in the store."""
        for partition, records in batches.items():
            known = self._known.get(partition)
            if known is None or known.offset != records[0].offset:
                raise Transient(f"the records of partition {partition} do not start at its stored position")
        if self._decides_by is not self._domain.decides_by:
            self._kept.clear()  # what was worked out by other policies is not gone on with
            self._decides_by = self._domain.decides_by
        for some in cut(batches, self.pace):
            for part in parts(some):
                count = sum(map(len, part.values()))
                with tracing.batch("fold", LOG.name, count) as self._batch:
                    await self._process_part(part, count)

    async def _process_part(self, batches: Mapping[int, Sequence[Record]], count: int) -> None:
        begun = asyncio.get_running_loop().time()
        counts, freezes = replace(self.counts), self._recent_freezes.copy()
        try:
            await self._process(batches)
        except (_FromStoreError, Unexpected) as error:
            log.info("folding a batch again from the stored position: %s", error)
            self.counts, self._recent_freezes = counts, freezes
            self._kept.clear()
            await self._process(batches, whole=True)
        except BaseException:
            self._kept.clear()
            self.pace.failed()
            raise
        self.pace.took(count, asyncio.get_running_loop().time() - begun)

    async def _process(self, batches: Mapping[int, Sequence[Record]], *, whole: bool = False) -> None:
        """`whole`: nothing is kept, and whatever stands is replaced whole."""
        watch = metrics.Stopwatch(self._batch.step if self._batch.on else None)
        self._seen.clear()
        moves: dict[int, Move] = {}
        todo: list[_Selected] = []
        writes = Writes()
        for partition, records in batches.items():
            moves[partition] = await self._select(partition, records, todo, writes.quarantined)
        refolded = await self._refold(batches)
        writes.marks = [] if self._telling is None else await self._telling.marks(moves)
        watch.step("select")
        decisions: list[tuple[Record, Event]] = []
        with metrics.transaction():
            if todo or refolded or writes.quarantined or writes.marks:
                decisions = await self._fold_and_save(watch, moves, todo, refolded, writes, whole=whole)
            else:
                await self._store.move(moves)
                watch.step("move")
        self._known |= {partition: move.after for partition, move in moves.items()}
        self.counts.batches += 1
        metrics.add(metrics.LOG_RECORDS, self._seen)
        for name, count in Tally(decision.type for _, decision in decisions).items():
            metrics.DECISIONS.labels(name).inc(count)

    async def _fold_and_save(
        self,
        watch: metrics.Stopwatch,
        moves: Mapping[int, Move],
        todo: Sequence[_Selected],
        refolded: Mapping[str, Refolded[S, T]],
        writes: Writes,
        *,
        whole: bool,
    ) -> list[tuple[Record, Event]]:
        """All that a batch brings about, in one transaction; gives the decisions."""
        async with self._store.moving(moves) as session:
            watch.step("move")
            works = await self._load(session, todo)
            watch.step("load")
            writes.projected_at = self._now()
            decisions = await self._repair(session, refolded, works, writes)
            decisions += await self._fold(todo, works, writes)
            left = self._write(works, writes, whole=whole)
            watch.step("fold")
            if decisions:
                writes.decided = await self._publish(decisions)
                watch.step("publish")
            await self._tell(works)
            watch.step("announce")
            await session.save(writes)
            watch.step("save")
        watch.step("commit")
        self._kept.put(left)
        return decisions

    async def _select(
        self, partition: int, records: Sequence[Record], todo: list[_Selected], broken: list[Quarantined]
    ) -> Move:
        """Pick what is to be folded by headers alone: skip what has been folded and what this domain does not fold."""
        begin = self._known[partition]
        vector = dict(begin.vector)
        wanted = self._wanted
        counts, passed = self.counts, []
        for count, record in enumerate(records, start=1):
            if count % YIELD_EVERY == 0:
                await asyncio.sleep(0)
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
                todo.append(_Selected(record, name, self._decode(record, position)))
            else:
                passed.append(name)
        for name, number in Tally(passed).items():
            if name in MODELS:
                counts.passed_over += number
                self._seen[name, "passed over"] += number
            else:
                counts.unknown += number
                self._seen[metrics.UNREAD, "passed over"] += number
        return Move(begin.offset, Progress(records[-1].offset + 1, vector))

    def _decode(self, record: Record, position: Position | None) -> Event | Exception:
        assert record.value is not None, "selected records have a value"
        try:
            return decode(
                record.value,
                recorded_at=EPOCH + timedelta(milliseconds=record.timestamp),
                log=LogPosition(self._store.log_generation, record.partition, record.offset),
                inbox=position,
            )
        except Exception as error:  # noqa: BLE001 - it stops its customer alone, when it is its turn
            return error

    async def _load(self, session: StateSession, todo: Sequence[_Selected]) -> dict[str, _Work[S, T]]:
        """Open the entities of a batch, kept or stored, with the pieces that its events need."""
        events: dict[str, list[Event]] = {}
        for one in todo:
            of_key = events.setdefault(_key(one.record), [])
            if isinstance(one.event, Event):
                of_key.append(one.event)
        addresses = {key: self._address(key) for key in events}
        loaded = await session.load(addresses[key] for key in events if key not in self._kept)
        works = {key: self._open(key, loaded.get(addresses[key])) for key in events}
        needed = {
            key: needs
            for key, work in works.items()
            if work.entity is not None and (needs := self._domain.needs(work.entity.state, events[key]))
        }
        if needed:
            asked = dict.fromkeys(address for needs in needed.values() for address in needs)
            pieces = await session.load(asked, [key.partition(":")[2] for key in needed])
            for key, needs in needed.items():
                work = works[key]
                work.pieces = {address: pieces.get(address) for address in needs}
                assert work.entity is not None, "only an open entity needs anything"
                self._domain.attach(work.entity.state, work.pieces)
        return works

    def _open(self, key: str, stored: dict[str, Any] | None) -> _Work[S, T]:
        one = self._kept.take(key)
        if one is not None:
            return _Work(None, one.entity, stands=one.stored)
        if stored is None:
            return _Work(None, new_entity(self._domain, key))
        if stored.get("incomplete_since") is not None:
            return _Work(stored, None, frozen="")
        return _Work(stored, load_entity(self._domain, key, stored))

    async def _fold(
        self, todo: Sequence[_Selected], works: dict[str, _Work[S, T]], writes: Writes
    ) -> list[tuple[Record, Event]]:
        decisions: list[tuple[Record, Event]] = []
        for count, one in enumerate(todo, start=1):
            if count % YIELD_EVERY == 0:
                await asyncio.sleep(0)
            record, name, event = one.record, one.name, one.event
            work = works[_key(record)]
            entity = work.entity
            if entity is None or work.frozen is not None:
                self._seen[name, "skipped"] += 1
                continue
            try:
                if isinstance(event, Exception):
                    raise event
                decisions += self._fold_one(work, entity, record, event)
                self._seen[name, "folded"] += 1
            except Stop:
                raise
            except Exception as error:
                if work.stands is not None:
                    raise _FromStoreError(f"{_key(record)} could not be folded") from error
                self._freeze(work, record, error, writes)
                self._seen[name, "frozen"] += 1
            self.counts.folded += 1
        self.counts.decided += len(decisions)
        return decisions

    def _fold_one(
        self, work: _Work[S, T], entity: Entity[S, T], record: Record, event: Event
    ) -> Iterator[tuple[Record, Event]]:
        for decision in entity.fold(event, deciding=self._deciding):
            decision.traceparent = event.traceparent
            yield record, decision
        if self._telling is not None:
            work.told += self._telling.of(entity, event)
        if self._batch.on and event.traceparent is not None:
            self._batch.saw(event.traceparent, event.type, f"{record.partition}/{record.offset}")
        work.folded.append(event)
        work.changed = True

    async def _refold(self, batches: Mapping[int, Sequence[Record]]) -> dict[str, Refolded[S, T]]:
        """Fold afresh whom a marker names and who is frozen, by key."""
        found: dict[str, Refolded[S, T]] = {}
        for records in batches.values():
            marker = records[0]
            if self._reread is None or not is_marker(marker) or marker.key is None:
                continue
            key = marker.key.decode(errors="replace")
            stored = await self._store.frozen(*self._address(key))
            if stored is not None:
                told = None if self._telling is None else partial(self._telling.of, above=self._told(key, stored))
                found[key] = await refold(self._domain, marker, self._reread, self._store.log_generation, told)
        return found

    def _told(self, key: str, stored: dict[str, Any]) -> int:
        """How much has been told of who is frozen."""
        if self._telling is None or "fold" not in stored:
            return 0
        return self._telling.told(load_entity(self._domain, key, stored))

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
        loaded = await session.load(map(self._address, refolded))
        for key, one in refolded.items():
            stored = loaded.get(self._address(key), {})
            if stored.get("incomplete_since") is None:
                continue
            record, reason = one.failed or (one.marker, "the log has nothing of it")
            if one.failed is None and one.entity.log is not None:
                try:
                    carry(one.entity, stored_pending(stored))
                    made = [(one.marker, decision) for decision in one.entity.decide_now(one.name)]
                except Stop:
                    raise
                except Exception as error:  # noqa: BLE001 - as in _fold
                    reason = f"deciding after the repair: {type(error).__name__}: {error}"
                else:
                    works[key] = _Work(stored, one.entity, changed=True, told=one.told)
                    decisions += made
                    writes.repaired.append(key)
                    self.counts.repaired += 1
                    log.info("%s is repaired at %s/%s", key, one.marker.partition, one.marker.offset)
                    continue
            log.error("%s stays frozen: %s/%s: %s", key, record.partition, record.offset, reason)
            writes.quarantined.append(Quarantined(record.partition, record.offset, key, reason, record.value or b""))
        return decisions

    def _write(
        self, works: dict[str, _Work[S, T]], writes: Writes, *, whole: bool
    ) -> list[tuple[Entity[S, T], Fingerprint]]:
        """Note what is to be written; gives what may be kept once it is."""
        left: list[tuple[Entity[S, T], Fingerprint]] = []
        for key, work in works.items():
            address, entity = self._address(key), work.entity
            if entity is not None and work.changed:
                document = self._document(entity, writes)
                if work.frozen:
                    document["incomplete_since"] = work.frozen
                stored, before = Fingerprint(document), work.stands or work.stored
                replaced = whole or key in writes.repaired
                if replaced:
                    writes.documents[address] = document
                elif before is None:
                    writes.new[address] = document
                else:
                    writes.changed[address] = difference(before, stored, document)
                self._write_rows(entity, writes, replaced=replaced)
                if not work.frozen:
                    left.append((entity, stored))
            elif work.frozen:
                writes.fields[address] = {"incomplete_since": work.frozen}
            elif entity is not None and work.stands is not None:
                left.append((entity, work.stands))
        return left

    def _document(self, entity: Entity[S, T], writes: Writes) -> dict[str, Any]:
        position, recorded_at = entity.log, entity.recorded_at
        assert position is not None, "a changed entity has folded something"
        assert recorded_at is not None, "and so it was recorded"
        at = (self._domain.collection(entity.key), position.partition)
        fresh, clock = writes.fresh.get(at), self._domain.clock(entity.state)
        if fresh is not None:
            recorded = max(fresh.recorded_at, recorded_at)
            clock = fresh.as_of if clock is None else clock if fresh.as_of is None else max(fresh.as_of, clock)
            writes.fresh[at] = Fresh(clock, recorded)
        else:
            writes.fresh[at] = Fresh(clock, recorded_at)
        return entity.document() | {
            "partition": position.partition,
            "log": {"generation": position.generation, "offset": position.offset},
            "recorded_at": recorded_at,
            "projected_at": writes.projected_at,
            "generation": self._store.generation,
        }

    def _write_rows(self, entity: Entity[S, T], writes: Writes, *, replaced: bool) -> None:
        rows = list(self._domain.rows(entity.state, entity.standing))
        if entity.history:
            fresh = {"projected_at": writes.projected_at, "generation": self._store.generation}
            rows += [replace(row, document={**(row.document or {}), **fresh}, new=True) for row in entity.history]
        writes.rows += [replace(row, new=False) for row in rows] if replaced else rows

    def _address(self, key: str) -> Address:
        return self._domain.collection(key), key.partition(":")[2]

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
        self._domain.attach(entity.state, work.pieces)
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

    async def _publish(self, decisions: Sequence[tuple[Record, Event]]) -> dict[int, int]:
        """Put decisions on the log; gives their end by partition."""
        records = []
        for cause, decision in decisions:
            value, headers = encode(decision)
            records.append(Outgoing(cause.partition, cause.key, value, headers))
        appended = await self._appender.append(self._log_topic, records)
        return ends_of(appended)

    async def _tell(self, works: dict[str, _Work[S, T]]) -> None:
        """Tell the public topic before the commit: after it, a crash would leave it untold. Whoever folds these records
        again tells the same, and a repeat does no harm.
        """
        told = [one for work in works.values() for one in work.told]
        if self._telling is not None and told:
            await self._telling.publish(told)


def _key(record: Record) -> str:
    assert record.key is not None, "selected records have a key"
    return record.key.decode()
