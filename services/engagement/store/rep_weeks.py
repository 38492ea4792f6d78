"""Weeks of representatives as rows, so that many are read at once (docs/adr/0043-weeks-as-rows.md).

Whatever a week of a representative is made of is written by a batch of the fold, and the batch leaves a note that
names the representative, in its own transaction. A sweep makes the rows: it reads the notes before what it works out,
and writes rows and the notes that it saw together. A reader reads the notes before the rows: a note that the rows were
not made after has all of that representative's weeks computed. So has a week whose days, or whose closing, have gone on
since.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from hashlib import blake2b
from typing import Any

from bson import ObjectId
from pymongo import DeleteOne, ReplaceOne
from pymongo.errors import DuplicateKeyError, ExecutionTimeout, NetworkTimeout

from services.engagement.domain import REPRESENTATIVES
from services.engagement.rules.coverage import ACCOUNT_ROWS, VISIT_ROWS
from services.engagement.views.freshness import FIELDS as FRESH_FIELDS
from services.engagement.views.freshness import FRESHNESS, newest
from services.engagement.views.rep_weeks import KEPT_MS, rep_weeks
from shared.errors import Transient, Undone
from shared.kafka.connection import partition_of
from shared.mongo import Database, Document, Session, transaction, transient_errors
from shared.mongo.schema import Index, pinned
from shared.mongo.states import StateStore, Writes

NOTES, HEADS, ROWS = "rep_week_notes", "rep_week_heads", "rep_week_rows"
COLLECTIONS = (NOTES, HEADS, ROWS)
"""Of no generation themselves, and in no backup: without them all weeks are computed."""
INDEXES = (
    Index(NOTES, ("generation", "representative"), generational=False),
    Index(HEADS, ("generation", "representative"), generational=False),
    Index(ROWS, ("generation", "representative", "week"), generational=False),
)
WEEKS = "weeks"
STORED_WEEKS = 27
"""The latest ones are rows, half a year; older ones are computed."""
LOOK_EVERY_SECONDS = 5.0
MOST_A_LOOK = 200
"""Representatives whose weeks are written between two looks."""
FIRST_REST, REST = 4.0, 15.0
"""How long nothing is written after the weeks of one representative, in times of what writing them took: where there
were none yet, and where visits have come since. Weeks cost a hundred visits to write; where visits keep coming, folding
them goes first, and the weeks in between are computed when somebody asks.
"""
NOTE_STANDS = timedelta(seconds=60)
"""A note that the rows were made after stays for so long: deleting it at once would meet the next batch's."""
MAX_QUERY_MS = 30_000
BATCH = 20_000
"""Rows of one answer of MongoDB's."""
_PRIVATE = ("_id", "of")
Once = Callable[[str, Callable[[], Coroutine[Any, Any, Any]]], Awaitable[Any]]
"""Gives what a question's coroutine gives, or has given to somebody who asked the same."""

log = logging.getLogger(__name__)


