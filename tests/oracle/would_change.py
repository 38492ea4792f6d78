"""What would change a customer's tier, by trying it out (domain.md, What would change it).

All but `falls_on` is about the computed tier, with an approval taken as given.
"""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from fractions import Fraction
from typing import Any, Protocol

from tests.oracle.factors import PART, RATED, Book, Factor, Invoice, Judged, Money, judge, rate_of, rescored
from tests.oracle.policies import TIERS, Policy

HORIZON_DAYS = 1_200
"""By then every window, rating and override that stands today has passed; nothing falls any more."""


class Running(Protocol):
    """The run of tests.oracle.tiering, as far as time alone moves it on. It may be used up."""

    tier: str
    computed: str

    @property
    def proposal(self) -> object: ...

    def decide(self, state: Book, today: date) -> None: ...


@dataclass(frozen=True)
class WouldChange:
    """`purchase` in minor units; `blocked_by` names why there is none; `payment` is None when nothing is overdue;
    `rating` gives the points to reach by factor. While strategic waits for an approval, that is what is missing.
    """

    purchase: int | None
    blocked_by: frozenset[str]
    payment: str | None
    rating: dict[str, Fraction | None]
    falls_on: date | None


class Compute(Protocol):
    def __call__(self, judged: Judged, policy: Policy, present: str, *, approved: bool) -> tuple[str, bool]: ...


def would_change(state: Book, policy: Policy, today: date, compute: Compute, running: Running) -> WouldChange:
    """Answers for a customer as it stands on a day, what was due decided."""
    present = running.computed

    def tier(judged: Judged) -> str:
        return compute(judged, policy, present, approved=True)[0]

    def lifts(judged: Judged) -> bool:
        return TIERS.index(tier(judged)) > TIERS.index(present)

    judged = judge(state, policy, today)
    margin = judged.factors["margin"].value

    def after(minor: int) -> Judged:
        added = Money(today, policy.currency, minor * PART // 100, margin)
        return judge(replace(state, purchases=[*state.purchases, added]), policy, today)

    most = int(policy.volume[-1][0]) * 10 * 100
    least, blocked_by = None, frozenset[str]()
    if running.proposal is not None:
        blocked_by = frozenset({"approval"})
    elif present != "strategic":
        if lifts(after(most)):
            least = _bisect(lambda minor: lifts(after(minor)), most)
        else:
            blocked_by = _blocking(after(most), policy, TIERS[TIERS.index(present) + 1])
    paid = replace(state, invoices=[_paid(one, today) for one in state.invoices])
    owes = any(_is_overdue(one, today) and rate_of(policy, one.currency) for one in state.invoices)
    return WouldChange(
        purchase=least,
        blocked_by=blocked_by,
        payment=tier(judge(paid, policy, today)) if owes else None,
        rating={
            name: None if running.proposal is not None else _least_rating(judged, policy, name, lifts)
            for name in RATED
            if policy.weights[name]
        },
        falls_on=_falls_on(state, today, running),
    )


def _bisect(holds: Any, most: int) -> int:
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _blocking(judged: Judged, policy: Policy, tier: str) -> frozenset[str]:
    if tier == "general":
        return frozenset({"net"})
    rank = policy.ranks[tier]
    failing = {name for name, least in rank.gates.items() if judged.factors[name].points < least}
    if judged.score < rank.enter:
        failing.add("score")
    if judged.net_365d <= 0:
        failing.add("net")
    return frozenset(failing)


def _paid(invoice: Invoice, today: date) -> Invoice:
    return invoice._replace(paid_on=today) if _is_overdue(invoice, today) else invoice


def _is_overdue(invoice: Invoice, today: date) -> bool:
    return invoice.due_on < today and invoice.rest(today) > 0


def _least_rating(judged: Judged, policy: Policy, name: str, lifts: Any) -> Fraction | None:
    points = judged.factors[name].points
    while points < 10:
        points = min(points + Fraction(1, 2), Fraction(10))
        if lifts(rescored(judged, policy, {name: Factor(points, known=True, value=points)})):
            return points
    return None


def _falls_on(state: Book, today: date, running: Running) -> date | None:
    present = TIERS.index(running.tier)
    if present == 0:
        return None
    for days in range(1, HORIZON_DAYS):
        on = today + timedelta(days)
        running.decide(state, on)
        if TIERS.index(running.tier) < present:
            return on
    return None
