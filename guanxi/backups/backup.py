"""Taking a backup while everything goes on.

The order makes it consistent. What is read first may be behind what is read later, never ahead of it:

1. the positions: of admission on the inbox, of the services on the log;
2. the log, up to its ends of then: so all that was admitted before the position of 1 is on it;
3. claims, names of persons, policies: so the claim of each record on that log is among them;
4. the inbox, from the position of 1 to its ends of now: so what was claimed, and is not on that log, is on it.

To go on from there is to go on from a crash at the positions of 1: records that stand on the log already are admitted
once more with the same verdict and the same position, and readers pass over them.

States and views are not kept: they are the fold of the log, are folded again at a restore, and would need a moment at
which nothing moves.
"""

import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from guanxi.backups.files import Folder, Manifest
from guanxi.rebuilding.progress import Steps
from guanxi.rebuilding.run import now
from guanxi.rebuilding.services import FOLDING
from services.ingest.store import POSITIONS
from shared.kafka.connection import Record
from shared.kafka.follow import Follower
from shared.kafka.scan import bounds
from shared.mongo import Database, transient_errors
from shared.mongo.dump import count, read_all, stored_collections
from shared.mongo.generations import current_generation, log_generation
from shared.settings import Settings
from shared.topics import INBOX, LOG, REJECTED, TIERS, Topic

CHUNK = 1_000
WAITING = {"$or": [{"pending": {"$exists": True}}, {"marked_due": True}]}
"""Documents that a restore marks due: a decision may be waiting of which the log does not say so yet."""
_NOT_KEPT = re.compile(rf"_g\d+$|^(generations|setup|backfills|{POSITIONS})$")
"""The positions of admission are those that were read first, and stand in the manifest: read here, they would be ahead
of the log.
"""


async def back_up(settings: Settings, database: Database, path: Path) -> Manifest:
    """Write a backup into a new folder. Raises Stop when it is not empty, Transient when a server does not answer."""
    await log_generation(database, settings)
    folder = Folder(path)
    manifest = await _positions(settings, database)
    with Steps() as steps:
        held = await bounds(settings, LOG.full_name(settings))
        manifest.ends = {str(partition): end for partition, end in held.ends.items()}
        await _topic(settings, folder, steps, LOG, held.begins, held.ends)
        for service in FOLDING:
            await _waiting(database, folder, service)
        for collection in await stored_collections(database):
            if not _NOT_KEPT.search(collection) and not _of_a_fold(collection):
                await _collection(database, folder, steps, collection)
        for topic in (REJECTED, TIERS):
            held = await bounds(settings, topic.full_name(settings))
            await _topic(settings, folder, steps, topic, held.begins, held.ends)
        held = await bounds(settings, INBOX.full_name(settings))
        admitted = {partition: manifest.admitted.get(str(partition), 0) for partition in held.ends}
        start = {partition: max(held.begins[partition], offset) for partition, offset in admitted.items()}
        await _topic(settings, folder, steps, INBOX, start, held.ends)
    folder.finish(manifest)
    return manifest


async def _positions(settings: Settings, database: Database) -> Manifest:
    inbox = await current_generation(database, "inbox")
    generations = {service: await current_generation(database, service) for service in FOLDING}
    return Manifest(
        made_at=now().isoformat(timespec="seconds"),
        partitions=settings.partitions,
        time_zone=settings.time_zone,
        log_generation=settings.log_generation,
        inbox_generation=inbox,
        generations=generations,
        admitted=await _stored(database, POSITIONS, f"{inbox}/"),
        folded={s: await _stored(database, f"{s}_positions", f"g{g}/") for s, g in generations.items()},
    )


async def _stored(database: Database, collection: str, prefix: str) -> dict[str, int]:
    async with transient_errors():
        found = database[collection].find({"_id": {"$regex": f"^{prefix}"}})
        return {document["_id"].removeprefix(prefix): document["offset"] async for document in found}


def _of_a_fold(collection: str) -> bool:
    return collection in {f"{service}_{what}" for service in FOLDING for what in ("positions", "quarantine")}


async def _topic(
    settings: Settings,
    folder: Folder,
    steps: Steps,
    topic: Topic,
    start: Mapping[int, int],
    end: Mapping[int, int],
) -> None:
    step = steps.step(f"topic {topic.name}", sum(end[p] - start[p] for p in end))
    for partition in sorted(end):
        with folder.part(f"kafka/{topic.name}/{partition}") as part:
            if start[partition] == end[partition]:
                continue  # aiokafka's consumer does not take being stopped before it has read anything
            async with Follower(settings, topic.full_name(settings)) as follower:
                follower.seek(partition, start[partition])
                async for records in follower.read(end[partition]):
                    step.add(part.add(_document(record) for record in records))


def _document(record: Record) -> dict[str, Any]:
    headers = [[name, value] for name, value in record.headers]
    return {"o": record.offset, "t": record.timestamp, "k": record.key, "v": record.value, "h": headers}


async def _collection(database: Database, folder: Folder, steps: Steps, collection: str) -> None:
    step = steps.step(f"collection {collection}", await count(database, collection))
    with folder.part(f"mongo/{collection}") as part:
        async for some in _chunks(read_all(database, collection)):
            step.add(part.add(some))


async def _waiting(database: Database, folder: Folder, service: str) -> None:
    generation = await current_generation(database, service)
    with folder.part(f"waiting/{service}") as part:
        for name in FOLDING[service].schema.collections:
            async for document in read_all(database, f"{name}_g{generation}", WAITING):
                part.add([{"collection": name, "id": document["_id"]}])


async def _chunks(documents: AsyncIterator[dict[str, Any]]) -> AsyncIterator[list[dict[str, Any]]]:
    held: list[dict[str, Any]] = []
    async for document in documents:
        held.append(document)
        if len(held) == CHUNK:
            yield held
            held = []
    if held:
        yield held
