"""Restores a backup into an empty system.

The log and the inbox keep their offsets, so that positions, claims, and what readers skip stay true. Placeholders
before the backup's first inbox record are written and deleted at once. Then each service's views are folded from the
log up to the service's position, where the service continues when it starts.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

from pyrage.x25519 import Identity

from operations.backup.files import Manifest, Part, Source, check_part, documents_of, partition_of, read_manifest
from operations.backup.moment import as_of
from operations.persons.register import apply_again, read_register
from operations.progress import Step, Steps
from operations.rebuild.run import now
from operations.relog.run import refuse_running
from operations.retell import retell
from services import SERVICES
from shared.errors import Stop
from shared.fold.rebuild import Rebuild, clean
from shared.kafka.alter import COPYING, TopicAdmin
from shared.kafka.batches import Appender, Dated
from shared.kafka.scan import bounds
from shared.mongo import Database, transaction, transient_errors
from shared.mongo.applied import COLLECTION as APPLIED
from shared.mongo.audit import COLLECTION as AUDIT
from shared.mongo.dump import insert_all, stored_collections
from shared.mongo.generations import KEPT_FOR, raise_log_epoch
from shared.mongo.restores import begin_restore, end_restore, restore_under_way, set_generations, set_positions
from shared.mongo.schema import apply, point
from shared.settings import Settings
from shared.topics import INBOX, LOG, TOPICS, Topic

CHUNK = 2_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAY_HOLD = frozenset({"setup", "generations", "backfills", AUDIT})
"""Collections that hold something in a system that is empty otherwise, with those that set-up fills for services. The
audit log of the backup comes in place of the one here, which tells of set-ups and of this restore.
"""


async def restore(
    settings: Settings,
    database: Database,
    path: Path,
    *,
    note: Callable[[str], None],
    identities: Sequence[Identity] = (),
    erasures: Path | None = None,
    until: datetime | None = None,
) -> Manifest:
    """Restore a backup, and erase again who was erased since. Raises Stop if the system is not empty, or if the backup
    is damaged, sealed to others, or has other settings. erasures: a register of them, by `guanxi person register`.
    until: a moment before the backup; what came on the log later is left out (moment.py).
    """
    manifest, listed = read_manifest(path), [] if erasures is None else read_register(erasures)
    source = Source(path, manifest, identities)
    _refuse_settings(settings, manifest)
    with Steps(note) as steps:
        if not source.readable:
            raise Stop("the backup is sealed: name the file of a key that opens it (--identity)")
        step = steps.step("checking files", sum(part.size_bytes for part in manifest.parts))
        for part in manifest.parts:
            check_part(source, part)
            step.add(part.size_bytes)
        cut = None
        if until is not None:
            source, cut = as_of(source, until, steps)
            manifest = source.manifest
        async with TopicAdmin(settings) as admin:
            await refuse_running(settings, admin)
            await _refuse_other_notes(database, source, manifest)
            await _emptied(settings, database, admin, manifest, note)
            for topic in TOPICS:
                await _topic(settings, admin, steps, source, manifest, topic)
        for part in _parts(manifest, "mongo/"):
            await _collection(database, steps, source, part)
        admitted = [{"_id": f"{manifest.inbox_generation}/{p}", "offset": o} for p, o in manifest.admitted.items()]
        if admitted:
            await insert_all(database, SERVICES.positions[SERVICES.door.name].collection, admitted)
        await _fold(settings, database, steps, source, manifest, set() if cut is None else cut.decided)
    if cut is not None:
        told = await retell(settings, database)
        note(f"{cut.left_out:,} records of the log came later and are left out; {told:,} tiers were told again")
    known, sent = await apply_again(settings, database, listed, now(), asked_by=until)
    if known:
        note(f"{known} persons erased again; {sent} of them are not on the backup's log and were sent to the inbox")
    return manifest


def _refuse_settings(settings: Settings, manifest: Manifest) -> None:
    for name in ("partitions", "time_zone", "log_generation"):
        wanted = getattr(manifest, name)
        if getattr(settings, name) != wanted:
            raise Stop(
                f"the backup was taken with GUANXI_{name.upper()}={wanted}: use the same setting for the restore"
            )


async def _emptied(
    settings: Settings, database: Database, admin: TopicAdmin, manifest: Manifest, note: Callable[[str], None]
) -> None:
    """Ensure an empty system; removes the remains of an unfinished restore of the same backup. Raises Stop
    otherwise.
    """
    begun = await restore_under_way(database)
    if begun is None:
        await _refuse_data(settings, database, admin)
    elif begun != manifest.made_at:
        raise Stop(f"a restore of another backup, {begun}, is unfinished here")
    else:
        note("removing the remains of an interrupted restore")
    await begin_restore(database, manifest.made_at)
    for topic in TOPICS:
        if await admin.partitions(topic.full_name(settings)):
            await admin.delete(topic.full_name(settings))
    for name in await stored_collections(database):
        if name != "generations":
            async with transient_errors():
                await database[name].drop()


async def _refuse_other_notes(database: Database, source: Source, manifest: Manifest) -> None:
    """Data that was made with another key than this system's would not fit what comes."""
    for part in _parts(manifest, f"mongo/{APPLIED}."):
        for note in documents_of(source, part):
            async with transient_errors():
                here = await database[APPLIED].find_one({"_id": note["_id"]})
            if here is not None and here["value"] != note["value"]:
                raise Stop(f"the {note['_id']} here is not the backup's: restore the secrets first (docs/backup.md)")


