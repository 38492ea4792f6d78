"""Contact: last, due, status, adherence, ContactLapsed and ContactResumed (domain.md, Engagement: contact)."""

from datetime import date

import pytest

from services.engagement.rules import history, visits
from shared.policies.entitlements import make_entitlements
from tests.services.engagement.world import CUSTOMER, World, day

LAPSED, RESUMED = "ContactLapsed", "ContactResumed"


@pytest.fixture
def world() -> World:
    return World()


def due(world: World) -> tuple[str | None, str | None]:
    return world.contact()["due_on"], world.contact()["status"]


def test_below_general_there_is_no_cadence_and_no_status(world: World) -> None:
    world.visit("2026-03-02")
    contact = world.contact()
    assert contact["last_on"] == "2026-03-02"
    assert (contact["due_on"], contact["status"], contact["cadence_days"], contact["adherence"]) == (None,) * 4
    assert contact["ever_met"] is True


def test_a_contact_is_due_a_cadence_after_the_last_one(world: World) -> None:
    world.tier("general", "2026-01-10")
    world.visit("2026-03-02")
    assert due(world) == ("2026-05-31", "on_track")


def test_never_met_the_first_day_with_a_cadence_counts(world: World) -> None:
    world.tier("priority", "2026-01-10")
    world.review("2026-01-12")
    assert due(world) == ("2026-02-09", "on_track")
    assert world.contact()["ever_met"] is False


def test_met_before_there_was_a_cadence_the_first_cadence_runs_from_its_own_day(world: World) -> None:
    world.visit("2026-01-05")
    world.tier("general", "2026-01-10")
    world.review("2026-01-11")
    assert due(world) == ("2026-04-10", "on_track")


def test_a_shorter_cadence_is_due_at_the_earlier_of_both(world: World) -> None:
    world.tier("general", "2026-01-10")
    world.visit("2026-02-01")  # due 2026-05-02
    world.tier("priority", "2026-03-01")
    world.review("2026-03-02")
    assert due(world) == ("2026-03-31", "on_track")


def test_a_shorter_cadence_never_puts_the_due_day_off(world: World) -> None:
    world.tier("general", "2026-01-10")
    world.visit("2026-02-01")  # due 2026-05-02
    world.tier("priority", "2026-04-20")
    world.review("2026-04-20T11:00")
    assert due(world)[0] == "2026-05-02"


def test_a_longer_cadence_runs_from_the_last_contact(world: World) -> None:
    world.tier("priority", "2026-01-10")
    world.visit("2026-02-01")
    world.tier("general", "2026-02-20")
    world.review("2026-02-21")
    assert due(world) == ("2026-05-02", "on_track")


def test_the_cadence_is_that_of_the_tier_not_of_what_it_is_still_entitled_to(world: World) -> None:
    world.tier("strategic", "2026-02-01")
    world.visit("2026-03-01")
    world.tier("general", "2026-03-03", entitled="strategic")
    world.review("2026-03-04")
    assert (due(world)[0], world.contact()["cadence_days"]) == ("2026-05-30", 90)
    world.concern("2026-03-05")
    (open_one,) = world.row()["concerns"]["list"]
    assert (open_one["tier"], open_one["deadline"]) == ("general", world.at("2026-03-10"))
    assert world.row()["relationship"]["executive_meetings_owed"] == 0


def test_due_soon_begins_when_a_fifth_of_the_cadence_is_left(world: World) -> None:
    world.tier("priority", "2026-01-10")
    world.visit("2026-02-01")  # due 2026-03-03; six days before it is 2026-02-25
    world.review("2026-02-24T23:59")
    assert due(world) == ("2026-03-03", "on_track")
    world.review("2026-02-25T00:01")
    assert due(world) == ("2026-03-03", "due_soon")


def test_an_exhibition_is_no_contact(world: World) -> None:
    world.tier("general", "2026-01-10")
    world.visit("2026-03-02", kind="exhibition")
    assert world.contact()["last_on"] is None


def test_any_channel_is_a_contact(world: World) -> None:
    world.visit("2026-03-02", channel="chat", attendees=[], consensus=None)
    assert world.contact()["last_on"] == "2026-03-02"


def test_occurred_on_wins_over_the_time(world: World) -> None:
    world.visit("2026-03-02", occurred_on="2026-02-27")
    assert world.contact()["last_on"] == "2026-02-27"


def test_lapsed_from_the_due_day_on_once(world: World) -> None:
    world.tier("priority", "2026-01-10")
    world.visit("2026-02-01")
    world.review("2026-03-10")
    world.review("2026-03-20")
    assert world.decisions() == [(LAPSED, "2026-03-03")]
    assert due(world) == ("2026-03-03", "lapsed")


def test_a_contact_resumes(world: World) -> None:
    world.tier("priority", "2026-01-10")
    world.visit("2026-02-01")
    world.visit("2026-03-05")
    assert world.decisions() == [(LAPSED, "2026-03-03"), (RESUMED, "2026-03-05")]
    assert world.decided[-1].data.cause == "contact"
    assert world.decided[-1].data.lapsed_due_on == day("2026-03-03")


