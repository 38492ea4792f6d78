"""What a demotion leaves for 30 days."""

from tests.services.tiering.given import (
    best,
    given,
    invoice,
    overridden,
    paid,
    pounds,
    purchase,
    rated,
    refund,
    tier_changed,
    wholesale,
)

BAND = 3


def test_a_demotion_by_score_keeps_the_old_entitlements_30_more_days() -> None:
    one = wholesale(pounds("5000", "2026-01-10")).when(refund("4000", "2026-02-01", currency="GBP"))
    one.then(tier_changed("general", entitled_tier="priority", entitled_until="2026-03-03"))
    assert (one.row["entitled_tier"], one.row["entitlements"][BAND]) == ("priority", "C")
    assert one.when("2026-03-03").row["entitled_until"] == "2026-03-03"
    one.when("2026-03-04").then()
    assert "entitled_tier" not in one.row
    assert one.row["entitlements"][BAND] is None


def test_so_does_one_by_net() -> None:
    one = wholesale(pounds("500", "2026-01-10")).when(refund("500", "2026-02-01", currency="GBP"))
    one.then(tier_changed("potential", cause="net", entitled_tier="general", entitled_until="2026-03-03"))


def test_and_one_by_another_gate_than_payment() -> None:
    facts = [*best("2026-01-10")[1:], rated("2026-01-10", fit="6", market="10", share="10")]
    one = given(*facts).when(rated("2026-01-11", fit="5"))
    one.then(tier_changed("priority", cause="gate", entitled_tier="partner", entitled_until="2026-02-10"))


def test_of_several_the_highest_counts() -> None:
    one = wholesale(pounds("100000", "2026-01-10"))
    one.when(refund("80000", "2026-02-01", currency="GBP"))
    one.then(tier_changed("partner", entitled_tier="strategic", entitled_until="2026-03-03"))
    one.when(refund("15000", "2026-02-11", currency="GBP"))
    one.then(tier_changed("priority", entitled_tier="strategic", entitled_until="2026-03-03"))
    one.when("2026-03-04")
    assert (one.row["entitled_tier"], one.row["entitled_until"]) == ("partner", "2026-03-13")


def test_never_higher_than_the_day_began_with() -> None:
    one = wholesale(pounds("500", "2026-01-10"))
    one.when(pounds("100000", "2026-02-01"), refund("100000", "2026-02-01", currency="GBP"))
    one.then(tier_changed("strategic"), tier_changed("general", entitled_tier="general", entitled_until=None))


def test_a_day_of_ups_and_downs_keeps_what_it_began_with() -> None:
    one = wholesale(pounds("5000", "2026-01-10"))
    one.when(pounds("100000", "2026-02-01"), refund("104000", "2026-02-01", currency="GBP"))
    one.then(tier_changed("strategic"), tier_changed("general", entitled_tier="priority", entitled_until="2026-03-03"))


def test_none_when_a_known_payment_fails_the_gate_of_the_tier_left() -> None:
    one = given(*best("2026-01-10")).when(invoice("1000000", "2026-01-11", due_on="2025-06-01"))
    one.then(tier_changed("general", cause="gate", entitled_tier="general", entitled_until=None), {"kind": "proposed"})


def test_a_payment_gate_also_ends_what_runs() -> None:
    one = given(*best("2026-01-10")).when(rated("2026-01-11", fit="5"))
    assert one.row["entitled_tier"] == "partner"
    one.when(invoice("1000000", "2026-01-12", due_on="2025-06-01")).then(tier_changed("general", cause="gate"))
    assert "entitled_tier" not in one.row


def test_none_by_an_override_which_also_ends_what_runs() -> None:
    one = wholesale(pounds("5000", "2026-01-10"), refund("4000", "2026-02-01", currency="GBP"))
    assert one.row["entitled_tier"] == "priority"
    one.when(overridden("potential", "2026-02-02", until="2026-02-05"))
    one.then(tier_changed("potential", cause="override", entitled_tier="potential", graces=[]))
    one.when("2026-02-06")
    assert "entitled_tier" not in one.row


def test_none_by_the_end_of_an_override() -> None:
    one = wholesale(pounds("500", "2026-01-10"), overridden("strategic", "2026-01-12", until="2026-02-05"))
    one.when("2026-02-06").then(tier_changed("general", cause="override_ended", entitled_tier="general"))


def test_a_rise_ends_no_grace_that_comes_back_into_use() -> None:
    one = wholesale(pounds("5000", "2026-01-10"), refund("4000", "2026-02-01", currency="GBP"))
    one.when(pounds("8000", "2026-02-02"), refund("8000", "2026-02-02", currency="GBP"))
    one.then(tier_changed("priority"), tier_changed("general", entitled_tier="priority", entitled_until="2026-03-03"))


def test_potential_is_entitled_to_nothing() -> None:
    assert given(rated("2026-01-10", fit="9")).row["entitlements"] == [None, 0, None, None, 0, None]


def test_paid_late_within_the_gate_costs_no_entitlement() -> None:
    late = [invoice("1000", "2026-01-10", due_on="2025-12-01"), paid("2026-01-10")]
    one = given(*best("2026-01-10"), *late, purchase("1", "2026-01-11"))
    assert one.tier == "partner"
