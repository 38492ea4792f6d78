"""Planted bugs of the log processor, its reader and its store (architecture.md, invariants 4 to 8)."""

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from typing import Any
from unittest import mock

from aiokafka import TopicPartition
from pymongo import UpdateOne
from pymongo.errors import AutoReconnect, PyMongoError

import shared.mongo.states as states_module
from shared.errors import Transient
from shared.events.codec import type_and_position
from shared.events.event import Event
from shared.fold.entity import Entity
from shared.fold.kept import Difference, Fingerprint, Kept, difference
from shared.fold.processor import LogProcessor
from shared.kafka.connection import Record
from shared.kafka.reader import TopicReader
from shared.mongo import transaction, transient_errors
from shared.mongo.states import Move, StateSession, StateStore, Writes
from tests.sim.toy import Toy


class NoPositionCheck(StateStore):
    @asynccontextmanager
    async def moving(self, moves: Mapping[int, Move]) -> AsyncIterator[StateSession]:
        async with transaction(self._database) as session:
            for partition, move in moves.items():
                vector = states_module._vector_list(move.after.vector)
                update = {"$set": {"offset": move.after.offset, "vector": vector}}
                where = {"_id": self._position_id(partition)}
                await self._positions.bulk_write([UpdateOne(where, update)], ordered=False, session=session)
            yield StateSession(self, session)


class MovesUnchecked(StateStore):
    """Where nothing else changes, wherever the positions stand."""

    async def move(self, moves: Mapping[int, Move]) -> None:
        updates = [
            UpdateOne(
                {"_id": self._position_id(partition)},
                {"$set": {"offset": move.after.offset, "vector": states_module._vector_list(move.after.vector)}},
            )
            for partition, move in moves.items()
        ]
        async with transient_errors():
            await self._positions.bulk_write(updates, ordered=False)


class ReadBeforeMoving(StateStore):
    """States are read, folded and decided on first; the positions are checked in the end."""

    @asynccontextmanager
    async def moving(self, moves: Mapping[int, Move]) -> AsyncIterator[StateSession]:
        async with transaction(self._database) as session:
            yield StateSession(self, session)
            updates = [
                UpdateOne(
                    {"_id": self._position_id(partition), "offset": move.begin},
                    {"$set": {"offset": move.after.offset, "vector": states_module._vector_list(move.after.vector)}},
                )
                for partition, move in moves.items()
            ]
            result = await self._positions.bulk_write(updates, ordered=False, session=session)
            if result.matched_count != len(moves):
                raise Transient("a position has moved")


class DecidesPerBatch(LogProcessor[Any, Any]):
    async def _fold(self, todo: Any, works: Any, writes: Writes) -> Any:
        deciding, self._deciding = self._deciding, False
        await super()._fold(todo, works, writes)
        self._deciding = deciding
        decisions = []
        for work in works.values():
            facts = [event for event in work.folded if event.type not in self._domain.decides]
            if deciding and facts and work.entity is not None and work.frozen is None:
                record = next(one.record for one in todo if one.record.offset == facts[-1].log.offset)
                decisions += [(record, decision) for decision in work.entity._decide(facts[-1].id)]
        return decisions


class PublishesAfterCommit(LogProcessor[Any, Any]):
    async def process(self, batches: Mapping[int, Sequence[Record]]) -> None:
        self._held: list[Any] = []
        await super().process(batches)
        if self._held:
            await super()._publish(self._held)

    async def _publish(self, decisions: Any) -> dict[int, int]:
        self._held = list(decisions)
        return {}


class TellsAfterCommit(LogProcessor[Any, Any]):
    async def process(self, batches: Mapping[int, Sequence[Record]]) -> None:
        self._untold: Any = {}
        await super().process(batches)
        await super()._tell(self._untold)

    async def _tell(self, works: Any) -> None:
        self._untold = works


class WritesOutsideTransaction(StateSession):
    async def save(self, writes: Writes) -> None:
        self._session = None  # type: ignore[assignment]
        await super().save(writes)


def arbitrating(*, check_version: bool = True, check_after: bool = True, drop: bool = True, mark: bool = True) -> Any:
    def arbitrate(self: Entity[Any, Any], event: Event, *, deciding: bool) -> None:
        version, last = self.domain.version(self.standing)
        decision = event.data
        if check_version and decision.version != version + 1:
            return
        if check_after and decision.after != last:
            return
        self.standing = self.domain.accept(self.standing, decision, event.id)
        self.accepted.append(event)
        self.took = True
        row = self.domain.history(self.key, event)
        if row is not None:
            self.history.append(row)
        if self.pending and self.pending[0].id == event.id:
            del self.pending[0]
            return
        if drop:
            self.pending.clear()
            self.head = self.standing
        self.marked_due = deciding and mark

    return arbitrate


_stored_document = Entity.document


def document_without_pending(self: Entity[Any, Any]) -> dict[str, Any]:
    document = _stored_document(self)
    document.pop("pending", None)
    return document