def test_a_longer_cadence_resumes_on_the_day_of_the_tier_change(world: World) -> None:
    world.tier("priority", "2026-01-10")
    world.visit("2026-02-01")
    world.review("2026-03-04")
    world.tier("general", "2026-03-06")
    world.review("2026-03-09")
    assert world.decisions() == [(LAPSED, "2026-03-03"), (RESUMED, "2026-03-06")]
    assert world.decided[-1].data.cause == "tier"


def test_a_change_of_tier_moves_the_clock_and_is_decided_on_at_once(world: World) -> None:
    world.tier("priority", "2026-01-10")
    world.visit("2026-02-01")
    world.review("2026-03-04")
    world.tier("general", "2026-03-04T10:00")
    assert world.decisions() == [(LAPSED, "2026-03-03"), (RESUMED, "2026-03-04")]
    world.tier("priority", "2026-03-20")
    assert world.row()["as_of"] == world.at("2026-03-20")
    assert due(world) == ("2026-04-19", "on_track")


def test_a_first_purchase_shows_its_cadence_with_the_decision(world: World) -> None:
    """Engagement folds no purchase: the tier change is the first that it hears of the customer."""
    world.tier("general", "2026-03-04")
    assert due(world) == ("2026-06-02", "on_track")


def test_another_row_s_decision_moves_nothing(world: World) -> None:
    world.tier("priority", "2026-01-10")
    before = world.row()
    world.tier_chain[CUSTOMER] = (5, "another")
    world.tier("strategic", "2026-02-10")
    assert world.row() == before


def test_history_is_folded_without_deciding_and_its_closing_review_decides(world: World) -> None:
    """First as of where it ended, so that it does not matter when the review comes; what ended before is not told."""
    world.tier("priority", "2025-01-10", backfill=True)
    world.visit("2025-02-01", backfill=True)
    world.visit("2025-06-01", backfill=True)
    world.answer("2025-09-01", backfill=True)
    assert world.decisions() == []
    assert due(world) == ("2025-07-01", "lapsed")
    world.review("2026-03-04")
    assert world.decisions() == [(LAPSED, "2025-09-01")]
    world.visit("2026-03-05")
    assert world.decisions()[1:] == [(RESUMED, "2026-03-05")]


def test_falling_below_general_resumes_too(world: World) -> None:
    world.tier("priority", "2026-01-10")
    world.review("2026-03-04")
    world.tier("potential", "2026-03-06")
    world.review("2026-03-09")
    assert world.decisions() == [(LAPSED, "2026-02-09"), (RESUMED, "2026-03-06")]


def test_once_per_due_day_even_when_the_visit_that_resumed_is_voided(world: World) -> None:
    world.tier("priority", "2026-01-10")
    world.visit("2026-02-01")
    visit = world.visit("2026-03-05")
    world.void("visit", visit, "2026-03-06")
    assert due(world) == ("2026-03-03", "lapsed")
    world.visit("2026-03-08")
    assert world.decisions() == [(LAPSED, "2026-03-03"), (RESUMED, "2026-03-05"), (RESUMED, "2026-03-08")]


def test_what_is_due_before_a_tier_change_is_decided_by_the_tier_of_then(world: World) -> None:
    """The tier change stands on the log already when time comes to the due day; a sweep on the due day would not have
    known it."""
    swept = World()
    for one in (world, swept):
        one.tier("priority", "2026-01-10")
        one.visit("2026-02-01")
        if one is swept:
            one.review("2026-03-03T00:30")
        one.tier("general", "2026-03-03T15:00")
        one.review("2026-03-09")
    assert world.decisions() == swept.decisions() == [(LAPSED, "2026-03-03"), (RESUMED, "2026-03-03")]


def test_an_amendment_moves_a_contact_and_a_void_takes_it_away(world: World) -> None:
    world.tier("general", "2026-01-10")
    first = world.visit("2026-02-01")
    second = world.visit("2026-03-01")
    world.visit("2026-03-03", visit_id=second, occurred_on="2026-02-27", revision=2)
    assert world.contact()["last_on"] == "2026-02-27"
    world.void("visit", second, "2026-03-04", revision=3)
    assert world.contact()["last_on"] == "2026-02-01"
    world.void("visit", first, "2026-03-05")
    assert world.contact()["ever_met"] is False


def test_revisions_may_cross(world: World) -> None:
    visit = world.visit("2026-03-01", revision=1)
    world.void("visit", visit, "2026-03-04", revision=3)
    world.visit("2026-03-05", visit_id=visit, revision=2)
    assert world.contact()["last_on"] is None


def test_two_sources_may_use_the_same_visit_id(world: World) -> None:
    world.visit("2026-03-01", visit_id="1", source="crm")
    world.visit("2026-03-02", visit_id="1", source="app")
    world.void("visit", "1", "2026-03-03", source="app")
    assert world.contact()["last_on"] == "2026-03-01"


