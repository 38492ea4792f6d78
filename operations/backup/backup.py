"""Takes a backup while the services keep running.

The order makes it consistent: earlier parts may be behind later ones, never ahead of them:

1. the positions: of admission on the inbox, of the services on the log;
2. the log, up to its ends of then: so everything admitted before the position of 1 is on it;
3. claims, names of persons, policies: so the claim of each record on that log is among them;
4. the inbox, from the position of 1 to its ends of now: so everything claimed that is not on that log is on it.

Resuming from a backup is like resuming after a crash at the positions of 1: records already on the log are admitted
again with the same verdict and position, and readers skip them. The backup has no states or views: they are the fold of
the log, are folded again at a restore, and would need a moment without changes.

The log only grows. It is written in files of LOG_RECORDS records each, so that a backup can share all but the last ones
with an earlier backup of the same log: each is whole by itself, and takes the disk and the time of what came since.
"""

import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from operations.backup.files import PACKED, Folder, Manifest, Offsets, Part, Source, partition_of, read_manifest
from operations.backup.last import note_backup
from operations.progress import Step, Steps
from operations.rebuild.run import now
from services import SERVICES
from shared.errors import Stop
from shared.kafka.connection import Record
from shared.kafka.follow import Follower
from shared.kafka.scan import bounds
from shared.mongo import Database, Document
from shared.mongo.applied import COLLECTION as APPLIED
from shared.mongo.applied import OF_DATA, PERSON_KEY, last_applied
from shared.mongo.dump import count, read_all, stored_collections
from shared.mongo.generations import current_generation, log_epoch, log_generation
from shared.mongo.jobs import COLLECTIONS as JOBS
from shared.settings import Settings
from shared.topics import INBOX, LOG, REJECTED, TIERS, Topic

CHUNK = 1_000
LOG_RECORDS = 100_000
"""Of the log in one file."""
WAITING = {"$or": [{"pending": {"$exists": True}}, {"marked_due": True}]}
"""Documents that a restore marks due: a decision may be pending that is not on the log yet."""
_NOT_KEPT = re.compile(r"_(g\d+|marks)$|^(generations|setup|backfills)$")


async def back_up(
    settings: Settings,
    database: Database,
    path: Path,
    *,
    note: Callable[[str], None],
    recipients: Sequence[str] = (),
    since: Path | None = None,
) -> Manifest:
    """Write a backup to a new folder, sealed to the recipients if there are any. since: an earlier backup, which it
    shares what it can with. Raises Stop if the folder is not empty or the earlier one is none, Malformed for what is no
    public key of age, Transient if a server does not answer.
    """
    await log_generation(database, settings)
    earlier = None if since is None else Source(since, read_manifest(since))
    folder = Folder(path, recipients)
    manifest = await _positions(settings, database)
    shared = _shared(earlier, manifest, folder, note)
    with Steps(note) as steps:
        held = await bounds(settings, LOG.full_name(settings))
        if any(held.begins.values()):
            raise Stop(
                f"{LOG.full_name(settings)} has lost its first records: a backup of the rest could not be restored. "
                "Restore an earlier one"
            )
        manifest.ends = {str(partition): end for partition, end in held.ends.items()}
        await _log(settings, folder, steps, held.ends, shared)
        for service in SERVICES.folding:
            await _waiting(database, folder, service)
        made_anew = _made_anew()
        for collection in await stored_collections(database):
            if not _NOT_KEPT.search(collection) and collection not in made_anew:
                await _collection(database, folder, steps, collection)
        await _collection(database, folder, steps, APPLIED, {"_id": {"$in": [*OF_DATA]}})
        for topic in (REJECTED, TIERS):
            held = await bounds(settings, topic.full_name(settings))
            await _topic(settings, folder, steps, topic, held.begins, held.ends)
        held = await bounds(settings, INBOX.full_name(settings))
        admitted = {partition: manifest.admitted.get(str(partition), 0) for partition in held.ends}
        start = {partition: max(held.begins[partition], offset) for partition, offset in admitted.items()}
        await _topic(settings, folder, steps, INBOX, start, held.ends)
    folder.finish(manifest)
    await note_backup(database, "made", manifest.made_at)
    return manifest