async def _refuse_data(settings: Settings, database: Database, admin: TopicAdmin) -> None:
    for topic in TOPICS:
        name = topic.full_name(settings)
        if await admin.partitions(name) and any((await bounds(settings, name)).ends.values()):
            raise Stop(f"the topic {name} is not empty: a restore overwrites nothing")
    may_hold = MAY_HOLD.union(*(service.schema.filled for service in SERVICES.values()))
    for name in await stored_collections(database):
        async with transient_errors():
            if name not in may_hold and await database[name].find_one({}, {"_id": 1}) is not None:
                raise Stop(f"the collection {name} is not empty: a restore overwrites nothing")


async def _topic(
    settings: Settings, admin: TopicAdmin, steps: Steps, source: Source, manifest: Manifest, topic: Topic
) -> None:
    name = topic.full_name(settings)
    await admin.make(name, topic.own_partitions or manifest.partitions, topic.config() | COPYING)
    parts = _parts(manifest, f"kafka/{topic.name}/")
    begins = {int(p): offset for p, offset in manifest.admitted.items()} if topic is INBOX else {}
    step = steps.step(f"topic {topic.name}", sum(part.documents for part in parts) + sum(begins.values()))
    appender = Appender(settings, max_record_bytes=topic.max_record_bytes)
    try:
        for part in parts:
            partition = int(partition_of(part, topic.name) or 0)
            records = documents_of(source, part)
            filled = _filled(records, begins.get(partition, 0)) if topic is INBOX else records
            await _append(appender, name, partition, filled, step)
    finally:
        await appender.close()
    if topic is LOG:
        ends = {str(partition): end for partition, end in (await bounds(settings, name)).ends.items()}
        if ends != manifest.ends or step.done != sum(manifest.ends.values()):
            raise Stop(f"{name} ends at {ends}, the backup's log at {manifest.ends}")
    if begins:
        await admin.delete_before(name, begins)
    await admin.configure(name, topic.config())


async def _append(appender: Appender, name: str, partition: int, records: Iterable[dict[str, Any]], step: Step) -> None:
    for some in _in_chunks(records):
        await appender.append(
            name, [Dated(partition, one["k"], one["v"], [(n, v) for n, v in one["h"]], one["t"]) for one in some]
        )
        step.add(len(some))


