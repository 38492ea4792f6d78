"""The rows of visits and accounts that a customer leaves for `rep_weeks`."""

import pytest

from tests.services.engagement.world import LONDON, World


@pytest.fixture
def world() -> World:
    world = World()
    world.tier("general", "2026-01-10")
    return world


@pytest.mark.parametrize(
    ("said", "flaw"),
    [
        ({}, None),
        ({"channel": "hosted"}, None),
        ({"consensus": None, "follow_ups": ["samples"]}, None),
        ({"kind": "exhibition", "channel": "phone"}, "exhibition"),
        ({"channel": "video", "attendees": []}, "channel"),
        ({"attendees": [], "consensus": None}, "no_attendee"),
        ({"consensus": None}, "no_outcome"),
        ({"consensus": "  "}, "no_outcome"),
    ],
)
def test_the_first_flaw_is_named(world: World, said: dict[str, object], flaw: str | None) -> None:
    world.visit("2026-03-04", visit_id="v", **said)  # type: ignore[arg-type]
    assert world.visits() == [("2026-W10", "v", flaw)]


def test_the_tier_is_that_at_the_start_of_the_visits_day(world: World) -> None:
    world.tier("priority", "2026-03-03")
    world.visit("2026-03-03", visit_id="a")
    world.visit("2026-03-04", visit_id="b")
    assert world.visits() == [("2026-W10", "a", None), ("2026-W10", "b", "not_general")]


def test_before_the_first_tier_a_customer_is_potential() -> None:
    world = World()
    world.visit("2026-03-04", visit_id="a")
    assert world.visits() == [("2026-W10", "a", "not_general")]


@pytest.mark.parametrize("tier_first", [True, False])
def test_a_tier_change_may_be_folded_before_or_after_the_visit(*, tier_first: bool) -> None:
    world = World()
    if tier_first:
        world.tier("general", "2026-03-01")
    world.visit("2026-03-04", visit_id="a")
    if not tier_first:
        world.tier("general", "2026-03-01")
    assert world.visits() == [("2026-W10", "a", None)]


def test_sunday_a_minute_before_midnight_belongs_to_the_week() -> None:
    for zone, at, week in (
        ("Asia/Shanghai", "2026-03-08T23:59", "2026-W10"),
        ("Asia/Shanghai", "2026-03-09T00:00", "2026-W11"),
    ):
        world = World()
        assert str(world.zone) == zone
        world.visit(at, visit_id="a")
        assert world.visits()[0][0] == week


def test_iso_week_53_reaches_into_the_new_year() -> None:
    world = World()
    for on in ("2026-12-28", "2027-01-03", "2027-01-04"):
        world.visit(on)
    assert [week for week, _, _ in world.visits()] == ["2026-W53", "2026-W53", "2027-W01"]


@pytest.mark.parametrize(("at", "week"), [("2026-03-29T23:59", "2026-W13"), ("2026-10-25T23:59", "2026-W43")])
def test_weeks_in_which_the_clocks_change(at: str, week: str) -> None:
    world = World(zone=LONDON)
    world.visit(at)
    assert world.visits()[0][0] == week


def test_each_participant_has_a_row_and_the_first_listed_of_a_role_is_marked(world: World) -> None:
    world.visit("2026-03-04", by=[("A", "account_manager"), ("B", "product_manager"), ("C", "account_manager")])
    marks = {
        document["representative"]: (document["visits"][0]["roles"], document["visits"][0]["first"])
        for (collection, _), document in world.rows.items()
        if collection == "visit_rows"
    }
    assert marks == {
        "A": (["account_manager"], ["account_manager"]),
        "B": (["product_manager"], ["product_manager"]),
        "C": (["account_manager"], []),
    }


