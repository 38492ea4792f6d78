"""Where the log processor keeps what it folds: documents, positions, quarantine (architecture.md, invariant 5)."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bson import Binary
from pymongo import DeleteOne, InsertOne, ReplaceOne, UpdateOne
from pymongo.errors import BulkWriteError

from shared.errors import Moved, Stop, Transient
from shared.fold.domain import Address, Row
from shared.fold.kept import Difference
from shared.mongo import Database, Document, Session, transaction, transient_errors
from shared.mongo.generations import taken_over
from shared.mongo.shards import is_routed

MAX_QUARANTINED_BYTES = 64 * 1024
"""How much of a record that could not be folded is kept beside it; the whole one stays on the log."""

_DUPLICATE_KEY = 11000
_UPDATES = (ReplaceOne, UpdateOne)

Vector = dict[tuple[int, int], tuple[int, int]]
"""Highest (offset, index) folded, per (inbox generation, inbox partition)."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a log partition has been folded: the next offset, and the inbox positions seen."""

    offset: int
    vector: Vector


@dataclass(frozen=True, slots=True)
class Move:
    """One batch of one log partition: it begins at `begin`, and afterwards the progress is `after`."""

    begin: int
    after: Progress


@dataclass(frozen=True, slots=True)
class Mark:
    """What is told of the records of a log partition from `offset` on lies at `ends` or behind, by partition of the
    topic that it is told on.
    """

    partition: int
    offset: int
    ends: list[int]


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A record that could not be folded."""

    partition: int
    offset: int
    key: str
    reason: str
    value: bytes


class Unexpected(Transient):
    """A document stands that should be new, or one is gone that should be changed. Nothing was written."""


@dataclass(frozen=True, slots=True)
class Fresh:
    """How fresh the documents of one collection and partition are: the latest clock, and when the last event of them
    was recorded.
    """

    as_of: datetime | None
    recorded_at: datetime


@dataclass(slots=True)
class Writes:
    """What a batch leaves: documents by address that are new, that differ from what stands, or that take the place of
    whatever stands; fields to set; rows; quarantine; freshness by (collection, partition).
    """

    new: dict[Address, Document] = field(default_factory=dict)
    changed: dict[Address, Difference] = field(default_factory=dict)
    documents: dict[Address, Document] = field(default_factory=dict)
    fields: dict[Address, Document] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    fresh: dict[tuple[str, int], Fresh] = field(default_factory=dict)
    projected_at: datetime | None = None
    quarantined: list[Quarantined] = field(default_factory=list)
    decided: Mapping[int, int] = field(default_factory=dict)
    """By partition, the end of the decisions that were put on the log: until this service has folded those, it does not
    show all that the batch brought about."""
    repaired: list[str] = field(default_factory=list)
    """Keys whose records in quarantine have been folded after all."""
    marks: list[Mark] = field(default_factory=list)


Notes = Callable[[Database, int, int, Writes, Session], Awaitable[None]]
"""Leaves what a service notes of a batch's writes, inside its transaction: database, generation, one of the batch's
partitions, writes, session."""


class StateStore:
    """The collections of one service in one generation of its views: the live one, and after a handover the one that
    took over (shared/mongo/generations.py); or, with `mark` BUILDING, one that is being built beside it.
    """

    def __init__(
        self,
        database: Database,
        service: str,
        generation: int,
        log_generation: int,
        *,
        mark: str | None = None,
        notes: Notes | None = None,
    ) -> None:
        self._database, self._service, self._mark = database, service, mark
        self._notes = notes
        self.generation = generation
        self.log_generation = log_generation
        self._positions = database[f"{service}_positions"]
        self._quarantine = database[f"{service}_quarantine"]
        self.marks = database[marks_collection(service)]
        self.freshness = freshness_collection(service)

    async def progress(self, partitions: Collection[int]) -> dict[int, Progress]:
        """Stored progress of each partition; a partition that was never folded starts at 0 with an empty vector.

        Here a live reader goes over to the generation that has taken over from its own.
        """
        ids = {self._position_id(partition): partition for partition in partitions}
        async with transient_errors():
            found = {ids[d["_id"]]: d async for d in self._positions.find({"_id": {"$in": list(ids)}})}
            if any(document.get("closed") != self._mark for document in found.values()):
                await self._follow()
                return await self.progress(partitions)
            missing = [p for p in partitions if p not in found]
            if missing:
                try:
                    await self._positions.bulk_write([self._first_position(p) for p in missing], ordered=False)
                except BulkWriteError as error:  # another process was quicker
                    if any(e["code"] != 11000 for e in error.details["writeErrors"]):
                        raise
                    return await self.progress(partitions)
        return {p: _progress(found[p]) if p in found else Progress(0, {}) for p in partitions}

    @asynccontextmanager
    async def moving(self, moves: Mapping[int, Move]) -> AsyncIterator["StateSession"]:
        """One transaction that first moves the positions and only then lets states be read and written.

        Raises Transient, and changes nothing, when a stored position is not where the batch begins: then somebody
        else has folded these records, or an earlier commit of ours went through after all.
        """
        async with transaction(self._database) as session:
            await self._move(moves, session)
            yield StateSession(self, session, min(moves, default=0))

    async def move(self, moves: Mapping[int, Move]) -> None:
        """Move the positions where nothing else changes, without a transaction, which costs a third more. Raises
        Transient as `moving` does; positions of other partitions may have moved then, which loses nothing.
        """
        async with transient_errors():
            await self._move(moves, None)

    async def _move(self, moves: Mapping[int, Move], session: Session | None) -> None:
        updates = [
            UpdateOne(
                {
                    "_id": self._position_id(partition),
                    "log_generation": self.log_generation,
                    "offset": move.begin,
                    "closed": self._mark,
                },
                {"$set": {"offset": move.after.offset, "vector": _vector_list(move.after.vector)}},
            )
            for partition, move in moves.items()
        ]
        result = await self._positions.bulk_write(updates, ordered=False, session=session)
        if result.matched_count != len(moves):
            raise Moved("a position has moved: another owner, or an earlier commit that succeeded")

    async def _follow(self) -> None:
        if self._mark is not None:
            raise Stop(f"generation {self.generation} of {self._service} is no longer being built")
        self.generation = await taken_over(self._database, self._service, self.generation)

    async def frozen(self, collection: str, document_id: str) -> Document | None:
        """The document, where a record of its key could not be folded."""
        async with transient_errors():
            document = await self.collection(collection).find_one({"_id": document_id})
        return None if document is None or document.get("incomplete_since") is None else document

    async def is_frozen(self, collection: str, document_id: str) -> bool:
        """Whether a record of this document's key could not be folded."""
        return await self.frozen(collection, document_id) is not None

    def collection(self, name: str) -> Any:
        """The collection of this generation by its base name."""
        return self.in_generation(name, self.generation)

    def in_generation(self, name: str, generation: int) -> Any:
        """The collection of a generation by its base name."""
        return self._database[f"{name}_g{generation}"]

    @property
    def quarantine(self) -> Any:
        """The collection of records that could not be folded."""
        return self._quarantine

    @property
    def routed(self) -> bool:
        """Whether rows must be asked for by their customers too (shared/mongo/schema.py)."""
        return is_routed(self._database)

    async def note_decided(self, generation: int, ends: Mapping[int, int], session: Session) -> None:
        """Keep the end of the decisions on each partition beside its position."""
        await self._positions.bulk_write(
            [UpdateOne({"_id": f"g{generation}/{p}"}, {"$max": {"decided": end}}) for p, end in ends.items()],
            ordered=False,
            session=session,
        )

    async def leave_notes(self, generation: int, partition: int, writes: Writes, session: Session) -> None:
        """Leave what the service notes of a batch, if it notes anything."""
        if self._notes is not None:
            await self._notes(self._database, generation, partition, writes, session)

    def _position_id(self, partition: int) -> str:
        return f"g{self.generation}/{partition}"

    def _first_position(self, partition: int) -> InsertOne[Document]:
        return InsertOne(
            {
                "_id": self._position_id(partition),
                "log_generation": self.log_generation,
                "partition": partition,
                "offset": 0,
                "vector": [],
            }
            | ({} if self._mark is None else {"closed": self._mark})
        )


