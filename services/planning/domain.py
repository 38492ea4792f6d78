"""Planning as the log processor sees it: it folds plans, deliveries, key persons, difficulties, owners,
tiering's decisions and what engagement measured, and decides that a plan has lapsed, a step is overdue, a review is
(domain.md, Planning).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from services.planning import stored
from services.planning.rows import row
from services.planning.rules.catalogue import Catalogues
from services.planning.rules.customer import FOLDED, Customer, accepts, as_of_clock, evolve
from services.planning.rules.deciding import Decided, decide
from services.planning.rules.groups import Group
from shared.events.decisions import Decision, PlanLapsed, PlanResumed, PlanReviewLapsed, PlanStepOverdue
from shared.events.event import Event
from shared.events.facts import GroupRegistered
from shared.events.registry import NAMES
from shared.facts.days import NEVER, Days
from shared.fold.domain import Address, Row

CUSTOMERS, OTHERS, GROUPS = "planning", "planning_others", "planning_groups"
"""Collections: customers; representatives, of whom a void moves the clock and nothing more; groups of customers."""
_COLLECTIONS = {"representative": OTHERS, "group": GROUPS}


@dataclass(slots=True)
class Other:
    """A representative."""

    clock: datetime | None = None


State = Customer | Group | Other


class Planning:
    """The domain of shared.fold.domain. catalogues: the versions of the catalogue; zone: whose business days count."""

    service = "planning"
    fold_version = stored.FOLD_VERSION
    folds = frozenset(NAMES[kind] for kind in FOLDED | {GroupRegistered})
    decides = frozenset(NAMES[kind] for kind in (PlanLapsed, PlanResumed, PlanStepOverdue, PlanReviewLapsed))
    decides_history = False
    counts_told = False

    def __init__(self, catalogues: Catalogues, zone: ZoneInfo) -> None:
        self.catalogues = catalogues
        self.days = Days(zone)

    @property
    def decides_by(self) -> object:
        """The catalogue."""
        return self.catalogues

    def collection(self, key: str) -> str:
        """Where the documents of such keys are."""
        return _COLLECTIONS.get(key.partition(":")[0], CUSTOMERS)

    def initial(self, key: str) -> tuple[State, Decided]:
        """Nothing is known."""
        kind, _, subject = key.partition(":")
        if kind == "group":
            return Group(subject), Decided()
        return (Other() if kind == "representative" else Customer(subject, self.days)), Decided()

    def clock(self, state: State) -> datetime | None:
        """The instant up to which time has passed."""
        return state.clock

    def advance(self, state: State, clock: datetime) -> None:
        """Let time pass."""
        if isinstance(state, Customer | Group):
            state.advance(clock)
        elif state.clock is None or clock > state.clock:
            state.clock = clock

    def accepts(self, state: State, event: Event) -> bool:
        """Whether a decision of tiering or engagement is the next one of its customer."""
        return isinstance(state, Customer) and accepts(state, event.data)

    def evolve(self, state: State, event: Event) -> State:
        """Fold one fact, or an accepted decision of tiering or engagement."""
        if isinstance(state, Customer):
            evolve(state, event)
        elif isinstance(state, Group):
            state.registered(event)
        return state

    def accept(self, standing: Decided, decision: Decision, decision_id: str) -> Decided:
        """Fold one decision."""
        return standing.accept(decision, decision_id)

    def version(self, standing: Decided) -> tuple[int, str | None]:
        """Version and id of the last decision."""
        return standing.version, standing.last

    def next_due(self, state: State, standing: Decided) -> datetime | None:  # noqa: ARG002 - the protocol's
        """When the next day begins on which a plan, a step, a review or what was used of a service changes."""
        if not isinstance(state, Customer) or state.clock is None:
            return None
        day = as_of_clock(state, self.catalogues).next_day
        return None if day >= NEVER else self.days.start(day)

    def decide(self, state: State, standing: Decided, set_off_by: str | None) -> Sequence[Decision]:
        """What is due as of the clock."""
        del set_off_by  # a decision of planning names its day, not the event
        return decide(state, standing, self.catalogues) if isinstance(state, Customer) else ()

    def document(self, state: State, standing: Decided) -> dict[str, Any]:
        """The row of a customer or a group, and the fold."""
        if isinstance(state, Group):
            return {**state.row(), **stored.dump_group(state)}
        if isinstance(state, Other):
            return stored.dump_other(state.clock)
        return {**row(state, self.catalogues), **stored.dump(state, standing)}

    def load(self, key: str, document: dict[str, Any]) -> tuple[State, Decided]:
        """What `document` gave."""
        kind, _, subject = key.partition(":")
        if kind == "representative":
            return Other(stored.load_other(document)), Decided()
        if kind == "group":
            return stored.load_group(subject, document), Decided()
        return stored.load(subject, self.days, document)

    def needs(self, state: State, events: Sequence[Event]) -> Sequence[Address]:  # noqa: ARG002 - the protocol's
        """A state is whole."""
        return ()

    def attach(self, state: State, pieces: Mapping[Address, dict[str, Any] | None]) -> None:
        """Nothing was asked for."""

    def size(self, state: State) -> int:
        """About how many bytes a state takes."""
        return size_of(state) if isinstance(state, Customer) else _BYTES

    def rows(self, state: State, standing: Decided) -> Sequence[Row]:  # noqa: ARG002 - the protocol's
        """Planning keeps one document per customer."""
        return ()

    def keep(self, state: State) -> None:
        """All of it is one document."""
        if isinstance(state, Customer):
            state.known = None

    def history(self, key: str, event: Event) -> Row | None:  # noqa: ARG002 - the protocol's
        """Decisions of planning leave no document of their own: the log has them."""
        return None


_BYTES, _RECORD_BYTES, _STEP_BYTES = 1_000, 300, 400


def size_of(customer: Customer) -> int:
    """About how many bytes a customer takes in memory: what does not grow, records, steps of plans."""
    plans = customer.plans
    records = len(plans.done) + len(plans.reviews) + len(customer.deliveries) + len(customer.difficulties)
    records += len(customer.measures) + len(plans.covering)
    steps = sum(len(plan.original) + len(plan.objectives) for plan in plans.by_ref.values())
    return _BYTES + _RECORD_BYTES * (records + len(customer.persons) + len(customer.steps)) + _STEP_BYTES * steps
