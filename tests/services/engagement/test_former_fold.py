"""What fold version 2 stored is read as it is; and goals whose tier is decided late."""

from fractions import Fraction
from typing import Any

from services.engagement.rules.representative import Absence, Registration
from services.engagement.stored import dump_goals, load_goals
from tests.services.engagement.world import REP, World, day


def test_a_goal_of_before_has_no_contacts() -> None:
    stored: list[list[Any]] = [
        ["adherence", 1, "g", "crm", 0, 100, 739_000, True, [23, 63]],
        ["nps", 1, "n", "crm", 0, 50, 7, False, None],
    ]
    goals = load_goals(stored)
    assert goals["adherence"].outcome == Fraction(23, 63)
    assert dump_goals(goals) == [[*one[:8], None if one[8] is None else tuple(one[8])] for one in stored]


def test_an_absence_of_before_is_of_whole_days_and_a_registration_says_its_fte() -> None:
    world = World()
    world.register("2026-01-05", fte="0.5")
    representative = world.entities[f"representative:{REP}"].state
    assert Absence(1, 0, 1, 2).part == 100
    former = Registration(1, "a", "crm", 1, 1, {"role": "engineer", "fte": 100, "active_from": 1})
    representative.registrations.insert(0, former)
    assert representative.as_of(day("2026-01-06").toordinal())["fte"] == 50


def test_what_came_of_adherence_counts_the_tier_of_then_however_late_it_is_decided() -> None:
    """The goal of the issue: general from 2025-12-01, due 2026-02-01, visits on 01-10 and 03-10: 23 of 63 days."""
    for reload in (False, True):
        world = World(reload=reload)
        world.goal("2025-11-20", "adherence", "0", "1", "2026-02-01", backfill=True)
        world.visit("2026-01-10", backfill=True)
        world.visit("2026-03-10", backfill=True)
        assert world.row()["goals"][0]["outcome"] is None
        world.tier("general", "2025-12-01", backfill=True)
        assert world.row()["goals"][0]["outcome"] == round(23 / 63, 2)
        world.tier("potential", "2026-02-03", backfill=True)
        assert world.row()["goals"][0]["outcome"] == round(23 / 63, 2)
        world.review("2026-04-01")
        assert world.row()["goals"][0]["outcome"] == round(23 / 63, 2)


def test_a_registration_keeps_what_it_leaves_out_and_null_clears() -> None:
    world = World()
    world.register("2026-01-05", fte="0.5", team="South", active_until="2026-06-30")
    world.register("2026-02-02", active_from="2026-01-05")
    representative = world.entities[f"representative:{REP}"].state
    fields = representative.as_of(day("2026-03-01").toordinal())
    assert (fields["fte"], fields["team"]) == (50, "South")
    world.register("2026-02-03", active_from="2026-01-05", fte=None, team=None, active_until=None)
    document = world.entities[f"representative:{REP}"].document()
    assert (document["fte"], document["team"], document["active_until"]) == (1.0, None, None)


def test_half_days_of_two_absences_over_a_worked_weekend_are_added() -> None:
    world = World()
    world.register("2026-01-05")
    world.absent("2026-02-09", "2026-02-14", absence_id="a1", part="0.5", on="2026-01-20")
    world.absent("2026-02-14", "2026-02-14", absence_id="a2", part="0.75", on="2026-01-20")
    spans = world.entities[f"representative:{REP}"].state.absence_spans()
    assert [span["part"] for span in spans] == [50, 75]
