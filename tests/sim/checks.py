"""What must hold when the system has come to rest, one function per promise of architecture.md."""

import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

from shared.kafka.connection import partition_of
from tests.sim import arrivals
from tests.sim.arrivals import LogEntry, Meant
from tests.sim.kafka import SimRecord
from tests.sim.plan import PARTITIONS
from tests.sim.topics import GENERATION, INBOX, LOG, REJECTED
from tests.sim.world import World

REBUILT_GENERATION = 2
NOT_REBUILT = ("due_at", "review_at", "marked_due", "pending", "projected_at", "generation", "live")
"""Fields of a document that a rebuild does not know: what is due is worked out when it takes over."""


Place = tuple[int, int, int]
"""Generation, partition and offset on the inbox."""


class Broken(AssertionError):  # noqa: N818 - it says what was broken
    """A promise that a run broke."""


class Aftermath:
    """What a run left, read once."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.inbox = [record for records in world.kafka.partitions(INBOX) for record in records if not record.control]
        self.arrived = [((GENERATION, r.partition, r.offset), r, arrivals.meant(r)) for r in self.inbox]
        self.log = [list(arrivals.entries(records)) for records in world.kafka.partitions(LOG)]
        self.now = world.wall()
        self.erased = {
            (entry.record.key or b"") for partition in self.log for entry in partition if arrivals.is_erasing(entry)
        }
        """The keys of which somebody was erased."""
        self.decided = sum(entry.position is None for partition in self.log for entry in partition)
        self.memo: dict[str, Any] = {}
        """What a scenario's checks have worked out already."""

    def facts(self) -> Iterator[LogEntry]:
        """Facts and reviews on the log, repeats left out."""
        for partition in self.log:
            for entry in partition:
                if entry.position is not None:
                    yield entry


def processes_went_on(after: Aftermath) -> None:
    """Nothing gave up, nothing failed in a way that nobody foresaw."""
    world = after.world
    if world.loop.crashes:
        raise Broken(f"an exception that nobody took care of: {world.loop.crashes[0]}")
    if world.stopped:
        raise Broken(f"stopped: {world.stopped[0]}")
    if world.unexpected:
        raise Broken(f"unexpected: {world.unexpected[0]}")


def positions_never_fall(after: Aftermath) -> None:
    """Invariants 4, 5: what has been read counts as read."""
    if after.world.lowered:
        raise Broken(after.world.lowered[0])


def same_position_same_record(after: Aftermath) -> None:
    """Invariant 3: the same position repeats the same output."""
    seen: dict[object, bytes | None] = {}
    for records in after.world.kafka.partitions(LOG):
        for record in records:
            position = arrivals.position_of(record)
            if position is not None and record.key in after.erased:
                continue  # what is read again there has lost a name meanwhile, and counts not again
            if position is not None and seen.setdefault(position, record.value) != record.value:
                raise Broken(f"position {position} is on the log with two contents")


def log_is_complete(after: Aftermath) -> None:
    """Invariants 2, 3, 4: each inbox record is on the log once, or refused for a good reason, or a repeat."""
    first = [entry for entry in after.facts() if entry.position is not None and entry.position[3] == 0]
    on_log = {entry.position[:3]: entry for entry in first if entry.position is not None}
    count = len(first)
    if count != len(on_log):
        raise Broken(f"{count} facts on the log, of {len(on_log)} positions")
    refused = _refusals(after)
    accepted: dict[tuple[str, ...], dict[int, str]] = {}
    for position, _, one in after.arrived:
        if position in on_log:
            _admitted_rightly(position, on_log[position], one, accepted.setdefault(one.key, {}))
            if position in refused:
                raise Broken(f"{position} was admitted and refused")
    for key, revisions in accepted.items():
        _moved_rightly(key, [json.loads(revisions[number]) for number in sorted(revisions)])
    for position, record, one in after.arrived:
        revisions = accepted.get(one.key, {})
        if position in refused:
            _refused_rightly(position, refused[position], record, one, revisions)
        elif position not in on_log and revisions.get(one.revision) != one.content:
            raise Broken(f"{position} ({one.key} revision {one.revision}) was acknowledged and is nowhere")


def _moved_rightly(key: tuple[str, ...], accepted: list[list[Any]]) -> None:
    """A record keeps its subject, until it is voided there and sent again."""
    for (name, subject, *_), (later_name, later_subject, *_) in pairwise(accepted):
        if subject != later_subject and (name != arrivals.VOIDED or later_name == arrivals.VOIDED):
            raise Broken(f"{key} went from {subject} to {later_subject} without a void")


