"""Sums, factors and score of a customer on one day, from all its standing facts (domain.md, Tiering)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Context, Decimal
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from tests.oracle.facts import Fact, day, of_type
from tests.oracle.policies import FACTORS, Points, Policy

RATED = ("strategic_fit", "market_standing", "share_of_wallet")
WIDE = Context(prec=50)
remembered = lru_cache(maxsize=20_000)
"""Most days are like the day before: what depends on nothing but its arguments is worked out once."""
PART = 10_000  # money is summed in ten-thousandths, which every currency's decimals fit


class Money(NamedTuple):
    """An amount that counts on a day; refunds are negative."""

    on: date
    currency: str
    parts: int
    margin_rate: Fraction | None = None


class Invoice(NamedTuple):
    """`paid_on`: when all that was left was paid; `payments`: in part, as (day, id, amount); `credits`: (day, amount).
    Both in the invoice's currency."""

    due_on: date
    currency: str
    parts: int
    paid_on: date | None
    payments: tuple[tuple[date, str, int], ...] = ()
    credits: tuple[tuple[date, int], ...] = ()

    def owed(self, today: date) -> int:
        """What a credit has not taken away by a day."""
        return max(0, self.parts - sum(parts for on, parts in self.credits if on <= today))

    def paid(self, today: date) -> list[tuple[date, int]]:
        """What has been paid by a day, part by part, none beyond what is owed."""
        pieces: list[tuple[date, int]] = []
        every_day = {on for on, _, _ in self.payments} | ({self.paid_on} if self.paid_on is not None else set())
        for on in sorted(one for one in every_day if one <= today):
            for _, _, parts in sorted(one for one in self.payments if one[0] == on):
                pieces.append((on, min(parts, self.owed(today) - sum(paid for _, paid in pieces))))
            if on == self.paid_on:
                pieces.append((on, self.owed(today) - sum(paid for _, paid in pieces)))
        return pieces

    def rest(self, today: date) -> int:
        """What is unpaid as of a day."""
        return self.owed(today) - sum(parts for _, parts in self.paid(today))


@dataclass(frozen=True)
class Book:
    """The standing facts of a customer, sorted by what they are."""

    purchases: list[Money]
    refunds: list[Money]
    invoices: list[Invoice]
    facts: list[Fact]


class Factor(NamedTuple):
    """Points as scored (two places), and whether they are known; `value` before caps and rounding."""

    points: Fraction
    known: bool
    value: Fraction | None


class Judged(NamedTuple):
    score: Fraction
    factors: dict[str, Factor]
    known_weight: int
    net_365d: Fraction
    net_730d: Fraction


def book(facts: list[Fact]) -> Book:
    purchases = [
        Money(fact.day, fact.data["currency"], _parts(fact), _rate(fact))
        for fact in of_type(facts, "purchase.recorded")
    ]
    refunds = [
        Money(_optional_day(fact, "purchased_on") or fact.day, fact.data["currency"], -_parts(fact))
        for fact in of_type(facts, "purchase.refunded")
    ]
    return Book(purchases, refunds, [_invoice(fact, facts) for fact in of_type(facts, "invoice.issued")], facts)


def _invoice(issued: Fact, facts: list[Fact]) -> Invoice:
    """An invoice with what else is known of it; what is in another currency does not count."""
    about = [
        fact
        for fact in [*of_type(facts, "invoice.paid"), *of_type(facts, "invoice.credited")]
        if (fact.source, fact.data["invoice_id"]) == (issued.source, issued.data["invoice_id"])
    ]
    same = [fact for fact in about if fact.data.get("currency") == issued.data["currency"]]
    whole = [day(fact.data["paid_on"]) for fact in about if "amount" not in fact.data]
    return Invoice(
        day(issued.data["due_on"]),
        issued.data["currency"],
        _parts(issued),
        whole[0] if whole else None,
        tuple((day(one.data["paid_on"]), one.data["payment_id"], _parts(one)) for one in same if "paid_on" in one.data),
        tuple((day(one.data["credited_on"]), _parts(one)) for one in same if "credited_on" in one.data),
    )


def first_purchase(of: Book, today: date) -> date | None:
    return min((money.on for money in of.purchases if money.on <= today), default=None)


def net(of: Book, policy: Policy, first: date, last: date) -> Fraction:
    """Purchases less refunds from `first` to `last`, both included, in the policy's currency."""
    return converted(policy, [money for money in of.purchases + of.refunds if first <= money.on <= last])


