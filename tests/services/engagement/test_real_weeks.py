"""The view rep_weeks on a real MongoDB (domain.md, Per representative and ISO week)."""

from datetime import date, timedelta
from typing import Any

import pytest

from services.engagement.calendar import build_calendar
from shared.policies.calendar import CalendarChoice
from tests.services.engagement.views import WEEK, Reader, general
from tests.services.engagement.world import LONDON, REP, World

pytestmark = pytest.mark.real
CHINA = build_calendar(CalendarChoice("CN"), range(2023, 2028))


def reasons(row: dict[str, Any]) -> dict[str, str | None]:
    return {visit["visit_id"]: visit["reason"] for visit in row["visits"]}


async def test_a_row_stands_even_at_zero(reader: Reader, world: World) -> None:
    world.review("2026-03-18")
    rows = await reader.rep_weeks(world, {"representative": REP})
    assert [row["week"] for row in rows] == [f"2026-W{week:02}" for week in range(2, 13)]
    assert {row["counted"] for row in rows} == {0}
    assert rows[0]["target"] == 5  # ownership is unknown: no limit


async def test_no_row_before_the_registration_and_none_for_others(reader: Reader, world: World) -> None:
    world.register("2026-01-05", "X", role="executive")
    world.review("2026-03-18")
    assert await reader.rep_weeks(world, {"week": "2026-W01"}) == []
    assert [row["representative"] for row in await reader.rep_weeks(world, {"week": WEEK})] == [REP]


async def test_a_customer_counts_once_a_week(reader: Reader, world: World) -> None:
    general(world, "a", "b")
    world.visit("2026-03-02", customer="a", visit_id="1")
    world.visit("2026-03-03", customer="a", visit_id="2")
    world.visit("2026-03-03", customer="b", visit_id="3")
    row = await reader.week(world)
    assert reasons(row) == {"1": None, "2": "repeat", "3": None}
    assert (row["counted"], row["customers"], row["target"], row["met"]) == (2, ["a", "b"], 2, True)


async def test_whoever_owns_the_customer(reader: Reader, world: World) -> None:
    general(world, "a", owner="R-9")
    world.visit("2026-03-02", customer="a")
    row = await reader.week(world)
    assert (row["counted"], row["owned_general"], row["target"]) == (1, None, 5)


async def test_the_role_is_the_registered_one(reader: Reader, world: World) -> None:
    general(world, "a")
    world.visit("2026-03-02", customer="a", visit_id="1", by=[(REP, "product_manager")])
    assert reasons(await reader.week(world)) == {"1": "other_role"}


async def test_a_joint_visit_counts_for_the_first_listed_of_each_role(reader: Reader, world: World) -> None:
    general(world, "a")
    world.register("2026-01-05", "P", role="product_manager")
    world.register("2026-01-05", "B")
    by = [(REP, "account_manager"), ("P", "product_manager"), ("B", "account_manager")]
    world.visit("2026-03-02", customer="a", visit_id="1", by=by)
    rows = {row["representative"]: reasons(row)["1"] for row in await reader.rep_weeks(world, {"week": WEEK})}
    assert rows == {REP: None, "P": None, "B": "joint"}


async def test_a_visit_out_of_active_service_does_not_count(reader: Reader) -> None:
    world = World()
    world.register("2026-01-05", active_until="2026-03-03")
    general(world, "a", "b")
    world.visit("2026-03-03", customer="a", visit_id="1")
    world.visit("2026-03-04", customer="b", visit_id="2")
    row = await reader.week(world)
    assert reasons(row) == {"1": None, "2": "inactive"}
    assert (row["days_worked"], row["target"]) == (2, 2)


async def test_the_days_first_six_customers_count(reader: Reader, world: World) -> None:
    customers = [f"c{index}" for index in range(8)]
    general(world, *customers)
    for index, customer in enumerate(customers):
        world.visit(f"2026-03-02T1{index}:00", customer=customer, visit_id=f"a{index}")
    world.visit("2026-03-02T19:00", customer="c0", visit_id="again")
    world.visit("2026-03-03", customer="c7", visit_id="next day")
    row = await reader.week(world)
    assert reasons(row) == {
        **{f"a{index}": None for index in range(6)},
        "a6": "over_cap",
        "a7": "over_cap",
        "again": "repeat",
        "next day": None,
    }
    assert row["counted"] == 7


async def test_flawed_visits_take_no_place_under_the_cap(reader: Reader, world: World) -> None:
    customers = [f"c{index}" for index in range(7)]
    general(world, *customers)
    for index, customer in enumerate(customers):
        world.visit(
            f"2026-03-02T1{index}:00", customer=customer, visit_id=f"a{index}", channel="onsite" if index else "phone"
        )
    row = await reader.week(world)
    assert reasons(row)["a6"] is None
    assert row["counted"] == 6