async def _positions(settings: Settings, database: Database) -> Manifest:
    inbox = await current_generation(database, "inbox")
    generations = {service: await current_generation(database, service) for service in SERVICES.folding}
    return Manifest(
        made_at=now().isoformat(timespec="seconds"),
        partitions=settings.partitions,
        time_zone=settings.time_zone,
        log_generation=settings.log_generation,
        inbox_generation=inbox,
        generations=generations,
        admitted=await _stored(database, SERVICES.door.name, inbox),
        folded={service: await _stored(database, service, number) for service, number in generations.items()},
        log_of=await _log_of(database),
    )


async def _log_of(database: Database) -> str:
    """Whose log: a restore goes on with another one from there, which its epoch tells."""
    key = await last_applied(database, PERSON_KEY)
    return sha256(f"{key}/{await log_epoch(database)}".encode()).hexdigest()[:32] if key else ""


def _shared(
    earlier: Source | None, manifest: Manifest, folder: Folder, note: Callable[[str], None]
) -> tuple[Source, Mapping[str, Part]] | None:
    """The files of an earlier backup's log, by path."""
    if earlier is None:
        return None
    was = earlier.manifest
    if not manifest.log_of or (was.log_of, was.log_generation) != (manifest.log_of, manifest.log_generation):
        note(f"{earlier.path} may be of another log, so nothing is shared with it")
        return None
    if sorted(was.recipients) != sorted(folder.recipients):
        note(f"{earlier.path} is sealed to others, so nothing is shared with it")
        return None
    return earlier, {part.path: part for part in was.parts if partition_of(part, LOG.name) is not None}


async def _stored(database: Database, service: str, generation: int) -> Offsets:
    stored = await SERVICES.positions[service].stored(database, generation)
    return {str(partition): offset for partition, offset in stored.items()}


def _made_anew() -> set[str]:
    """What a restore makes anew. Positions are those that were read first, and stand in the manifest: read later, they
    would be ahead of the log.
    """
    positions = {one.collection for one in SERVICES.positions.values()}
    fleeting = {name for service in SERVICES.values() for name in service.schema.fleeting}
    return positions | {f"{service}_quarantine" for service in SERVICES.folding} | fleeting | {*JOBS}


async def _log(
    settings: Settings,
    folder: Folder,
    steps: Steps,
    ends: Mapping[int, int],
    shared: tuple[Source, Mapping[str, Part]] | None,
) -> None:
    step = steps.step(f"topic {LOG.name}", sum(ends.values()))
    for partition, end in sorted(ends.items()):
        for start in range(0, max(end, 1), LOG_RECORDS):
            stop = min(start + LOG_RECORDS, end)
            name = f"kafka/{LOG.name}/{partition}.{start:012}"
            known = shared[1].get(f"{name}{PACKED}") if shared else None
            if shared and known and known.documents == stop - start:
                folder.share(shared[0], known)
                step.add(known.documents)
            else:
                await _records(settings, folder, step, name, LOG, partition, start, stop)


async def _topic(
    settings: Settings,
    folder: Folder,
    steps: Steps,
    topic: Topic,
    start: Mapping[int, int],
    end: Mapping[int, int],
) -> None:
    step = steps.step(f"topic {topic.name}", sum(end[p] - start[p] for p in end))
    for p in sorted(end):
        await _records(settings, folder, step, f"kafka/{topic.name}/{p}", topic, p, start[p], end[p])


async def _records(
    settings: Settings, folder: Folder, step: Step, name: str, topic: Topic, partition: int, start: int, stop: int
) -> None:
    with folder.part(name) as part:
        if start == stop:
            return  # aiokafka's consumer does not take being stopped before it has read anything
        async with Follower(settings, topic.full_name(settings)) as follower:
            follower.seek(partition, start)
            async for records in follower.read(stop):
                step.add(part.add(_document(record) for record in records))


def _document(record: Record) -> dict[str, Any]:
    headers = [[name, value] for name, value in record.headers]
    return {"o": record.offset, "t": record.timestamp, "k": record.key, "v": record.value, "h": headers}


async def _collection(
    database: Database, folder: Folder, steps: Steps, collection: str, query: Document | None = None
) -> None:
    step = steps.step(f"collection {collection}", await count(database, collection))
    with folder.part(f"mongo/{collection}") as part:
        async for some in _chunks(read_all(database, collection, query)):
            step.add(part.add(some))


async def _waiting(database: Database, folder: Folder, service: str) -> None:
    generation = await current_generation(database, service)
    with folder.part(f"waiting/{service}") as part:
        for name in SERVICES.folds(service).schema.collections:
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