class StateSession:
    """Reads and writes of one batch, inside its transaction."""

    def __init__(self, store: StateStore, session: Session, partition: int = 0) -> None:
        self._store, self._session, self._generation = store, session, store.generation
        self._partition = partition
        self._routed = store.routed

    async def load(self, wanted: Iterable[Address], rows_of: Collection[str] = ()) -> dict[Address, Document]:
        """Whole documents by (collection, id); missing ones are left out. rows_of: whose rows they are, by which a
        router knows the shards.
        """
        named: Document = {"customer": {"$in": list(rows_of)}} if rows_of and self._routed else {}
        by_collection: dict[str, list[str]] = {}
        for collection, document_id in wanted:
            by_collection.setdefault(collection, []).append(document_id)
        loaded: dict[Address, Document] = {}
        for collection, ids in by_collection.items():
            cursor = self._collection(collection).find({"_id": {"$in": ids}, **named}, session=self._session)
            for document in await cursor.to_list(length=len(ids)):
                loaded[collection, document.pop("_id")] = document
        return loaded

    async def save(self, writes: Writes) -> None:
        """Write everything; one bulk per collection. Raises Unexpected when what stands is not what the differences
        were made for.
        """
        bulks: dict[str, list[Any]] = {}
        for collection, operation in _operations(writes, routed=self._routed):
            bulks.setdefault(collection, []).append(operation)
        for collection, operations in bulks.items():
            await self._bulk(collection, operations)
        await self._store.leave_notes(self._generation, self._partition, writes, self._session)
        if writes.fresh:
            await self._collection(self._store.freshness).bulk_write(
                [_fresh(*at, fresh, writes.projected_at, self._generation) for at, fresh in writes.fresh.items()],
                ordered=False,
                session=self._session,
            )
        if writes.decided:
            await self._store.note_decided(self._generation, writes.decided, self._session)
        if writes.quarantined:
            await self._store.quarantine.bulk_write(
                [self._quarantine(q) for q in writes.quarantined], ordered=False, session=self._session
            )
        if writes.marks:
            marks = [self._mark(mark, writes.projected_at) for mark in writes.marks]
            await self._store.marks.bulk_write(marks, ordered=False, session=self._session)
        if writes.repaired:
            await self._store.quarantine.update_many(
                {"key": {"$in": writes.repaired}, "_id": {"$regex": f"^g{self._generation}/"}},
                {"$set": {"repaired": True}},
                session=self._session,
            )

    async def _bulk(self, collection: str, operations: list[Any]) -> None:
        try:
            result = await self._collection(collection).bulk_write(operations, ordered=False, session=self._session)
        except BulkWriteError as error:
            if any(one["code"] == _DUPLICATE_KEY for one in error.details["writeErrors"]):
                raise Unexpected(f"{collection}: a document that should be new already exists") from error
            raise
        # What is replaced or set is made where it is not there; only a difference must meet its document.
        if result.matched_count + result.upserted_count < sum(isinstance(one, _UPDATES) for one in operations):
            raise Unexpected(f"{collection}: a document that should be changed is missing")

    def _collection(self, name: str) -> Any:
        """Of the generation whose positions this transaction has moved, whatever the store has gone over to since."""
        return self._store.in_generation(name, self._generation)

    def _mark(self, mark: Mark, at: datetime | None) -> ReplaceOne[Document]:
        log_generation = self._store.log_generation
        document: Document = {"log_generation": log_generation, "partition": mark.partition, "offset": mark.offset}
        document |= {"ends": mark.ends, "at": at}
        return ReplaceOne({"_id": f"{log_generation}/{mark.partition}/{mark.offset}"}, document, upsert=True)

    def _quarantine(self, record: Quarantined) -> ReplaceOne[Document]:
        document_id = f"g{self._generation}/{record.partition}/{record.offset}"
        document = {
            "key": record.key,
            "partition": record.partition,
            "offset": record.offset,
            "reason": record.reason,
            "value": Binary(record.value[:MAX_QUARANTINED_BYTES]),
            "value_bytes": len(record.value),
        }
        return ReplaceOne({"_id": document_id}, document, upsert=True)


