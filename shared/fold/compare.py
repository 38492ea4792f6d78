"""Whether two generations of a service's views say the same, while both go on.

The new generation never passes the live one. So a live document that shows nothing from where the new generation has
not been yet must be there too, and be the same; one that does is looked at again later. Rows of customers, which are a
function of the customer's fold, are compared with its document. Each chunk is read in one snapshot.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.fold.entity import as_now
from shared.fold.rebuild import FRESHNESS, Rebuild
from shared.mongo import Document, Session, transaction, transient_errors

CHUNK = 500
"""Documents compared in one snapshot; it must end well within a transaction's 10 s."""
LIVE_ONLY = ("pending", "due_at", "review_at", "marked_due")
"""What only who decides knows; a handover carries it over."""
MAX_DIFFERENCES = 1_000
"""More are counted, but not kept."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A document that is not the same in two generations; `fields` are the top-level ones that differ."""

    collection: str
    id: str
    fields: tuple[str, ...]


@dataclass(slots=True)
class Compared:
    """What a comparison found. `later`: keys, as (collection, id), that the live one has folded further; `repaired`:
    frozen in the live one, whole in the new one.
    """

    documents: int = 0
    differing: int = 0
    repaired: int = 0
    differences: list[Difference] = field(default_factory=list)
    later: list[tuple[str, str]] = field(default_factory=list)

    def add(self, difference: Difference) -> None:
        """Note a difference."""
        self.differing += 1
        if len(self.differences) < MAX_DIFFERENCES:
            self.differences.append(difference)


async def compare(rebuild: Rebuild, found: Compared, again: Sequence[tuple[str, str]] = ()) -> AsyncIterator[int]:
    """Compare all keys, or some `again`; adds to `found` and gives the number of documents after each chunk."""
    keyed, rows = await _kinds(rebuild)
    chunks = _chunks_of(again) if again else _all_chunks(rebuild, keyed)
    async for collection, ids in chunks:
        async with transaction(rebuild.database) as session:
            await _compare_chunk(rebuild, session, collection, ids, rows, found)
        found.documents += len(ids)
        yield len(ids)


async def _kinds(rebuild: Rebuild) -> tuple[list[str], list[str]]:
    """The collections with a document per key, and those with rows of customers."""
    keyed = []
    async with transient_errors():
        for name in rebuild.schema.collections:
            for generation in (rebuild.live, rebuild.target):
                wanted = {"$or": [{"fold_version": {"$exists": True}}, {"incomplete_since": {"$exists": True}}]}
                if name not in keyed and await rebuild.database[f"{name}_g{generation}"].find_one(wanted, {"_id": 1}):
                    keyed.append(name)
    return keyed, [name for name in rebuild.schema.collections if name not in keyed]


async def _chunks_of(again: Iterable[tuple[str, str]]) -> AsyncIterator[tuple[str, list[str]]]:
    by_collection: dict[str, list[str]] = {}
    for collection, document_id in again:
        by_collection.setdefault(collection, []).append(document_id)
    for collection, ids in by_collection.items():
        for start in range(0, len(ids), CHUNK):
            yield collection, ids[start : start + CHUNK]


async def _all_chunks(rebuild: Rebuild, keyed: Sequence[str]) -> AsyncIterator[tuple[str, list[str]]]:
    """Ids of the live collection, then those that only the new one has."""
    for name in keyed:
        live, target = (rebuild.database[f"{name}_g{generation}"] for generation in (rebuild.live, rebuild.target))
        async for ids in _ids(live):
            yield name, ids
        async for ids in _ids(target):
            async with transient_errors():
                known = {d["_id"] async for d in live.find({"_id": {"$in": ids}}, {"_id": 1})}
            only = [one for one in ids if one not in known]
            if only:
                yield name, only


async def _ids(collection: Any) -> AsyncIterator[list[str]]:
    last: Any = None
    while True:
        query = {} if last is None else {"_id": {"$gt": last}}
        async with transient_errors():
            ids = [
                d["_id"] for d in await collection.find(query, {"_id": 1}).sort("_id", 1).limit(CHUNK).to_list(CHUNK)
            ]
        if not ids:
            return
        yield ids
        last = ids[-1]


async def _compare_chunk(
    rebuild: Rebuild, session: Session, name: str, ids: Sequence[str], rows: Sequence[str], found: Compared
) -> None:
    one, two = [
        {d["_id"]: d async for d in rebuild.database[f"{name}_g{g}"].find({"_id": {"$in": list(ids)}}, session=session)}
        for g in (rebuild.live, rebuild.target)
    ]
    offsets = await _offsets(rebuild, session)
    comparable = []
    for document_id in ids:
        live, built = one.get(document_id), two.get(document_id)
        if live and built and live.get("incomplete_since") and "incomplete_since" not in built:
            found.repaired += 1
        elif live and "log" in live and live["log"]["offset"] >= offsets.get(live["partition"], 0):
            found.later.append((name, document_id))
        else:
            comparable.append(document_id)
            kind = "customer" if name == rebuild.domain.collection("customer:") else "representative"
            if live is not None:
                live = as_now(rebuild.domain, f"{kind}:{document_id}", live)
            fields = _differing(live, built, LIVE_ONLY)
            if fields:
                found.add(Difference(name, str(document_id), fields))
    if name != rebuild.domain.collection("customer:"):
        return
    for row_name in rows:
        query = {"customer": {"$in": comparable}}
        first, second = [
            {d["_id"]: d async for d in rebuild.database[f"{row_name}_g{g}"].find(query, session=session)}
            for g in (rebuild.live, rebuild.target)
        ]
        for row_id in sorted(first.keys() | second.keys(), key=str):
            fields = _differing(first.get(row_id), second.get(row_id))
            if fields:
                found.add(Difference(row_name, str(row_id), fields))


async def _offsets(rebuild: Rebuild, session: Session) -> dict[int, int]:
    """How far the new generation has come. What the live one shows from before it, both must show."""
    positions = rebuild.database[f"{rebuild.domain.service}_positions"]
    query = {"_id": {"$regex": f"^g{rebuild.target}/"}}
    return {d["partition"]: d["offset"] async for d in positions.find(query, session=session)}


def _differing(live: Document | None, built: Document | None, but: Sequence[str] = ()) -> tuple[str, ...]:
    if built is None:
        return ("only in the live generation",)
    if live is None:
        return ("only in the rebuilt generation",)
    names = (live.keys() | built.keys()) - {*FRESHNESS, *but}
    return tuple(sorted(name for name in names if live.get(name) != built.get(name)))
