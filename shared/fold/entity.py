"""What is known of one key while the processor works on it: facts folded, decisions accepted, decisions pending."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic

from shared.errors import Stop
from shared.events.codec import decision_id, decode_json, dump_decision, encode_json
from shared.events.decisions import Decision
from shared.events.event import Event, LogPosition
from shared.events.registry import DECISIONS, FACTS, NAMES
from shared.fold.domain import Domain, Row, S, T
from shared.fold.private import Bookkeeping

MAX_CATCH_UP_STEPS = 20_000
"""Due days decided before one event; more would be a domain whose time does not pass."""
WAITING = datetime(1970, 1, 1, tzinfo=UTC)
"""The due instant of those who wait for a review already."""
NEVER = datetime(9999, 12, 31, tzinfo=UTC)
"""When those are reviewed for whom nothing changes by time alone."""
MAX_PENDING = 1_000
"""Decisions published and not read back; the log is far behind or does not take them."""


class Pending:
    """A decision that was published and has not been read back yet. `dumped` is its JSON-ready form, where it has been
    made: for the id, the log, the stored document and the history alike.

    Many wait where a backlog is folded, each some ten times as large as its text: so what is kept is the text.
    """

    __slots__ = ("_decision", "_dumped", "_text", "id", "type")

    def __init__(self, id: str, decision: Decision, dumped: dict[str, Any] | None = None) -> None:  # noqa: A002
        self.id, self.type = id, NAMES[type(decision)]
        self._decision: Decision | None = decision
        self._dumped, self._text = dumped, b""

    def __eq__(self, other: object) -> bool:
        """An id is the hash of its decision."""
        return isinstance(other, Pending) and self.id == other.id

    __hash__ = None  # type: ignore[assignment]

    @property
    def decision(self) -> Decision:
        """What was decided."""
        return DECISIONS[self.type].model_validate(self.data()) if self._decision is None else self._decision

    def data(self) -> dict[str, Any]:
        """The decision, JSON-ready; not to be changed."""
        if self._dumped is not None:
            return self._dumped
        if self._decision is not None:
            return dump_decision(self._decision)
        data: dict[str, Any] = decode_json(self._text)
        return data

    def pack(self) -> int:
        """Keep the text alone; gives about how many bytes it takes in memory."""
        if self._decision is not None:
            self._text = encode_json(self.data())
            self._decision = self._dumped = None
        return _PACKED_BYTES + len(self._text)


_PACKED_BYTES = 250


@dataclass(slots=True)
class Entity(Generic[S, T]):
    """State, standing and pending decisions of one key (architecture.md, invariant 6).

    `head` is the standing with what is pending on top: deciding sees it, readers never do. `marked_due` says that a
    decision may be waiting which no fact has set off. `live` says that a fact came that was no history; `behind` that
    the last one was history: the customer's clock stands in the past until a review brings it to today. `review_at` is
    the stored one (`next_review`). `took`: the last record was folded or accepted, and not passed over.
    """

    domain: Domain[S, T]
    key: str
    state: S
    standing: T
    head: T
    pending: list[Pending] = field(default_factory=list)
    marked_due: bool = False
    live: bool = False
    behind: bool = False
    review_at: datetime | None = None
    log: LogPosition | None = None
    recorded_at: datetime | None = None
    history: list[Row] = field(default_factory=list)
    accepted: list[Event] = field(default_factory=list)
    took: bool = False

    @property
    def subject(self) -> str:
        """The id behind the key's kind."""
        return self.key.partition(":")[2]

    def fold(self, event: Event, *, deciding: bool) -> Iterator[Event]:
        """Fold one record; gives the decisions to publish, as they are made."""
        self.log, self.recorded_at = event.log, event.recorded_at
        self.took = False
        if event.type in self.domain.decides:
            self._arbitrate(event, deciding=deciding)
        elif event.type in DECISIONS:
            # Of a service before this one. One that was made of history, or in the midst of it, is history too.
            if self.domain.accepts(self.state, event):
                yield from self._fold(event, event.time, history=event.backfill or self.behind, deciding=deciding)
        else:
            if not event.backfill and FACTS[event.type].is_live:
                self.live = True
            yield from self._fold(event, event.clock, history=event.backfill, deciding=deciding)

    def _fold(self, event: Event, clock: datetime, *, history: bool, deciding: bool) -> Iterator[Event]:
        """Catch up with the due days up to the clock, fold, decide. Services after the first fold history without
        deciding, since the decisions of those before them are still to come; the review at its end decides, first as
        of where history ended, so that it does not matter when it comes (domain.md, Time).
        """
        self.took = True
        was_behind, self.behind = self.behind, history
        if not self.domain.decides or (history and not self.domain.decides_history):
            deciding = False
        if deciding:
            if was_behind and not self.domain.decides_history:
                yield from self._decide(None)
            yield from self._catch_up(clock)
        self.domain.advance(self.state, clock)
        self.state = self.domain.evolve(self.state, event)
        self.marked_due = False
        if deciding:
            yield from self._decide(event.id)

    def decide_now(self, set_off_by: str | None) -> Iterator[Event]:
        """The decisions due as of the clock, for who was folded without deciding."""
        self.marked_due = False
        if self.domain.clock(self.state) is not None:
            yield from self._decide(set_off_by)

    def _catch_up(self, clock: datetime) -> Iterator[Event]:
        for _ in range(MAX_CATCH_UP_STEPS):
            due = self.domain.next_due(self.state, self.head)
            if due is None or due > clock:
                return
            self.domain.advance(self.state, due)
            yield from self._decide(None)
        raise ValueError(f"{self.key}: more than {MAX_CATCH_UP_STEPS} due days before {clock}")

    def _decide(self, set_off_by: str | None) -> Iterator[Event]:
        at = self.domain.clock(self.state)
        for decision in self.domain.decide(self.state, self.head, set_off_by):
            if len(self.pending) >= MAX_PENDING:
                raise Stop(f"{self.key}: {MAX_PENDING} decisions were published and not read back")
            dumped = dump_decision(decision)
            name = decision_id(self.subject, decision, dumped)
            self.pending.append(Pending(name, decision, dumped))
            self.head = self.domain.accept(self.head, decision, name)
            assert at is not None, "a decision is made as of a clock"
            event = Event(
                type=NAMES[type(decision)],
                id=name,
                source=f"guanxi/{self.domain.service}",
                subject=self.subject,
                time=at,
                data=decision,
                recorded_at=at,
                log=LogPosition(0, 0, 0),
                backfill=self.behind,
            )
            event.dumped = dumped
            yield event

    def _arbitrate(self, event: Event, *, deciding: bool) -> None:
        version, last = self.domain.version(self.standing)
        decision = event.data
        if decision.version != version + 1 or decision.after != last:
            return  # the first on the log has won already
        self.standing = self.domain.accept(self.standing, decision, event.id)
        self.accepted.append(event)
        self.took = True
        expected = bool(self.pending) and self.pending[0].id == event.id
        if expected:
            event.dumped = self.pending[0].data()
        row = self.domain.history(self.key, event)
        if row is not None:
            self.history.append(row)
        if expected:
            del self.pending[0]
            return
        self.pending.clear()
        self.head = self.standing
        self.marked_due = deciding

    def due_at(self) -> datetime | None:
        """When the sweep should send a review: the epoch when a decision may be waiting already, and after history,
        whose customers are all reviewed at its end (domain.md, Age). Who decides nothing needs none.
        """
        if not self.domain.decides:
            return None
        if self.marked_due or self.behind:
            return WAITING
        return self.domain.next_due(self.state, self.head)

    def next_review(self, due_at: datetime | None) -> datetime:
        """When the sweep sends a review: never after `due_at`, but perhaps before it. `due_at` moves with most events,
        and a field that an index holds costs as much to write as all the others: so this one moves only when it must.
        A review that comes too early changes nothing but this.
        """
        due, clock = NEVER if due_at is None else due_at, self.domain.clock(self.state)
        if self.review_at is None or clock is None or not clock < self.review_at <= due:
            self.review_at = due
        return self.review_at

    def document(self) -> dict[str, Any]:
        """The stored document, less what only the processor knows of where and when."""
        document = self.domain.document(self.state, self.standing)
        document.update(self._bookkeeping())
        return document

    def _bookkeeping(self) -> Bookkeeping:
        due = self.due_at()
        kept: Bookkeeping = {
            "due_at": due,
            "review_at": self.next_review(due),
            "live": self.live,
            "fold_version": self.domain.fold_version,
        }
        if self.pending:
            kept["pending"] = [{"id": p.id, "type": p.type, "data": p.data()} for p in self.pending]
        if self.marked_due:
            kept["marked_due"] = True
        if self.behind:
            kept["behind"] = True
        return kept