def freshness_collection(service: str) -> str:
    """Base name of the collection that holds how fresh the documents of each collection and partition are."""
    return f"{service}_fresh"


def marks_collection(service: str) -> str:
    """Name of the collection that says where a position of the log begins on what the service tells."""
    return f"{service}_marks"


def _operations(writes: Writes, *, routed: bool) -> Iterator[tuple[str, Any]]:
    """What is written of documents and rows, with the collection of each."""
    for (collection, document_id), document in writes.new.items():
        yield collection, InsertOne({"_id": document_id, **document})
    for (collection, document_id), change in writes.changed.items():
        update: Document = {"$set": change.set}
        if change.unset:
            update["$unset"] = dict.fromkeys(change.unset, "")
        yield collection, UpdateOne({"_id": document_id}, update)
    for (collection, document_id), document in writes.documents.items():
        yield collection, ReplaceOne({"_id": document_id}, document, upsert=True)
    for (collection, document_id), fields in writes.fields.items():
        yield collection, UpdateOne({"_id": document_id}, {"$set": fields}, upsert=True)
    for row in writes.rows:
        yield row.collection, _row(row, routed=routed)


def _row(row: Row, *, routed: bool) -> Any:
    if row.document is None:
        return DeleteOne({"_id": row.id})
    if row.new:
        return InsertOne({"_id": row.id, **row.document})
    # A router makes no row whose shard it can't tell. (Measured: by the id alone, a replica set needs two thirds of the
    # time.)
    named = {"customer": row.document["customer"]} if routed and "customer" in row.document else {}
    return ReplaceOne({"_id": row.id, **named}, row.document, upsert=True)


def _fresh(collection: str, partition: int, fresh: Fresh, projected_at: datetime | None, generation: int) -> UpdateOne:
    latest = {"recorded_at": fresh.recorded_at} | ({} if fresh.as_of is None else {"as_of": fresh.as_of})
    said = {"projected_at": projected_at, "generation": generation}
    return UpdateOne({"_id": f"{collection}/{partition}"}, {"$max": latest, "$set": said}, upsert=True)


def _vector_list(vector: Vector) -> list[list[int]]:
    return [[*source, *position] for source, position in sorted(vector.items())]


def _progress(document: Document) -> Progress:
    vector = {(g, p): (offset, index) for g, p, offset, index in document["vector"]}
    return Progress(document["offset"], vector)
