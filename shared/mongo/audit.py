"""The audit log of operators in MongoDB: entries are added, read and checked, never changed or removed."""

from datetime import datetime
from typing import Any

from pymongo.errors import DuplicateKeyError

from shared.audit import Chain, Entry, chained
from shared.errors import Transient
from shared.mongo import Database, Document, transient_errors

COLLECTION = "audit"
RIGHTS = {COLLECTION: ("find", "insert")}
"""Of who adds entries: an entry names the one before it."""
TRIES = 20
"""Commands that may add at the same moment: each of them but one tries again."""
READ_AT_ONCE = 1_000


async def add(database: Database, entry: Entry) -> None:
    """Add an entry behind the last one. Raises Transient."""
    collection = database[COLLECTION]
    for _ in range(TRIES):
        async with transient_errors():
            last = await collection.find_one({}, {"hash": 1}, sort=[("_id", -1)])
            try:
                await collection.insert_one(chained(entry, last))
            except DuplicateKeyError:
                continue
        return
    raise Transient("MongoDB: other commands keep adding to the audit log")


async def entries(
    database: Database,
    *,
    limit: int,
    since: datetime | None = None,
    until: datetime | None = None,
    command: str | None = None,
    who: str | None = None,
) -> list[Document]:
    """The last entries of commands begun in this time, of this command, or by this user or name; the newest first.
    Raises Transient.
    """
    wanted: dict[str, Any] = {}
    if since is not None:
        wanted.setdefault("begun_at", {})["$gte"] = since
    if until is not None:
        wanted.setdefault("begun_at", {})["$lt"] = until
    if command is not None:
        wanted["command"] = command
    if who is not None:
        wanted["$or"] = [{"name": who}, {"user": who}]
    async with transient_errors():
        return await database[COLLECTION].find(wanted).sort("_id", -1).limit(limit).to_list(limit)


async def chain_of(database: Database) -> Chain:
    """What a look at every entry finds. Raises Transient."""
    chain = Chain()
    async with transient_errors():
        async for document in database[COLLECTION].find({}, batch_size=READ_AT_ONCE).sort("_id", 1):
            chain.look(document)
    return chain
