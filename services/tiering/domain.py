"""Tiering: what it folds, what it decides, and when time alone may change that.

Facts of a customer (purchases, refunds, invoices, payments, ratings, overrides, approvals, master data) make up the
State; the service's own decisions make up the Standing. `decide` compares the two by the policy in force and gives at
most a TierChanged and a TierProposed. The rules are in `rules/`, one idea per file; the order to read them in: sales,
latest, invoices, factors, tiers, outcome, decide.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from services.tiering import rows, stored
from services.tiering.policy import Policies, in_force, next_effective
from services.tiering.rules.decide import decide
from services.tiering.rules.evolve import FOLDED, evolve
from services.tiering.rules.factors import assess
from services.tiering.rules.standing import Standing, accept
from services.tiering.rules.state import State
from shared.events.decisions import Decision, TierChanged, TierProposed
from shared.events.event import Event
from shared.events.registry import NAMES
from shared.facts import goals
from shared.facts.days import MICROSECOND, NEVER, Days, iso
from shared.fold.domain import Address, Row

CUSTOMERS, OTHERS, HISTORY, LISTED = "tiering", "tiering_others", "tier_history", "tiering_listed"
"""Collections: customers; representatives, of whom a void moves the clock and nothing more; decisions; of the few
customers that a list of few has, what it asks for (rows.py).
"""


class Tiering:
    """The domain of shared.fold.domain.

    policies: the adopted versions, in the order in which they take effect; zone: whose business days count.
    """

    service = "tiering"
    fold_version = stored.FOLD_VERSION
    folds = frozenset(NAMES[fact] for fact in FOLDED)
    decides = frozenset({NAMES[TierChanged], NAMES[TierProposed]})
    decides_history = True
    counts_told = False

    def __init__(self, policies: Policies, zone: ZoneInfo) -> None:
        if not policies:
            raise ValueError("tiering needs a policy")
        self.policies = policies
        self.days = Days(zone)

    @property
    def decides_by(self) -> object:
        """The adopted policies."""
        return self.policies

    def collection(self, key: str) -> str:
        """Where the documents of such keys are."""
        return CUSTOMERS if key.startswith("customer:") else OTHERS

    def initial(self, key: str) -> tuple[State, Standing]:
        """Nothing is known."""
        return _known(key, State(_id(key), self.days)), Standing()

    def clock(self, state: State) -> datetime | None:
        """The instant up to which time has passed."""
        return state.clock

    def advance(self, state: State, clock: datetime) -> None:
        """Let time pass; what came of goals is noted when their last day ends."""
        if state.goals and state.clock is not None and clock > state.clock:
            self._settle(state, self.days.day(clock))
        state.advance(clock)

    def _settle(self, state: State, new_day: int) -> None:
        for day in goals.last_days(state.goals, state.today, new_day):
            state.advance(self.days.start(day + 1) - MICROSECOND)
            policy = in_force(self.policies, day)
            assessed = assess(state, policy)
            figures = {"score": f"{assessed.score / 10:.1f}", "net_365d": policy.money(assessed.money.net)}
            state.goals = goals.settled(state.goals, day, figures.__getitem__)
            state.hear()

    def accepts(self, state: State, event: Event) -> bool:  # noqa: ARG002 - the protocol's
        """No service comes before tiering."""
        return False

    def evolve(self, state: State, event: Event) -> State:
        """Fold one fact."""
        return evolve(state, event)

    def accept(self, standing: Standing, decision: Decision, decision_id: str) -> Standing:
        """Fold one decision."""
        return accept(standing, decision, decision_id)

    def version(self, standing: Standing) -> tuple[int, str | None]:
        """Version and id of the last decision."""
        return standing.version, standing.last

    def next_due(self, state: State, standing: Standing) -> datetime | None:
        """When the next day begins on which a sum, a rating, an invoice, an override, a grace or the policy changes."""
        if state.clock is None:
            return None
        due = state.next_due()
        if standing.graces:
            due = min(due, standing.next_due(state.today))
        begins = next_effective(self.policies, state.today)
        if begins is not None and begins < due:
            due = begins
        return None if due >= NEVER else self.days.start(due)

    def decide(self, state: State, standing: Standing, set_off_by: str | None) -> Sequence[Decision]:
        """What is due as of the clock."""
        return decide(state, standing, self.policies, set_off_by)

    def document(self, state: State, standing: Standing) -> dict[str, Any]:
        """The row of a customer, and the fold."""
        if state.clock is None:
            return stored.dump(state, standing)
        public = rows.row(state, standing, self.policies)
        public["as_of"] = _milliseconds(state.clock)
        outcomes = [
            {"metric": metric, "due_on": iso(goal.due_on), "outcome": goal.outcome}
            for metric, goal in sorted(state.goals.items())
            if goal.outcome is not None
        ]
        if outcomes:
            public["goal_outcomes"] = outcomes
        public.update(stored.dump(state, standing))
        state.slim()
        return public

    def load(self, key: str, document: dict[str, Any]) -> tuple[State, Standing]:
        """What `document` gave."""
        as_of = document.get("as_of")
        state, standing = stored.load(_id(key), self.days, document, None if as_of is None else as_of.astimezone(UTC))
        return _known(key, state), standing

    def needs(self, state: State, events: Sequence[Event]) -> Sequence[Address]:  # noqa: ARG002 - the protocol's
        """What stands among the few that are listed: whatever an earlier version or a repair has left is put right."""
        return ((LISTED, state.customer),) if state.listed is None else ()

    def attach(self, state: State, pieces: Mapping[Address, dict[str, Any] | None]) -> None:
        """Take what was asked for."""
        for piece in pieces.values():
            state.listed = rows.listed_of(piece or {})

    def size(self, state: State) -> int:
        """About how many bytes a state takes."""
        return state.size()

    def rows(self, state: State, standing: Standing) -> Sequence[Row]:
        """What makes the customer one of the few that are listed, where that is another than what stands."""
        if state.listed is _NEVER_LISTED:
            return ()
        found = rows.listed(state, standing, self.policies)
        if found == state.listed:
            return ()
        state.listed = found
        return (Row(LISTED, state.customer, {"customer": state.customer, **found} if found else None),)

    def keep(self, state: State) -> None:
        """All of it is small."""

    def history(self, key: str, event: Event) -> Row | None:
        """Each decision leaves a document."""
        customer = _id(key)
        return Row(HISTORY, f"{customer}/{event.data.version}", rows.history(customer, event))


def _id(key: str) -> str:
    return key.partition(":")[2]


_NEVER_LISTED: Mapping[str, Any] = MappingProxyType({})


def _known(key: str, state: State) -> State:
    """Representatives are in no list of customers."""
    if not key.startswith("customer:"):
        state.listed = _NEVER_LISTED
    return state


def _milliseconds(instant: datetime) -> datetime:
    if not instant.microsecond % 1000:
        return instant
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)
