"""What a service gives the log processor: its rules, as pure functions over its state.

Two parts make up what is known of one key: the `state`, folded from facts, and the `standing`, folded from the
service's own accepted decisions. Deciding sees the state, and the standing with what is pending on top; readers see
the accepted standing only (architecture.md, invariant 6).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from shared.events.decisions import Decision
from shared.events.event import Event

S = TypeVar("S")
"""The state of one key: mutable, owned by the processor while it works on it."""
T = TypeVar("T")
"""The standing of one key: immutable."""


@dataclass(frozen=True, slots=True)
class Row:
    """One document of a service's further collections; `document` None deletes it. `_id` is not part of `document`.
    `new` says that no such document can be there yet: it is inserted, which costs half of a replacement.
    """

    collection: str
    id: str
    document: dict[str, Any] | None
    new: bool = False


Address = tuple[str, str]
"""A document: its collection, without the generation's suffix, and its id."""


class Domain(Protocol[S, T]):
    """The rules of one service. Nothing in it reads a clock, the environment or a store.

    `key` is the log's key: "customer:<id>" or "representative:<id>". The clock of a state starts at None and only
    `advance` moves it, never back. `advance` to an instant in one step or in many gives the same state. `evolve` may
    change the state that it is given and returns the one to go on with.
    """

    service: str
    """Name of the service, such as "tiering"."""
    fold_version: int
    """Version of the stored form; a process refuses a higher one."""
    folds: frozenset[str]
    """Event types that `evolve` folds, including other services' decisions. Others are skipped."""
    decides: frozenset[str]
    """Event types of the service's own decisions, which go to `accept`."""
    decides_history: bool
    """Whether history is decided as of its own time. The first of several services does; the services after it fold
    history, including its decisions, without deciding, and decide at the review that ends it."""
    counts_told: bool
    """Whether followers count what is told of a key. Then a rebuild, which tells nothing, leaves frozen who is frozen:
    a marker has what was missed told."""

    @property
    def decides_by(self) -> object:
        """The policies that the rules use; another object once they have changed."""
        ...

    def collection(self, key: str) -> str:
        """Name, without the generation's suffix, of the collection that holds the documents of such keys. Customers and
        representatives, where both are folded, have different ones: a document's id does not say its kind.
        """
        ...

    def initial(self, key: str) -> tuple[S, T]:
        """State and standing of a key that nothing is known of."""
        ...

    def clock(self, state: S) -> datetime | None:
        """The customer's clock (domain.md, Time)."""
        ...

    def advance(self, state: S, clock: datetime) -> None:
        """Move the clock; does nothing when `clock` is not later. Never decides."""
        ...

    def accepts(self, state: S, event: Event) -> bool:
        """Whether a decision of a service before this one is the next of its row (architecture.md, invariant 6)."""
        ...

    def evolve(self, state: S, event: Event) -> S:
        """Fold one fact, or an accepted decision of a service before this one. The clock has been advanced to it."""
        ...

    def accept(self, standing: T, decision: Decision, decision_id: str) -> T:
        """Fold one accepted decision of the service."""
        ...

    def version(self, standing: T) -> tuple[int, str | None]:
        """Version and id of the last decision in a standing: (0, None) at the start."""
        ...

    def next_due(self, state: S, standing: T) -> datetime | None:
        """The first instant after the clock at which time alone changes an input of a decision, or None."""
        ...

    def decide(self, state: S, standing: T, set_off_by: str | None) -> Sequence[Decision]:
        """The decisions due as of the clock, in order; each carries the next version and `after`. `set_off_by` is the
        id of the event just folded, None when a due day was reached.
        """
        ...

    def document(self, state: S, standing: T) -> dict[str, Any]:
        """Public fields, and the private fold under "fold", in BSON's types (no `date`), without `_id`."""
        ...

    def load(self, key: str, document: dict[str, Any]) -> tuple[S, T]:
        """State and standing from a stored document; the inverse of `document`. Changes nothing in it: what differs
        from it is written.
        """
        ...

    def needs(self, state: S, events: Sequence[Event]) -> Sequence[Address]:
        """Pieces of the state, stored as rows of their own, that folding these events in turn may touch and that the
        state does not hold. Naming too many costs a read; a piece that is missed must fail the fold, never falsify it.
        """
        ...

    def attach(self, state: S, pieces: Mapping[Address, dict[str, Any] | None]) -> None:
        """Take in the pieces asked for by `needs`, without their `_id`; None for one that is not there."""
        ...

    def size(self, state: S) -> int:
        """About how many bytes a state takes in memory, cheap to say: it bounds what is kept from batch to batch."""
        ...

    def rows(self, state: S, standing: T) -> Sequence[Row]:
        """Documents of further collections that changed since the last call; the call forgets them."""
        ...

    def keep(self, state: S) -> None:
        """The state has been stored with its rows and is kept for the next batch: pieces that `needs` would ask for
        again may go.
        """
        ...

    def history(self, key: str, event: Event) -> Row | None:
        """The document that an accepted decision of the service leaves, if it leaves one."""
        ...
