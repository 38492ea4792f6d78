"""Why a tier changed: the first cause that applies (domain.md, TierChanged)."""

from services.tiering.policy import POTENTIAL, Policies, Policy
from services.tiering.rules.factors import count, find_terms, score
from services.tiering.rules.outcome import Outcome
from services.tiering.rules.standing import Standing
from services.tiering.rules.state import State
from services.tiering.rules.tiers import gates_hold, judge, net_holds
from shared.events.decisions import Cause


def find_cause(state: State, standing: Standing, found: Outcome, policies: Policies) -> Cause:
    """The first that applies. Gate and net are those of the computed tier that is left."""
    if found.override is not None and found.rank != standing.rank:
        return "override"
    if found.override is None and standing.rank != standing.computed:
        return "override_ended"
    if found.approved:
        return "approval"
    previous = _previous(policies, found.assessed.policy, state.today)
    if previous is not None and _computed_by(state, standing, previous, approved=found.approved) != found.computed:
        return "policy"
    if not standing.has_risen and found.computed > POTENTIAL:
        return "first_purchase"
    if not net_holds(found.assessed, standing.computed):
        return "net"
    if not gates_hold(found.assessed, standing.computed):
        return "gate"
    return "score"


def _previous(policies: Policies, policy: Policy, today: int) -> Policy | None:
    """The version before the one in force, on the day on which that one begins."""
    place = next(i for i, known in enumerate(policies) if known is policy)
    return policies[place - 1] if place and policy.effective_day == today else None


def _computed_by(state: State, standing: Standing, policy: Policy, *, approved: bool) -> int:
    assessed = score(policy, count(state, policy), find_terms(state, policy), grown_up=state.has_grown_up())
    return judge(assessed, standing.computed, approved=approved).rank
