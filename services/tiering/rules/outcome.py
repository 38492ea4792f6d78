"""What should stand as of a state's clock, and what of it differs from what stands."""

from dataclasses import replace
from typing import NamedTuple

from services.tiering.policy import POTENTIAL, STRATEGIC, Policy
from services.tiering.rules.factors import Assessment, assess
from services.tiering.rules.standing import Proposal, Standing
from services.tiering.rules.state import State
from services.tiering.rules.tiers import judge


class Outcome(NamedTuple):
    """The tier shown and the computed one as ranks; the override in force; whether an approval has just made the
    computed tier; and the news about a proposal: True when one is to be made, False when one ends, else None.
    """

    assessed: Assessment
    rank: int
    computed: int
    override: int | None
    approved: bool
    proposes: bool | None

    def differs(self, standing: Standing) -> bool:
        """Whether the tier shown or the computed one is another than what stands."""
        return self.rank != standing.rank or self.computed != standing.computed


def find_outcome(state: State, standing: Standing, policy: Policy) -> Outcome:
    """What should stand, by a policy."""
    assessed = assess(state, policy)
    proposal = standing.proposal
    approved = proposal is not None and is_approved(state, proposal)
    verdict = judge(assessed, standing.computed, approved=approved)
    override = state.override_rank()
    proposes = None
    if verdict.waits:
        proposes = True if proposal is None else None
    elif proposal is not None and verdict.rank != STRATEGIC:
        proposes = False
    rank = verdict.rank if override is None else override
    return Outcome(assessed, rank, verdict.rank, override, approved and verdict.rank == STRATEGIC, proposes)


def is_approved(state: State, proposal: Proposal) -> bool:
    """Whether the first answer to a proposal approves it."""
    answer = state.answers.to(proposal.version, proposal.answers_seen, state.today)
    return answer is not None and answer.approves


def is_declined(state: State, proposal: Proposal) -> bool:
    """Whether the first answer to a proposal declines it."""
    answer = state.answers.to(proposal.version, proposal.answers_seen, state.today)
    return answer is not None and not answer.approves


def foresee(state: State, standing: Standing, found: Outcome) -> Standing:
    """The standing after an outcome, as far as later outcomes depend on it; no decision is made."""
    proposal = None if found.computed == STRATEGIC or found.proposes is False else standing.proposal
    if found.proposes:
        proposal = Proposal(standing.version + 1, state.answers.seen)
    if (standing.rank, standing.computed, standing.proposal) == (found.rank, found.computed, proposal):
        return standing
    return replace(standing, rank=found.rank, computed=found.computed, proposal=proposal)


def is_dormant(state: State, computed: int) -> bool:
    """Whether the customer has bought once and has nothing net that counts."""
    return computed == POTENTIAL and state.bought.first(state.today) is not None
