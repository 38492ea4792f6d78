"""What must hold when the system has come to rest, one function per promise of architecture.md."""

from collections.abc import Callable, Iterator
from typing import Any

from shared.kafka.connection import partition_of
from tests.sim import oracle
from tests.sim.kafka import SimRecord
from tests.sim.oracle import Customer, LogEntry, Meant
from tests.sim.plan import PARTITIONS
from tests.sim.topics import GENERATION, INBOX, LOG, REJECTED
from tests.sim.toy import DAYS, HISTORY, LEVELS
from tests.sim.world import World

REBUILT_GENERATION = 2
NOT_REBUILT = ("due_at", "marked_due", "pending", "projected_at", "generation", "live")
"""Fields of a document that a rebuild does not know: what is due is worked out when it takes over."""


Place = tuple[int, int, int]
"""Generation, partition and offset on the inbox."""


class Broken(AssertionError):  # noqa: N818 - it says what was broken
    """A promise that a run broke."""


class Aftermath:
    """What a run left, read once."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.inbox = [record for records in world.kafka.partitions(INBOX) for record in records]
        self.arrived = [((GENERATION, r.partition, r.offset), r, oracle.meant(r)) for r in self.inbox]
        self.log = [list(oracle.entries(records)) for records in world.kafka.partitions(LOG)]
        self.now = world.wall()
        policies = world.plan.policies
        self.customers: dict[str, Customer] = {}
        for records in world.kafka.partitions(LOG):
            self.customers |= oracle.fold(records, policies, self.now)
        self.documents = {document["_id"]: document for document in world.mongo.find(f"{LEVELS}_g1", {})}

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
            position = oracle.position_of(record)
            if position is not None and seen.setdefault(position, record.value) != record.value:
                raise Broken(f"position {position} is on the log with two contents")


def log_is_complete(after: Aftermath) -> None:
    """Invariants 2, 3, 4: each inbox record is on the log once, or refused for a good reason, or a repeat."""
    on_log = {entry.position[:3]: entry for entry in after.facts() if entry.position is not None}
    count = sum(1 for _ in after.facts())
    if count != len(on_log):
        raise Broken(f"{count} facts on the log, of {len(on_log)} positions")
    refused = _refusals(after)
    accepted: dict[tuple[str, ...], dict[int, str]] = {}
    for position, _, one in after.arrived:
        if position in on_log:
            _admitted_rightly(position, on_log[position], one, accepted.setdefault(one.key, {}))
            if position in refused:
                raise Broken(f"{position} was admitted and refused")
    for position, record, one in after.arrived:
        revisions = accepted.get(one.key, {})
        if position in refused:
            _refused_rightly(position, refused[position], record, one, revisions)
        elif position not in on_log and revisions.get(one.revision) != one.content:
            raise Broken(f"{position} ({one.key} revision {one.revision}) was acknowledged and is nowhere")


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
    key = f"customer:{one.subject}".encode()
    if entry.record.key != key or entry.record.partition != partition_of(key, PARTITIONS):
        raise Broken(f"{position} is on the log under a wrong key")


def _refused_rightly(position: object, reason: str, record: SimRecord, one: Meant, revisions: dict[int, str]) -> None:
    if reason == "in_future":
        right = oracle.is_early(record, one.document)
    elif reason == "superseded":
        right = any(revision > one.revision for revision in revisions)
    elif reason == "conflicting_repeat":
        right = revisions.get(one.revision, one.content) != one.content
    else:
        right = False
    if not right:
        raise Broken(f"{position} ({one.key} revision {one.revision}) was refused as {reason}")


def sums_are_meant(after: Aftermath) -> None:
    """Invariant 3: whatever the order and the repeats, the highest revision of each record counts, once."""
    truth = oracle.net_meant(after.inbox)
    for subject, customer in after.customers.items():
        if customer.frozen_at is None and customer.net() != truth.get(subject, {}):
            raise Broken(f"{subject}: the log nets to {customer.net()}, upstream meant {truth.get(subject)}")


def states_are_folds(after: Aftermath) -> None:
    """Invariants 1, 5, 8: each document is the fold of the log."""
    if set(after.documents) != set(after.customers):
        raise Broken(f"documents of {sorted(after.documents)}, customers {sorted(after.customers)}")
    for subject, customer in after.customers.items():
        document = after.documents[subject]
        if customer.frozen_at is not None:
            partition = partition_of(f"customer:{subject}".encode(), PARTITIONS)
            since = f"1/{partition}/{customer.frozen_at}"
            if document.get("incomplete_since") != since:
                raise Broken(f"{subject} is not frozen at {since}")
            if customer.offset is None:
                continue
        expected = _expected(customer)
        found = {name: document.get(name) for name in expected}
        if found != expected:
            raise Broken(f"{subject}: the document has {found}, the log says {expected}")
    _rows(after)


def _expected(customer: Customer) -> dict[str, Any]:
    level, version = customer.accepted[-1].level if customer.accepted else 0, len(customer.accepted)
    return {
        "level": level,
        "version": version,
        "as_of": customer.clock,
        "log": {"generation": 1, "offset": customer.offset},
        "fold": {
            "standing": [version, customer.last, level],
            "taken": len(customer.accepted),
            "net": [[day.isoformat(), minor] for day, minor in sorted(customer.net().items())],
            "ratings": [
                [at.isoformat(), event_id, source, points, until and until.isoformat()]
                for at, event_id, source, points, until in sorted(customer.ratings, key=lambda rating: rating[:3])
            ],
        },
    }


def _rows(after: Aftermath) -> None:
    days: dict[str, int] = {}
    history: dict[str, int] = {}
    for subject, customer in after.customers.items():
        days |= {f"{subject}/{day}": minor for day, minor in customer.net().items()}
        history |= {f"{subject}/{step.version}": step.level for step in customer.accepted}
    found = {document["_id"]: document["net"] for document in after.world.mongo.find(f"{DAYS}_g1", {})}
    if found != days:
        raise Broken(f"rows of days are {found}, the log says {days}")
    found = {document["_id"]: document["level"] for document in after.world.mongo.find(f"{HISTORY}_g1", {})}
    if found != history:
        raise Broken(f"rows of history are {found}, the log says {history}")


def decisions_are_those_of_the_facts(after: Aftermath) -> None:
    """Invariants 6, 7: when and how often reviews came, who owned what and who died changes no decision."""
    for subject, customer in after.customers.items():
        if after.world.plan.disagree:
            continue
        expected = customer.expected
        if customer.frozen_at is not None:
            expected = expected[: len(customer.accepted)]
        if customer.accepted != expected:
            raise Broken(f"{subject}: decided {customer.accepted}, the facts call for {expected}")


def nothing_is_left_to_decide(after: Aftermath) -> None:
    """Invariant 6: what was lost, dropped or came due has been decided by the time all is quiet."""
    for subject, customer in after.customers.items():
        if customer.frozen_at is not None:
            continue
        if oracle.may_step(customer, after.now, after.world.plan.policies):
            raise Broken(f"{subject} stands at {_expected(customer)['level']} and should not")
        document = after.documents[subject]
        if document.get("pending") or document.get("marked_due"):
            raise Broken(f"{subject} waits: {document.get('pending')}, marked {document.get('marked_due')}")


def rebuild_equals_live(after: Aftermath) -> None:
    """Invariants 1, 6: folding the log afresh, deciding nothing, gives the same documents."""
    mongo = after.world.mongo
    for collection in (LEVELS, HISTORY, DAYS):
        live, rebuilt = (
            {
                document["_id"]: {name: value for name, value in document.items() if name not in NOT_REBUILT}
                for document in mongo.find(f"{collection}_g{generation}", {})
            }
            for generation in (1, REBUILT_GENERATION)
        )
        if live != rebuilt:
            raise Broken(f"{collection}: live {live}, rebuilt {rebuilt}")


CHECKS: tuple[Callable[[Aftermath], None], ...] = (
    processes_went_on,
    positions_never_fall,
    same_position_same_record,
    log_is_complete,
    sums_are_meant,
    states_are_folds,
    decisions_are_those_of_the_facts,
    nothing_is_left_to_decide,
    rebuild_equals_live,
)
