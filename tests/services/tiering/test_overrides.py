"""Tiers set by hand, and the computed tier that goes on below them."""

from tests.services.tiering.given import (
    given,
    lifted,
    overridden,
    pounds,
    purchase,
    refund,
    said,
    tier_changed,
    voided,
    wholesale,
)


def test_an_override_sets_the_tier_and_the_computed_one_is_shown() -> None:
    one = wholesale(pounds("500", "2026-01-10")).when(overridden("partner", "2026-01-12", until="2026-03-01"))
    one.then(tier_changed("partner", cause="override", computed_tier="general", on="2026-01-12"))
    assert (one.row["computed_tier"], one.row["overridden_until"]) == ("general", "2026-03-01")


def test_an_unbought_target_gets_a_tier_this_way() -> None:
    given().when(overridden("priority", "2026-01-12", until="2026-03-01")).then(
        tier_changed("priority", from_="potential", cause="override", computed_tier="potential")
    )


def test_an_override_holds_through_its_last_day() -> None:
    one = wholesale(pounds("500", "2026-01-10"), overridden("partner", "2026-01-12", until="2026-03-01"), "2026-03-01")
    assert one.tier == "partner"
    one.when("2026-03-05").then(tier_changed("general", on="2026-03-02", cause="override_ended", set_off_by=None))


def test_an_override_holds_at_most_365_days_after_its_own_day() -> None:
    wholesale(pounds("500", "2026-01-10"), overridden("partner", "2026-01-12", until="2030-01-01")).when(
        "2027-01-12"
    ).then()
    wholesale(pounds("500", "2026-01-10"), overridden("partner", "2026-01-12", until="2030-01-01")).when(
        "2027-01-13"
    ).then(tier_changed("general", on="2027-01-13", cause="override_ended"))


def test_a_lift_ends_it() -> None:
    one = wholesale(pounds("500", "2026-01-10"), overridden("partner", "2026-01-12", until="2026-03-01"))
    one.when(lifted("2026-01-20")).then(tier_changed("general", cause="override_ended", on="2026-01-20"))


def test_a_lift_that_comes_before_its_override_ends_it_by_time() -> None:
    late = overridden("partner", "2026-01-12", until="2026-03-01", recorded_on="2026-01-21")
    wholesale(pounds("500", "2026-01-10"), lifted("2026-01-20")).when(late).then()


def test_an_ended_override_revives_no_older_one() -> None:
    one = wholesale(
        pounds("500", "2026-01-10"),
        overridden("strategic", "2026-01-12", until="2026-12-01"),
        overridden("partner", "2026-01-13", until="2026-02-01"),
    )
    one.when("2026-02-02").then(tier_changed("general", cause="override_ended"))


def test_the_computed_tier_changes_in_the_shadow() -> None:
    one = wholesale(pounds("500", "2026-01-10"), overridden("partner", "2026-01-12", until="2026-03-01"))
    one.when(pounds("4500", "2026-01-20")).then(
        tier_changed("partner", from_="partner", computed_tier="priority", cause="score", entitled_tier="partner")
    )


def test_the_score_test_is_of_the_computed_tier_not_of_the_override() -> None:
    # 43.0 would hold priority, were it the computed tier
    one = wholesale(pounds("3500", "2026-01-10"), overridden("priority", "2026-01-12", until="2026-03-01"))
    assert one.row["score"] == 43.0
    one.when("2026-03-02").then(tier_changed("general", cause="override_ended"))


def test_an_override_to_the_tier_that_holds_anyway_changes_nothing() -> None:
    one = wholesale(pounds("500", "2026-01-10"))
    one.when(overridden("general", "2026-01-12", until="2026-02-01"), "2026-03-02").then()


def test_the_first_cause_that_applies_is_named() -> None:
    first = pounds("500", "2026-01-10")
    one = wholesale().when(first).then(tier_changed("general", cause="first_purchase"))
    one.when(voided(first, "2026-01-11")).then(tier_changed("potential", cause="net"))
    one.when(pounds("500", "2026-01-12")).then(tier_changed("general", cause="score"))
    one.when(refund("600", "2026-01-13", currency="GBP")).then(tier_changed("potential", cause="net", dormant=True))


def test_a_first_rise_in_the_shadow_of_an_override_is_a_first_purchase() -> None:
    given(overridden("priority", "2026-01-12", until="2026-03-01")).when(purchase("500", "2026-01-13")).then(
        tier_changed("priority", from_="priority", computed_tier="general", cause="first_purchase")
    )


def test_an_override_of_a_day_to_come_holds_from_that_day() -> None:
    fact = overridden("partner", "2026-01-12", until="2026-03-01").fact.model_copy(
        update={"occurred_on": pounds("1", "2026-01-15").on}
    )
    wholesale(pounds("500", "2026-01-10")).when(said(fact, "2026-01-12"), "2026-01-20").then(
        tier_changed("partner", on="2026-01-15", cause="override")
    )


def test_the_tier_shown_is_held_since_its_own_change_not_since_one_in_the_shadow() -> None:
    one = wholesale(pounds("500", "2026-01-10"), overridden("partner", "2026-01-12", until="2026-12-01"))
    one.when(pounds("4500", "2026-02-03")).then(tier_changed("partner", from_="partner", computed_tier="priority"))
    assert (one.row["tier_since"], one.row["since_version"]) == ("2026-01-12", 2)
    assert (one.row["changed_on"], one.row["changed_version"]) == ("2026-02-03", 3)
    one.when("2026-12-02").then(tier_changed("priority", cause="override_ended"))
    assert (one.row["tier_since"], "since_version" in one.row) == ("2026-12-02", False)