def no_catch_up(self: Entity[Any, Any], clock: datetime) -> Iterator[Event]:
    yield from ()


class ForgetsDueDays(Toy):
    """Only what is in the window makes days on which something changes."""

    def due_days(self, state: Any) -> list[Any]:
        policies, self._policies = self._policies, ()
        ratings, state.ratings = state.ratings, []
        days = super().due_days(state)
        self._policies, state.ratings = policies, ratings
        return days


class ThawsFrozen(LogProcessor[Any, Any]):
    def _open(self, key: str, stored: dict[str, Any] | None) -> Any:
        if stored is not None and "fold" in stored:
            stored = {name: value for name, value in stored.items() if name != "incomplete_since"}
        return super()._open(key, stored)


class FreezesHalfFolded(LogProcessor[Any, Any]):
    def _freeze(self, work: Any, record: Record, error: Exception, writes: Writes) -> None:
        entity = work.entity
        super()._freeze(work, record, error, writes)
        work.entity = entity
        work.changed = True


class KeepsUncommitted(LogProcessor[Any, Any]):
    """Keeps what it has folded before it is committed, and goes on with it when that has failed."""

    def _write(self, *arguments: Any, **options: Any) -> Any:
        left = super()._write(*arguments, **options)
        self._kept.put(left)
        self._kept.clear = lambda: None  # type: ignore[method-assign]
        return left


class KeepsAcrossAssignments(LogProcessor[Any, Any]):
    def forget(self) -> None:
        kept, self._kept = self._kept, Kept()
        super().forget()
        self._kept = kept

    async def positions(self, partitions: Collection[int]) -> dict[int, int]:
        kept, self._kept = self._kept, Kept()
        try:
            return await super().positions(partitions)
        finally:
            self._kept = kept


def never_cleared(self: Kept[Any, Any]) -> None:
    """Whatever happens, what is kept is gone on with."""


_put = Kept.put


def put_with_first_base(self: Kept[Any, Any], entities: Any) -> None:
    """The fingerprint stays that of the first document that was kept of a key."""
    bases: dict[str, Fingerprint] = self.__dict__.setdefault("bases", {})
    _put(self, [(entity, bases.setdefault(entity.key, stored)) for entity, stored in entities])


def nothing_removed(*arguments: Any) -> Difference:
    return replace(difference(*arguments), unset=())


class NeedsOnlyTheNewDay(Toy):
    """The day of what a revision replaces is forgotten, and counts as never moved."""

    def needs(self, state: Any, events: Sequence[Event]) -> Any:
        return super().needs(state, [replace(event, replaces=None) for event in events])

    def evolve(self, state: Any, event: Event) -> Any:
        moves = defaultdict(int, state.moves)
        state.moves = moves
        return super().evolve(state, event)


class NoBeginCheck(LogProcessor[Any, Any]):
    async def process(self, batches: Mapping[int, Sequence[Record]]) -> None:
        known = {partition: self._known[partition] for partition in batches if partition in self._known}
        for partition, records in batches.items():
            if partition in known:
                self._known[partition] = replace(known[partition], offset=records[0].offset)
        move = self._store._move

        async def lenient(moves: Mapping[int, Move], session: Any) -> None:
            await move({p: replace(m, begin=known[p].offset) for p, m in moves.items()}, session)

        with mock.patch.object(self._store, "_move", lenient):
            await super().process(batches)


def reader_without_gaps(*arguments: Any, gapless: bool, **options: Any) -> TopicReader:
    """A reader that takes each offset without a record for a loss."""
    return TopicReader(*arguments, **options)


class OlderSeeksWin(TopicReader):
    async def _seek(self, partitions: Collection[int]) -> None:
        consumer = self._consumer
        if consumer is None or not partitions:
            return
        topic_partitions = {p: TopicPartition(self._topic, p) for p in partitions}
        stored = await self._processor.positions(partitions)
        await consumer.beginning_offsets(list(topic_partitions.values()))
        await consumer.end_offsets(list(topic_partitions.values()))
        for partition, topic_partition in topic_partitions.items():
            consumer.seek(topic_partition, stored[partition])
            self._next[partition] = stored[partition]


def no_positions(headers: Any) -> Any:
    return type_and_position(headers)[0], None


def one_source(headers: Any) -> Any:
    name, position = type_and_position(headers)
    return name, None if position is None else position._replace(partition=0)


@contextmanager
def uncertain_commits_count() -> Iterator[None]:
    @asynccontextmanager
    async def hopeful(database: Any) -> AsyncIterator[Any]:
        session = await database.client.start_session()
        running = session.start_transaction()
        try:
            yield session
        except PyMongoError as error:
            await running.__aexit__(type(error), error, None)
            raise Transient(str(error)) from error
        except BaseException as error:
            await running.__aexit__(type(error), error, None)
            raise
        with suppress(AutoReconnect):
            await running.__aexit__(None, None, None)

    with mock.patch.object(states_module, "transaction", hopeful):
        yield
