"""Whether one more purchase lifts the computed tier, quickly: a bisection asks some forty times per change of tier."""

from collections.abc import Callable

from services.tiering.policy import GENERAL, GROWTH, PAYMENT, VOLUME
from services.tiering.rules.factors import Assessment, paid_points, score
from services.tiering.rules.rounding import half_even


def bought(assessed: Assessment, amount: int) -> Assessment:
    """The assessment after a purchase of a scaled amount today, at the window's margin rate."""
    money = assessed.money.add(amount)
    return score(assessed.policy, money, assessed.terms, grown_up=assessed.grown_up)


def lifting(assessed: Assessment, computed: int) -> Callable[[int], bool]:
    """Tells whether a purchase of a scaled amount leads above the rank `computed`, approval taken as given.

    The same as judging `bought(assessed, amount)`, but only what net changes is worked out: volume, growth and the cap
    of payment.
    """
    policy, money, terms = assessed.policy, assessed.money, assessed.terms
    weights = policy.weights
    moving = {VOLUME, GROWTH, PAYMENT}
    fixed = sum(w * p for f, (w, p) in enumerate(zip(weights, assessed.points, strict=True)) if f not in moving)
    above = [
        (rung.enter, max((least for factor, least in rung.gates if factor == PAYMENT), default=0))
        for rung in policy.ladder
        if rung.rank > computed
        and all(assessed.points[factor] >= least for factor, least in rung.gates if factor not in moving)
    ]
    base = max(money.previous, policy.scaled_floor)
    before = max(money.previous, 0)

    def lifts(amount: int) -> bool:
        net = money.net + amount
        if computed < GENERAL and (net > 0 or net + money.previous > 0):
            return True
        if net <= 0:
            return False
        growth = policy.growth_line.points(net - before, base) if assessed.grown_up else policy.unknown
        paid = paid_points(policy, terms.payment, net)
        total = fixed + weights[VOLUME] * policy.volume_steps.points(net)
        total += weights[GROWTH] * growth + weights[PAYMENT] * paid
        reached = half_even(total, 100)
        return any(reached >= enter and paid >= gate for enter, gate in above)

    return lifts
