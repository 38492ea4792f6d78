"""Contact: last, due, status, adherence, ContactLapsed and ContactResumed (domain.md, Engagement: contact)."""

from datetime import date

import pytest

from services.engagement.rules import history, visits
from shared.policies.entitlements import make_entitlements
from tests.services.engagement.given import Given, answer, concern, given, lapsed, resumed, tier, visit, voided
from tests.services.engagement.world import CUSTOMER, day

PRIORITY, GENERAL = tier("priority", "2026-01-10"), tier("general", "2026-01-10")
"""Cadences of 30 and of 90 days."""


def test_below_general_there_is_no_cadence_and_no_status() -> None:
    given(visit("2026-03-02")).shows(last_on="2026-03-02", ever_met=True).shows(
        due_on=None, status=None, cadence_days=None, adherence=None
    )


def test_a_contact_is_due_a_cadence_after_the_last_one() -> None:
    given(GENERAL, visit("2026-03-02")).shows(due_on="2026-05-31", status="on_track")


def test_never_met_the_first_day_with_a_cadence_counts() -> None:
    given(PRIORITY).when("2026-01-12").shows(due_on="2026-02-09", status="on_track", ever_met=False)


def test_met_before_there_was_a_cadence_the_first_cadence_runs_from_its_own_day() -> None:
    given(visit("2026-01-05"), GENERAL).when("2026-01-11").shows(due_on="2026-04-10", status="on_track")


def test_a_shorter_cadence_is_due_at_the_earlier_of_both() -> None:
    one = given(GENERAL, visit("2026-02-01")).shows(due_on="2026-05-02")
    one.when(tier("priority", "2026-03-01"), "2026-03-02").shows(due_on="2026-03-31", status="on_track")


def test_a_shorter_cadence_never_puts_the_due_day_off() -> None:
    one = given(GENERAL, visit("2026-02-01")).shows(due_on="2026-05-02")
    one.when(tier("priority", "2026-04-20"), "2026-04-20T11:00").shows(due_on="2026-05-02")


def test_a_longer_cadence_runs_from_the_last_contact() -> None:
    given(PRIORITY, visit("2026-02-01")).when(tier("general", "2026-02-20"), "2026-02-21").shows(
        due_on="2026-05-02", status="on_track"
    )


def test_the_cadence_is_that_of_the_tier_not_of_what_it_is_still_entitled_to() -> None:
    one = given(tier("strategic", "2026-02-01"), visit("2026-03-01"))
    one.when(tier("general", "2026-03-03", entitled="strategic"), "2026-03-04").shows(
        due_on="2026-05-30", cadence_days=90
    )
    one.when(concern("2026-03-05"))
    (open_one,) = one.row["concerns"]["list"]
    assert (open_one["tier"], open_one["deadline"]) == ("general", one.world.at("2026-03-10"))
    assert one.row["relationship"]["executive_meetings_owed"] == 0


def test_due_soon_begins_when_a_fifth_of_the_cadence_is_left() -> None:
    one = given(PRIORITY, visit("2026-02-01")).shows(due_on="2026-03-03")  # six days before it is 2026-02-25
    one.when("2026-02-24T23:59").shows(status="on_track")
    one.when("2026-02-25T00:01").shows(status="due_soon", due_on="2026-03-03")


def test_an_exhibition_is_no_contact() -> None:
    given(GENERAL).when(visit("2026-03-02", kind="exhibition")).shows(last_on=None)


def test_any_channel_is_a_contact() -> None:
    given().when(visit("2026-03-02", channel="chat", attendees=[], consensus=None)).shows(last_on="2026-03-02")


def test_occurred_on_wins_over_the_time() -> None:
    given().when(visit("2026-03-02", occurred_on="2026-02-27")).shows(last_on="2026-02-27")


def test_lapsed_from_the_due_day_on_once() -> None:
    one = given(PRIORITY, visit("2026-02-01")).when("2026-03-10").then(lapsed("2026-03-03"))
    one.when("2026-03-20").then().shows(due_on="2026-03-03", status="lapsed")


def test_a_contact_resumes() -> None:
    given(PRIORITY, visit("2026-02-01")).when(visit("2026-03-05")).then(
        lapsed("2026-03-03"), resumed("2026-03-05", cause="contact", lapsed_due_on="2026-03-03")
    )


def test_a_longer_cadence_resumes_on_the_day_of_the_tier_change() -> None:
    one = given(PRIORITY, visit("2026-02-01"), "2026-03-04").then(lapsed("2026-03-03"))
    one.when(tier("general", "2026-03-06"), "2026-03-09").then(resumed("2026-03-06", cause="tier"))


