"""Archives as the log processor sees it: it folds profiles, grants, owners and tiering's decisions, and decides that a
profile has lapsed or is restored (domain.md, Archives).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from services.archives import stored
from services.archives.rows import row
from services.archives.rules.customer import FOLDED, Customer, accepts, evolve, next_day
from services.archives.rules.deciding import Decided, decide
from services.archives.rules.templates import Templates
from shared.events.decisions import Decision, ProfileLapsed, ProfileRestored
from shared.events.event import Event
from shared.events.registry import NAMES
from shared.facts.days import NEVER, Days
from shared.fold.domain import Address, Row

CUSTOMERS, OTHERS = "archives", "archives_others"
"""Collections: customers; representatives, of whom a void moves the clock and nothing more."""
_REPRESENTATIVE_KEY = "representative:"


@dataclass(slots=True)
class Other:
    """A representative."""

    clock: datetime | None = None


State = Customer | Other


class Archives:
    """The domain of shared.fold.domain. templates: the adopted versions; zone: whose business days count."""

    service = "archives"
    fold_version = stored.FOLD_VERSION
    folds = frozenset(NAMES[kind] for kind in FOLDED)
    decides = frozenset({NAMES[ProfileLapsed], NAMES[ProfileRestored]})
    decides_history = False
    counts_told = False

    def __init__(self, templates: Templates, zone: ZoneInfo) -> None:
        self.templates = templates
        self.days = Days(zone)

    @property
    def decides_by(self) -> object:
        """The adopted templates."""
        return self.templates

    def collection(self, key: str) -> str:
        """Where the documents of such keys are."""
        return OTHERS if key.startswith(_REPRESENTATIVE_KEY) else CUSTOMERS

    def initial(self, key: str) -> tuple[State, Decided]:
        """Nothing is known."""
        kind, _, subject = key.partition(":")
        return (Other() if kind == "representative" else Customer(subject, self.days)), Decided()

    def clock(self, state: State) -> datetime | None:
        """The instant up to which time has passed."""
        return state.clock

    def advance(self, state: State, clock: datetime) -> None:
        """Let time pass."""
        if isinstance(state, Customer):
            state.advance(clock)
        elif state.clock is None or clock > state.clock:
            state.clock = clock

    def accepts(self, state: State, event: Event) -> bool:
        """Whether a decision of tiering is the next one of its customer."""
        return isinstance(state, Customer) and accepts(state, event.data)

    def evolve(self, state: State, event: Event) -> State:
        """Fold one fact, or an accepted decision of tiering."""
        if isinstance(state, Customer):
            evolve(state, event)
        return state

    def accept(self, standing: Decided, decision: Decision, decision_id: str) -> Decided:
        """Fold one decision."""
        return standing.accept(decision, decision_id)

    def version(self, standing: Decided) -> tuple[int, str | None]:
        """Version and id of the last decision."""
        return standing.version, standing.last

    def next_due(self, state: State, standing: Decided) -> datetime | None:  # noqa: ARG002 - the protocol's
        """When the next day begins on which an item is late, a grade or a grant ends, or another template rules."""
        if isinstance(state, Other) or state.clock is None:
            return None
        day = next_day(state, self.templates)
        return None if day >= NEVER else self.days.start(day)

    def decide(self, state: State, standing: Decided, set_off_by: str | None) -> Sequence[Decision]:
        """What is due as of the clock."""
        del set_off_by  # a decision of archives names its due day, not the event
        return decide(state, standing, self.templates) if isinstance(state, Customer) else ()

    def document(self, state: State, standing: Decided) -> dict[str, Any]:
        """The row of a customer, and the fold."""
        if isinstance(state, Other):
            return stored.dump_other(state.clock)
        return {**row(state, self.templates), **stored.dump(state, standing)}

    def load(self, key: str, document: dict[str, Any]) -> tuple[State, Decided]:
        """What `document` gave."""
        kind, _, subject = key.partition(":")
        if kind == "representative":
            return Other(stored.load_other(document)), Decided()
        return stored.load(subject, self.days, document)

    def needs(self, state: State, events: Sequence[Event]) -> Sequence[Address]:  # noqa: ARG002 - the protocol's
        """A state is whole."""
        return ()

    def attach(self, state: State, pieces: Mapping[Address, dict[str, Any] | None]) -> None:
        """Nothing was asked for."""

    def size(self, state: State) -> int:
        """About how many bytes a state takes."""
        return _BYTES if isinstance(state, Other) else size_of(state)

    def rows(self, state: State, standing: Decided) -> Sequence[Row]:  # noqa: ARG002 - the protocol's
        """Archives keeps one document per customer."""
        return ()

    def keep(self, state: State) -> None:
        """All of it is one document."""
        if isinstance(state, Customer):
            state.known = None

    def history(self, key: str, event: Event) -> Row | None:  # noqa: ARG002 - the protocol's
        """Decisions of archives leave no document of their own: the log has them."""
        return None


_BYTES, _ENTRY_BYTES, _GRANT_BYTES = 1_000, 390, 400


def size_of(customer: Customer) -> int:
    """About how many bytes a customer takes in memory: what does not grow, entries of items, grants."""
    entries = sum(len(one) for profile in customer.profiles.values() for one in profile.items.values())
    return _BYTES + _ENTRY_BYTES * (entries + len(customer.steps)) + _GRANT_BYTES * len(customer.grants)