async def test_the_holiday_week_of_a_half_time_representative(reader: Reader) -> None:
    """Qingming 2026 falls on a Sunday, Monday 2026-04-06 is off: four days, half of them, of five visits: target 2. One
    visit of the account manager and the product manager counts for both."""
    world = World()
    world.register("2026-01-05", fte="0.5")
    world.register("2026-01-05", "P", role="product_manager", fte="0.25")
    customers = [f"c{index}" for index in range(9)]
    general(world, *customers)
    world.visit("2026-04-07", customer="c1", by=[(REP, "account_manager"), ("P", "product_manager")])
    rows = {row["representative"]: row for row in await reader.rep_weeks(world, {"week": "2026-W15"}, CHINA)}
    assert (rows[REP]["days_worked"], rows[REP]["target"], rows[REP]["counted"], rows[REP]["met"]) == (4, 2, 1, False)
    assert (rows["P"]["target"], rows["P"]["counted"], rows["P"]["met"]) == (1, 1, True)


async def test_golden_week_is_exempt_and_a_worked_weekend_asks_no_more_than_five(reader: Reader, world: World) -> None:
    world.review("2026-10-20")
    golden = await reader.week(world, "2026-W40", calendar=CHINA)
    assert (golden["days_worked"], golden["target"]) == (3, 3)
    worked = await reader.week(world, "2026-W38", calendar=CHINA)  # Sunday 2026-09-20 is worked
    assert (worked["days_worked"], worked["target"]) == (6, 5)
    away = World()
    away.register("2026-01-05")
    away.absent("2026-09-28", "2026-09-30", on="2026-09-20")
    away.review("2026-10-20")
    row = await reader.week(away, "2026-W40", calendar=CHINA)
    assert (row["days_worked"], row["exempt"], row["target"], row["met"]) == (0, "no_days", None, None)


async def test_half_a_visit_rounds_up(reader: Reader) -> None:
    world = World()
    world.register("2026-01-05", fte="0.5")
    world.review("2026-03-18")
    assert (await reader.week(world))["target"] == 3  # 2.5


async def test_who_owns_no_general_customer_is_exempt(reader: Reader, world: World) -> None:
    general(world, "a")
    world.tier("priority", "2026-02-20", customer="a")
    world.review("2026-03-18", "a")
    row = await reader.week(world)
    assert (row["owned_general"], row["exempt"], row["target"]) == (0, "none_owned", None)


async def test_role_and_ownership_are_those_of_monday(reader: Reader, world: World) -> None:
    general(world, "a", "b")
    world.assign("2026-03-03", "R-2", customer="b", on="2026-02-20")
    world.register("2026-03-03", role="product_manager", active_from="2026-01-05")
    world.review("2026-03-18", "a")
    row = await reader.week(world)
    assert (row["role"], row["owned_general"]) == ("account_manager", 2)
    later = await reader.week(world, "2026-W11")
    assert (later["role"], later["owned_general"]) == ("product_manager", None)


async def test_half_a_day_away_leaves_a_target_of_five(reader: Reader, world: World) -> None:
    world.absent("2026-03-02", "2026-03-02", on="2026-02-20", part="0.5")
    world.review("2026-03-18")
    row = await reader.week(world)
    assert (row["days_worked"], row["target"]) == (4.5, 5)
    world.absent("2026-03-02", "2026-03-03", absence_id="a2", on="2026-02-20", part="0.75")
    row = await reader.week(world)
    assert (row["days_worked"], row["target"]) == (3.25, 3)


async def test_half_days_over_a_worked_weekend(reader: Reader, world: World) -> None:
    world.absent("2026-02-09", "2026-02-15", on="2026-01-20", part="0.5")  # Saturday the 14th is worked
    world.review("2026-03-18")
    row = await reader.week(world, "2026-W07", calendar=CHINA)
    assert (row["days_worked"], row["target"]) == (3.0, 3)


async def test_who_joins_in_mid_week_has_a_row_by_the_first_active_day(reader: Reader, world: World) -> None:
    general(world, "a", "b", owner=None)
    world.register("2026-02-20", "J", active_from="2026-03-04", role="product_manager")
    world.assign("2026-03-04", customer="a", on="2026-02-21", product_manager="J")
    world.assign("2026-03-05", customer="b", on="2026-02-21", product_manager="J")
    world.review("2026-03-18", "a")
    row = await reader.week(world, rep="J")
    assert (row["days_worked"], row["owned_general"], row["target"]) == (3, 1, 1)
    assert await reader.rep_weeks(world, {"week": "2026-W09", "representative": "J"}) == []
    assert (await reader.week(world, "2026-W11", rep="J"))["owned_general"] == 2


