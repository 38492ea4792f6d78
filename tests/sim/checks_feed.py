"""What must hold of the feed: who follows guanxi.changes and drops what it has seen has each change once, in order."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from services.feed.changes import ANNOUNCES
from services.feed.domain import Feed
from shared.events.registry import DECISIONS
from shared.fold.entity import new_entity
from tests.sim.arrivals import REVIEWED, LogEntry
from tests.sim.checks import NOT_REBUILT, REBUILT_GENERATION, Aftermath, Broken
from tests.sim.checks_services import EPOCH, by_key, event_of
from tests.sim.kafka import SimRecord
from tests.sim.topics import CHANGES, GENERATION

ZONE = ZoneInfo("Asia/Shanghai")
_UNTOLD = ("guanxi.representative.registered.v1", "guanxi.representative.absent.v1")
COLLECTIONS = ("feed", "feed_others", "timeline", "movements")


class Meant(NamedTuple):
    """A change as the log calls for it: where its record stands, whether it is a review, its bytes."""

    offset: int
    review: bool
    value: bytes


def _meant(after: Aftermath) -> dict[str, list[Meant]]:
    """By customer, by a fold with one thread and no faults; numbered by an oracle."""
    if not after.memo:
        for partition in after.log:
            for key, entries in by_key(partition).items():
                if key.startswith("customer:"):
                    after.memo[key] = list(_of_customer(key, entries))
    return after.memo


def _of_customer(key: str, entries: list[LogEntry]) -> Iterator[Meant]:
    entity = new_entity(Feed(ZONE), key)
    sequence = 0
    for entry, told in zip(entries, _told(entries), strict=True):
        list(entity.fold(event_of(entry), deciding=True))
        value = ANNOUNCES.tell(entity, event_of(entry)) if entity.took else None
        if (value is not None) != told:
            raise Broken(f"{key}, {entry.record.offset}: told {value!r}, the log says {told}")
        if value is not None:
            sequence += 1
            if json.loads(value)["sequence"] != f"{sequence:016}":
                raise Broken(f"{key}, {entry.record.offset}: not the change {sequence}: {value!r}")
            yield Meant(entry.record.offset, entry.document["type"] == REVIEWED, value)


def _told(entries: list[LogEntry]) -> Iterator[bool]:
    """Whether each record is told, by the wire alone: facts, the decisions that won, reviews of a new business day."""
    clock = EPOCH
    last: dict[str, tuple[int, str | None]] = {}
    for entry in entries:
        document, name = entry.document, entry.document["type"]
        if name in DECISIONS:
            version, after = last.get(document["source"], (0, None))
            won = (document["data"]["version"], document["data"]["after"]) == (version + 1, after)
            if won:
                last[document["source"]] = (version + 1, document["id"])
                clock = max(clock, datetime.fromisoformat(document["time"]))
            yield won
            continue
        before, clock = clock, max(clock, EPOCH + timedelta(milliseconds=entry.record.timestamp))
        yield name not in _UNTOLD and (name != REVIEWED or _day(before) != _day(clock))


def _day(instant: datetime) -> Any:
    return instant.astimezone(ZONE).date()


def _on_topic(after: Aftermath) -> dict[str, list[SimRecord]]:
    told: dict[str, list[SimRecord]] = {}
    for records in after.world.kafka.partitions(CHANGES):
        for record in records:
            told.setdefault((record.key or b"").decode(), []).append(record)
    return told


def changes_have_no_gap(after: Aftermath) -> None:
    """Exactly 1, 2: at each moment a follower has a beginning of what the log calls for, and what comes again comes
    byte for byte; in the end it has all of it.
    """
    meant, told = _meant(after), _on_topic(after)
    for key in meant.keys() | told.keys():
        wanted, seen = meant.get(key, []), 0
        for record in told.get(key, []):
            sequence = int(json.loads(record.value or b"")["sequence"])
            if sequence > seen + 1:
                raise Broken(f"{key}: change {sequence} came after {seen}")
            if sequence > len(wanted) or record.value != wanted[sequence - 1].value:
                raise Broken(
                    f"{key}: change {sequence} is {record.value!r}, the log calls for {wanted[sequence - 1 : sequence]}"
                )
            seen = max(seen, sequence)
        if seen != len(wanted):
            raise Broken(f"{key}: {seen} changes were told, the log calls for {len(wanted)}")


def sequence_is_of_the_fold(after: Aftermath) -> None:
    """The stored sequence is that of the log's prefix, and each record of it but reviews has its line."""
    meant = _meant(after)
    stored = {one["_id"]: one["sequence"] for one in after.world.mongo.find(f"feed_g{GENERATION}", {})}
    lines: dict[str, set[int]] = {}
    for line in after.world.mongo.find(f"timeline_g{GENERATION}", {}):
        lines.setdefault(line["customer"], set()).add(line["offset"])
    for key, wanted in meant.items():
        subject = key.partition(":")[2]
        if stored.get(subject, 0) != len(wanted):
            raise Broken(f"{key}: the stored sequence is {stored.get(subject)}, {len(wanted)} changes are called for")
        offsets = {one.offset for one in wanted if not one.review}
        if lines.get(subject, set()) != offsets:
            raise Broken(f"{key}: lines at {sorted(lines.get(subject, ()))}, records at {sorted(offsets)}")


def feed_rebuilds(after: Aftermath) -> None:
    """Folding the log afresh gives the same rows, whatever the processes knew of policies."""
    mongo = after.world.mongo
    for name in COLLECTIONS:
        live, rebuilt = (
            {
                one["_id"]: {field: value for field, value in one.items() if field not in NOT_REBUILT}
                for one in mongo.find(f"{name}_g{generation}", {})
            }
            for generation in (GENERATION, REBUILT_GENERATION)
        )
        if live != rebuilt:
            different = [one for one in live.keys() | rebuilt.keys() if live.get(one) != rebuilt.get(one)]
            raise Broken(f"{name}: {different[:3]}: live {live.get(different[0])}, rebuilt {rebuilt.get(different[0])}")


def marks_lead_to_all(after: Aftermath) -> None:
    """Exactly 3: who starts at a mark has each change of the records from there on."""
    told = _on_topic(after)
    meant = _meant(after)
    on_partition = [{(entry.record.key or b"").decode() for entry in partition} for partition in after.log]
    for mark in after.world.mongo.find("feed_marks", {}):
        for key in on_partition[mark["partition"]] & meant.keys():
            wanted = {one.value for one in meant[key] if one.offset >= mark["offset"]}
            found = {one.value for one in told.get(key, ()) if one.offset >= mark["ends"][one.partition]}
            if wanted - found:
                raise Broken(f"{key}: who starts at {mark} misses {sorted(wanted - found)[:2]}")


CHECKS: tuple[Callable[[Aftermath], None], ...] = (
    changes_have_no_gap,
    sequence_is_of_the_fold,
    feed_rebuilds,
    marks_lead_to_all,
)
