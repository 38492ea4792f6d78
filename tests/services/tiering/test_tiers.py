"""Which tier holds: enter and hold scores, gates, the net test."""

from tests.services.tiering.given import (
    given,
    invoice,
    paid,
    pounds,
    purchase,
    rated,
    refund,
    tier_changed,
    wholesale,
)


def test_a_tier_is_entered_at_its_enter_score() -> None:
    # 8 x 4.87 + 6 = 44.96 -> 45.0; points of 4.87 begin above 1,000 x 10^(1.865 / 3) = 4,184.7256
    one = wholesale(pounds("4184.72", "2026-01-10"))
    assert (one.tier, one.row["score"]) == ("general", 44.9)
    one.when(pounds("0.01", "2026-01-10")).then(tier_changed("priority", score="45.0", cause="score"))


def test_a_tier_is_held_at_its_hold_score() -> None:
    one = wholesale(pounds("5000", "2026-01-10")).when(refund("1500", "2026-01-11", currency="GBP")).then()
    assert (one.tier, one.row["score"]) == ("priority", 43.0)
    one.when(refund("400", "2026-01-12", currency="GBP")).then(tier_changed("general", cause="score", score="41.8"))


def test_what_was_left_must_be_entered_again() -> None:
    one = wholesale(
        pounds("5000", "2026-01-10"), refund("1900", "2026-01-12", currency="GBP"), pounds("500", "2026-01-13")
    )
    assert (one.tier, one.row["score"]) == ("general", 43.4)


def test_a_tier_below_the_present_one_is_tested_with_its_hold_score() -> None:
    # from strategic down to 63: partner holds at 62 though it is entered at 65
    one = wholesale(pounds("100000", "2026-01-10")).when(refund("79465", "2026-01-11", currency="GBP"))
    one.then(tier_changed("partner", score="64.0"))


def test_gates_are_never_softened() -> None:
    # a payment gate of 2 is missed by 0.01 although the score is far above
    facts = [purchase("90000000", "2026-01-10", margin="0.4"), rated("2026-01-10", fit="10", market="10", share="10")]
    good = [invoice("1990", "2026-01-10", due_on="2026-01-10"), paid("2026-01-10")]
    bad = [invoice("8010", "2025-05-10", due_on="2025-05-10", name="j"), paid("2026-01-10", name="j")]
    one = given(*facts, *good, *bad)
    assert one.factor("payment") == 1.99
    assert (one.tier, one.row["score"]) == ("general", 81.3)


def test_net_above_zero_is_needed_in_the_last_365_days() -> None:
    one = given(rated("2026-01-10", fit="10", market="10", share="10"), purchase("90000000", "2026-01-10"))
    assert one.tier == "priority"
    one.when(refund("90000000", "2026-01-11")).then(tier_changed("potential", cause="net"))


def test_general_needs_net_above_zero_in_365_or_730_days() -> None:
    one = wholesale(pounds("500", "2025-01-10"), refund("400", "2026-01-20", currency="GBP"))
    assert (one.tier, one.row["net_365d"], one.row["net_730d"]) == ("general", "-400.00", "100.00")
    one.when(refund("100", "2026-01-21", currency="GBP")).then(tier_changed("potential", cause="net"))


def test_a_decision_comes_once() -> None:
    one = wholesale(pounds("5000", "2026-01-10"))
    one.when("2026-01-10", "2026-01-11", pounds("1", "2026-01-12")).then()


def test_net_of_one_cent_is_enough_though_no_point_moves() -> None:
    """Nothing else changes from what was judged before: volume and growth stay at their lowest points."""
    one = given(purchase("10000000", "2024-12-10"), rated("2026-01-10", fit="10", market="10", share="10"))
    assert (one.tier, one.row["net_365d"]) == ("general", "0.00")
    one.when(purchase("0.01", "2026-01-11")).then(tier_changed("priority"))


def test_who_meets_a_gate_exactly_passes_it_and_falls_by_score() -> None:
    good = [invoice("2000", "2026-01-10", due_on="2026-01-10"), paid("2026-01-10")]
    bad = [invoice("8000", "2025-05-10", due_on="2025-05-10", name="j"), paid("2026-01-10", name="j")]
    facts = [purchase("90000000", "2026-01-10", margin="0"), rated("2026-01-10", fit="10", market="10", share="10")]
    one = given(*facts, *good, *bad)
    assert (one.tier, one.factor("payment")) == ("priority", 2)
    one.when(rated("2026-01-11", fit="0", market="0", share="0")).then(tier_changed("general", cause="score"))