async def test_who_is_registered_later_in_the_week_counts_from_that_day(reader: Reader) -> None:
    world = World()
    world.register("2026-03-04", active_from="2020-01-01", fte="0.2")
    world.assign("2026-03-04", customer="a", on="2026-02-20")
    world.tier("general", "2026-01-10", customer="a")
    world.review("2026-03-18", "a")
    row = await reader.week(world)
    assert (row["days_worked"], row["owned_general"], row["target"]) == (5, 1, 1)
    assert await reader.rep_weeks(world, {"week": "2026-W09"}) == []


async def test_an_end_told_late_shortens_its_week_and_a_return_keeps_the_first_stay(
    reader: Reader, world: World
) -> None:
    world.register("2026-03-06", active_from="2026-01-05", active_until="2026-03-03")
    world.register("2026-03-20", active_from="2026-04-06")
    world.review("2026-04-20")
    assert (await reader.week(world))["days_worked"] == 2
    weeks = {row["week"] for row in await reader.rep_weeks(world, {"representative": REP})}
    assert weeks == {f"2026-W{week:02}" for week in (*range(2, 11), 15, 16, 17)}


async def test_an_absence_may_be_amended_and_voided(reader: Reader, world: World) -> None:
    world.absent("2026-03-02", "2026-03-08", on="2026-02-20")
    world.absent("2026-03-02", "2026-03-04", on="2026-02-21", revision=2)
    world.review("2026-03-18")
    assert (await reader.week(world))["days_worked"] == 2
    world.void("absence", "a1", "2026-02-22", subject=REP, revision=3)
    assert (await reader.week(world))["days_worked"] == 5


async def test_a_closed_week_is_restated_and_keeps_what_it_said(reader: Reader, world: World) -> None:
    general(world, "a", "b")
    world.visit("2026-03-02", customer="a", visit_id="1")
    world.visit("2026-03-03", customer="b", visit_id="2")
    world.review("2026-03-11T11:59", "a")
    row = await reader.week(world)
    assert (row["closed"], row["restated"]) == (None, False)
    world.review("2026-03-11T12:01", "a")
    row = await reader.week(world)
    assert row["closed"] == {"counted": 2, "customers": ["a", "b"], "target": 2, "exempt": None}
    assert row["restated"] is False
    world.void("visit", "1", "2026-03-12", subject="a")
    world.absent("2026-03-02", "2026-03-06", on="2026-03-13")
    row = await reader.week(world)
    assert (row["counted"], row["customers"], row["exempt"], row["restated"]) == (1, ["b"], "no_days", True)
    assert row["closed"] == {"counted": 2, "customers": ["a", "b"], "target": 2, "exempt": None}


async def test_another_customer_of_the_same_number_restates_too(reader: Reader, world: World) -> None:
    general(world, "a", "b")
    world.visit("2026-03-02", customer="a", visit_id="1")
    world.void("visit", "1", "2026-03-12", subject="a")
    world.visit("2026-03-03", customer="b", visit_id="2", logged="2026-03-12")
    row = await reader.week(world)
    assert (row["counted"], row["closed"]["counted"], row["restated"]) == (1, 1, True)


async def test_a_late_assignment_leaves_the_closed_target(reader: Reader, world: World) -> None:
    general(world, "a", "b", "c")
    world.review("2026-03-12", "a")
    world.assign("2026-02-01", "R-2", customer="b", on="2026-03-13", logged="2026-03-13")
    row = await reader.week(world)
    assert (row["target"], row["closed"]["target"], row["restated"]) == (2, 3, True)


async def test_a_late_registration_leaves_the_closed_role_and_target(reader: Reader, world: World) -> None:
    world.register("2026-02-20", fte="0.2", logged="2026-03-13")
    world.review("2026-03-18")
    row = await reader.week(world)
    assert (row["target"], row["closed"]["target"], row["restated"]) == (1, 5, True)


async def test_flags_late_and_burst(reader: Reader, world: World) -> None:
    customers = [f"c{index}" for index in range(5)]
    general(world, *customers)
    for index, customer in enumerate(customers):
        world.visit(f"2026-03-0{2 + index % 2}", customer=customer, logged=f"2026-03-06T18:0{2 * index}")
    row = await reader.week(world)
    assert row["flags"] == {"late": 3, "burst": True}  # Monday's three