def new_entity(domain: Domain[S, T], key: str) -> Entity[S, T]:
    """The entity of a key that nothing is known of."""
    state, standing = domain.initial(key)
    return Entity(domain, key, state, standing, standing)


def as_now(domain: Domain[S, T], key: str, document: dict[str, Any]) -> dict[str, Any]:
    """A stored document as this program would have written it: one of an earlier fold version, which the next change of
    the customer makes one of this, is read and made again. For those who compare documents.
    """
    if document.get("fold_version", domain.fold_version) >= domain.fold_version or "fold" not in document:
        return document
    made = load_entity(domain, key, document).document()
    return {name: value for name, value in document.items() if name in _PLACE} | made


_PLACE = ("_id", "generation", "incomplete_since", "log", "partition", "projected_at", "recorded_at")
"""What the processor adds to an entity's document."""


def load_entity(domain: Domain[S, T], key: str, document: dict[str, Any]) -> Entity[S, T]:
    """The entity of a stored document; raises Stop when a newer program has written it."""
    if document["fold_version"] > domain.fold_version:
        raise Stop(
            f"{key} was written by fold version {document['fold_version']}; this program supports "
            f"{domain.fold_version}: run the newer program"
        )
    state, standing = domain.load(key, document)
    entity = Entity(domain, key, state, standing, standing)
    entity.live = document["live"]
    entity.marked_due = document.get("marked_due", False)
    entity.behind = document.get("behind", False)
    entity.review_at = document.get("review_at")
    for stored in document.get("pending", ()):
        decision = DECISIONS[stored["type"]].model_validate(stored["data"])
        entity.pending.append(Pending(stored["id"], decision))
        entity.head = domain.accept(entity.head, decision, stored["id"])
    return entity