def test_a_change_of_tier_moves_the_clock_and_is_decided_on_at_once() -> None:
    one = given(PRIORITY, visit("2026-02-01"), "2026-03-04").then(lapsed("2026-03-03"))
    one.when(tier("general", "2026-03-04T10:00")).then(resumed("2026-03-04"))
    one.when(tier("priority", "2026-03-20")).then().shows(due_on="2026-04-19", status="on_track")
    assert one.row["as_of"] == one.world.at("2026-03-20")


def test_a_first_purchase_shows_its_cadence_with_the_decision() -> None:
    """Engagement folds no purchase: the tier change is the first that it hears of the customer."""
    given().when(tier("general", "2026-03-04")).shows(due_on="2026-06-02", status="on_track")


def test_another_row_s_decision_moves_nothing() -> None:
    one = given(PRIORITY)
    before = one.row
    one.world.tier_chain[CUSTOMER] = (5, "another")
    assert one.when(tier("strategic", "2026-02-10")).then().row == before


def test_history_is_folded_without_deciding_and_its_closing_review_decides() -> None:
    """First as of where it ended, so that it does not matter when the review comes; what ended before is not told."""
    one = given(
        tier("priority", "2025-01-10", backfill=True),
        visit("2025-02-01", backfill=True),
        visit("2025-06-01", backfill=True),
        answer("2025-09-01", backfill=True),
    )
    one.then().shows(due_on="2025-07-01", status="lapsed")
    one.when("2026-03-04").then(lapsed("2025-09-01"))
    one.when(visit("2026-03-05")).then(resumed("2026-03-05"))


def test_falling_below_general_resumes_too() -> None:
    one = given(PRIORITY, "2026-03-04").then(lapsed("2026-02-09"))
    one.when(tier("potential", "2026-03-06"), "2026-03-09").then(resumed("2026-03-06"))


def test_once_per_due_day_even_when_the_visit_that_resumed_is_voided() -> None:
    one = given(PRIORITY, visit("2026-02-01"), visit("2026-03-05", visit_id="v"))
    one.then(lapsed("2026-03-03"), resumed("2026-03-05"))
    one.when(voided("v", "2026-03-06")).then().shows(due_on="2026-03-03", status="lapsed")
    one.when(visit("2026-03-08")).then(resumed("2026-03-08"))


@pytest.mark.parametrize("sweep", [[], ["2026-03-03T00:30"]])
def test_what_is_due_before_a_tier_change_is_decided_by_the_tier_of_then(sweep: list[str]) -> None:
    """The tier change stands on the log already when time comes to the due day; a sweep on the due day would not have
    known it."""
    given(PRIORITY, visit("2026-02-01")).when(*sweep, tier("general", "2026-03-03T15:00"), "2026-03-09").then(
        lapsed("2026-03-03"), resumed("2026-03-03")
    )


def test_an_amendment_moves_a_contact_and_a_void_takes_it_away() -> None:
    one = given(GENERAL, visit("2026-02-01", visit_id="first"), visit("2026-03-01", visit_id="second"))
    one.when(visit("2026-03-03", visit_id="second", occurred_on="2026-02-27", revision=2)).shows(last_on="2026-02-27")
    one.when(voided("second", "2026-03-04", revision=3)).shows(last_on="2026-02-01")
    one.when(voided("first", "2026-03-05")).shows(ever_met=False)


def test_revisions_may_cross() -> None:
    given(visit("2026-03-01", visit_id="v"), voided("v", "2026-03-04", revision=3)).when(
        visit("2026-03-05", visit_id="v", revision=2)
    ).shows(last_on=None)


def test_two_sources_may_use_the_same_visit_id() -> None:
    one = given(visit("2026-03-01", visit_id="1", source="crm"), visit("2026-03-02", visit_id="1", source="app"))
    one.when(voided("1", "2026-03-03", source="app")).shows(last_on="2026-03-01")


def test_a_visit_of_tomorrow_counts_from_its_day() -> None:
    one = given(PRIORITY, visit("2026-02-01")).when(visit("2026-03-02T23:59", occurred_on="2026-03-05"))
    one.then().shows(last_on="2026-02-01")
    one.when("2026-03-06").then(lapsed("2026-03-03"), resumed("2026-03-05")).shows(last_on="2026-03-05")


