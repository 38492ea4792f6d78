"""Checks that the stored states and views equal the fold of the log, document by document, during traffic.

Some hundred keys at a time are read in one snapshot together with the service's position; then the fold in memory is
taken on to exactly that position, and both must be the same. So nothing is left out because it has just changed.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from operations.verify.findings import Report
from operations.verify.folding import Known, Refold
from operations.verify.sample import Wants
from shared.events.registry import DECISIONS
from shared.fold.domain import Domain
from shared.fold.entity import NEVER, Entity, Pending, as_now
from shared.fold.rebuild import FRESHNESS
from shared.mongo import Database, Document, transaction, transient_errors
from shared.mongo.schema import Schema
from shared.mongo.stored import as_stored, unpacked

HEARD_OF = timedelta(minutes=1)
"""Within so long every process has heard of a policy that was adopted."""
CHUNK_KEYS = 500
"""Keys read in one snapshot: some 50 ms, far below what a transaction may take."""
Advance = Callable[[int], Awaitable[None]]
"""Takes the fold on to an offset of its partition."""
Found = Callable[[str, str], None]
"""Reports a difference of a key: its kind, and what to say."""
MAX_NAMED_FIELDS = 8


@dataclass(frozen=True, slots=True)
class Live:
    """The collections of a service's current generation. policies_changed_at: when a further policy was adopted last;
    documents written before know their next due day by fewer policies than there are now.
    """

    database: Database
    domain: Domain[Any, Any]
    schema: Schema
    generation: int
    log_generation: int
    policies_changed_at: datetime | None = None

    @property
    def kinds(self) -> dict[str, str]:
        """The kind of key whose documents a collection holds, by its name without the generation. A domain that folds
        customers alone may name one collection for all.
        """
        return {self.domain.collection(f"{kind}:"): kind for kind in ("group", "representative", "customer")}

    @property
    def row_collections(self) -> list[str]:
        """The others, which hold any number of rows per customer."""
        return [name for name in self.schema.collections if name not in self.kinds]

    def collection(self, name: str) -> Any:
        """Of the current generation."""
        return self.database[f"{name}_g{self.generation}"]

    async def offset(self, partition: int, session: Any = None) -> int:
        """How far the service has folded a partition; 0 where it has not begun."""
        stored = await self.database[f"{self.domain.service}_positions"].find_one(
            {"_id": f"g{self.generation}/{partition}"}, session=session
        )
        return 0 if stored is None else int(stored["offset"])


@dataclass(frozen=True, slots=True)
class Seen:
    """What stands in the stores of some keys at one position of their partition."""

    offset: int
    documents: dict[str, Document]
    rows: dict[str, dict[tuple[str, str], Document]]


async def compare_partition(live: Live, partition: int, refold: Refold, advance: Advance, report: Report) -> None:
    """Compare the keys that have been folded with what is stored of them."""
    keys = sorted(refold.known)
    for start in range(0, len(keys), CHUNK_KEYS):
        await _compare_keys(live, partition, keys[start : start + CHUNK_KEYS], refold, advance, report)


async def compare_others(
    live: Live, partition: int, wants: Wants, refold: Refold, advance: Advance, report: Report
) -> None:
    """Look for documents of the partition of which the fold knows nothing."""
    async for keys in _unknown(live, partition, wants, refold):
        await _compare_keys(live, partition, keys, refold, advance, report)


async def _unknown(live: Live, partition: int, wants: Wants, refold: Refold) -> AsyncIterator[list[str]]:
    found: list[str] = []
    async with transient_errors():
        for name, kind in live.kinds.items():
            cursor = live.collection(name).find({"partition": partition}, projection={"_id": 1}, batch_size=5000)
            while some := await cursor.to_list(length=5000):
                keys = (f"{kind}:{document['_id']}" for document in some)
                found += [key for key in keys if key not in refold.known and wants(key)]
                while len(found) >= CHUNK_KEYS:
                    yield found[:CHUNK_KEYS]
                    del found[:CHUNK_KEYS]
    if found:
        yield found


async def _compare_keys(
    live: Live, partition: int, keys: Sequence[str], refold: Refold, advance: Advance, report: Report
) -> None:
    seen = await _read(live, partition, keys)
    await advance(seen.offset)
    for key in keys:
        _compare_key(live, key, refold.known.get(key), seen, report)


async def _read(live: Live, partition: int, keys: Iterable[str]) -> Seen:
    """What is stored of some keys, and the position, in one snapshot."""
    documents: dict[str, Document] = {}
    rows: dict[str, dict[tuple[str, str], Document]] = {}
    by_collection: dict[str, list[str]] = {}
    for key in keys:
        by_collection.setdefault(live.domain.collection(key), []).append(key.partition(":")[2])
    async with transaction(live.database) as session:
        offset = await live.offset(partition, session)
        for name, ids in by_collection.items():
            kind = live.kinds[name]
            async for document in live.collection(name).find({"_id": {"$in": ids}}, session=session):
                documents[f"{kind}:{document['_id']}"] = document
        customers = [key.partition(":")[2] for key in keys if key.startswith("customer:")]
        for name in live.row_collections:
            async for row in live.collection(name).find({"customer": {"$in": customers}}, session=session):
                rows.setdefault(f"customer:{row['customer']}", {})[name, row.pop("_id")] = row
    return Seen(offset, documents, rows)


def _compare_key(live: Live, key: str, known: Known | None, seen: Seen, report: Report) -> None:
    document, rows = seen.documents.get(key), seen.rows.get(key, {})
    report.looked_at[f"documents of {live.domain.service}"] += 1 + len(rows)
    name = f"{live.domain.collection(key)}_g{live.generation}"

    def found(kind: str, said: str) -> None:
        report.found("views", kind, key, f"as of offset {seen.offset} of its partition", said)

    if known is None:
        if document is not None or rows:
            found("only_stored", f"{name} has it, but the log does not")
    elif document is None:
        found("not_stored", f"the log has it, but {name} does not")
    elif known.frozen or document.get("incomplete_since"):
        _compare_frozen(name, known.frozen, document.get("incomplete_since"), found, report)
    else:
        document = as_now(live.domain, key, document)
        expected = _expected(known.entity, document)
        if live.policies_changed_at is not None and document["projected_at"] <= live.policies_changed_at + HEARD_OF:
            expected["due_at"] = document.get("due_at")
        # When a review comes is free, so long as it is not after the day that is due.
        if document.get("review_at") is None or document["review_at"] <= (expected["due_at"] or NEVER):
            expected["review_at"] = document.get("review_at")
        fields = _differing(document, expected)
        if fields:
            found("state_differs", f"{name} differs from the fold of the log: {fields}")
        _compare_rows(live, known, rows, found)


def _compare_frozen(name: str, here: str | None, stored: str | None, found: Found, report: Report) -> None:
    """A frozen customer's rows end where it froze; they are not compared."""
    if here == stored:
        report.looked_at["frozen customers, whose rows end where they froze"] += 1
    elif stored:
        found("frozen", f"{name} is frozen since {stored}, but folds here: 'guanxi rebuild' repairs it")
    else:
        found("not_frozen", f"{name} is not frozen, but the record at {here} can't be folded here")


