"""What must hold where guanxi's own services fold: the decisions are those of a fold with one thread and no faults."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.events.codec import decode
from shared.events.event import Event, LogPosition, Position
from shared.events.facts import CustomerReviewed
from shared.fold.domain import Domain
from shared.fold.entity import Entity, new_entity
from tests.sim.arrivals import REVIEWED, LogEntry
from tests.sim.checks import Aftermath, Broken
from tests.sim.topics import GENERATION

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BY_FACTS_ALONE = frozenset({"tiering"})
"""Services that fold no decisions of others: theirs are the same without any review."""


def decisions_are_those_of_the_log(after: Aftermath) -> None:
    """Invariants 6, 7: what is decided follows from the order of the log, whoever owned what and whoever died; for a
    service that folds facts alone it follows without the reviews.
    """
    if after.world.plan.disagree:
        return
    for service in after.world.scenario.services:
        domain = service.make(after.world.parts, after.world.plan.policies)
        for partition in after.log:
            for key, entries in by_key(partition).items():
                accepted = _accepted(domain, entries)
                expected = _expected(domain, key, entries, reviews=service.name not in _BY_FACTS_ALONE)
                if accepted != expected:
                    raise Broken(f"{service.name}, {key}: accepted {accepted}, the log calls for {expected}")


def nothing_waits(after: Aftermath) -> None:
    """Invariant 6: what was lost, dropped or came due has been decided by the time all is quiet."""
    for service in after.world.scenario.services:
        for document in after.world.mongo.find(f"{service.documents}_g{GENERATION}", {}):
            if document.get("incomplete_since"):
                raise Broken(f"{document['_id']} is frozen in {service.name}")
            due_at = document["due_at"]
            if document.get("pending") or document.get("marked_due") or (due_at is not None and due_at <= after.now):
                raise Broken(f"{document['_id']} waits in {service.name}: {document.get('pending')}, due {due_at}")


def by_key(partition: list[LogEntry]) -> dict[str, list[LogEntry]]:
    keys: dict[str, list[LogEntry]] = {}
    for entry in partition:
        assert entry.record.key is not None, "the log is keyed"
        keys.setdefault(entry.record.key.decode(), []).append(entry)
    return keys


def _accepted(domain: Domain[Any, Any], entries: list[LogEntry]) -> list[str]:
    accepted: list[str] = []
    for _, document, _ in entries:
        if document["type"] in domain.decides:
            data = document["data"]
            if data["version"] == len(accepted) + 1 and data["after"] == (accepted[-1] if accepted else None):
                accepted.append(document["id"])
    return accepted


def _expected(domain: Domain[Any, Any], key: str, entries: list[LogEntry], *, reviews: bool) -> list[str]:
    entity = new_entity(domain, key)
    expected: list[str] = []
    last = EPOCH
    for entry in entries:
        event = event_of(entry)
        if event.type in domain.folds:
            if entry.position is not None:
                last = max(last, event.recorded_at)
            if reviews or event.type != REVIEWED:
                expected += _folded(entity, event)
    if not reviews and last > EPOCH:
        # Time has passed up to the last record, whatever it was.
        review = Event(REVIEWED, "", "", entity.subject, last, CustomerReviewed(), last, LogPosition(0, 0, 0))
        expected += _folded(entity, review)
    return expected


def _folded(entity: Entity[Any, Any], event: Event) -> Iterator[str]:
    for decision in list(entity.fold(event, deciding=True)):
        list(entity.fold(decision, deciding=True))  # on the log at once, and alone there
        yield decision.id


def event_of(entry: LogEntry) -> Event:
    record = entry.record
    assert record.value is not None, "the log has no empty records"
    recorded_at = EPOCH + timedelta(milliseconds=record.timestamp)
    position = None if entry.position is None else Position(*entry.position)
    log = LogPosition(GENERATION, record.partition, record.offset)
    return decode(record.value, recorded_at=recorded_at, log=log, inbox=position)


CHECKS: tuple[Callable[[Aftermath], None], ...] = (decisions_are_those_of_the_log, nothing_waits)