def converted(policy: Policy, money: list[Money]) -> Fraction:
    """The sum in the policy's currency, unrounded; a currency without a rate is left out."""
    by_currency: dict[str, int] = {}
    for one in money:
        by_currency[one.currency] = by_currency.get(one.currency, 0) + one.parts
    return _converted(policy, tuple(by_currency.items()))


@remembered
def _converted(policy: Policy, by_currency: tuple[tuple[str, int], ...]) -> Fraction:
    rates = [(parts, rate_of(policy, currency)) for currency, parts in by_currency]
    return sum((Fraction(parts, PART) * rate for parts, rate in rates if rate is not None), Fraction(0))


def rate_of(policy: Policy, currency: str) -> Fraction | None:
    return Fraction(1) if currency == policy.currency else policy.rates.get(currency)


def judge(of: Book, policy: Policy, today: date) -> Judged:
    """Score and factors as of the end of a day."""
    net_365d = net(of, policy, back(today, 364), today)
    factors = {
        "strategic_fit": _rated(of, policy, "strategic_fit", today),
        "purchase_volume": _volume(policy, net_365d),
        "market_standing": _rated(of, policy, "market_standing", today),
        "growth": _growth(of, policy, today, net_365d),
        "margin": _margin(of, policy, today),
        "payment": _payment(of, policy, today, net_365d),
        "share_of_wallet": _rated(of, policy, "share_of_wallet", today),
    }
    return _scored(policy, factors, net_365d, net(of, policy, back(today, 729), today))


def rescored(judged: Judged, policy: Policy, changed: dict[str, Factor]) -> Judged:
    """The same with some factors replaced."""
    return _scored(policy, judged.factors | changed, judged.net_365d, judged.net_730d)


def _scored(policy: Policy, factors: dict[str, Factor], net_365d: Fraction, net_730d: Fraction) -> Judged:
    score = _score(policy, tuple(factors[name].points for name in FACTORS))
    known_weight = sum(policy.weights[name] for name in FACTORS if factors[name].known)
    return Judged(score, factors, known_weight, net_365d, net_730d)


@remembered
def _score(policy: Policy, points: tuple[Fraction, ...]) -> Fraction:
    weights = [policy.weights[name] for name in FACTORS]
    return round(sum((w * p for w, p in zip(weights, points, strict=True)), Fraction(0)) / 10, 1)


def at_risk(of: Book, policy: Policy, today: date) -> bool:
    """Whether 90 days' net is under half of that of the same days a year earlier, else of the 90 before."""
    year_earlier = net(of, policy, back(today, 365 + 89), back(today, 365))
    base = year_earlier if year_earlier > 0 else net(of, policy, back(today, 179), back(today, 90))
    return base > 0 and net(of, policy, back(today, 89), today) < base / 2


def unconverted(of: Book, policy: Policy, today: date) -> set[str]:
    """Currencies without a rate, of the last 730 days' money and of the invoices that payment looks at."""
    moved = {money.currency for money in of.purchases + of.refunds if back(today, 729) <= money.on <= today}
    owed = {invoice.currency for invoice in _invoices_that_count(of, today)}
    return {currency for currency in moved | owed if rate_of(policy, currency) is None}


def back(today: date, days: int) -> date:
    return today - timedelta(days)


@remembered
def interpolated(points: Points, x: Fraction, scale: Callable[[Fraction], Decimal] | None = None) -> Fraction:
    """Straight lines between the points, clamped at both ends; `scale` bends the x axis."""
    if x <= points[0][0]:
        return points[0][1]
    for (x0, y0), (x1, y1) in pairwise(points):
        if x == x1:
            return y1
        if x < x1:
            if scale is None:
                return y0 + (y1 - y0) * (x - x0) / (x1 - x0)
            low = scale(x0)
            share = WIDE.divide(WIDE.subtract(scale(x), low), WIDE.subtract(scale(x1), low))
            return y0 + (y1 - y0) * Fraction(share)
    return points[-1][1]


def log10(x: Fraction) -> Decimal:
    return WIDE.log10(WIDE.divide(Decimal(x.numerator), Decimal(x.denominator)))


@remembered
def _volume(policy: Policy, net_365d: Fraction) -> Factor:
    value = max(Fraction(0), net_365d)
    return Factor(round(interpolated(policy.volume, value, log10), 2), known=True, value=value)