def test_a_visit_of_tomorrow_counts_from_its_day(world: World) -> None:
    world.tier("priority", "2026-01-10")
    world.visit("2026-02-01")
    world.visit("2026-03-02T23:59", occurred_on="2026-03-05")
    assert world.contact()["last_on"] == "2026-02-01"
    world.review("2026-03-06")
    assert world.contact()["last_on"] == "2026-03-05"
    assert world.decisions() == [(LAPSED, "2026-03-03"), (RESUMED, "2026-03-05")]


def test_adherence_is_the_share_of_days_within_a_cadence_after_a_contact(world: World) -> None:
    """Visits on days 1 to 3 of 90 at cadence 30: 32 of 90 days."""
    world.tier("priority", "2025-06-01")
    for on in ("2026-01-01", "2026-01-02", "2026-01-03"):
        world.visit(on)
    world.review("2026-03-31")  # day 90
    assert world.contact()["adherence"] == round(32 / 90, 2)


def test_adherence_begins_with_the_cadence_and_looks_back_before_it(world: World) -> None:
    world.visit("2026-03-01")
    world.tier("priority", "2026-03-11")
    world.review("2026-03-30")  # 20 days; covered to 2026-03-30 inclusive
    assert world.contact()["adherence"] == 1.0
    world.review("2026-04-09")  # 30 days, 20 of them covered
    assert world.contact()["adherence"] == 0.67


def test_visits_are_counted_by_kind_and_channel_in_90_and_365_days(world: World) -> None:
    world.visit("2025-06-01", kind="workshop", channel="hosted")
    world.visit("2026-03-01")
    world.visit("2026-03-02", channel="phone")
    contact = world.contact()
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
    world = World(entitlements=entitlements)
    world.tier("general", "2026-01-10")
    world.visit("2026-02-01")
    world.review("2026-02-28T23:59")
    assert due(world) == ("2026-05-02", "on_track")
    world.review("2026-03-01T00:01")
    assert due(world) == ("2026-03-31", "on_track")


def test_state_keeps_800_days_and_the_latest_contact_before(world: World) -> None:
    for on in ("2023-01-02", "2023-02-01", "2023-03-01"):
        world.visit(on)
    assert len(world.kept()) == 3
    world.review("2026-01-05")
    assert len(world.kept()) == 1
    assert world.contact()["last_on"] == "2023-03-01"
    assert [week for week, _, _ in world.visits()] == ["2023-W09"]


def test_a_policy_gives_no_cadence_below_general() -> None:
    """Whatever it says (domain.md: below general no cadence, no status, no plan entry)."""
    world = World(entitlements=make_entitlements([(date(2000, 1, 1), {"potential": {"cadence_days": 5}})]))
    world.visit("2026-03-01")
    world.concern("2026-03-01")
    world.review("2026-05-01")
    assert (world.contact()["status"], world.contact()["cadence_days"], world.contact()["adherence"]) == (None,) * 3
    assert world.decisions() == []


def test_the_latest_visits_are_kept_when_there_are_too_many(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MAX_VISITS_A_WEEK", 5)
    for hour in range(10, 20):
        world.visit(f"2026-03-02T{hour}:00", visit_id=f"v{hour}")
    world.review("2026-03-10")
    assert [ref[1] for ref, _ in world.kept()] == ["v15", "v16", "v17", "v18", "v19"]
    assert world.contact()["visits_90d"]["total"] == 5
    assert world.contact()["last_on"] == "2026-03-02"


def test_of_a_visit_amended_without_end_the_first_and_last_revisions_are_kept(world: World) -> None:
    for revision in range(1, 60):
        world.visit("2026-03-02", visit_id="v", revision=revision, logged=f"2026-03-02T{10 + revision // 6}:00")
    (piece,) = world.pieces()
    kept = piece["crm", "v"]
    assert len(kept) == visits.MAX_REVISIONS_KEPT
    assert [kept[0].revision, kept[1].revision, kept[-1].revision] == [1, 41, 59]


def test_what_was_agreed_is_shown_for_400_days(world: World) -> None:
    world.visit("2026-01-05", consensus="agreed")
    world.review("2027-02-08")  # 57 weeks after
    assert world.row()["last_visit"]["consensus"] == "agreed"
    world.review("2027-02-15")
    assert world.row()["last_visit"] is None


def test_the_last_consensus_is_that_of_the_last_visit_with_one(world: World) -> None:
    world.visit("2026-03-01", consensus="两季度框架", follow_ups=["send samples"])
    world.visit("2026-03-05", consensus=None)
    assert world.row()["last_visit"]["consensus"] == "两季度框架"
    assert world.row()["last_visit"]["follow_ups"] == ["send samples"]


def test_no_long_text_is_kept(world: World) -> None:
    world.visit("2026-03-01", consensus="x" * 4000)
    assert len(world.row()["last_visit"]["consensus"]) == 300
