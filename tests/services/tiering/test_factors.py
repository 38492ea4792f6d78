"""The factors that are not about purchases alone: ratings, margin, payment, credit."""

from datetime import date, timedelta

import pytest

from tests.services.tiering.given import (
    Said,
    amended,
    assigned,
    credit,
    given,
    invoice,
    paid,
    purchase,
    rated,
    refund,
    registered,
    voided,
)

FIT = "strategic_fit"


def owed(amount: str, due_on: str, paid_on: str | None = None, name: str = "i") -> list[Said]:
    issued = [invoice(amount, due_on, due_on=due_on, name=name)]
    return issued if paid_on is None else [*issued, paid(paid_on, name=name)]


def test_what_nothing_is_known_of_scores_three() -> None:
    one = given(purchase("1000", "2026-01-10"))
    assert (one.factor(FIT), one.row["known_weight"], one.row["score"]) == ("unknown", 20, 24.0)


def test_a_rating_counts_through_its_day_and_364_more() -> None:
    one = given(rated("2026-01-10", fit="6"), "2027-01-09")
    assert one.factor(FIT) == 6.0
    assert one.row["ratings_lapse_on"] == "2027-01-10"
    assert one.when("2027-01-10").factor(FIT) == "unknown"


def test_a_rating_counts_through_valid_until() -> None:
    one = given(rated("2026-01-10", fit="6", valid_until="2026-02-01"), "2026-02-01")
    assert one.factor(FIT) == 6.0
    assert one.when("2026-02-02").factor(FIT) == "unknown"


def test_an_older_rating_never_comes_back() -> None:
    one = given(rated("2026-01-10", fit="6"), rated("2026-01-20", fit="9", valid_until="2026-02-01"), "2026-02-02")
    assert one.factor(FIT) == "unknown"


def test_the_latest_rating_wins_whichever_comes_first() -> None:
    late = given(rated("2026-01-20", fit="6"), rated("2026-01-10", fit="4", share="2", recorded_on="2026-01-21"))
    assert (late.factor(FIT), late.factor("share_of_wallet")) == (6.0, 2.0)


def test_null_clears_a_rating_and_absence_does_not() -> None:
    one = given(rated("2026-01-10", fit="6", market="5"), rated("2026-01-11", fit=None))
    assert (one.factor(FIT), one.factor("market_standing")) == ("unknown", 5.0)


@pytest.mark.parametrize("approved_by", [None, "ann"])
def test_above_seven_without_another_approver_counts_seven(approved_by: str | None) -> None:
    assert given(rated("2026-01-10", fit="9", by="ann", approved_by=approved_by)).factor(FIT) == 7.0
    assert given(rated("2026-01-10", fit="6.5", by="ann", approved_by=approved_by)).factor(FIT) == 6.5
    assert given(rated("2026-01-10", fit="9", by="ann", approved_by="bo")).factor(FIT) == 9.0


def test_a_rating_of_a_day_to_come_waits_beside_the_one_that_holds() -> None:
    one = given(rated("2026-01-10", fit="4"), rated("2026-01-11", fit="6", counts_on="2026-01-14"))
    assert one.factor(FIT) == 4.0
    assert one.when("2026-01-14").factor(FIT) == 6.0


def test_margin_is_weighted_with_gross_and_refunds_are_not_taken_off() -> None:
    one = given(
        purchase("3000", "2026-01-10", margin="0.1"),
        purchase("1000", "2026-01-11", margin="0.3"),
        refund("2000", "2026-01-12"),
    )
    assert one.factor("margin") == 3.75  # 15 %


def test_margin_is_unknown_when_under_half_of_gross_carries_a_rate() -> None:
    half = [purchase("1000", "2026-01-10", margin="0.2"), purchase("1000", "2026-01-10")]
    assert given(*half).factor("margin") == 5.0
    assert given(*half, purchase("0.01", "2026-01-10")).factor("margin") == "unknown"


def test_a_margin_below_zero_scores_nothing_and_is_known() -> None:
    one = given(purchase("1000", "2026-01-10", margin="-0.5"))
    assert (one.factor("margin"), one.row["known_weight"]) == (0.0, 30)


