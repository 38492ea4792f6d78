"""What lifts the computed tier, approval taken as given, quickly: it is asked with every change of a tier."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable

from services.tiering.policy import GENERAL, GROWTH, PAYMENT, VOLUME
from services.tiering.rules.factors import Assessment, paid_points, score
from services.tiering.rules.rounding import half_even


def bought(assessed: Assessment, amount: int) -> Assessment:
    """The assessment after a purchase of a scaled amount today, at the window's margin rate."""
    money = assessed.money.add(amount)
    return score(assessed.policy, money, assessed.terms, grown_up=assessed.grown_up)


def least_lift(assessed: Assessment, computed: int, step: int, most: int) -> int | None:
    """The least purchase today, in minor units of `step` scaled parts, that leads above the rank `computed`; None when
    even `most` does not.

    Nothing in a score falls when net rises, so that bisection is exact. First the steps of volume are searched, of
    which there are few, then what lies between two of them.
    """
    lifts = _lifts_when_bought(assessed, computed)
    if not lifts(most * step):
        return None
    net, steps = assessed.money.net, assessed.policy.volume_steps.steps
    first = bisect_right(steps, net)
    place = bisect_left(steps, True, lo=first, key=lambda edge: lifts(edge - net))
    low = max(0, (steps[place - 1] - net) // step) if place > first else 0
    high = most if place == len(steps) else min(most, -((net - steps[place]) // step))
    return bisect_left(range(high + 1), True, lo=low + 1, hi=high, key=lambda minor: lifts(minor * step))


def _lifts_when_bought(assessed: Assessment, computed: int) -> Callable[[int], bool]:
    """Tells whether a purchase of a scaled amount leads above a rank: the same as judging `bought(assessed, amount)`,
    but only what net changes is worked out: volume, growth and the cap of payment.
    """
    policy, money, terms = assessed.policy, assessed.money, assessed.terms
    volume_steps, growth_line = policy.volume_steps, policy.growth_line
    volume, growth, payment = (policy.weights[factor] for factor in (VOLUME, GROWTH, PAYMENT))
    fixed = _total(assessed, {VOLUME, GROWTH, PAYMENT})
    above = _above(assessed, computed, PAYMENT)
    base, before = max(money.previous, policy.scaled_floor), max(money.previous, 0)
    moves_payment = terms.payment.total > 0
    if not assessed.grown_up:
        fixed, growth = fixed + growth * policy.unknown, 0
    paid = assessed.points[PAYMENT]

    def lifts(amount: int) -> bool:
        net = money.net + amount
        if computed < GENERAL and (net > 0 or net + money.previous > 0):
            return True
        if net <= 0:
            return False
        total = fixed + volume * volume_steps.points(net)
        if growth:
            total += growth * growth_line.points(net - before, base)
        owed = paid_points(policy, terms.payment, net) if moves_payment else paid
        reached = half_even(total + payment * owed, 100)
        return any(reached >= enter and owed >= gate for enter, gate in above)

    return lifts


def lifts_when_rated(assessed: Assessment, computed: int, factor: int) -> Callable[[int], bool]:
    """Tells whether points (hundredths) of one factor, all else as it is, lead above a rank."""
    fixed, weight = _total(assessed, {factor}), assessed.policy.weights[factor]
    above = _above(assessed, computed, factor) if assessed.money.net > 0 else []

    def lifts(points: int) -> bool:
        reached = half_even(fixed + weight * points, 100)
        return any(reached >= enter and points >= gate for enter, gate in above)

    return lifts


def _total(assessed: Assessment, without: set[int]) -> int:
    weights, points = assessed.policy.weights, assessed.points
    return sum(weights[factor] * points[factor] for factor in range(len(weights)) if factor not in without)


def _above(assessed: Assessment, computed: int, moving: int) -> list[tuple[int, int]]:
    """Of the scored tiers above a rank whose gates on other factors are passed: enter score and gate on `moving`."""
    points = assessed.points
    return [
        (rung.enter, max((least for factor, least in rung.gates if factor == moving), default=0))
        for rung in assessed.policy.ladder
        if rung.rank > computed and all(points[factor] >= least for factor, least in rung.gates if factor != moving)
    ]