async def test_a_burst_of_several_weeks_is_one_in_each(reader: Reader, world: World) -> None:
    customers = [f"c{index}" for index in range(6)]
    general(world, *customers)
    for index, (customer, on) in enumerate(
        zip(customers, ("02-24", "02-25", "03-03", "03-03", "03-10", "03-11"), strict=True)
    ):
        logged = f"2026-03-11T18:0{2 * index}" if index < 5 else "2026-03-11T19:30"
        world.visit(f"2026-{on}", customer=customer, logged=logged)
    weeks = {row["week"]: row["flags"]["burst"] for row in await reader.rep_weeks(world, {"representative": REP})}
    assert {week for week, flagged in weeks.items() if flagged} == {"2026-W09", "2026-W10", "2026-W11"}
    world.void("visit", world.log[-1][1].data.visit_id, "2026-03-12", subject="c5")
    world.visit("2026-02-17", customer="c0", logged="2026-03-11T18:19")  # near it, and not of it
    world.visit("2026-03-17", customer="c0", logged="2026-03-17T18:00")
    weeks = {row["week"]: row["flags"]["burst"] for row in await reader.rep_weeks(world, {"representative": REP})}
    assert not weeks["2026-W08"]
    assert not weeks["2026-W12"]


@pytest.mark.parametrize(
    ("days", "minutes", "backfill"),
    [((2, 2, 2, 2, 2), 2, False), ((2, 3, 2, 3, 2), 3, False), ((2, 3, 2, 3, 2), 2, True)],
)
async def test_no_burst(reader: Reader, world: World, days: tuple[int, ...], minutes: int, *, backfill: bool) -> None:
    general(world, "c0", "c1", "c2")
    for index, on in enumerate(days):
        logged = f"2026-03-06T18:{minutes * index:02}"
        world.visit(f"2026-03-0{on}", customer=f"c{index // 2}", logged=logged, backfill=backfill)
    world.review("2026-03-07", "c0")
    assert (await reader.week(world))["flags"]["burst"] is False


async def test_a_backfilled_visit_is_of_no_burst(reader: Reader, world: World) -> None:
    general(world, "c0", "c1")
    world.visit("2026-03-06T18:03", customer="c0", backfill=True)
    for index, on in enumerate((2, 3, 2, 3)):
        world.visit(f"2026-03-0{on}", customer=f"c{index // 2}", logged=f"2026-03-06T18:0{2 * index}")
    assert (await reader.week(world))["flags"]["burst"] is False


async def test_coverage_is_of_the_general_customers_owned_on_sunday(reader: Reader, world: World) -> None:
    general(world, "a", "b", "c", "d")
    world.visit("2026-01-20", customer="a")
    world.visit("2026-02-10", customer="a")
    world.visit("2026-02-10", customer="b", channel="phone")
    world.visit("2026-02-11", customer="c", by="R-2")
    world.review("2026-03-18", "a")
    row = await reader.week(world)
    assert (row["coverage_90d"], row["covered_90d"]) == (0.25, 1)
    world.review("2026-06-01", "a")
    assert (await reader.week(world, "2026-W20"))["coverage_90d"] == 0.0  # 97 days after


async def test_coverage_of_a_running_week_is_as_of_the_clock(reader: Reader, world: World) -> None:
    general(world, "a")
    world.assign("2026-03-07", "R-2", customer="a", on="2026-02-20")
    world.visit("2026-03-05", customer="a")
    assert (await reader.week(world))["coverage_90d"] == 1.0
    world.review("2026-03-09", "a")
    assert (await reader.week(world))["coverage_90d"] is None


async def test_week_53_ends_in_the_new_year_on_sunday_at_midnight_of_the_business_zone(reader: Reader) -> None:
    world = World()
    world.register("2026-01-05")
    general(world, "a", "b", "c")
    world.visit("2026-12-28T00:00", customer="a")
    world.visit("2027-01-03T23:59", customer="b")
    world.visit("2027-01-04T00:00", customer="c")
    world.review("2027-01-05", "a")
    assert (await reader.week(world, "2026-W53"))["customers"] == ["a", "b"]
    assert (await reader.week(world, "2027-W01"))["customers"] == ["c"]


@pytest.mark.parametrize(("week", "sunday"), [("2026-W13", "2026-03-29"), ("2026-W43", "2026-10-25")])
async def test_weeks_in_which_the_clocks_change_begin_and_close_by_the_wall_clock(
    reader: Reader, week: str, sunday: str
) -> None:
    """London: the Sunday has 23 or 25 hours."""
    world = World(zone=LONDON)
    world.register("2026-01-05")
    general(world, "a", "b")
    world.visit(f"{sunday}T23:59", customer="a")
    closes = date.fromisoformat(sunday) + timedelta(3)
    world.visit(f"{sunday}T12:00", customer="b", logged=f"{closes}T12:00")
    world.review(f"{closes}T12:01", "a")
    row = await reader.week(world, week)
    assert (row["customers"], row["closed"]["customers"], row["restated"]) == (["a", "b"], ["a", "b"], False)
    world.visit(f"{sunday}T13:00", customer="a", visit_id="late", logged=f"{closes}T12:02")
    world.void("visit", "late", f"{closes}T12:03", subject="a")
    assert (await reader.week(world, week))["restated"] is False
