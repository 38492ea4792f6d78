"""Restores claims that were lost from MongoDB, from the log: without its claim a record sent again counts twice.

Services may keep running: admission claims a record before it is on the log, so a record there without a claim is one
whose claim was lost. A claim that admission changes in the meantime is read and restored again.
"""

from collections.abc import AsyncIterator, Callable, Collection
from datetime import datetime

from services.ingest.admit.from_log import Claimed, claimed, restored
from services.ingest.store import MongoClaims
from shared.errors import Malformed, Stop, Transient
from shared.events.codec import type_and_position
from shared.kafka.follow import Follower
from shared.kafka.scan import bounds
from shared.mongo import Database
from shared.settings import Settings
from shared.topics import LOG

MAX_LOST = 200_000
"""Identities restored in one run, since they are in memory; run it again for the rest."""
TRIES = 5


async def reclaim(settings: Settings, database: Database, now: datetime, *, note: Callable[[str], None]) -> int:
    """Restore what is missing; gives how many claims. Raises Transient when admission changed some at each try."""
    claims = MongoClaims(database)
    lost: set[bytes] = set()
    async for some in _on_log(settings, now):
        known = await claims.find(list({one.identity for one in some}))
        lost |= {one.identity for one in some if restored(known.get(one.identity), [one]) is not None}
        if len(lost) >= MAX_LOST:
            note(f"{len(lost):,} claims are missing and are restored now; run it again for the rest")
            break
    if not lost:
        return 0
    found: dict[bytes, list[Claimed]] = {identity: [] for identity in lost}
    async for some in _on_log(settings, now):
        for one in some:
            if one.identity in found:
                found[one.identity].append(one)
    left: Collection[bytes] = lost
    for _ in range(TRIES):
        known = await claims.find(list(left))
        wanted = {one: made for one in left if (made := restored(known.get(one), found[one])) is not None}
        if not wanted or await claims.claim(list(wanted.values())):
            return len(lost)
        left = wanted
    raise Transient("admission changed some of these claims at each try: run it again")


async def _on_log(settings: Settings, now: datetime) -> AsyncIterator[list[Claimed]]:
    """What must be claimed, some records at a time, from the log's beginning to its end of now."""
    topic = LOG.full_name(settings)
    held = await bounds(settings, topic)
    if any(held.begins.values()):
        raise Stop(f"{topic} has lost its first records: restore a backup (docs/backup.md)")
    async with Follower(settings, topic) as follower:
        for partition, end in held.ends.items():
            follower.seek(partition, 0)
            async for records in follower.read(end):
                some = []
                for record in records:
                    try:
                        name, position = type_and_position(record.headers)
                    except Malformed:
                        continue  # not ours: `guanxi verify log` says so
                    if position is None or record.key is None or record.value is None:
                        continue
                    one = claimed(record.key, record.value, name, position)
                    if one is not None and (one.expires_at is None or one.expires_at > now):
                        some.append(one)
                if some:
                    yield some
