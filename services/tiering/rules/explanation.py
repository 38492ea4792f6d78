"""What people read about the factors: value as measured, points as scored, weight."""

from typing import Any

from services.tiering.policy import FACTORS, GROWTH, MARGIN, PAYMENT, RATED, VOLUME
from services.tiering.rules.factors import FIELDS, MILLION, Assessment
from services.tiering.rules.rounding import points_text, ratio_text
from services.tiering.rules.state import State

RATIO_PLACES = 4


def explain_factors(state: State, assessed: Assessment) -> dict[str, Any]:
    """By factor that the policy weighs: value (a decimal string, null when unknown), points, weight, known."""
    known = assessed.known
    return {
        name: {
            "value": factor_value(state, assessed, factor) if known[factor] else None,
            "points": points_text(assessed.points[factor]),
            "weight": assessed.policy.weights[factor],
            "known": known[factor],
        }
        for factor, name in enumerate(FACTORS)
        if assessed.policy.weights[factor]
    }


def factor_value(state: State, assessed: Assessment, factor: int) -> str:
    """What a known factor measures: a rating as given; money; a growth, a margin rate; mean points of invoices. Ratios
    are rounded to four places here, and only here.
    """
    policy, money, payment = assessed.policy, assessed.money, assessed.terms.payment
    if factor == VOLUME:
        return policy.money(max(0, money.net))
    if factor == GROWTH:
        grown = max(0, money.net) - max(0, money.previous)
        return ratio_text(grown, max(money.previous, policy.scaled_floor), RATIO_PLACES)
    if factor == MARGIN:
        return ratio_text(money.margin, money.rated * MILLION, RATIO_PLACES)
    if factor == PAYMENT:
        return ratio_text(payment.weighted, payment.total * 100, RATIO_PLACES)
    assert factor in RATED, "all other factors are rated"
    return points_text(state.ratings.value(FIELDS[factor], state.today)[0])
