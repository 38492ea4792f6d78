"""The closed forms of what lifts a tier equal a search that judges the whole assessment at each step."""

from bisect import bisect_left
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from hypothesis import example, given
from hypothesis import strategies as st

from services.tiering.policy import GENERAL, RATED, STRATEGIC, Policy
from services.tiering.rules.changes import TOP_POINTS, TOP_TIMES
from services.tiering.rules.factors import Assessment, Money, Payment, Terms, score
from services.tiering.rules.lifts import bought, least_lift, least_points, least_sum, rank_with, tiers_above
from services.tiering.rules.lines import Line, line, log_steps
from services.tiering.rules.rounding import half_even
from services.tiering.rules.tiers import judge
from tests.services.tiering.given import CNY, GBP

GROWING = replace(CNY, weights=(5, 30, 5, 40, 5, 10, 5))
FLAT = replace(CNY, weights=(40, 0, 20, 0, 10, 20, 10))
OWING = replace(CNY, weights=(10, 20, 0, 20, 0, 50, 0), unpaid_over=Decimal("0.003"))
STRICT = replace(CNY, unpaid_over=Decimal(0), growth=((Decimal("-0.3"), 0), (Decimal("0.1"), 7), (Decimal("0.7"), 999)))
POLICIES = (CNY, GBP, GROWING, FLAT, OWING, STRICT)


@st.composite
def assessments(draw: st.DrawFn) -> Assessment:
    policy = draw(st.sampled_from(POLICIES))
    top = int(policy.volume[-1][0] * policy.unit)
    amounts = st.one_of(st.integers(-top, 2 * top), st.integers(-1000, 1000), st.integers(0, top // 1000))
    net, previous, gross, rated, margin = (draw(amounts) for _ in range(5))
    money = Money(net, previous, abs(gross), min(abs(gross), abs(rated)), margin * 1000)
    ratings = st.one_of(st.none(), st.integers(0, 1000))
    total = draw(st.one_of(st.just(0), st.integers(1, top)))
    weighted = total * draw(st.integers(0, 1000))
    stale = draw(st.one_of(st.just(0), st.integers(0, total)))
    payment = Payment(total, weighted, stale, draw(ratings))
    terms = Terms(policy, (draw(ratings), draw(ratings), draw(ratings)), payment)
    return score(policy, money, terms, grown_up=draw(st.booleans()))


def rises(assessed: Assessment, computed: int) -> bool:
    return judge(assessed, computed, approved=True).rank > computed


def searched_lift(assessed: Assessment, computed: int, step: int, most: int) -> int | None:
    def lifts(minor: int) -> bool:
        return rises(bought(assessed, minor * step), computed)

    return bisect_left(range(most + 1), True, lo=1, hi=most, key=lifts) if lifts(most) else None


def told_lift(assessed: Assessment, computed: int, step: int, most: int) -> int | None:
    return least_lift(assessed, computed, tiers_above(assessed, computed), step, most)


def with_points(assessed: Assessment, factor: int, points: int) -> Assessment:
    terms = assessed.terms
    ratings = tuple(points if one == factor else old for one, old in zip(RATED, terms.ratings, strict=True))
    return score(assessed.policy, assessed.money, replace(terms, ratings=ratings), grown_up=assessed.grown_up)


def most_of(policy: Policy) -> tuple[int, int]:
    step = policy.scaled_minor[policy.base_currency]
    return step, int(policy.volume[-1][0] * policy.unit) // step * TOP_TIMES


@given(assessments(), st.integers(0, STRATEGIC - 1))
def test_the_least_purchase_is_the_one_that_a_search_finds(assessed: Assessment, computed: int) -> None:
    step, most = most_of(assessed.policy)
    assert told_lift(assessed, computed, step, most) == searched_lift(assessed, computed, step, most)


@given(assessments(), st.integers(0, STRATEGIC - 1), st.integers(-3, 3))
def test_of_net_near_an_edge_too(assessed: Assessment, computed: int, off: int) -> None:
    """The net from which the tier is entered, a few scaled parts off: roundings of steps and lines meet there."""
    step, most = most_of(assessed.policy)
    least = told_lift(assessed, computed, 1, most * step)
    if least is None:
        return
    near = bought(assessed, max(0, least + off))
    assert told_lift(near, computed, step, most) == searched_lift(near, computed, step, most)


@given(assessments(), st.integers(GENERAL, STRATEGIC - 1), st.sampled_from(RATED))
def test_the_least_points_are_those_that_a_search_finds(assessed: Assessment, computed: int, factor: int) -> None:
    """A rating lifts from general at the least: who is below has bought nothing."""
    above = tiers_above(assessed, computed)
    least = least_points(assessed, above, factor)
    place = bisect_left(range(TOP_POINTS + 1), True, key=lambda p: rises(with_points(assessed, factor, p), computed))
    found = None if place > TOP_POINTS else place
    weighed = assessed.policy.weights[factor] and assessed.money.net > 0
    assert (None if least is None or least > TOP_POINTS else max(0, least)) == (found if weighed else None)
    if weighed:
        for points in range(0, TOP_POINTS + 1, 50):
            rank = judge(with_points(assessed, factor, points), computed, approved=True).rank
            assert rank_with(assessed, above, factor, points) == (rank if rank > computed else None)


@given(st.integers(0, 1000))
def test_the_least_sum_rounds_to_a_score_and_one_less_does_not(enter: int) -> None:
    assert half_even(least_sum(enter), 100) == enter != half_even(least_sum(enter) - 1, 100)


LINES = (CNY.growth_line, CNY.margin_line, STRICT.growth_line, line(((Fraction(0), 1), (Fraction(1, 3), 4))))


@given(st.sampled_from(LINES), st.integers(-10, 1010), st.integers(1, 10**9), st.integers(-(10**9), 10**9))
@example(LINES[3], 2, 3, -5)
def test_a_line_asked_the_other_way_round(one: Line, points: int, denominator: int, low: int) -> None:
    least = one.least(points, denominator, low)
    if least is None:
        assert one.points(10**12 * denominator, denominator) < points
        return
    assert least >= low
    assert one.points(least, denominator) >= points
    assert least == low or one.points(least - 1, denominator) < points


STEPS = log_steps(((1000, 0), (30000, 400), (10**8, 1000)))


@given(st.integers(-10, 1010), st.integers(-(10**6), 10**12))
def test_steps_asked_the_other_way_round(points: int, low: int) -> None:
    least = STEPS.least(points, low)
    if least is None:
        assert points > STEPS.highest == STEPS.points(10**30)
        return
    assert STEPS.points(least) >= points
    assert least == low or STEPS.points(least - 1) < points