def _growth(of: Book, policy: Policy, today: date, current: Fraction) -> Factor:
    first = first_purchase(of, today)
    if first is None or (today - first).days < 730:
        return _unknown(policy)
    return _grown(policy, current, net(of, policy, back(today, 729), back(today, 365)))


@remembered
def _grown(policy: Policy, current: Fraction, previous: Fraction) -> Factor:
    value = (max(current, Fraction(0)) - max(previous, Fraction(0))) / max(previous, policy.growth_floor)
    return Factor(round(interpolated(policy.growth, value), 2), known=True, value=value)


def _margin(of: Book, policy: Policy, today: date) -> Factor:
    window = [money for money in of.purchases if back(today, 364) <= money.on <= today]
    gross = converted(policy, window)
    rated = [money for money in window if money.margin_rate is not None]
    carrying = converted(policy, rated)
    if gross == 0 or carrying < gross / 2:
        return _unknown(policy)
    earned = sum((converted(policy, [one]) * one.margin_rate for one in rated if one.margin_rate), Fraction(0))
    value = earned / carrying
    return Factor(round(interpolated(policy.margin, value), 2), known=True, value=value)


def _invoices_that_count(of: Book, today: date) -> list[Invoice]:
    """Those due, in the last 365 days or not paid whole; one that was credited whole counts nowhere."""
    due = [one for one in of.invoices if one.due_on <= today and one.owed(today) > 0]
    return [one for one in due if one.due_on >= back(today, 364) or one.rest(today) > 0]


def _payment(of: Book, policy: Policy, today: date, net_365d: Fraction) -> Factor:
    total = weighted = overdue = Fraction(0)
    for one in _invoices_that_count(of, today):
        rate = rate_of(policy, one.currency)
        if rate is None:
            continue
        pieces = [(today, one.rest(today))]
        if one.due_on >= back(today, 364):
            pieces += one.paid(today)
        for on, parts in pieces:
            amount = Fraction(parts, PART) * rate
            total += amount
            weighted += amount * _points_when_late((on - one.due_on).days)
        if (today - one.due_on).days > 60:
            overdue += Fraction(one.rest(today), PART) * rate
    grade = _credit_grade(of, today)
    known = total > 0
    value = weighted / total if known else None
    capped = [policy.unknown if value is None else value]
    if overdue > max(Fraction(0), net_365d) / 10:
        capped.append(Fraction(2))
    if grade is not None:
        capped.append(grade)
    return Factor(round(min(capped), 2), known, value)


def _points_when_late(days: int) -> int:
    for at_most, points in ((0, 10), (30, 7), (60, 4), (90, 2)):
        if days <= at_most:
            return points
    return 0


def _credit_grade(of: Book, today: date) -> Fraction | None:
    given = [fact for fact in of_type(of.facts, "credit.rated") if fact.day <= today]
    if not given:
        return None
    latest = max(given, key=lambda fact: fact.order)
    until = _optional_day(latest, "valid_until")
    return None if until is not None and today > until else Fraction(str(latest.data["grade"]))


def _rated(of: Book, policy: Policy, name: str, today: date) -> Factor:
    said = [fact for fact in of_type(of.facts, "account.rated") if fact.day <= today and name in fact.data]
    if not said:
        return _unknown(policy)
    latest = max(said, key=lambda fact: fact.order)
    until = _optional_day(latest, "valid_until")
    lapsed = today > latest.day + timedelta(364) or (until is not None and today > until)
    if latest.data[name] is None or lapsed:
        return _unknown(policy)
    value = Fraction(str(latest.data[name]))
    approver = latest.data.get("approved_by")
    if approver is None or approver == latest.data["rated_by"]:
        return Factor(round(min(value, policy.rated_without_approver), 2), known=True, value=value)
    return Factor(round(value, 2), known=True, value=value)


def _unknown(policy: Policy) -> Factor:
    return Factor(policy.unknown, known=False, value=None)


def _parts(fact: Fact) -> int:
    return int(Fraction(fact.data["amount"]) * PART)


def _rate(fact: Fact) -> Fraction | None:
    rate = fact.data.get("margin_rate")
    return None if rate is None else Fraction(str(rate))


def _optional_day(fact: Fact, field: str) -> date | None:
    text = fact.data.get(field)
    return None if text is None else day(text)
