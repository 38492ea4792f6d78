"""The worked examples of domain.md. Each is worked out by hand against the tables in a comment."""

from tests.services.tiering.given import Said, given, invoice, paid, purchase, rated, refund

TODAY = "2026-06-01"


def two_years(before: str, now: str, margin: str | None = None) -> list[Said]:
    """A first purchase 735 days old, and one in each of the two years since."""
    return [
        purchase("1", "2024-05-27", margin=margin),
        purchase(before, "2024-07-01", margin=margin),
        purchase(now, "2026-02-21", margin=margin),
    ]


def prompt() -> list[Said]:
    return [invoice("1000000", "2026-02-21", due_on="2026-02-21"), paid("2026-02-21")]


def test_1_small_and_flat_is_general() -> None:
    # 20 x 3.33 + 15 x 5 + (25 + 15 + 10 + 10 + 5) x 3 = 336.6 -> 33.7
    one = given(*two_years("46000", "46000"), TODAY)
    assert (one.tier, one.row["score"]) == ("general", 33.7)


def test_2_invoices_75_days_late_hold_a_large_customer_at_priority() -> None:
    late = [invoice("30000000", "2026-02-21", due_on="2026-02-21"), paid("2026-05-07")]
    large = [*two_years("27272727", "30000000", "0.22"), rated("2026-02-22", fit="8", market="8", share="6")]
    two = given(*large, *late, TODAY)
    assert two.factor("payment") == 2.0
    assert two.tier == "priority"


def test_2_all_prompt_it_is_partner() -> None:
    # 25 x 8 + 20 x 8.95 + 15 x 8 + 15 x 6 + 10 x 5.5 + 10 x 10 + 5 x 6 = 774 -> 77.4
    large = [*two_years("27272727", "30000000", "0.22"), rated("2026-02-22", fit="8", market="8", share="6")]
    two = given(*large, *prompt(), TODAY)
    assert (two.tier, two.row["score"]) == ("partner", 77.4)


def test_3_a_first_order_of_five_million_alone_is_general() -> None:
    # 20 x 7.40 + 80 x 3 = 388 -> 38.8
    three = given(purchase("5000000", TODAY))
    assert (three.tier, three.row["score"]) == ("general", 38.8)


def test_3_with_margin_and_paid_on_time_it_is_priority() -> None:
    # 20 x 7.40 + 10 x 7.5 + 10 x 10 + 60 x 3 = 503 -> 50.3
    three = given(purchase("5000000", "2026-02-21", margin="0.30"), *prompt(), TODAY)
    assert (three.tier, three.row["score"]) == ("priority", 50.3)


def test_4_middling_in_everything_is_priority() -> None:
    # 25 x 6 + 20 x 7.01 + 15 x 6 + 15 x 5 + 10 x 5 + 10 x 10 + 5 x 4 = 625.2 -> 62.5
    facts = [*two_years("3200000", "3200000", "0.20"), rated("2026-02-22", fit="6", market="6", share="4")]
    four = given(*facts, *prompt(), TODAY)
    assert (four.tier, four.row["score"]) == ("priority", 62.5)


def test_4_after_twelve_months_without_purchases_it_is_general() -> None:
    # ratings and invoices have lapsed with the purchases but for a fresh rating:
    # 25 x 6 + 20 x 0 + 15 x 6 + 15 x 0 + 10 x 3 + 10 x 3 + 5 x 4 = 320 -> 32.0
    bought = [purchase("3200000", "2024-03-01", margin="0.2"), purchase("3200000", "2025-05-01", margin="0.2")]
    four = given(*bought, rated("2026-05-20", fit="6", market="6", share="4"), TODAY)
    assert (four.tier, four.row["score"]) == ("general", 32.0)


def test_5_rated_highest_but_never_bought_is_potential() -> None:
    five = given(rated(TODAY, fit="10", market="10", share="10"))
    assert (five.tier, "dormant" in five.row) == ("potential", False)


def test_6_refunded_more_than_bought_is_dormant() -> None:
    six = given(purchase("200000", "2026-05-01"), refund("250000", "2026-05-20"))
    assert (six.tier, six.row["dormant"]) == ("potential", True)