def test_an_amendment_moves_the_visit_and_leaves_no_row_behind_in_an_open_week(world: World) -> None:
    visit = world.visit("2026-03-04", visit_id="a")
    world.visit("2026-03-04T12:00", visit_id=visit, by="R-2", occurred_on="2026-03-02", revision=2)
    assert [
        document["representative"] for (collection, _), document in world.rows.items() if collection == "visit_rows"
    ] == ["R-2"]


def test_a_week_keeps_what_it_knew_at_noon_of_the_following_wednesday(world: World) -> None:
    visit = world.visit("2026-03-04", visit_id="a")
    world.visit("2026-03-05", visit_id="b", logged="2026-03-11T12:00")
    world.visit("2026-03-05T11:00", visit_id="c", logged="2026-03-11T12:01")
    world.void("visit", visit, "2026-03-12")
    assert world.visits(now=False) == [("2026-W10", "a", None), ("2026-W10", "b", None)]
    assert world.visits() == [("2026-W10", "b", None), ("2026-W10", "c", None)]


def test_a_closed_week_keeps_the_tier_that_it_knew(world: World) -> None:
    """Tiering decides late here: as of a clock that has passed the week's closing."""
    world.visit("2026-03-04", visit_id="a")
    late = World()
    late.visit("2026-03-04", visit_id="a")
    late.tier("general", "2026-03-12")
    assert late.visits() == late.visits(now=False) == [("2026-W10", "a", "not_general")]
    assert world.visits() == world.visits(now=False) == [("2026-W10", "a", None)]


def test_a_backfilled_visit_counts_as_appended_when_it_occurred(world: World) -> None:
    world.visit("2025-03-04", visit_id="a", logged="2026-03-01", backfill=True)
    assert [visit for _, visit, _ in world.visits(now=False)] == ["a"]
    assert all(
        not entry["late"]
        for (collection, _), document in world.rows.items()
        if collection == "visit_rows"
        for entry in document["visits"]
    )


def test_a_visit_logged_over_three_days_after_is_late(world: World) -> None:
    world.visit("2026-03-04", visit_id="a", logged="2026-03-07T23:59")
    world.visit("2026-03-04", visit_id="b", logged="2026-03-08T00:00")
    late = {
        e["visit_id"]: e["late"]
        for (collection, _), document in world.rows.items()
        if collection == "visit_rows"
        for e in document["visits"]
    }
    assert late == {"a": False, "b": True}


def test_the_owner_is_the_greatest_assignment_that_has_begun(world: World) -> None:
    world.assign("2026-02-02", "A", on="2026-01-20")
    world.assign("2026-03-02", "B", on="2026-01-21")
    world.assign("2026-01-12", "C", on="2026-02-25")
    forever = "9999-12-31"
    assert world.accounts() == {
        "C": [("2026-01-12", "2026-02-02")],
        "A": [("2026-02-02", "2026-03-02")],
        "B": [("2026-03-02", forever)],
    }
    assert world.row()["owners"]["account_manager"] == "A"


def test_only_days_on_which_the_customer_is_general_are_owned(world: World) -> None:
    world.assign("2026-01-01", "A")
    world.tier("priority", "2026-02-10")
    world.tier("general", "2026-03-10")
    assert world.accounts()["A"] == [("2026-01-11", "2026-02-11"), ("2026-03-11", "9999-12-31")]


def test_null_ends_an_ownership(world: World) -> None:
    world.assign("2026-01-01", "A")
    world.assign("2026-03-01", on="2026-02-20", account_manager=None)
    assert world.accounts()["A"] == [("2026-01-11", "2026-03-01")]
    assert world.row()["owners"]["account_manager"] == "A"
    assert world.entities["customer:C-1"].due_at() == world.at("2026-03-01T00:00")
    world.review("2026-03-02")
    assert world.row()["owners"]["account_manager"] is None


def test_an_owner_may_be_named_before_anything_else_is_known() -> None:
    world = World()
    world.assign("2026-01-01", "A")
    assert world.accounts() == {"A": []}
