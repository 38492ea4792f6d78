"""What would change a customer's tier, by trying it out (domain.md, Tiering, "what would change it").

All but `falls_on` is about the computed tier, with an approval taken as given.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import date, timedelta
from fractions import Fraction
from typing import Any, Protocol

from tests.oracle.factors import PART, RATED, Book, Factor, Invoice, Judged, Money, judge, rescored
from tests.oracle.policies import TIERS, Policy

HORIZON_DAYS = 1_200
"""By then every window, rating and override that stands today has passed; nothing falls any more."""


class Running(Protocol):
    """The run of tests.oracle.tiering, as far as time alone moves it on."""

    tier: str

    def decide(self, state: Book, today: date) -> None: ...


@dataclass(frozen=True)
class WouldChange:
    """`purchase` in minor units; `blocked_by` names why there is none; `rating` gives the points to reach by factor."""

    purchase: int | None
    blocked_by: frozenset[str]
    payment: str
    rating: dict[str, Fraction | None]
    falls_on: date | None


class Compute(Protocol):
    def __call__(self, judged: Judged, policy: Policy, present: str, *, approved: bool) -> tuple[str, bool]: ...


def would_change(
    state: Book, policy: Policy, present: str, today: date, compute: Compute, running: Running
) -> WouldChange:
    """Answers for a customer of a computed tier on a day."""

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
    least = None if present == "strategic" or not lifts(after(most)) else _bisect(lambda n: lifts(after(n)), most)
    blocked_by = frozenset[str]()
    if least is None and present != "strategic":
        blocked_by = _blocking(after(most), policy, TIERS[TIERS.index(present) + 1])
    return WouldChange(
        purchase=least,
        blocked_by=blocked_by,
        payment=tier(judge(replace(state, invoices=_paid(state.invoices, today)), policy, today)),
        rating={name: _least_rating(judged, policy, name, lifts) for name in RATED},
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


def _paid(invoices: Sequence[Invoice], today: date) -> list[Invoice]:
    return [
        one._replace(paid_on=today) if one.due_on < today and (one.paid_on is None or one.paid_on > today) else one
        for one in invoices
    ]


def _least_rating(judged: Judged, policy: Policy, name: str, lifts: Any) -> Fraction | None:
    points = judged.factors[name].points
    while points < 10:
        points = min(points + Fraction(1, 2), Fraction(10))
        if lifts(rescored(judged, policy, {name: Factor(points, known=True, value=points)})):
            return points
    return None


def _falls_on(state: Book, today: date, running: Running) -> date | None:
    running = deepcopy(running)
    present = TIERS.index(running.tier)
    if present == 0:
        return None
    for days in range(1, HORIZON_DAYS):
        on = today + timedelta(days)
        running.decide(state, on)
        if TIERS.index(running.tier) < present:
            return on
    return None
