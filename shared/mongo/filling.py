"""Documents that an earlier version did not have yet: set-up makes them of what it stored, while everything goes on."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pymongo import DeleteOne, ReplaceOne

from shared.mongo import Database, Document, Session, once_undisturbed, transient_errors
from shared.mongo.applied import last_applied, note_applied

CHUNK = 500
"""Documents filled in one transaction: some 50 ms, far below what it may take."""
ONCE, TWICE = "once", "twice"


@dataclass(frozen=True, slots=True)
class Moved:
    """What an earlier version had in documents of `source`, with indexes there, stands in documents of `target` with
    the customers' ids. among: of which documents of `source`; make: what stands then, empty for nothing.
    """

    source: str
    target: str
    among: dict[str, Any]
    make: Callable[[Mapping[str, Any]], Document]


async def fill(database: Database, service: str, moved: Moved, generation: int, *, is_former: bool) -> None:
    """Make what is missing in `target`, and remove what should not be there. is_former: an earlier version's set-up ran
    last. Then it is done now, and again at the next set-up: a process of the earlier version, which knows nothing of
    `target`, may go on for a while. Else there is nothing to do. What is written now is what stands: a service that
    folds the same partition meanwhile begins its batch again, or this does.
    """
    what = f"documents {moved.target}_g{generation}"
    if not is_former and await last_applied(database, what) != ONCE:
        return
    source, target = (database[f"{name}_g{generation}"] for name in (moved.source, moved.target))
    by_partition: dict[int, list[str]] = {}
    async with transient_errors():
        async for some in _ids(target):
            async for one in source.find({"_id": {"$in": some}}, {"partition": 1}):
                by_partition.setdefault(one["partition"], []).append(one["_id"])
        async for one in source.find(moved.among, {"partition": 1}):
            by_partition.setdefault(one["partition"], []).append(one["_id"])
    positions = database[f"{service}_positions"]
    for partition, found in by_partition.items():
        ids = list(dict.fromkeys(found))
        for start in range(0, len(ids), CHUNK):
            chunk = ids[start : start + CHUNK]

            async def work(session: Session, partition: int = partition, chunk: list[str] = chunk) -> None:
                # Every fold begins with this document, so none of this partition's commits beside this.
                place = {"_id": f"g{generation}/{partition}"}
                await positions.update_one(place, {"$inc": {"filled": 1}}, session=session)
                there = source.find({"_id": {"$in": chunk}}, session=session)
                # By the customer too, which says to a router where it is (shared/mongo/schema.py).
                made = [({"_id": one["_id"], "customer": one["_id"]}, moved.make(one)) async for one in there]
                writes = [ReplaceOne(of, d, upsert=True) if d else DeleteOne(of) for of, d in made]
                await target.bulk_write(writes, ordered=False, session=session)

            await once_undisturbed(database, work)
    await note_applied(database, what, ONCE if is_former else TWICE)


async def _ids(collection: Any) -> AsyncIterator[list[str]]:
    cursor = collection.find({}, {"_id": 1}, batch_size=CHUNK)
    while some := await cursor.to_list(length=CHUNK):
        yield [one["_id"] for one in some]
