"""The worked examples of domain.md, by the oracle: what it says must be what a hand computes."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from tests.oracle.facts import Logged
from tests.oracle.policies import default_cny
from tests.oracle.tiering import Outcome, tiering
from tests.oracle.wire import event, logged

NOW = datetime(2026, 6, 1, 4, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")
POLICIES = (default_cny(date(2020, 1, 1)),)


@dataclass
class Customer:
    log: list[Logged] = field(default_factory=list)

    def said(self, noun: str, days_ago: int, **data: Any) -> "Customer":
        when = NOW - timedelta(days_ago)
        self.log.append(logged(event(noun, when, event_id=f"e{len(self.log)}", **data)))
        return self

    def bought(self, days_ago: int, amount: int, margin_rate: str | None = None) -> "Customer":
        return self.said(
            "purchase.recorded",
            days_ago,
            purchase_id=f"p{len(self.log)}",
            amount=str(amount),
            currency="CNY",
            margin_rate=margin_rate,
        )

    def refunded(self, days_ago: int, amount: int) -> "Customer":
        return self.said(
            "purchase.refunded", days_ago, refund_id=f"r{len(self.log)}", amount=str(amount), currency="CNY"
        )

    def rated(self, fit: str, market: str, share: str) -> "Customer":
        return self.said(
            "account.rated",
            10,
            rated_by="a",
            approved_by="b",
            strategic_fit=fit,
            market_standing=market,
            share_of_wallet=share,
        )

    def invoiced(self, days_late: int) -> "Customer":
        due = (NOW - timedelta(100)).date()
        self.said("invoice.issued", 130, invoice_id="i1", amount="1000000", currency="CNY", due_on=due.isoformat())
        paid = due + timedelta(days_late)
        return self.said("invoice.paid", 20, invoice_id="i1", paid_on=paid.isoformat())

    def now(self) -> Outcome:
        self.log.sort(key=lambda one: one.time)
        return tiering(self.log, POLICIES, ZONE, NOW)


def is_(outcome: Outcome, tier: str, score: str) -> bool:
    return (outcome.tier, outcome.judged.score) == (tier, Fraction(score))


def two_years(amount: int, growth: Fraction, margin_rate: str | None = None) -> Customer:
    """Known for two years, growing from one to the next; the first year's purchase is 735 days old and 700 days old."""
    before = int(amount / (1 + growth))
    return Customer().bought(735, 1, margin_rate).bought(700, before, margin_rate).bought(100, amount, margin_rate)


def test_one_small_and_flat_is_general() -> None:
    assert is_(two_years(46_000, Fraction(0)).now(), "general", "33.7")


def test_two_the_payment_gate_holds_a_large_customer_down() -> None:
    large = two_years(30_000_000, Fraction(1, 10), "0.22").rated("8", "8", "6")
    assert large.invoiced(75).now().tier == "priority"


def test_two_paid_promptly_it_is_partner() -> None:
    large = two_years(30_000_000, Fraction(1, 10), "0.22").rated("8", "8", "6")
    assert is_(large.invoiced(0).now(), "partner", "77.4")


def test_three_a_large_first_order_alone_is_general() -> None:
    assert is_(Customer().bought(10, 5_000_000).now(), "general", "38.8")


def test_three_with_margin_and_prompt_payment_it_is_priority() -> None:
    assert is_(Customer().bought(150, 5_000_000, "0.3").invoiced(0).now(), "priority", "50.3")


def test_four_middling_is_priority() -> None:
    middling = two_years(3_200_000, Fraction(0), "0.2").rated("6", "6", "4").invoiced(0)
    assert is_(middling.now(), "priority", "62.5")


def test_four_after_a_year_without_purchases_it_is_general() -> None:
    quiet = Customer().bought(800, 3_200_000, "0.2").bought(400, 3_200_000, "0.2").rated("6", "6", "4")
    assert is_(quiet.now(), "general", "32.0")


def test_five_rated_highest_but_never_bought_is_potential() -> None:
    assert Customer().rated("10", "10", "10").now().tier == "potential"


def test_six_refunded_more_than_bought_is_dormant() -> None:
    six = Customer().bought(20, 200_000).refunded(10, 250_000).now()
    assert (six.tier, six.dormant) == ("potential", True)
