"""The feed as the log processor sees it: it folds all facts of customers and the accepted decisions of every service,
and decides nothing (docs/changes.md).

What is told of a record is made of the state right after it (changes.py). Rows: a line of the timeline for each record,
a movement for each change of the tier shown; what a customer is found by stands in its own document.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from services.feed import stored
from services.feed.rows import row
from services.feed.rules.evolve import accepts, addresses, evolve
from services.feed.rules.state import Customer, Other
from services.feed.rules.table import TABLE
from shared.events.decisions import Decision
from shared.events.event import Event
from shared.events.registry import REVIEWED
from shared.fold.domain import Address, Row

State = Customer | Other
CUSTOMERS, OTHERS = "feed", "feed_others"
"""Collections: customers; representatives, of whom nothing is told."""
_REPRESENTATIVE_KEY = "representative:"
_BYTES, _ROW_BYTES, _TERM_BYTES = 1_500, 1_000, 60


class Feed:
    """The domain of shared.fold.domain. epoch_of_log: rises when the log goes on with something left out; followers
    count anew then, as with a changed fold.
    """

    service = "feed"
    fold_version = stored.FOLD_VERSION
    folds = frozenset({*TABLE, REVIEWED})
    decides: frozenset[str] = frozenset()
    decides_history = True
    counts_told = True

    def __init__(self, zone: ZoneInfo, epoch_of_log: int = 0) -> None:
        self.zone = zone
        self.epoch = stored.FOLD_VERSION + epoch_of_log

    @property
    def decides_by(self) -> object:
        """No policy."""
        return None

    def collection(self, key: str) -> str:
        """Where the documents of such keys are."""
        return OTHERS if key.startswith(_REPRESENTATIVE_KEY) else CUSTOMERS

    def initial(self, key: str) -> tuple[State, None]:
        """Nothing is known."""
        kind, _, subject = key.partition(":")
        return (Other(subject) if kind == "representative" else Customer(subject, self.zone)), None

    def clock(self, state: State) -> datetime | None:
        """The instant up to which time has passed."""
        return state.clock

    def advance(self, state: State, clock: datetime) -> None:
        """Let time pass."""
        state.advance(clock)

    def accepts(self, state: State, event: Event) -> bool:
        """Whether a decision is the next of its service."""
        return isinstance(state, Customer) and accepts(state, event)

    def evolve(self, state: State, event: Event) -> State:
        """Fold one fact or accepted decision."""
        if isinstance(state, Customer):
            evolve(state, event)
        return state

    def accept(self, standing: None, decision: Decision, decision_id: str) -> None:
        """The feed makes no decisions."""
        raise AssertionError((standing, decision, decision_id))

    def version(self, standing: None) -> tuple[int, str | None]:  # noqa: ARG002 - the protocol's
        """None was ever made."""
        return 0, None

    def next_due(self, state: State, standing: None) -> datetime | None:  # noqa: ARG002 - the protocol's
        """Nothing is ever due."""
        return None

    def decide(self, state: State, standing: None, set_off_by: str | None) -> Sequence[Decision]:  # noqa: ARG002
        """Nothing is decided."""
        return ()

    def document(self, state: State, standing: None) -> dict[str, Any]:  # noqa: ARG002 - the protocol's
        """What a customer is found by, and the fold."""
        if isinstance(state, Other):
            return stored.dump_other(state)
        return {**row(state), **stored.dump(state)}

    def load(self, key: str, document: dict[str, Any]) -> tuple[State, None]:
        """What `document` gave."""
        kind, _, subject = key.partition(":")
        if kind == "representative":
            return stored.load_other(subject, document), None
        return stored.load(subject, self.zone, document), None

    def needs(self, state: State, events: Sequence[Event]) -> Sequence[Address]:
        """Lines and movements that these events end or mark."""
        if isinstance(state, Other) or state.whole:
            return ()
        return list(dict.fromkeys(addresses(state, events)))

    def attach(self, state: State, pieces: Mapping[Address, dict[str, Any] | None]) -> None:
        """Take the rows that `needs` named."""
        if isinstance(state, Customer):
            state.held |= pieces

    def size(self, state: State) -> int:
        """About how many bytes a state takes."""
        if isinstance(state, Other):
            return _BYTES
        return _BYTES + _ROW_BYTES * len(state.held) + _TERM_BYTES * len(state.terms or ())

    def rows(self, state: State, standing: None) -> Sequence[Row]:  # noqa: ARG002 - the protocol's
        """Lines and movements that are new or changed."""
        if isinstance(state, Other):
            return ()
        rows, state.changed = list(state.changed.values()), {}
        return rows

    def keep(self, state: State) -> None:
        """Rows can be loaded again."""
        if isinstance(state, Customer):
            state.held, state.whole = {}, False

    def history(self, key: str, event: Event) -> Row | None:  # noqa: ARG002 - the protocol's
        """The feed makes no decisions."""
        return None