def _refusals(after: Aftermath) -> dict[Place, str]:
    refused: dict[Place, str] = {}
    for records in after.world.kafka.partitions(REJECTED):
        for record in records:
            headers = dict(record.headers)
            generation, partition, offset = map(int, headers["guanxi-position"].split(b"/"))
            position, reason = (generation, partition, offset), headers["guanxi-reason"].decode()
            if refused.setdefault(position, reason) != reason:
                raise Broken(f"{position} was refused as {refused[position]} and as {reason}")
    return refused


def _admitted_rightly(position: Place, entry: LogEntry, one: Meant, revisions: dict[int, str]) -> None:
    if revisions.setdefault(one.revision, one.content) != one.content:
        raise Broken(f"{one.key} revision {one.revision} is on the log with two contents")
    key = one.log_key.encode()
    if entry.record.key != key or entry.record.partition != partition_of(key, PARTITIONS):
        raise Broken(f"{position} is on the log under a wrong key")


def _refused_rightly(position: object, reason: str, record: SimRecord, one: Meant, revisions: dict[int, str]) -> None:
    if reason == "in_future":
        right = arrivals.is_early(record, one.document)
    elif reason == "too_old":
        right = arrivals.is_late(record, one.document)
    elif reason == "superseded":
        right = any(revision > one.revision for revision in revisions)
    elif reason == "subject_changed":
        right = any(json.loads(content)[1] != one.subject for content in revisions.values())
    elif reason == "conflicting_repeat":
        right = revisions.get(one.revision, one.content) != one.content
    else:
        right = False
    if not right:
        raise Broken(f"{position} ({one.key} revision {one.revision}) was refused as {reason}")


def texts_are_beside_the_log(after: Aftermath) -> None:
    """Invariants 3, 11: what the log refers to is stored, and is what was sent at that position; nothing else is. What
    an erased person's customers have is looked at elsewhere (checks_outputs.py).
    """
    sent = {position: one.document["data"] for position, _, one in after.arrived}
    stored = {
        document["_id"]: document["text"]
        for document in after.world.mongo.find("texts", {})
        if document["key"].encode() not in after.erased
    }
    wanted: dict[str, str] = {}
    for entry in after.facts():
        assert entry.position is not None
        if entry.record.key in after.erased or entry.position[3]:
            continue
        wanted.update(_told(entry.document["data"], sent[entry.position[:3]]))
    if wanted != stored:
        differing = sorted(key for key in wanted.keys() | stored.keys() if wanted.get(key) != stored.get(key))
        one = differing[0]
        raise Broken(f"{one}: {stored.get(one)!r} is stored of {wanted.get(one)!r}, and {len(differing)} differ")


def _told(logged: Any, sent: Any) -> Iterator[tuple[str, str]]:
    """The ids on the log, with the text that was sent at their place."""
    if isinstance(logged, dict) and "text_id" in logged:
        yield logged["text_id"], sent
    elif isinstance(logged, dict) and isinstance(sent, dict):
        for name in logged.keys() & sent.keys():
            yield from _told(logged[name], sent[name])
    elif isinstance(logged, list) and isinstance(sent, list):
        for one, other in zip(logged, sent, strict=True):
            yield from _told(one, other)


def rebuild_equals_live(after: Aftermath) -> None:
    """Invariants 1, 6: folding the log afresh, deciding nothing, gives the same documents."""
    world = after.world
    if world.plan.disagree and world.scenario.keeps_policy:
        return
    for collection in [name.removesuffix("_g1") for name in world.mongo.names() if name.endswith("_g1")]:
        live, rebuilt = (
            {
                document["_id"]: {name: value for name, value in document.items() if name not in NOT_REBUILT}
                for document in world.mongo.find(f"{collection}_g{generation}", {})
            }
            for generation in (GENERATION, REBUILT_GENERATION)
        )
        for name in live.keys() | rebuilt.keys():
            if live.get(name) != rebuilt.get(name):
                raise Broken(f"{collection}, {name}: live {live.get(name)}, rebuilt {rebuilt.get(name)}")


CHECKS: tuple[Callable[[Aftermath], None], ...] = (
    processes_went_on,
    positions_never_fall,
    same_position_same_record,
    log_is_complete,
    texts_are_beside_the_log,
)
"""What holds in every scenario."""