async def anew(question: str, ask: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Shares nothing."""
    del question
    return await ask()


def noted(writes: Writes) -> set[str]:
    """The representatives whose weeks a batch may change: those of its rows, and those whose own document it writes. A
    visit can change any of their weeks: those in which others were logged within minutes, and the coverage of 90 days.
    """
    found = {
        row.id.rpartition("/")[2] if row.document is None else str(row.document["representative"])
        for row in writes.rows
        if row.collection in {VISIT_ROWS, ACCOUNT_ROWS}
    }
    for documents in (writes.new, writes.changed, writes.documents, writes.fields):
        found |= {document_id for collection, document_id in documents if collection == REPRESENTATIVES}
    return found


async def leave_notes(database: Database, generation: int, partition: int, writes: Writes, session: Session) -> None:
    """Leave the notes of a batch, in its transaction. Each is its partition's own, so that two owners never meet."""
    if representatives := noted(writes):
        await database[NOTES].bulk_write(
            [
                ReplaceOne(
                    {"_id": f"g{generation}/{name}/{partition}"},
                    {"generation": generation, "representative": name, "note": ObjectId()},
                    upsert=True,
                )
                for name in sorted(representatives)
            ],
            ordered=False,
            session=session,
        )


@dataclass(frozen=True, slots=True)
class Calendar:
    """The weeks that have begun and are kept, as of a clock: by name, the latest first, what a row must say it is of.

    A row is of its week's days as the calendar has them, of how many of them have begun, and of whether it is closed.
    """

    of: Mapping[str, str]
    fresh: Document

    def stored(self) -> dict[str, str]:
        """Those that are rows."""
        return dict(list(self.of.items())[:STORED_WEEKS])


async def read_calendar(
    database: Database, generation: int, conditions: Sequence[Document] = (), session: Session | None = None
) -> Calendar:
    """The calendar now, or those of its weeks that meet conditions."""
    return await _calendar_of(database, await _clock(database, generation, session), conditions, session)


async def _clock(database: Database, generation: int, session: Session | None) -> Document:
    noted_ = database[f"{FRESHNESS}_g{generation}"].find({}, session=session)
    return newest(await noted_.to_list(None), "engagement", "representatives")


async def _calendar_of(
    database: Database, fresh: Document, conditions: Sequence[Document], session: Session | None
) -> Calendar:
    as_of = fresh["as_of"]
    if as_of is None:
        return Calendar({}, fresh)
    kept = {"begins_at": {"$lte": as_of}, "closes_at": {"$gt": as_of - timedelta(milliseconds=KEPT_MS)}}
    found = database[WEEKS].find({"$and": [kept, *conditions]}, sort=[("week", -1)], session=session)
    return Calendar({one["week"]: _of(one, as_of) async for one in found}, fresh)


def _of(week: Document, as_of: datetime) -> str:
    begun = sum(at <= as_of for at in week["day_starts"])
    said = (week["monday"], week["working"], week["day_starts"], week["closes_at"], begun, as_of > week["closes_at"])
    return blake2b(repr(said).encode(), digest_size=6).hexdigest()


def _all_of(weeks: Mapping[str, str]) -> str:
    return blake2b(repr(sorted(weeks.items())).encode(), digest_size=12).hexdigest()


@dataclass(frozen=True, slots=True)
class Seen:
    """What a sweep read of one representative, before it works out the weeks."""

    representative: str
    generation: int
    head: Document | None
    notes: frozenset[ObjectId]


class WeekSweep:
    """Writes the weeks of the representatives whose partition this process owns."""

    def __init__(
        self,
        database: Database,
        store: StateStore,
        owned: Callable[[], Collection[int]],
        partitions: int,
        now: Callable[[], datetime],
    ) -> None:
        self._database, self._store, self._owned = database, store, owned
        self._partitions, self._now = partitions, now
        self._cleaned: int | None = None

    async def run(self) -> None:
        """Look forever; a store that does not answer is tried again."""
        while True:
            try:
                await self.once()
            except Transient as error:
                log.warning("weeks: %s; trying again", error)
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def once(self) -> int:
        """Write the weeks of those that are due, so many at most; gives how many were."""
        generation = self._store.generation
        async with transient_errors():
            await self._clean(generation)
            notes = await _notes(self._database, generation)
            calendar = _all_of((await read_calendar(self._database, generation)).stored())
            heads = await self._heads(generation)
            known = self._store.in_generation(REPRESENTATIVES, generation)
            names = [one["_id"] async for one in known.find({}, {"_id": 1})]
        owned, made = set(self._owned()), 0
        for name in names:
            head = heads.get(name)
            if head is not None and head["of"] == calendar and _is_after(head, notes.get(name, ())):
                continue
            if partition_of(f"representative:{name}".encode(), self._partitions) not in owned:
                continue
            began, rest = asyncio.get_running_loop().time(), FIRST_REST if head is None else REST
            try:
                made += await self.write(name)
            except Transient as error:
                if not isinstance(error.__cause__, (ExecutionTimeout, NetworkTimeout)):
                    raise
                log.warning("weeks of %s took too long; others first: %s", name, error)
                rest = REST
            if made >= MOST_A_LOOK:
                break
            await asyncio.sleep(rest * (asyncio.get_running_loop().time() - began))
        await self.forget()
        return made

    async def write(self, representative: str) -> bool:
        """Write the weeks of one; False where another sweep was quicker."""
        async with transient_errors():
            seen = await self.look(representative)
            weeks, rows = await self.work_out(seen)
        return await self.put(seen, weeks, rows)

    async def look(self, representative: str) -> Seen:
        """What stands, and the notes; before anything that the weeks are made of."""
        generation = self._store.generation
        head = await self._database[HEADS].find_one({"_id": f"g{generation}/{representative}"})
        notes = await _notes(self._database, generation, [{"representative": representative}])
        return Seen(representative, generation, head, frozenset(notes.get(representative, ())))

    async def work_out(self, seen: Seen) -> tuple[dict[str, str], dict[str, Document | None]]:
        """The weeks that are stored, and the rows of those that must be written; None where there is none."""
        generation = seen.generation
        weeks = (await read_calendar(self._database, generation)).stored()
        due = list(weeks)
        if seen.head is not None and seen.notes <= set(seen.head["seen"]):
            due = [week for week, of in weeks.items() if seen.head["weeks"].get(week) != of]
        match = {"week": {"$in": due}, "representative": seen.representative}
        pipeline = [*rep_weeks(lambda base: f"{base}_g{generation}"), {"$match": match}]
        found = {one["week"]: one async for one in self._database[WEEKS].aggregate(pipeline, maxTimeMS=MAX_QUERY_MS)}
        return weeks, {week: found.get(week) for week in due}

    async def put(self, seen: Seen, weeks: Mapping[str, str], rows: Mapping[str, Document | None]) -> bool:
        """Write rows and what they were made after together, unless another sweep has written since the look."""
        prefix = f"g{seen.generation}/{seen.representative}"
        head = {"generation": seen.generation, "representative": seen.representative, "made": ObjectId()}
        head |= {"seen": sorted(seen.notes), "of": _all_of(weeks), "weeks": dict(weeks)}
        own = {"generation": seen.generation, "representative": seen.representative}
        operations: list[Any] = []
        for week, row in rows.items():
            if row is None:
                operations.append(DeleteOne({"_id": f"{prefix}/{week}"}))
                continue
            kept = {name: value for name, value in row.items() if name not in {*FRESH_FIELDS, *_PRIVATE}}
            document = {**kept, **own, "of": weeks[week]}
            operations.append(ReplaceOne({"_id": f"{prefix}/{week}"}, document, upsert=True))
        try:
            async with transaction(self._database) as session:
                which = {"_id": prefix, "made": None if seen.head is None else seen.head["made"]}
                done = await self._database[HEADS].replace_one(which, head, upsert=seen.head is None, session=session)
                if not done.matched_count and done.upserted_id is None:
                    return False
                if operations:
                    await self._database[ROWS].bulk_write(operations, ordered=False, session=session)
        except Transient as error:
            if isinstance(error, Undone) or isinstance(error.__cause__, DuplicateKeyError):
                return False
            raise
        return True

    async def forget(self) -> None:
        """Delete the notes that rows were made after, once they are old enough that no batch is about to renew them."""
        generation, before = self._store.generation, self._now() - NOTE_STANDS
        async with transient_errors():
            notes = await _notes(self._database, generation)
            heads = await self._heads(generation) if notes else {}
            seen = {note for name, of in notes.items() if name in heads for note in of if note in heads[name]["seen"]}
            if old := [note for note in seen if note.generation_time < before]:
                await self._database[NOTES].delete_many({"generation": generation, "note": {"$in": old}})

    async def _heads(self, generation: int) -> dict[str, Document]:
        shown = {"representative": 1, "of": 1, "seen": 1}
        found = self._database[HEADS].find({"generation": generation}, shown)
        return {one["representative"]: one async for one in found}

    async def _clean(self, generation: int) -> None:
        """Drop what was of generations before the last one."""
        if self._cleaned != generation:
            for name in COLLECTIONS:
                await self._database[name].delete_many({"generation": {"$lt": generation - 1}})
            self._cleaned = generation


def _is_after(head: Document, notes: Iterable[ObjectId]) -> bool:
    """Whether rows were made after all these notes."""
    return set(notes) <= set(head["seen"])


async def _notes(
    database: Database, generation: int, conditions: Sequence[Document] = (), session: Session | None = None
) -> dict[str, list[ObjectId]]:
    found: dict[str, list[ObjectId]] = {}
    which = {"$and": [{"generation": generation}, *conditions]}
    async for one in database[NOTES].find(which, {"representative": 1, "note": 1, "_id": 0}, session=session):
        found.setdefault(one["representative"], []).append(one["note"])
    return found


class StoredWeeks:
    """Reads `rep_weeks`: rows where they stand, computed where not. The answer is the view's. once: gives the clock and
    the calendar, or what they were for others who ask together.
    """

    def __init__(
        self,
        database: Database,
        generation: int,
        session: Session | None = None,
        max_ms: int = MAX_QUERY_MS,
        once: Once = anew,
    ) -> None:
        self._database, self._generation, self._session, self._max_ms = database, generation, session, max_ms
        self._once = once

    async def read(
        self, representatives: Sequence[str], of_week: Sequence[Document], fields: Collection[str] | None = None
    ) -> list[Document]:
        """The weeks of some representatives that meet conditions on `week`; with these fields at least."""
        return await self.rows(representatives, of_week, fields, await self.notes(representatives))

    async def notes(self, representatives: Sequence[str]) -> dict[str, list[ObjectId]]:
        """The notes that stand; to be read before the rows."""
        which = [{"representative": {"$in": list(representatives)}}]
        return await _notes(self._database, self._generation, which, self._session)

    async def rows(
        self,
        representatives: Sequence[str],
        of_week: Sequence[Document],
        fields: Collection[str] | None,
        notes: Mapping[str, Iterable[ObjectId]],
    ) -> list[Document]:
        """The weeks, by notes that were read before."""
        whose = {"generation": self._generation, "representative": {"$in": list(representatives)}}
        heads = self._database[HEADS].find(whose, {"representative": 1, "seen": 1, "weeks": 1}, session=self._session)
        stand = {
            one["representative"]: one["weeks"]
            async for one in heads
            if _is_after(one, notes.get(one["representative"], ()))
        }
        fresh = await self._once("clock", partial(_clock, self._database, self._generation, self._session))
        read = partial(_calendar_of, self._database, fresh, of_week, self._session)
        calendar: Calendar = await self._once(f"calendar {of_week}", read)
        missing = [
            (name, week)
            for name in representatives
            for week, of in calendar.of.items()
            if stand.get(name, {}).get(week) != of
        ]
        found = await self._stored(list(stand), of_week, fields)
        of, known, some = calendar.of, set(missing), []
        for row in found:
            at = row["representative"], row["week"]
            if at in known:
                continue
            if row.pop("of") != of.get(row["week"]):
                missing.append(at)  # a sweep has written it anew since
                continue
            row.update(calendar.fresh)
            row["_id"] = f"{row['week']}/{row['representative']}"
            some.append(row)
        return [*some, *await self._computed(missing)]

    async def _stored(
        self, representatives: Sequence[str], of_week: Sequence[Document], fields: Collection[str] | None
    ) -> list[Document]:
        if not representatives:
            return []
        whose = {"generation": self._generation, "representative": {"$in": list(representatives)}}
        shown = None if fields is None else {**dict.fromkeys((*fields, "representative", "week", "of"), 1), "_id": 0}
        which = {"$and": [whose, *of_week]}
        cursor = self._database[ROWS].find(
            which, shown, batch_size=BATCH, max_time_ms=self._max_ms, session=self._session
        )
        found: list[Document] = await cursor.to_list(None)
        return found

    async def _computed(self, missing: Sequence[tuple[str, str]]) -> list[Document]:
        if not missing:
            return []
        match = {
            "week": {"$in": sorted({week for _, week in missing})},
            "representative": {"$in": sorted({name for name, _ in missing})},
        }
        view, wanted = self._database[pinned("rep_weeks", self._generation)], set(missing)
        cursor = view.aggregate([{"$match": match}], session=self._session, maxTimeMS=self._max_ms)
        return [one async for one in cursor if (one["representative"], one["week"]) in wanted]
