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
from tests.oracle.facts import VOIDED, Logged, identity, revision
from tests.oracle.wire import CUSTOMER

KEY = f"customer:{CUSTOMER}"


@dataclass
class Driven(Generic[S, T]):
    """A key that facts are folded into. `reload` stores and loads it again before every record."""

    domain: Domain[S, T]
    state: S
    standing: T
    reload: bool = False
    decisions: list[Decision] = field(default_factory=list)
    rows: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    def fold(self, event: Event) -> None:
        """Catch up with the due days before the record, fold it, decide."""
        if self.reload:
            self.state, self.standing = self.domain.load(KEY, self.document())
        if event.type in DECISIONS:
            self.state = self.domain.evolve(self.state, event)
        else:
            while (due := self.domain.next_due(self.state, self.standing)) is not None and due <= event.clock:
                self.domain.advance(self.state, due)
                self._decide(None)
            self.domain.advance(self.state, event.clock)
            self.state = self.domain.evolve(self.state, event)
            self._decide(event.id)
        self._keep_rows()

    def review(self, at: datetime) -> None:
        """Let time pass up to an instant."""
        self.fold(_reviewed("end", at))

    def document(self) -> dict[str, Any]:
        """What readers see, and the private fold."""
        return self.domain.document(self.state, self.standing)

    def _decide(self, set_off_by: str | None) -> None:
        for decision in self.domain.decide(self.state, self.standing, set_off_by):
            self.decisions.append(decision)
            self.standing = self.domain.accept(self.standing, decision, decision_id(CUSTOMER, decision))

    def _keep_rows(self) -> None:
        for row in self.domain.rows(self.state):
            self.rows.pop((row.collection, row.id), None)
            if row.document is not None:
                self.rows[row.collection, row.id] = row.document


def drive(domain: Domain[S, T], log: Sequence[Logged], *, reload: bool = False) -> Driven[S, T]:
    """Fold a customer's log."""
    driven = Driven(domain, *domain.initial(KEY), reload=reload)
    for event in events(log):
        if event.type in domain.folds:
            driven.fold(event)
    return driven


def events(log: Sequence[Logged]) -> Iterator[Event]:
    """The log as a fold sees it."""
    before: dict[tuple[str, ...], Event] = {}
    after: str | None = None
    for offset, one in enumerate(log):
        position = LogPosition(0, 0, offset)
        if one.event["type"] == REVIEWED:
            yield _reviewed(one.event["id"], one.recorded_at)
            continue
        event = _event(one, position)
        if event.type in DECISIONS:
            event.data = event.data.model_copy(update={"after": after})
            event.id = after = decision_id(CUSTOMER, event.data)
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
    return Event(REVIEWED, event_id, "guanxi", CUSTOMER, at, CustomerReviewed(), at, LogPosition(0, 0, 0))
