"""What would change it is true: apply it and the tier changes, apply less and it does not."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from tests.services.tiering.given import (
    Given,
    Said,
    approved,
    best,
    credit,
    declined,
    given,
    invoice,
    overridden,
    paid,
    policy,
    pounds,
    purchase,
    rated,
    refund,
    wholesale,
)

TODAY = "2026-06-01"
RANKS = ("potential", "general", "priority", "partner", "strategic")


def less(amount: str) -> str:
    return str(Decimal(amount) - Decimal("0.01"))


WHOLESALE = {
    "never bought": [],
    "small": [pounds("500", "2026-05-01")],
    "general": [pounds("4000", "2026-05-01")],
    "priority": [pounds("9000", "2026-01-01")],
    "partner": [pounds("30000", "2026-01-01")],
    "old and shrinking": [pounds("900", "2024-05-01"), pounds("30000", "2025-01-01"), pounds("2000", "2026-01-01")],
    "net negative": [pounds("900", "2026-01-01"), refund("1500", "2026-02-01", currency="GBP")],
    "negative year, positive before": [pounds("900", "2025-01-01"), refund("300.50", "2026-02-01", currency="GBP")],
}


@pytest.mark.parametrize("facts", WHOLESALE.values(), ids=WHOLESALE.keys())
def test_purchase_is_the_least_that_lifts_it(facts: list[Said]) -> None:
    told = wholesale(*facts, TODAY).would_change["purchase"]
    before = wholesale(*facts, TODAY).tier
    assert told["currency"] == "GBP"
    assert wholesale(*facts, TODAY, pounds(told["amount"], TODAY)).tier == told["tier"]
    assert RANKS.index(told["tier"]) > RANKS.index(before)
    if Decimal(told["amount"]) > Decimal("0.01"):
        assert wholesale(*facts, TODAY, pounds(less(told["amount"]), TODAY)).tier == before


def test_purchase_carries_the_margin_of_the_window_and_relaxes_the_cap_for_what_is_unpaid() -> None:
    facts = [
        rated("2026-01-10", fit="4.5", market="6", share="6"),
        purchase("9000", "2026-01-10", margin="0.3"),
        invoice("90000", "2026-01-10", due_on="2026-01-10"),
        paid("2026-01-10"),
        invoice("2000", "2026-01-10", due_on="2026-03-01", name="j"),
    ]
    one = given(*facts, TODAY)
    assert one.factor("payment") == 2
    told = one.would_change["purchase"]
    assert given(*facts, TODAY, purchase(told["amount"], TODAY, margin="0.3")).tier == told["tier"] == "priority"
    assert given(*facts, TODAY, purchase(less(told["amount"]), TODAY, margin="0.3")).tier == "general"


def test_a_purchase_carries_no_margin_where_it_is_unknown() -> None:
    facts = [purchase("500", "2026-05-01", margin="0.4"), purchase("900", "2026-05-01")]
    told = given(*facts, rated(TODAY, fit="6", market="6"), TODAY).would_change["purchase"]
    one = given(*facts, rated(TODAY, fit="6", market="6"), TODAY, purchase(told["amount"], TODAY))
    assert one.tier == told["tier"]


def test_where_no_purchase_lifts_it_what_blocks_is_named() -> None:
    small = given(purchase("500", "2026-05-01"), TODAY).would_change
    assert (small["purchase"], small["blocked_by"]) == (None, ["score"])
    late = given(*best("2026-01-10")[:1], *best("2026-01-10")[3:], credit("1", "2026-01-11"), TODAY).would_change
    assert (late["purchase"], late["blocked_by"]) == (None, ["payment"])
    both = given(*best("2026-01-10")[1:], rated("2026-01-10", fit="5.5"), credit("3", "2026-01-11"), TODAY)
    assert (both.tier, both.would_change["blocked_by"]) == ("priority", ["strategic_fit", "payment", "score"])


def test_payment_is_the_tier_if_all_overdue_were_paid_today() -> None:
    facts = [*best("2026-01-10"), invoice("3000", "2026-03-01", due_on="2026-03-01", name="late")]
    one = given(*facts, approved(2, "2026-01-11"), TODAY)
    assert (one.tier, one.factor("payment")) == ("priority", 2.5)
    assert one.would_change["payment"] == one.tier  # three quarters of it stay 92 days late, paid or not
    old = [*best("2026-01-10"), invoice("3000", "2025-01-01", due_on="2025-01-01", name="late")]
    one = given(*old, TODAY)
    assert (one.tier, one.would_change["payment"]) == ("priority", "strategic")
    assert one.when(paid(TODAY, name="late")).row["proposed_tier"] == "strategic"


def test_payment_is_null_when_nothing_is_overdue() -> None:
    assert given(*best("2026-01-10"), TODAY).would_change["payment"] is None


def test_rating_is_the_least_step_of_a_half_that_lifts_it() -> None:
    facts = [purchase("5000000", "2026-05-01", margin="0.2"), rated("2026-05-01", fit="4.25", market="3.5")]
    one = given(*facts, TODAY)
    told = one.would_change["rating"]
    assert one.tier == "general"
    assert told["strategic_fit"] == {"points": "4.75", "more": "0.50", "tier": "priority"}
    assert given(*facts, rated(TODAY, fit="4.75")).tier == "priority"
    assert told["share_of_wallet"] == {"points": "4.00", "more": "1.00", "tier": "priority"}  # unknown from 3
    assert given(*facts, rated(TODAY, share="4")).tier == "priority"
    assert given(*facts, rated(TODAY, share="3.5")).tier == "general"


def test_rating_is_null_where_none_suffices() -> None:
    told = given(purchase("500", "2026-05-01"), TODAY).would_change["rating"]
    assert told == {"strategic_fit": None, "market_standing": None, "share_of_wallet": None}


def test_only_weighed_factors_can_be_rated() -> None:
    assert wholesale(pounds("500", "2026-05-01")).would_change["rating"] == {}


def falls_on(one: Given) -> date:
    return date.fromisoformat(one.would_change["falls_on"])


@pytest.mark.parametrize(
    "facts",
    [
        [pounds("500", "2026-01-10")],
        [pounds("5000", "2026-01-10"), pounds("5000", "2026-03-10")],
        [pounds("30000", "2025-12-10"), pounds("4000", "2026-05-01")],
        [pounds("500", "2026-01-10"), overridden("partner", "2026-05-20", until="2026-07-01")],
        [pounds("50000", "2025-06-10"), pounds("5000", "2026-05-10"), pounds("100000", TODAY, counts_on="2026-06-05")],
    ],
)
def test_it_falls_on_the_day_said_and_not_before(facts: list[Said]) -> None:
    told = falls_on(wholesale(*facts, TODAY))
    rank = RANKS.index(wholesale(*facts, TODAY).tier)
    one = wholesale(*facts, TODAY)
    day = date.fromisoformat(TODAY)
    while day < told - timedelta(1):
        day += timedelta(1)
        assert RANKS.index(one.when(day.isoformat()).tier) >= rank
    assert RANKS.index(one.when(told.isoformat()).tier) < rank


def test_it_falls_with_a_rating_that_lapses_an_invoice_that_ages_or_a_policy_that_begins() -> None:
    assert given(*best("2026-01-10"), TODAY).would_change["falls_on"] == "2027-01-10"
    rating = given(*best("2026-01-10")[1:], rated("2026-01-10", fit="10", market="10", valid_until="2026-08-01"), TODAY)
    assert (rating.tier, rating.would_change["falls_on"]) == ("partner", "2026-08-02")
    unpaid = invoice("5000", "2026-05-01", due_on="2026-05-25", name="unpaid")
    ageing = given(*best("2026-01-10"), unpaid, TODAY)
    assert (ageing.tier, ageing.would_change["falls_on"]) == ("partner", "2026-07-25")
    stricter = policy("wholesale-gbp", version=2, effective_on=date(2026, 7, 1), unknown=0)
    policies = (policy("wholesale-gbp"), stricter)
    assert given(pounds("4500", "2026-05-01"), TODAY, policies=policies).would_change["falls_on"] == "2026-07-01"


def test_potential_falls_no_further() -> None:
    assert given(rated("2026-01-10", fit="9")).would_change["falls_on"] is None


def test_an_awaited_or_declined_approval_is_named_and_blocks() -> None:
    told = given(*best("2026-01-10"), TODAY).would_change
    assert (told["purchase"], told["blocked_by"], told["approval"]) == (None, ["approval"], "awaited")
    assert given(*best("2026-01-10"), declined(2, "2026-01-11"), TODAY).would_change["approval"] == "declined"


def test_nothing_lifts_strategic() -> None:
    told = given(*best("2026-01-10"), approved(2, "2026-01-11")).would_change
    assert (told["purchase"], told["blocked_by"], "approval" in told) == (None, [], False)


def test_it_is_about_the_computed_tier() -> None:
    one = wholesale(pounds("500", "2026-05-01"), overridden("strategic", "2026-05-02", until="2026-07-01"), TODAY)
    assert one.would_change["purchase"]["tier"] == "priority"
    assert one.would_change["falls_on"] == "2026-07-02"


def test_a_change_of_tier_carries_it() -> None:
    one = wholesale(pounds("500", "2026-05-01"))
    assert one.decisions[0].model_dump()["would_change"] == one.would_change


def test_an_invoice_due_over_a_year_ago_counts_no_more_once_it_is_paid() -> None:
    old = invoice("1000000", "2025-04-01", due_on="2025-04-01", name="old")
    one = given(old, *best("2026-01-10"), TODAY)
    assert (one.tier, one.would_change["payment"]) == ("general", "strategic")
    assert one.when(paid(TODAY, name="old")).factor("payment") == 10.0
