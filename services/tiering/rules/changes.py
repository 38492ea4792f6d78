"""What would change a tier: a purchase, prompt payment, better ratings; and when it falls by itself.

All but `falls_on` is about the computed tier, approval taken as given. Cost, whatever the number of purchases: some ten
looks at growth for `purchase` where growth is known, one sum for each rated factor; for `falls_on` one outcome per day
on which time alone changes what a tier is computed from, which is at most three per day with money in the last
730 days, seven per invoice, two per rating.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from services.tiering.policy import (
    FACTORS,
    RATED,
    STRATEGIC,
    Policies,
    in_force,
    next_effective,
)
from services.tiering.rules.factors import Assessment, Payment, score
from services.tiering.rules.lifts import Above, bought, least_lift, least_points, rank_with, tiers_above
from services.tiering.rules.outcome import Outcome, find_outcome, foresee, is_declined
from services.tiering.rules.rounding import points_text
from services.tiering.rules.standing import Standing
from services.tiering.rules.state import State
from services.tiering.rules.tiers import failing_gates, judge, net_holds
from shared.events.money import format_minor
from shared.events.types import TIERS
from shared.facts.days import NEVER, iso

TOP_TIMES = 10
"""The purchase looked for is at most ten times the volume of the policy's top point."""
RATING_STEP = 50
TOP_POINTS = 1000


def would_change(state: State, standing: Standing, policies: Policies, found: Outcome | None = None) -> dict[str, Any]:
    """What would change the tier that a state decides, as of its clock (domain.md, What would change it).

    purchase: the least net purchase today, in the base currency, and the tier it leads to; or null, with `blocked_by`.
    payment: the computed tier if everything overdue were paid today; null when nothing is overdue.
    rating: by weighed factor, the least points that lift the tier and by how much that is; null when none suffice.
    falls_on: the first day on which the tier shown is below today's by time alone, or null.
    approval: "awaited" or "declined", only while it is.
    """
    policy = in_force(policies, state.today)
    if found is None:
        found = find_outcome(state, standing, policy)
    settled = foresee(state, standing, found)
    above = tiers_above(found.assessed, settled.computed)
    changes: dict[str, Any] = {
        **_purchase(found.assessed, settled, above),
        "payment": _payment(state, found.assessed, settled),
        "rating": _ratings(found.assessed, settled, above),
        "falls_on": falls_on(state, settled, policies),
    }
    if settled.proposal is not None:
        changes["approval"] = "declined" if is_declined(state, settled.proposal) else "awaited"
    return changes


def _rank(assessed: Assessment, standing: Standing) -> int:
    return judge(assessed, standing.computed, approved=True).rank


def _purchase(assessed: Assessment, standing: Standing, above: Sequence[Above]) -> dict[str, Any]:
    policy = assessed.policy
    if standing.computed == STRATEGIC:
        return {"purchase": None, "blocked_by": []}
    if standing.proposal is not None:
        return {"purchase": None, "blocked_by": ["approval"]}
    step = policy.scaled_minor[policy.base_currency]
    most = int(policy.volume[-1][0] * policy.unit) // step * TOP_TIMES
    least = least_lift(assessed, standing.computed, above, step, most)
    if least is None:
        return {"purchase": None, "blocked_by": _blocking(bought(assessed, most * step), standing)}
    tier = TIERS[_rank(bought(assessed, least * step), standing)]
    currency = policy.base_currency
    return {"purchase": {"amount": format_minor(least, currency), "currency": currency, "tier": tier}}


def _blocking(assessed: Assessment, standing: Standing) -> list[str]:
    """What keeps the next tier away even so: its failing gates, and `score` or `net`."""
    above = standing.computed + 1
    rung = assessed.policy.rungs.get(above)
    blocked = [] if rung is None else failing_gates(assessed, rung)
    if rung is not None and assessed.score < rung.enter:
        blocked.append("score")
    if not net_holds(assessed, above):
        blocked.append("net")
    return blocked


def _payment(state: State, assessed: Assessment, standing: Standing) -> str | None:
    policy, terms = assessed.policy, assessed.terms
    total = weighted = overdue = 0
    for currency, sums in state.invoice_sums.items():
        scale = policy.scaled_minor.get(currency)
        if scale is None:
            continue
        # Paid today, an invoice stays as late as it is, and one due over a year ago counts no more.
        total += (sum(sums.by_class) - sums.old_unpaid) * scale
        weighted += sum(a * p for a, p in zip(sums.by_class, policy.payment, strict=True)) * scale
        weighted -= sums.old_unpaid * policy.payment[-1] * scale
        overdue += sums.overdue * scale
    if not overdue:
        return None
    paid = replace(terms, payment=Payment(total, weighted, 0, terms.payment.grade))
    return TIERS[_rank(score(policy, assessed.money, paid, grown_up=assessed.grown_up), standing)]


def _ratings(assessed: Assessment, standing: Standing, above: Sequence[Above]) -> dict[str, Any]:
    return {
        FACTORS[factor]: None if standing.proposal is not None else _rating(assessed, above, factor)
        for factor in RATED
        if assessed.policy.weights[factor]
    }


def _rating(assessed: Assessment, above: Sequence[Above], factor: int) -> dict[str, str] | None:
    start, least = assessed.points[factor], least_points(assessed, above, factor)
    if least is None or least > TOP_POINTS or start >= TOP_POINTS:
        return None
    steps = max(1, -((start - least) // RATING_STEP))
    points = min(start + steps * RATING_STEP, TOP_POINTS)
    rank = rank_with(assessed, above, factor, points)
    assert rank is not None, "these points are enough"
    return {"points": points_text(points), "more": points_text(points - start), "tier": TIERS[rank]}


def falls_on(state: State, standing: Standing, policies: Policies) -> str | None:
    """The first day on which the tier shown is below that of `standing` by time alone; it may rise before."""
    if not standing.rank:
        return None
    ahead, present = state.copy(), standing
    while True:
        day = next_day(ahead, policies)
        if day >= NEVER:
            return None
        ahead.advance(ahead.days.start(day))
        found = find_outcome(ahead, present, in_force(policies, day))
        if found.rank < standing.rank:
            return iso(day)
        present = foresee(ahead, present, found)


def next_day(state: State, policies: Policies) -> int:
    """The next day on which time alone changes what a tier is computed from."""
    due = state.next_decisive()
    begins = next_effective(policies, state.today)
    return due if begins is None else min(due, begins)