def _filled(records: Iterable[dict[str, Any]], begin: int) -> Iterator[dict[str, Any]]:
    """The records at the offsets that they had, from 0 on: empty ones stand for those before `begin`, which are deleted
    afterwards, and for the ends of foreign transactions, which admission refuses as what they are: no event.
    """
    offset = 0
    at = int(now().timestamp() * 1000)
    for record in records:
        for _ in range(offset, record["o"]):
            yield {"k": None, "v": None, "h": [], "t": at}
        yield record
        offset = record["o"] + 1
    for _ in range(offset, begin):
        yield {"k": None, "v": None, "h": [], "t": at}


async def _collection(database: Database, steps: Steps, source: Source, part: Part) -> None:
    name = part.path.removeprefix("mongo/").removesuffix(".bson.gz")
    step = steps.step(f"collection {name}", part.documents)
    for some in _in_chunks(documents_of(source, part)):
        await insert_all(database, name, some)
        step.add(len(some))


async def _fold(
    settings: Settings, database: Database, steps: Steps, source: Source, manifest: Manifest, decided: Collection[str]
) -> None:
    """Fold each service's views beside an empty generation that stands where the service had come. decided: keys whose
    decisions are on the log no more.
    """
    generations = {"inbox": manifest.inbox_generation, "log": manifest.log_generation, **manifest.generations}
    await set_generations(database, generations)
    await raise_log_epoch(database, now())
    folding = SERVICES.folding
    for service in SERVICES.values():
        if service.name not in folding:
            await apply(database, service.schema, 1)
    async with AsyncExitStack() as stack:
        done = []
        for name, one in folding.items():
            await apply(database, one.schema, manifest.generations[name], with_views=False)
            offsets = {p: manifest.folded[name].get(str(p), 0) for p in range(manifest.partitions)}
            await set_positions(database, name, manifest.generations[name], manifest.log_generation, offsets)
            rebuild = Rebuild(
                settings,
                database,
                one.schema,
                await one.domain(database, settings),
                token=manifest.made_at,
                now=now,
            )
            await stack.enter_async_context(rebuild)
            step = steps.step(f"folding {name}", sum(offsets.values()))
            async for count in rebuild.fold(offsets):
                step.add(count)
            await _mark_due(database, rebuild, source, manifest, decided)
            done.append((rebuild, offsets))
        for rebuild, _ in done:
            await rebuild.generations.close(rebuild.live, rebuild.target, rebuild.token, now())
        async with transaction(database) as session:
            for rebuild, offsets in done:
                await rebuild.generations.hand_over(
                    session, rebuild.live, rebuild.target, rebuild.token, now() + KEPT_FOR, offsets=offsets
                )
            await end_restore(database, session)
        for rebuild, _ in done:
            await point(database, rebuild.schema, rebuild.target)
            await clean(database, rebuild.schema, now(), all_of_them=True)


async def _mark_due(
    database: Database, rebuild: Rebuild, source: Source, manifest: Manifest, decided: Collection[str]
) -> None:
    """Those of whom a decision was waiting, or is on the log no more: the sweep has them reviewed."""
    if not rebuild.domain.decides:
        return
    waiting = (
        (one["collection"], one["id"])
        for part in _parts(manifest, f"waiting/{rebuild.domain.service}.")
        for one in documents_of(source, part)
    )
    of_log = ((rebuild.domain.collection(key), key.partition(":")[2]) for key in decided)
    due = {"marked_due": True, "due_at": EPOCH, "review_at": EPOCH}
    async with transient_errors():
        for collection, document_id in chain(waiting, of_log):
            which = {"_id": document_id, "fold": {"$exists": True}}
            await database[f"{collection}_g{rebuild.target}"].update_one(which, {"$set": due})


def _parts(manifest: Manifest, prefix: str) -> list[Part]:
    return [part for part in manifest.parts if part.path.startswith(prefix)]


def _in_chunks(documents: Iterable[dict[str, Any]]) -> Iterator[Sequence[dict[str, Any]]]:
    held: list[dict[str, Any]] = []
    for document in documents:
        held.append(document)
        if len(held) == CHUNK:
            yield held
            held = []
    if held:
        yield held
