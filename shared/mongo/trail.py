"""The trail of readings in MongoDB: entries are added, as a majority has them, read and checked, never changed.

Two processes that add for one reader at the same moment claim the same id: one of them tries again behind the other.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from pymongo import WriteConcern
from pymongo.errors import DuplicateKeyError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import Primary

from shared.errors import Transient
from shared.mongo import Database, Document, transient_errors
from shared.mongo.texts import TEXTS
from shared.trail import BULK_CUSTOMERS, BULK_TIME, Chains, Entry, Seals, chained, end_of, in_ms

TRAIL = "trail"
RIGHTS: Mapping[str, tuple[str, ...]] = {TEXTS: ("find",), TRAIL: ("find", "insert")}
"""Of the one user who reads texts for people: what is on the trail it can neither change nor remove."""
TRIES = 20
STORED_MS = 5_000
READ_MS = 5_000
SEAL_MS = 60_000
READ_AT_ONCE = 1_000
DAY_MS = 86_400_000


class Trail:
    """All methods raise Transient: then no text may leave."""

    def __init__(self, database: Database) -> None:
        majority = WriteConcern("majority", wtimeout=STORED_MS, j=True)
        self._trail = database.get_collection(
            TRAIL, read_concern=ReadConcern("local"), write_concern=majority, read_preference=Primary()
        )

    async def add(self, entry: Entry) -> Document:
        """Add an entry behind its reader's last one; gives it as it is stored, by a majority."""
        for _ in range(TRIES):
            async with transient_errors():
                of = {"reader": entry.reader}
                last = await self._trail.find_one(of, sort=[("seq", -1)], max_time_ms=READ_MS)
                document = chained(entry, last)
                try:
                    await self._trail.insert_one(document)
                except DuplicateKeyError:
                    continue
            return document
        raise Transient("MongoDB: other processes keep adding to the trail of this reader")

    async def emergency(self, reader: str, customer: str, after: datetime) -> Document | None:
        """The last entry after an instant of a text of this customer that the reader read in an emergency."""
        wanted = {"reader": reader, "at_ms": {"$gt": in_ms(after)}, "customer": customer, "by": "break_glass"}
        async with transient_errors():
            return await self._trail.find_one(wanted, sort=[("at_ms", -1)], max_time_ms=READ_MS)

    async def reads_in_bulk(self, reader: str, customer: str, now: datetime) -> bool:
        """Whether the reader has read texts of too many customers lately, this one included."""
        pipeline: list[Document] = [
            {"$match": {"reader": reader, "at_ms": {"$gt": in_ms(now - BULK_TIME)}, "allowed": True}},
            {"$group": {"_id": "$customer"}},
            {"$match": {"_id": {"$ne": customer}}},
            {"$limit": BULK_CUSTOMERS},
        ]
        async with transient_errors():
            found = await self._trail.aggregate(pipeline, maxTimeMS=READ_MS).to_list(None)
        return len(found) >= BULK_CUSTOMERS


class Texts:
    """Reads texts. Raises Transient."""

    def __init__(self, database: Database) -> None:
        self._texts = database[TEXTS]

    async def of(self, customer: str, ids: list[str]) -> dict[str, str | None]:
        """By id; None for one that was erased, or is shown to nobody."""
        wanted: dict[str, Any] = {"_id": {"$in": ids}, "key": f"customer:{customer}"}
        async with transient_errors():
            found = await self._texts.find(wanted, {"text": 1}).max_time_ms(READ_MS).to_list(None)
        return {one["_id"]: one.get("text") for one in found}


async def chains_of(database: Database, now: datetime, seals: Seals | None = None) -> Chains:
    """What a look at every entry finds. seals: of the log, read before. Raises Transient."""
    chains = Chains(now, seals)
    async with transient_errors():
        entries = database[TRAIL].find({}, batch_size=READ_AT_ONCE).sort([("reader", 1), ("seq", 1)])
        async for document in entries:
            chains.look(document)
    chains.end()
    return chains


async def first_day(database: Database) -> date | None:
    """The day of the oldest entry, None when there is none. Raises Transient."""
    async with transient_errors():
        first = await database[TRAIL].find_one({}, {"at": 1}, sort=[("at_ms", 1)], max_time_ms=READ_MS)
    return None if first is None else first["at"].date()


async def heads_of(database: Database, day: date) -> list[Document]:
    """Number and hash of the last entries of all chains that grew on a day, by hash. Raises Transient."""
    until = in_ms(end_of(day))
    pipeline: list[Document] = [
        {"$match": {"at_ms": {"$gte": until - DAY_MS, "$lt": until}}},
        {"$group": {"_id": "$reader", "last": {"$max": {"seq": "$seq", "hash": "$hash"}}}},
        {"$replaceWith": "$last"},
        {"$sort": {"hash": 1}},
    ]
    trail = database.get_collection(TRAIL, read_concern=ReadConcern("majority"), read_preference=Primary())
    async with transient_errors():
        return await trail.aggregate(pipeline, maxTimeMS=SEAL_MS, allowDiskUse=True).to_list(None)


async def entries(
    database: Database,
    wanted: Mapping[str, Any],
    *,
    limit: int,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[Document]:
    """The last entries with these values, of this time, as they are shown; the newest first. Raises Transient."""
    at = {**({} if since is None else {"$gte": in_ms(since)}), **({} if until is None else {"$lt": in_ms(until)})}
    query = {**wanted, **({"at_ms": at} if at else {})}
    kept = dict.fromkeys(("_id", "at_ms", "before", "before_at", "hash"), 0)
    async with transient_errors():
        return await database[TRAIL].find(query, kept).sort([("at_ms", -1), ("_id", -1)]).limit(limit).to_list(limit)
