"""The decisions that are due as of a state's clock."""

from collections.abc import Sequence
from datetime import date

from services.tiering.policy import Policies, in_force
from services.tiering.rules.cause import find_cause
from services.tiering.rules.changes import would_change
from services.tiering.rules.explanation import explain_factors
from services.tiering.rules.factors import assess
from services.tiering.rules.graces import graces_after, told
from services.tiering.rules.outcome import Outcome, find_outcome, is_dormant
from services.tiering.rules.rounding import score_text
from services.tiering.rules.standing import Standing, accept
from services.tiering.rules.state import State
from shared.events.codec import decision_id
from shared.events.decisions import Decision, TierChanged, TierProposed
from shared.events.types import TIERS


def decide(state: State, standing: Standing, policies: Policies, set_off_by: str | None) -> Sequence[Decision]:
    """At most a TierChanged and a TierProposed, in this order; none while nothing differs from what stands.

    An outcome depends on points, on whether anything was bought, net, and on facts whose change clears `decided`: while
    these are as they were when nothing was to be decided, nothing is now.
    """
    if state.clock is None:
        return ()
    policy = in_force(policies, state.today)
    assessed = assess(state, policy)
    net = assessed.money.net
    seen = (standing, policy, assessed.points, net > 0, net + assessed.money.previous > 0)
    if state.decided is not None and state.decided[0] is standing and state.decided == seen:
        return ()
    found = find_outcome(state, standing, policy)
    decisions: list[Decision] = []
    after = standing
    if found.differs(standing):
        changed = _changed(state, standing, found, policies, set_off_by)
        decisions.append(changed)
        if found.proposes is not None:
            after = accept(standing, changed, decision_id(state.customer, changed))
    if found.proposes is not None:
        decisions.append(
            TierProposed(
                version=after.version + 1,
                after=after.last,
                effective_on=date.fromordinal(state.today),
                proposed_tier="strategic" if found.proposes else None,
                score=score_text(found.assessed.score),
                policy=policy.name,
                policy_version=policy.version,
                answers_seen=state.answers.seen,
            )
        )
    if not decisions:
        state.decided = seen
    return decisions


def _changed(
    state: State, standing: Standing, found: Outcome, policies: Policies, set_off_by: str | None
) -> TierChanged:
    assessed = found.assessed
    policy = assessed.policy
    cause = find_cause(state, standing, found, policies)
    graces = graces_after(standing, assessed, state.today, found.rank, cause)
    best = max((grace for grace in graces if grace.rank > found.rank), default=None)
    return TierChanged(
        version=standing.version + 1,
        after=standing.last,
        effective_on=date.fromordinal(state.today),
        from_tier=TIERS[standing.rank],
        to_tier=TIERS[found.rank],
        cause=cause,
        computed_tier=TIERS[found.computed],
        dormant=is_dormant(state, found.computed),
        score=score_text(assessed.score),
        known_weight=assessed.known_weight,
        factors=explain_factors(state, assessed),
        policy=policy.name,
        policy_version=policy.version,
        set_off_by=set_off_by,
        entitled_tier=TIERS[found.rank if best is None else best.rank],
        entitled_until=None if best is None else date.fromordinal(best.until),
        graces=told(graces),
        would_change=would_change(state, standing, policies, found),
    )
