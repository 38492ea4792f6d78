"""A domain at work without a log, a store or a broker: the order of what the log processor does with one key, alone.

Records pass through the codec, so that a domain sees what it would see on the log, `replaces` included.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic

from shared.events.codec import decision_id, decode, encode
from shared.events.decisions import Decision
from shared.events.event import Event, LogPosition, Replaced
from shared.events.facts import CustomerReviewed
from shared.events.registry import DECISIONS, MODELS, REVIEWED
from shared.fold.domain import Domain, S, T
from shared.fold.entity import Entity, load_entity, new_entity
from tests.events.log import event_of
from tests.oracle.facts import VOIDED, Logged, identity, revision
from tests.oracle.wire import CUSTOMER

KEY = f"customer:{CUSTOMER}"


@dataclass
class Driven(Generic[S, T]):
    """A key that facts are folded into, its decisions read back at once. `reload` stores and loads it again before
    every record.
    """

    domain: Domain[S, T]
    entity: Entity[S, T]
    reload: bool = False
    decisions: list[Decision] = field(default_factory=list)
    rows: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    @property
    def state(self) -> S:
        return self.entity.state

    @property
    def standing(self) -> T:
        return self.entity.standing

    def fold(self, event: Event) -> None:
        """Catch up with the due days before the record, fold it, decide."""
        if self.reload:
            self.entity = load_entity(self.domain, KEY, self.entity.document())
        for decision in list(self.entity.fold(event, deciding=True)):
            self.decisions.append(decision.data)
            assert not [*self.entity.fold(decision, deciding=True)], "a service's own decision sets off none"
        self._keep_rows()

    def review(self, at: datetime) -> None:
        """Let time pass up to an instant."""
        self.fold(_reviewed("end", at))

    def document(self) -> dict[str, Any]:
        """What readers see, and the private fold."""
        return self.domain.document(self.state, self.standing)

    def _keep_rows(self) -> None:
        for row in self.domain.rows(self.state, self.standing):
            self.rows.pop((row.collection, row.id), None)
            if row.document is not None:
                self.rows[row.collection, row.id] = row.document


def begin(domain: Domain[S, T], *, reload: bool = False) -> Driven[S, T]:
    """A customer of whom nothing is known."""
    return Driven(domain, new_entity(domain, KEY), reload=reload)


def drive(domain: Domain[S, T], log: Sequence[Logged], *, reload: bool = False) -> Driven[S, T]:
    """Fold a customer's log."""
    driven = begin(domain, reload=reload)
    for event in events(log):
        if event.type in domain.folds:
            driven.fold(event)
    return driven


def events(log: Sequence[Logged]) -> Iterator[Event]:
    """The log as a fold sees it."""
    before: dict[tuple[str, ...], Event] = {}
    after: dict[str, str] = {}
    for offset, one in enumerate(log):
        position = LogPosition(0, 0, offset)
        if one.event["type"] == REVIEWED:
            yield _reviewed(one.event["id"], one.recorded_at)
            continue
        event = _event(one, position)
        if event.type in DECISIONS:
            event.data = event.data.model_copy(update={"after": after.get(event.source)})
            event.id = after[event.source] = decision_id(CUSTOMER, event.data)
        else:
            former = before.get(identity(one.event))
            if former is not None:
                content = None if former.type == VOIDED else former.data
                event.replaces = Replaced(former.revision, former.time, content)
            before[identity(one.event)] = event
        yield _through_the_codec(event)


def _event(one: Logged, position: LogPosition) -> Event:
    said = one.event
    return Event(
        type=said["type"],
        id=said["id"],
        source=said["source"],
        subject=said["subject"],
        time=one.time,
        data=MODELS[said["type"]].model_validate(said["data"]),
        recorded_at=one.recorded_at,
        log=position,
        revision=revision(one),
        backfill=one.backfill,
    )


def _through_the_codec(event: Event) -> Event:
    value, _ = encode(event)
    return decode(value, recorded_at=event.recorded_at, log=event.log)


def _reviewed(event_id: str, at: datetime) -> Event:
    return event_of(CustomerReviewed(), at, name=event_id, source="guanxi", subject=CUSTOMER)
