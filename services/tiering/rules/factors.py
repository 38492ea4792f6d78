"""The seven factors and the score of a customer on a day, in whole numbers (domain.md, Factors)."""

from dataclasses import dataclass, replace
from typing import NamedTuple

from services.tiering.policy import FIT, GROWTH, MARGIN, PAYMENT, RATED, SHARE, STANDING, VOLUME, Policy
from services.tiering.rules.rounding import half_even
from services.tiering.rules.state import RATING_DAYS, State

FIELDS = {FIT: "strategic_fit", STANDING: "market_standing", SHARE: "share_of_wallet"}
MILLION = 10**6
UNRATED = (None, None, None)


class Payment(NamedTuple):
    """Scaled amounts of the invoices that count: all, weighted with points, and unpaid for over 60 days; the credit
    grade in hundredths, or None.
    """

    total: int
    weighted: int
    stale: int
    grade: int | None


NOTHING_OWED = Payment(0, 0, 0, None)


@dataclass(frozen=True, slots=True)
class Terms:
    """What of an assessment has nothing to do with purchases: ratings as scored (hundredths, None when
    unknown) in the order of RATED, and payment.
    """

    policy: Policy
    ratings: tuple[int | None, ...]
    payment: Payment


@dataclass(slots=True)
class Money:
    """Scaled sums: net of the last 365 days and of the 365 before; gross, gross that carries a margin rate and margin
    (in millionths) of the last 365 days.
    """

    net: int = 0
    previous: int = 0
    gross: int = 0
    rated: int = 0
    margin: int = 0

    def add(self, amount: int) -> "Money":
        """With a purchase of `amount` today, at the window's margin rate where that is known: the rate stays as it is,
        and stays known; where it is unknown the purchase carries none.
        """
        if self.knows_margin():
            return replace(self, net=self.net + amount)
        return replace(self, net=self.net + amount, gross=self.gross + amount)

    def knows_margin(self) -> bool:
        """Whether at least half of gross carries a margin rate."""
        return self.gross > 0 and self.rated > 0 and 2 * self.rated >= self.gross


class Assessment(NamedTuple):
    """Points (hundredths) by factor, and the score in tenths."""

    policy: Policy
    money: Money
    terms: Terms
    grown_up: bool
    points: tuple[int, ...]
    score: int

    @property
    def known(self) -> tuple[bool, ...]:
        """Whether a factor is known, by factor."""
        fit, standing, share = (rating is not None for rating in self.terms.ratings)
        paid = self.terms.payment.total > 0
        return fit, True, standing, self.grown_up, self.money.knows_margin(), paid, share

    @property
    def known_weight(self) -> int:
        """The weight of the known factors."""
        return sum(weight for weight, known in zip(self.policy.weights, self.known, strict=True) if known)


def assess(state: State, policy: Policy) -> Assessment:
    """The assessment of a state as of its clock; kept until something changes."""
    assessed: Assessment | None = state.assessed
    if assessed is None or assessed.policy is not policy:
        terms: Terms | None = state.terms
        if terms is None or terms.policy is not policy:
            terms = state.terms = find_terms(state, policy)
        assessed = state.assessed = score(policy, count(state, policy), terms, grown_up=state.has_grown_up())
    return assessed


def count(state: State, policy: Policy) -> Money:
    """The windows' sums in the policy's currency, unrounded; a currency without a rate is left out."""
    net = previous = gross = rated = margin = 0
    scaled_minor = policy.scaled_minor
    for currency, book in state.books.items():
        scale = scaled_minor.get(currency)
        if scale is not None:
            a, b, c, d, e = book.net
            net += (a + b + c) * scale
            previous += (d + e) * scale
            gross += book.gross_365d * scale
            rated += book.rated_365d * scale
            margin += book.margin_365d * scale
    return Money(net, previous, gross, rated, margin)


def find_terms(state: State, policy: Policy) -> Terms:
    """What ratings and invoices say as of the state's clock."""
    if not (state.ratings.entries or state.credit.entries or state.invoice_sums):
        return Terms(policy, UNRATED, NOTHING_OWED)
    ratings = tuple(rated(state, policy, factor) for factor in RATED) if state.ratings.entries else UNRATED
    total = weighted = stale = 0
    for currency, sums in state.invoice_sums.items():
        scale = policy.scaled_minor.get(currency)
        if scale is not None:
            total += sum(sums.by_class) * scale
            weighted += sum(a * p for a, p in zip(sums.by_class, policy.payment, strict=True)) * scale
            stale += sums.stale * scale
    grade = None
    if state.credit.entries:
        said = state.credit.value("grade", state.today)
        if said is not None and (said[1] is None or state.today <= said[1]):
            grade = said[0]
    return Terms(policy, ratings, Payment(total, weighted, stale, grade))


def rated(state: State, policy: Policy, factor: int) -> int | None:
    """A rating as it is scored, in hundredths; None when there is none or it has lapsed."""
    entry = state.ratings.holding(FIELDS[factor], state.today)
    if entry is None:
        return None
    rating = entry.fields[FIELDS[factor]]
    if rating is None or state.today >= entry.day + RATING_DAYS:
        return None
    points, approved, valid_until = rating
    if valid_until is not None and state.today > valid_until:
        return None
    return int(points if approved else min(points, policy.unapproved_at_most))


def score(policy: Policy, money: Money, terms: Terms, *, grown_up: bool) -> Assessment:
    """Points of all factors, and the score."""
    unknown = policy.unknown
    fit, standing, share = terms.ratings
    payment = terms.payment
    net, previous = money.net, money.previous
    growth = margin = None
    if grown_up:
        grown = (max(0, net)) - (max(0, previous))
        floor = policy.scaled_floor
        growth = policy.growth_line.points(grown, max(floor, previous))
    if money.rated and money.knows_margin():
        margin = policy.margin_line.points(money.margin, money.rated * MILLION)
    points = (
        unknown if fit is None else fit,
        policy.volume_steps.points(net),
        unknown if standing is None else standing,
        unknown if growth is None else growth,
        unknown if margin is None else margin,
        paid_points(policy, payment, net) if payment.total or payment.grade is not None else unknown,
        unknown if share is None else share,
    )
    w = policy.weights
    total = (
        w[FIT] * points[FIT] + w[VOLUME] * points[VOLUME] + w[STANDING] * points[STANDING]
        + w[GROWTH] * points[GROWTH] + w[MARGIN] * points[MARGIN] + w[PAYMENT] * points[PAYMENT]
        + w[SHARE] * points[SHARE]
    )  # fmt: skip
    return Assessment(policy, money, terms, grown_up, points, half_even(total, 100))


def paid_points(policy: Policy, payment: Payment, net: int) -> int:
    """Points of payment: rounded after the caps for money that is unpaid for long and by the credit grade, which caps
    unknown points too.
    """
    points = policy.unknown
    if payment.total:
        share, whole = policy.unpaid_share
        cap = policy.unpaid_at_most
        if payment.stale * whole > share * max(0, net) and payment.weighted > cap * payment.total:
            points = cap
        else:
            points = half_even(payment.weighted, payment.total)
    return points if payment.grade is None else min(points, payment.grade)