def test_adherence_is_the_share_of_days_within_a_cadence_after_a_contact() -> None:
    """Visits on days 1 to 3 of 90 at cadence 30: 32 of 90 days."""
    days = (visit(on) for on in ("2026-01-01", "2026-01-02", "2026-01-03"))
    given(tier("priority", "2025-06-01"), *days).when("2026-03-31").shows(adherence=round(32 / 90, 2))  # day 90


def test_adherence_begins_with_the_cadence_and_looks_back_before_it() -> None:
    one = given(visit("2026-03-01"), tier("priority", "2026-03-11"))
    one.when("2026-03-30").shows(adherence=1.0)  # 20 days; covered to 2026-03-30 inclusive
    one.when("2026-04-09").shows(adherence=0.67)  # 30 days, 20 of them covered


def test_visits_are_counted_by_kind_and_channel_in_90_and_365_days() -> None:
    one = given(visit("2025-06-01", kind="workshop", channel="hosted"), visit("2026-03-01"))
    contact = one.when(visit("2026-03-02", channel="phone")).world.contact()
    assert contact["visits_90d"] == {
        "total": 2,
        "by_kind": {"routine": 2},
        "by_channel": {"onsite": 1, "phone": 1},
    }
    assert contact["visits_365d"]["by_kind"] == {"routine": 2, "workshop": 1}


def test_a_policy_version_changes_the_cadence_on_its_day() -> None:
    entitlements = make_entitlements(
        [(day("2020-01-01"), None), (day("2026-03-01"), {"general": {"cadence_days": 30}})]
    )
    one = given(GENERAL, visit("2026-02-01"), entitlements=entitlements)
    one.when("2026-02-28T23:59").shows(due_on="2026-05-02", status="on_track")
    one.when("2026-03-01T00:01").shows(due_on="2026-03-31", status="on_track")


def test_state_keeps_800_days_and_the_latest_contact_before() -> None:
    one = given(*(visit(on) for on in ("2023-01-02", "2023-02-01", "2023-03-01")))
    assert len(one.world.kept()) == 3
    assert len(one.when("2026-01-05").shows(last_on="2023-03-01").world.kept()) == 1
    assert [week for week, _, _ in one.world.visits()] == ["2023-W09"]


def test_a_policy_gives_no_cadence_below_general() -> None:
    """Whatever it says (domain.md: below general no cadence, no status, no plan entry)."""
    entitlements = make_entitlements([(date(2000, 1, 1), {"potential": {"cadence_days": 5}})])
    one = given(visit("2026-03-01"), concern("2026-03-01"), entitlements=entitlements)
    one.when("2026-05-01").then().shows(status=None, cadence_days=None, adherence=None)


def test_the_latest_visits_are_kept_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MAX_VISITS_A_WEEK", 5)
    one = given(*(visit(f"2026-03-02T{hour}:00", visit_id=f"v{hour}") for hour in range(10, 20))).when("2026-03-10")
    assert [ref[1] for ref, _ in one.world.kept()] == ["v15", "v16", "v17", "v18", "v19"]
    assert one.shows(last_on="2026-03-02").world.contact()["visits_90d"]["total"] == 5


def test_of_a_visit_amended_without_end_the_first_and_last_revisions_are_kept() -> None:
    one = given(
        *(
            visit("2026-03-02", visit_id="v", revision=revision, logged=f"2026-03-02T{10 + revision // 6}:00")
            for revision in range(1, 60)
        )
    )
    (piece,) = one.world.pieces()
    kept = piece["crm", "v"]
    assert len(kept) == visits.MAX_REVISIONS_KEPT
    assert [kept[0].revision, kept[1].revision, kept[-1].revision] == [1, 41, 59]


def agreed(one: Given) -> str | None:
    last = one.row["last_visit"]
    return None if last is None else str(last["consensus"])


def test_what_was_agreed_is_shown_for_400_days() -> None:
    one = given(visit("2026-01-05", consensus="agreed"))
    assert agreed(one.when("2027-02-08")) == "agreed"  # 57 weeks after
    assert agreed(one.when("2027-02-15")) is None


def test_the_last_consensus_is_that_of_the_last_visit_with_one() -> None:
    one = given(visit("2026-03-01", consensus="两季度框架", follow_ups=["send samples"]))
    assert agreed(one.when(visit("2026-03-05", consensus=None))) == "两季度框架"
    assert one.row["last_visit"]["follow_ups"] == ["send samples"]


def test_no_long_text_is_kept() -> None:
    assert len(agreed(given(visit("2026-03-01", consensus="x" * 4000))) or "") == 300