@pytest.mark.parametrize(
    ("days_late", "points"), [(-3, 10), (0, 10), (1, 7), (30, 7), (31, 4), (60, 4), (61, 2), (90, 2), (91, 0)]
)
def test_points_of_a_paid_invoice_by_days_late(days_late: int, points: int) -> None:
    day = (date(2026, 3, 1) + timedelta(days_late)).isoformat()
    one = given(
        purchase("100000", "2026-02-01"),
        invoice("1000", "2026-02-01", due_on="2026-03-01"),
        paid("2026-08-01", paid_on=day),
    )
    assert one.factor("payment") == points


def test_payment_is_weighted_with_amounts() -> None:
    one = given(
        purchase("100000", "2026-01-01"),
        *owed("3000", "2026-01-10", "2026-01-10"),
        *owed("1000", "2026-01-10", "2026-01-12", name="j"),
    )
    assert one.factor("payment") == 9.25


def test_an_unpaid_invoice_ages_by_itself() -> None:
    one = given(purchase("100000", "2026-01-01"), *owed("1000", "2026-01-10"))
    ages = {"2026-01-10": 10, "2026-01-11": 7, "2026-02-10": 4, "2026-03-12": 2, "2026-04-11": 0}
    assert {on: one.when(on).factor("payment") for on in ages} == ages


def test_an_invoice_not_due_yet_says_nothing() -> None:
    assert given(invoice("1000", "2026-01-10", due_on="2026-02-10"), paid("2026-01-20")).factor("payment") == "unknown"


def test_a_paid_invoice_counts_for_365_days_from_its_due_day() -> None:
    one = given(*owed("1000", "2026-01-10", "2026-01-10"), "2027-01-09")
    assert one.factor("payment") == 10
    assert one.when("2027-01-10").factor("payment") == "unknown"


def test_an_overdue_unpaid_invoice_counts_however_old() -> None:
    one = given(*owed("1000", "2024-01-10"), "2026-06-01")
    assert one.factor("payment") == 0
    assert one.when(paid("2026-06-02")).factor("payment") == "unknown"


def test_paid_before_issued_is_no_error() -> None:
    one = given(
        purchase("100000", "2026-01-01"), paid("2026-01-12"), invoice("1000", "2026-01-20", due_on="2026-01-10")
    )
    assert one.factor("payment") == 7


def test_a_payment_of_a_day_to_come_counts_from_that_day() -> None:
    one = given(purchase("9000", "2026-01-01"), *owed("1000", "2026-01-10"), paid("2026-01-10", paid_on="2026-01-12"))
    assert one.factor("payment") == 10
    assert one.when("2026-01-11").factor("payment") == 7
    assert one.when("2026-06-01").factor("payment") == 7


def test_halves_pair_by_source() -> None:
    theirs = Said(**{**vars(paid("2026-01-10")), "source": "bank"})
    one = given(purchase("9000", "2026-01-01"), *owed("1000", "2026-01-10"), theirs, "2026-02-10")
    assert one.factor("payment") == 4


def test_a_voided_payment_makes_the_invoice_unpaid_again() -> None:
    payment = paid("2026-01-10")
    one = given(purchase("9000", "2026-01-01"), *owed("1000", "2026-01-10"), payment)
    assert one.when(voided(payment, "2026-02-10", "payment", "i")).factor("payment") == 4


def test_an_amended_and_a_voided_invoice() -> None:
    issued = invoice("1000", "2026-01-01", due_on="2026-01-10")
    later = amended(issued, "2026-01-05", due_on="2026-02-10")
    one = given(purchase("9000", "2026-01-01"), issued, later, "2026-02-09")
    assert one.factor("payment") == "unknown"
    assert one.when("2026-02-10").factor("payment") == 10
    assert one.when(voided(later, "2026-02-11", "invoice", "i")).factor("payment") == "unknown"


def test_revisions_of_an_invoice_that_cross_net_out() -> None:
    first = invoice("1000", "2026-01-01", due_on="2026-01-10")
    second = amended(first, "2026-01-02", due_on="2026-01-11")
    third = amended(second, "2026-01-02", due_on="2026-01-12")
    in_order, crossed = given(first, second, third), given(first, third, second)
    assert crossed.stored["fold:invoices"] == in_order.stored["fold:invoices"]


