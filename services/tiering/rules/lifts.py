"""What lifts the computed tier, approval taken as given, by closed forms: it is asked with every change of a tier.

Nothing in a score falls when net or a rating rises, and points are whole hundredths. So each factor can be asked the
other way round, which value has so many points, and a tier which points are missing.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from operator import mul
from typing import NamedTuple

from services.tiering.policy import GENERAL, GROWTH, PAYMENT, VOLUME, Rung
from services.tiering.rules.factors import Assessment, paid_points, score

WHOLE = 100
"""A score in tenths is a sum of weights times hundredths, over this."""


class Above(NamedTuple):
    """A scored tier above a rank: its gates, and the factors that fail them."""

    rung: Rung
    gates: dict[int, int]
    failing: list[int]

    def open_by(self, factor: int) -> bool:
        """Whether no gate fails but perhaps that on a factor."""
        return not self.failing or self.failing == [factor]


def tiers_above(assessed: Assessment, computed: int) -> list[Above]:
    """The scored tiers above a rank, highest first."""
    points = assessed.points
    return [
        Above(rung, dict(rung.gates), [factor for factor, gate in rung.gates if points[factor] < gate])
        for rung in assessed.policy.ladder
        if rung.rank > computed
    ]


def bought(assessed: Assessment, amount: int) -> Assessment:
    """The assessment after a purchase of a scaled amount today, at the window's margin rate."""
    money = assessed.money.add(amount)
    return score(assessed.policy, money, assessed.terms, grown_up=assessed.grown_up)


def least_lift(assessed: Assessment, computed: int, above: Sequence[Above], step: int, most: int) -> int | None:
    """The least purchase today, in minor units of `step` scaled parts, that leads above the rank `computed`; None when
    even `most` does not.
    """
    money = assessed.money
    nets = list(_nets_that_lift(assessed, above))
    if computed < GENERAL:
        nets.append(min(1, 1 - money.previous))
    if not nets:
        return None
    least = max(1, _ceiling(min(nets) - money.net, step))
    return least if least <= most else None


def least_points(assessed: Assessment, above: Sequence[Above], factor: int) -> int | None:
    """The least points of a rated factor, all else as it is, that lead to a tier above; None when none do."""
    weight = assessed.policy.weights[factor]
    if not weight or assessed.money.net <= 0:
        return None
    fixed = _total(assessed) - weight * assessed.points[factor]
    needed = (
        max(one.gates.get(factor, 0), _ceiling(least_sum(one.rung.enter) - fixed, weight))
        for one in above
        if one.open_by(factor)
    )
    return min(needed, default=None)


def rank_with(assessed: Assessment, above: Sequence[Above], factor: int, points: int) -> int | None:
    """The highest tier above that such points of a rated factor lead to, all else as it is."""
    total = _total(assessed) + assessed.policy.weights[factor] * (points - assessed.points[factor])
    for one in above:
        if one.open_by(factor) and points >= one.gates.get(factor, 0) and total >= least_sum(one.rung.enter):
            return one.rung.rank
    return None


def least_sum(enter: int) -> int:
    """The least sum of weights times points that rounds, half to even, to a score."""
    return enter * WHOLE - WHOLE // 2 + enter % 2


def _nets_that_lift(assessed: Assessment, above: Sequence[Above]) -> Iterable[int]:
    """By tier above, the least net above zero of the last 365 days that enters it."""
    weights, points = assessed.policy.weights, assessed.points
    moving = (VOLUME, GROWTH, PAYMENT) if assessed.grown_up else (VOLUME, PAYMENT)
    fixed = _total(assessed) - sum(weights[factor] * points[factor] for factor in moving)
    for net, owed in _payments(assessed):
        for one in above:
            if one.open_by(PAYMENT) and owed >= one.gates.get(PAYMENT, 0):
                reached = _net_with(assessed, least_sum(one.rung.enter) - fixed - weights[PAYMENT] * owed)
                if reached is not None:
                    yield max(net, reached)


def _payments(assessed: Assessment) -> list[tuple[int, int]]:
    """The points of payment, each with the least net above zero from which it has at least these: money that is unpaid
    for long weighs less beside more purchases.
    """
    policy, payment = assessed.policy, assessed.terms.payment
    if not payment.total:
        return [(1, assessed.points[PAYMENT])]
    share, whole = policy.unpaid_share
    paid = [(1, paid_points(policy, payment, 1))]
    if share and payment.stale > 0:
        enough = max(1, _ceiling(payment.stale * whole, share))
        paid.append((enough, paid_points(policy, payment, enough)))
    return paid


def _net_with(assessed: Assessment, missing: int) -> int | None:
    """The least net above zero whose volume and growth, by their weights, give what is missing."""
    policy, steps = assessed.policy, assessed.policy.volume_steps
    volume, growth = policy.weights[VOLUME], policy.weights[GROWTH] if assessed.grown_up else 0
    if missing <= 0:
        return 1
    if not growth:
        return steps.least(_ceiling(missing, volume), 1) if volume else None
    previous = assessed.money.previous
    base, before = max(previous, policy.scaled_floor), max(previous, 0)

    def by_growth(points: int) -> int | None:
        grown = policy.growth_line.least(_ceiling(missing - volume * points, growth), base, 1 - before)
        return None if grown is None else before + grown

    def suffices(points: int) -> bool:
        by_volume, rest = steps.least(points, 1), by_growth(points)
        return by_volume is not None and rest is not None and rest <= by_volume

    # The more points volume has, the fewer growth must have: the least net lies where one overtakes the other.
    all_points = range(steps.points(1), steps.highest + 1)
    place = bisect_left(all_points, True, key=suffices)
    found = [by_growth(all_points[place - 1])] if place else []
    if place < len(all_points):
        found.append(steps.least(all_points[place], 1))
    return min((net for net in found if net is not None), default=None)


def _total(assessed: Assessment) -> int:
    return sum(map(mul, assessed.policy.weights, assessed.points))


def _ceiling(numerator: int, denominator: int) -> int:
    return -(-numerator // denominator)
