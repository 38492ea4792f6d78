"""From the live generation of a service's views to the one built beside it, at one offset and with what is pending.

    1. The live positions are closed: no batch of the live service can commit any more, and it begins to wait.
    2. What the live service folded last is folded into the new generation: both stand at the same offsets.
    3. In one transaction: pending decisions and marks are carried over, the new generation becomes the current one,
       its positions are opened and the old ones retired. The live service goes on with it.
    4. The views are pointed at the new generation, one right after the other.

Whoever dies before 3 leaves closed positions, which the live service opens again after HANDOVER_LASTS; after 3, set-up
or the next rebuild points the views.
"""

import asyncio
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shared.errors import Malformed, Transient
from shared.events.codec import type_and_position
from shared.fold.carry import carry, stored_pending
from shared.fold.domain import Address
from shared.fold.entity import load_entity
from shared.fold.rebuild import BATCH_RECORDS, Rebuild
from shared.kafka.scan import bounds
from shared.mongo import Document, Session, transaction, transient_errors
from shared.mongo.generations import BUILDING, KEPT_FOR, give_up_handover
from shared.mongo.schema import point
from shared.mongo.states import StateSession, Writes
from shared.topics import LOG

CLOSED_AT_MOST_SECONDS = 15.0
"""Longest pause of the live service; then the handover is abandoned and tried again later."""
MAX_LIVE_LAG = 50_000
"""Records that the live reader may be behind the log's end: they are searched for pending decisions while it waits."""
CARRIED = ("pending", "due_at", "review_at", "marked_due")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class HandedOver:
    """What a handover took: seconds that the live service paused, seconds until all views were pointed, records
    folded meanwhile, keys whose pending decisions or marks were carried over.
    """

    closed_seconds: float
    views_seconds: float
    records: int
    carried: int


async def hand_over(rebuild: Rebuild) -> HandedOver:
    """Make what was built the current generation. Raises Transient, and leaves the live one in place, when that does
    not succeed in time.
    """
    await _refuse_lag(rebuild)
    began = time.monotonic()
    await rebuild.generations.close(rebuild.live, rebuild.target, rebuild.token, rebuild.now())
    try:
        async with asyncio.timeout(CLOSED_AT_MOST_SECONDS):
            final = await _closed_offsets(rebuild)
            records = sum([count async for count in rebuild.fold(final)])
            waiting = await published_after(rebuild, final)
            async with transaction(rebuild.database) as session:
                carried = await carry_over(rebuild, session, waiting)
                until = rebuild.now() + KEPT_FOR
                await rebuild.generations.hand_over(session, rebuild.live, rebuild.target, rebuild.token, until)
    except TimeoutError as error:
        await _give_up(rebuild)
        raise Transient(f"the handover took longer than {CLOSED_AT_MOST_SECONDS:.0f} s") from error
    except BaseException:
        await _give_up(rebuild)
        raise
    closed = time.monotonic() - began
    await point(rebuild.database, rebuild.schema, rebuild.target)
    return HandedOver(closed, time.monotonic() - began - closed, records, carried)


async def _give_up(rebuild: Rebuild) -> None:
    await asyncio.shield(give_up_handover(rebuild.database, rebuild.domain.service, rebuild.live, rebuild.token))


async def _refuse_lag(rebuild: Rebuild) -> None:
    ends = (await bounds(rebuild.settings, LOG.full_name(rebuild.settings))).ends
    lag = sum(ends.values()) - sum((await rebuild.live_offsets()).values())
    if lag > MAX_LIVE_LAG:
        raise Transient(
            f"the live {rebuild.domain.service} is {lag} records behind the log; wait until it has caught up"
        )


async def _closed_offsets(rebuild: Rebuild) -> dict[int, int]:
    query = {"_id": {"$regex": f"^g{rebuild.live}/"}, "closed": rebuild.token}
    async with transient_errors():
        positions = rebuild.database[f"{rebuild.domain.service}_positions"]
        return {document["partition"]: document["offset"] async for document in positions.find(query)}


async def published_after(rebuild: Rebuild, final: Mapping[int, int]) -> list[str]:
    """Keys with decisions of this service after these offsets: every pending one is among them, as a decision is on
    the log before the batch that made it commits, and is pending no more once it has been read back.
    """
    ends = (await bounds(rebuild.settings, LOG.full_name(rebuild.settings))).ends
    keys: dict[str, None] = {}
    async for batches in rebuild.tail.read(final, {p: ends[p] for p in final}, max_records=BATCH_RECORDS):
        for records in batches.values():
            for record in records:
                try:
                    name, _ = type_and_position(record.headers)
                    if name in rebuild.domain.decides and record.key is not None:
                        keys[record.key.decode()] = None
                except (Malformed, UnicodeDecodeError):
                    continue
    return list(keys)


async def carry_over(rebuild: Rebuild, session: Session, keys: Collection[str]) -> int:
    """Write the live generation's pending decisions and marks into the new one's documents."""
    domain, live = rebuild.domain, rebuild.store(rebuild.live)
    target = rebuild.store(rebuild.target, mark=BUILDING)
    by_address = {(domain.collection(key), key.partition(":")[2]): key for key in keys}
    for name in {domain.collection("customer:"), *(collection for collection, _ in by_address)}:
        soon: dict[str, Any] = {"$or": [{"review_at": {"$lte": EPOCH}}, {"review_at": None}]}
        query = {"partition": {"$in": list(range(rebuild.settings.partitions))}, **soon, "marked_due": True}
        async for document in live.collection(name).find(query, {"_id": 1}, session=session):
            by_address.setdefault((name, document["_id"]), _key(rebuild, name, document["_id"]))
    old = await StateSession(live, session).load(by_address)
    new = await StateSession(target, session).load(by_address)
    writes = Writes()
    if domain.counts_told:
        writes.documents = await _still_frozen(rebuild, session)
    for address, key in by_address.items():
        document, built = old.get(address), new.get(address)
        if document is None or built is None or "fold" not in built or built.get("incomplete_since"):
            continue
        if not document.get("pending") and not document.get("marked_due"):
            continue
        entity = load_entity(domain, key, built)
        entity.marked_due = document.get("marked_due", False)
        carry(entity, stored_pending(document))
        made = entity.document()
        writes.fields[address] = {name: made[name] for name in CARRIED if name in made}
    await StateSession(target, session).save(writes)
    return len(writes.fields)


async def _still_frozen(rebuild: Rebuild, session: Session) -> dict[Address, Document]:
    """The documents of the live generation that are frozen, to stand as they are: they know how much was told. Those of
    another fold version count otherwise.
    """
    query = {"_id": {"$regex": f"^g{rebuild.live}/"}, "repaired": {"$ne": True}}
    quarantine = rebuild.database[f"{rebuild.domain.service}_quarantine"]
    keys = {one["key"] async for one in quarantine.find(query, {"key": 1}, session=session) if one["key"]}
    addresses = [(rebuild.domain.collection(key), key.partition(":")[2]) for key in keys]
    found = await StateSession(rebuild.store(rebuild.live), session).load(addresses)
    generation, version = {"generation": rebuild.target}, rebuild.domain.fold_version
    return {
        at: one | generation
        for at, one in found.items()
        if one.get("incomplete_since") is not None and one.get("fold_version", version) == version
    }


def _key(rebuild: Rebuild, collection: str, document_id: str) -> str:
    kind = "customer" if collection == rebuild.domain.collection("customer:") else "representative"
    return f"{kind}:{document_id}"