def test_over_ten_percent_of_net_unpaid_for_more_than_60_days_scores_two_at_most() -> None:
    facts = [*owed("100000", "2026-01-01", "2026-01-01", name="j"), *owed("1000", "2026-01-10")]
    at_border = given(purchase("10000", "2026-01-01"), *facts, "2026-03-12")
    assert at_border.factor("payment") == 9.92
    over = given(purchase("9999.99", "2026-01-01"), *facts, "2026-03-11")
    assert over.factor("payment") == 9.94
    assert over.when("2026-03-12").factor("payment") == 2


def test_of_a_net_below_zero_anything_unpaid_is_over_ten_percent() -> None:
    facts = [*owed("100000", "2026-01-01", "2026-01-01", name="j"), *owed("1", "2026-01-10")]
    assert given(*facts, refund("5", "2026-01-11"), "2026-03-12").factor("payment") == 2


def test_the_credit_grade_caps_payment_known_or_not() -> None:
    one = given(credit("2.5", "2026-01-01"))
    assert (one.row["factors"][5][1:3], one.row["known_weight"]) == ([None, 2.5], 20)
    one.when(purchase("9000", "2026-01-01"), *owed("1000", "2026-01-10", "2026-01-10"))
    assert one.factor("payment") == 2.5


def test_a_grade_ends_at_valid_until_only() -> None:
    one = given(credit("1", "2020-01-01"), credit("2", "2020-01-02"), "2026-01-01")
    assert one.row["factors"][5][2] == 2.0
    one.when(credit("1.5", "2026-01-02", valid_until="2026-02-01"), "2026-02-01")
    assert one.row["factors"][5][2] == 1.5
    assert one.when("2026-02-02").row["factors"][5][2] == 3.0


def test_an_invoice_without_a_rate_is_flagged_while_payment_looks_at_it() -> None:
    one = given(invoice("1000", "2026-01-01", due_on="2026-01-10", currency="CHF"), "2026-01-09")
    assert "flags" not in one.row
    assert one.when("2026-01-10").row["flags"] == {"unconverted": ["CHF"]}
    assert one.factor("payment") == "unknown"


def test_a_paid_invoice_is_forgotten_after_ten_years() -> None:
    payment = paid("2014-01-10")
    one = given(*owed("1000", "2014-01-10"), payment, "2024-01-11")
    assert "fold:invoices" in one.row
    assert "fold:invoices" not in one.when("2024-01-12").row
    assert one.when(voided(payment, "2024-01-13", "payment", "i")).factor("payment") == "unknown"


def test_registered_fields_are_the_latest_said_and_null_clears() -> None:
    one = given(
        registered("2026-01-10", name="长城", country="CN", region="North"),
        registered("2026-01-12", name="长城工业", region=None),
        registered("2026-01-11", name="too late", country="US", recorded_on="2026-01-13"),
    )
    assert (one.row["name"], one.row["country"], one.row["registered"]) == ("长城工业", "US", True)
    assert "region" not in one.row


def test_an_unknown_customer_has_a_row_that_does_not_say_registered() -> None:
    assert "registered" not in given(purchase("1", "2026-01-10")).row


def test_the_owner_is_the_greatest_from_on_that_has_come() -> None:
    one = given(
        assigned("2026-01-10", account_manager="ann", product_manager="pat"),
        assigned("2026-01-11", account_manager="bo", from_on="2026-03-01"),
        "2026-02-28",
    )
    assert (one.row["account_manager"], one.row["product_manager"]) == ("ann", "pat")
    assert one.when("2026-03-01").row["account_manager"] == "bo"
    assert "account_manager" not in one.when(assigned("2026-03-02", account_manager=None)).row


def test_a_rating_that_another_one_has_replaced_does_not_say_when_ratings_lapse() -> None:
    one = given(rated("2026-01-10", fit="8"), rated("2026-03-01", fit="7"))
    assert one.row["ratings_lapse_on"] == "2027-03-01"
    assert given(rated("2026-01-10", fit="8"), rated("2026-03-01", market="7")).row["ratings_lapse_on"] == "2027-01-10"
