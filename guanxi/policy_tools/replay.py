"""Deciding again over one customer's log, by another policy: which tier it would have, beside the one that it has.

Facts are folded once, by the rules of tiering; of decisions only what later ones depend on is worked out. The tier that
the customer has is read from the decisions on the log. An answer to a proposal is given to the one that is open in the
trial, if it was given to the open one on the log; what nobody was ever asked stays unanswered.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from services.tiering.domain import Tiering
from services.tiering.policy import Policies, in_force
from services.tiering.rules import document as stored
from services.tiering.rules.changes import next_day
from services.tiering.rules.days import NEVER
from services.tiering.rules.factors import Assessment, assess
from services.tiering.rules.outcome import find_outcome, foresee
from services.tiering.rules.standing import Proposal, Standing
from services.tiering.rules.state import State
from shared.events.event import Event
from shared.events.facts import TierApproved, TierDeclined


@dataclass(slots=True)
class Twin:
    """One customer twice: `real` as the log has decided, `trial` as the policies tried would have."""

    state: State
    real: Standing
    trial: Standing


@dataclass(frozen=True, slots=True)
class End:
    """Where one customer has come to as of an instant; money is scaled by the unit of the policy tried."""

    state: State
    real: Standing
    trial: Standing
    real_score: int
    tried: Assessment


class Replay:
    """`adopted` are the versions that decide now, `tried` those that are tried; both in order of their days."""

    def __init__(self, adopted: Policies, tried: Policies, zone: ZoneInfo) -> None:
        self._adopted, self._tried = adopted, tried
        self._domain = Tiering(adopted, zone)
        self.folds = self._domain.folds | self._domain.decides

    def begin(self, key: str) -> Twin:
        """A customer of whom nothing is known."""
        state, standing = self._domain.initial(key)
        return Twin(state, standing, standing)

    def fold(self, twin: Twin, event: Event) -> None:
        """Fold the next record of the customer; its type is one of `folds`."""
        if event.type in self._domain.decides:
            decision = event.data
            if (decision.version, decision.after) == (twin.real.version + 1, twin.real.last):
                twin.real = self._domain.accept(twin.real, decision, event.id)
            return
        twin.trial = _pass(twin.state, twin.trial, self._tried, event.clock)
        if not isinstance(event.data, TierApproved | TierDeclined):
            twin.state = self._domain.evolve(twin.state, event)
        elif _is_open(twin.real.proposal, event.data) and twin.trial.proposal is not None:
            event.data = event.data.model_copy(update={"proposal_version": twin.trial.proposal.version})
            twin.state = self._domain.evolve(twin.state, event)
        twin.trial = _decide(twin.state, twin.trial, self._tried)

    def end(self, twin: Twin, as_of: datetime) -> End:
        """Let time pass up to an instant, for both."""
        state = twin.state.copy()
        real = _pass(state, twin.real, self._adopted, as_of)
        real_score = assess(state, in_force(self._adopted, state.today)).score
        twin.trial = _pass(twin.state, twin.trial, self._tried, as_of)
        tried = assess(twin.state, in_force(self._tried, twin.state.today))
        return End(twin.state, real, twin.trial, real_score, tried)

    @staticmethod
    def dump(twin: Twin) -> dict[str, Any]:
        """For storage, as JSON, while others are worked on."""
        trial = twin.trial
        proposal = None if trial.proposal is None else list(trial.proposal)
        clock = twin.state.clock
        return {
            "as_of": None if clock is None else clock.isoformat(timespec="milliseconds"),
            "state": stored.dump(twin.state, twin.real),
            "trial": [trial.rank, trial.computed, proposal],
        }

    def load(self, key: str, dumped: dict[str, Any]) -> Twin:
        """What `dump` gave."""
        clock = dumped["as_of"]
        as_of = None if clock is None else datetime.fromisoformat(clock)
        state, real = self._domain.load(key, {**dumped["state"], "as_of": as_of})
        rank, computed, proposal = dumped["trial"]
        trial = Standing(rank=rank, computed=computed, proposal=None if proposal is None else Proposal(*proposal))
        return Twin(state, real, trial)


def _is_open(proposal: Proposal | None, answer: TierApproved | TierDeclined) -> bool:
    return proposal is not None and proposal.version == answer.proposal_version


def _pass(state: State, standing: Standing, policies: Policies, until: datetime) -> Standing:
    """Let time pass, deciding on each day on which it alone may change a tier."""
    if state.clock is not None:
        while (day := next_day(state, policies)) < NEVER and (begins := state.days.start(day)) <= until:
            state.advance(begins)
            standing = _decide(state, standing, policies)
    state.advance(until)
    return standing


def _decide(state: State, standing: Standing, policies: Policies) -> Standing:
    found = find_outcome(state, standing, in_force(policies, state.today))
    if found.proposes is None and not found.differs(standing):
        return standing
    return foresee(state, standing, found)
