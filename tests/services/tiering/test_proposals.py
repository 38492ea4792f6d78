"""Entry to strategic: proposed, approved by someone who is not the account manager, or declined."""

from shared.events.codec import decision_id
from tests.services.tiering.given import (
    Given,
    approved,
    assigned,
    best,
    declined,
    given,
    overridden,
    policy,
    purchase,
    rated,
    said,
    tier_changed,
    tier_proposed,
)


def waiting() -> Given:
    """Partner in version 1, strategic proposed in version 2."""
    return given(*best("2026-01-10"))


def test_while_strategic_waits_the_highest_other_tier_holds_and_the_proposal_follows_it() -> None:
    one = given(*best("2026-01-10")[:-1]).when(best("2026-01-10")[-1])
    one.then(tier_changed("partner", version=1), tier_proposed("strategic", version=2, score="89.5"))
    assert one.decisions[1].after == decision_id("c", one.decisions[0])
    assert (one.tier, one.row["proposed_tier"]) == ("partner", "strategic")


def test_an_approval_makes_it_strategic() -> None:
    one = waiting().when(approved(2, "2026-01-12"))
    one.then(tier_changed("strategic", on="2026-01-12", from_="partner", cause="approval", version=3))
    assert "proposed_tier" not in one.row


def test_an_approval_by_the_account_manager_of_that_day_counts_for_nothing() -> None:
    one = given(assigned("2026-01-01", account_manager="bo"), *best("2026-01-10"))
    one.when(approved(2, "2026-01-12", by="bo")).then()
    one.when(assigned("2026-01-13", account_manager="chen"), "2026-01-14").then()
    one.when(approved(2, "2026-01-15", by="bo")).then(tier_changed("strategic", cause="approval"))


def test_the_manager_is_asked_for_the_day_on_which_the_approval_was_given() -> None:
    one = given(assigned("2026-01-01", account_manager="bo"), *best("2026-01-10"))
    one.when(assigned("2026-01-13", account_manager="chen"))
    one.when(approved(2, "2026-01-12", by="bo", recorded_on="2026-01-14")).then()
    one.when(approved(2, "2026-01-12", by="chen", recorded_on="2026-01-14")).then(tier_changed("strategic"))


def test_an_approval_of_another_version_counts_for_nothing() -> None:
    waiting().when(approved(1, "2026-01-12"), approved(3, "2026-01-12")).then()


def test_an_early_approval_is_ignored() -> None:
    one = given(approved(2, "2026-01-09"), *best("2026-01-10"))
    assert (one.tier, one.row["proposed_tier"]) == ("partner", "strategic")


def test_a_declined_proposal_is_not_made_again() -> None:
    one = waiting().when(declined(2, "2026-01-12"), purchase("1", "2026-01-13", margin="0.4"), "2026-02-01").then()
    assert "proposed_tier" not in one.row
    assert one.row["proposal"] == {"version": 2, "declined": True}


def test_an_approval_after_a_decline_finds_the_proposal_closed() -> None:
    waiting().when(declined(2, "2026-01-12"), approved(2, "2026-01-13")).then()


def test_when_entry_no_longer_holds_the_proposal_ends_and_can_be_made_again() -> None:
    one = waiting().when(rated("2026-01-12", fit="7"))
    one.then(tier_proposed(None, version=3))
    one.when(rated("2026-01-13", fit="9")).then(tier_proposed("strategic", version=4))


def test_a_declined_proposal_ends_too_and_opens_the_way_for_another() -> None:
    one = waiting().when(declined(2, "2026-01-12"), rated("2026-01-12", fit="7")).then(tier_proposed(None, version=3))
    one.when(rated("2026-01-13", fit="9")).then(tier_proposed("strategic", version=4))
    one.when(approved(2, "2026-01-14")).then()
    one.when(approved(4, "2026-01-14")).then(tier_changed("strategic", cause="approval", version=5))


def test_the_end_of_a_proposal_follows_the_change_of_tier() -> None:
    waiting().when(rated("2026-01-12", fit="5")).then(
        tier_changed("priority", version=3), tier_proposed(None, version=4)
    )


def test_strategic_is_held_at_77_without_a_new_approval() -> None:
    one = waiting().when(approved(2, "2026-01-12"), rated("2026-01-13", market="4"))
    assert (one.tier, one.row["score"]) == ("strategic", 80.5)
    one.when(rated("2026-01-14", market="2")).then()
    assert one.row["score"] == 77.5
    one.when(rated("2026-01-15", market="1")).then(tier_changed("partner", cause="score"))


def test_strategic_once_left_is_proposed_again() -> None:
    one = waiting().when(approved(2, "2026-01-12")).when(rated("2026-01-13", fit="7"))
    one.then(tier_changed("partner", cause="gate"))
    one.when(rated("2026-01-14", fit="10")).then(tier_proposed("strategic", version=5))


def test_an_override_does_not_touch_the_proposal() -> None:
    one = waiting().when(overridden("general", "2026-01-11", until="2026-03-01"))
    one.then(tier_changed("general", cause="override", computed_tier="partner"))
    one.when(approved(2, "2026-01-12")).then(
        tier_changed("general", from_="general", computed_tier="strategic", cause="approval")
    )
    one.when("2026-03-02").then(tier_changed("strategic", on="2026-03-02", cause="override_ended"))


def test_an_approval_of_a_day_to_come_counts_from_that_day() -> None:
    fact = approved(2, "2026-01-12").fact.model_copy(update={"occurred_on": best("2026-01-14")[0].on})
    one = waiting().when(said(fact, "2026-01-12")).then()
    one.when("2026-01-20").then(tier_changed("strategic", on="2026-01-14", cause="approval"))


def test_a_policy_without_approval_lets_it_in_and_ends_the_proposal() -> None:
    first = policy("default-cny")
    free = policy(
        "default-cny",
        version=2,
        effective_on=best("2026-02-01")[0].on,
        ladder=tuple(rung.__class__(rung.rank, rung.enter, rung.hold, rung.gates, False) for rung in first.ladder),
    )
    one = given(*best("2026-01-10"), policies=(first, free)).when("2026-02-05")
    one.then(tier_changed("strategic", on="2026-02-01", cause="policy", policy_version=2))
    assert "proposal" not in one.row