def _compare_rows(live: Live, known: Known, rows: dict[tuple[str, str], Document], found: Found) -> None:
    for (collection, row_id), packed_row in known.rows.items():
        stored = rows.pop((collection, row_id), None)
        wanted = None if packed_row is None else unpacked(packed_row)
        if stored is None and wanted is None:
            continue
        said = "must not exist" if wanted is None else "is missing"
        if stored is not None and wanted is not None:
            differing = _differing(stored, wanted)
            if not differing:
                continue
            said = f"differs from the log: {differing}"
        found("row_differs", f"{collection}_g{live.generation} {row_id} {said}")
    for collection, row_id in rows:
        found("row_differs", f"{collection}_g{live.generation} {row_id} must not exist")


def _expected(entity: Entity[Any, Any], document: Document) -> Document:
    """The document that the fold leaves. What is published and not read back yet (`pending`, `marked_due`) is the
    service's own knowledge and is taken from the stored one; what follows from it (`due_at`) is not.
    """
    domain = entity.domain
    kept = entity.pending, entity.head, entity.marked_due
    try:
        entity.pending, entity.head = [], entity.standing
        entity.marked_due = document.get("marked_due", False)
        for stored in document.get("pending", ()):
            decision = DECISIONS[stored["type"]].model_validate(stored["data"])
            entity.pending.append(Pending(stored["id"], decision))
            entity.head = domain.accept(entity.head, decision, stored["id"])
        expected = entity.document()
    finally:
        entity.pending, entity.head, entity.marked_due = kept
    log = entity.log
    assert log is not None, "it has folded something"
    expected |= {
        "partition": log.partition,
        "log": {"generation": log.generation, "offset": log.offset},
        "recorded_at": entity.recorded_at,
    }
    return as_stored(expected)


def _differing(stored: Document, wanted: Document) -> str:
    """Such as `net_365d 12.00, should be 10.00; ...`; empty when nothing differs, freshness aside."""
    names = sorted((stored.keys() | wanted.keys()) - {*FRESHNESS, "_id"})
    told = [
        f"{path} {_short(one)}, should be {_short(two)}"
        for name in names
        for path, one, two in _leaves(name, stored.get(name), wanted.get(name))
    ]
    more = len(told) - MAX_NAMED_FIELDS
    return "; ".join(told[:MAX_NAMED_FIELDS]) + (f"; {more} more" if more > 0 else "")


def _leaves(path: str, one: Any, two: Any) -> Iterable[tuple[str, Any, Any]]:
    """The innermost values that differ."""
    if one == two:
        return
    if isinstance(one, dict) and isinstance(two, dict):
        for name in sorted(one.keys() | two.keys()):
            yield from _leaves(f"{path}.{name}", one.get(name), two.get(name))
    elif isinstance(one, list) and isinstance(two, list) and len(one) == len(two):
        for place, (a, b) in enumerate(zip(one, two, strict=True)):
            yield from _leaves(f"{path}.{place}", a, b)
    else:
        yield path, one, two


def _short(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= 60 else text[:59] + "…"
