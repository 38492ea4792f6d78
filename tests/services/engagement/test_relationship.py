"""Breadth, key and organisational relationship, and goals (domain.md, Engagement)."""

from typing import Any

import pytest

from tests.services.engagement.world import REP, World


@pytest.fixture
def world() -> World:
    return World()


def relationship(world: World) -> dict[str, Any]:
    shown: dict[str, Any] = world.row()["relationship"]
    return shown


def test_breadth_is_persons_and_departments_met_in_a_year(world: World) -> None:
    people = [{"person_id": "p1", "department": "buying"}, {"department": "物流"}, {"person_id": "p2"}]
    world.visit("2026-03-01", attendees=people, kind="exhibition", channel="video")
    world.visit("2026-03-02", attendees=[{"person_id": "p1"}])
    shown = relationship(world)
    assert (shown["persons_met_365d"], shown["departments_met_365d"]) == (2, ["buying", "物流"])
    world.review("2027-03-02")  # 366 and 365 days after
    assert (relationship(world)["persons_met_365d"], relationship(world)["departments_met_365d"]) == (0, [])


def test_kcr_is_the_mean_attitude_approvers_and_deciders_weighing_double(world: World) -> None:
    world.assess("2026-03-01", "a", decision_role="approve", attitude=3)
    world.assess("2026-03-01", "b", decision_role="influence", attitude=0)
    assert relationship(world)["key_relationship"] == 2.0
    world.assess("2026-03-01", "c", decision_role="decide")  # unassessed counts 0
    assert relationship(world)["key_relationship"] == 1.2
    world.assess("2026-03-01", "d", decision_role="support")  # unassessed is left out
    assert relationship(world)["key_relationship"] == 1.2


def test_without_approver_or_decider_there_is_no_kcr(world: World) -> None:
    world.assess("2026-03-01", "a", decision_role="support", attitude=3)
    assert relationship(world)["key_relationship"] is None


def test_who_left_is_left_out(world: World) -> None:
    world.assess("2026-03-01", "a", attitude=3)
    world.assess("2026-03-02", "b", attitude=1)
    world.assess("2026-03-03", "a", left=True)
    assert relationship(world)["key_relationship"] == 1.0


def test_an_attitude_lapses_after_a_year_the_role_never(world: World) -> None:
    world.assess("2026-03-01", "a", attitude=3)
    world.review("2027-02-28")
    assert relationship(world)["key_relationship"] == 3.0
    world.review("2027-03-01")
    assert relationship(world)["key_relationship"] == 0.0


def test_the_latest_assessment_wins_field_by_field_and_null_clears(world: World) -> None:
    world.assess("2026-03-02", "a", attitude=3, department="board")
    world.assess("2026-03-01", "a", decision_role="support", attitude=-1)
    world.assess("2026-03-03", "a", attitude=None)
    (person,) = relationship(world)["key_persons"]
    assert (person["decision_role"], person["attitude"], person["department"]) == ("decide", None, "board")


def test_deciders_met_lately_and_never(world: World) -> None:
    for person in ("a", "b", "c"):
        world.assess("2026-03-01", person)
    world.visit("2025-06-01", attendees=[{"person_id": "a"}], logged="2026-03-01")
    world.visit("2026-03-02", attendees=[{"person_id": "b"}])
    shown = relationship(world)
    assert (shown["deciders"], shown["deciders_met_90d"], shown["deciders_never_met"]) == (3, 1, ["c"])


def test_who_was_met_longer_ago_than_visits_are_kept_was_met(world: World) -> None:
    world.assess("2023-01-01", "p1")
    world.assess("2023-01-01", "p2")
    world.visit("2023-02-01", attendees=[{"person_id": "p1"}])
    world.visit("2023-02-08", attendees=[{"person_id": "x"}])
    world.review("2026-03-01")
    assert relationship(world)["deciders_never_met"] == ["p2"]
    (met, never) = relationship(world)["key_persons"]
    assert (met["last_met_on"], never["last_met_on"]) == ("2023-02-01", None)


def test_who_was_met_survives_storing_when_no_visit_is_left() -> None:
    world = World(reload=True)
    world.assess("2023-01-01", "p1")
    world.visit("2023-02-01", kind="exhibition", attendees=[{"person_id": "p1"}])
    world.review("2026-03-01")
    world.review("2026-03-02")
    assert relationship(world)["deciders_never_met"] == []


def test_executive_meetings_against_what_is_owed(world: World) -> None:
    world.tier("partner", "2026-01-10")
    world.visit("2026-03-01", kind="executive")
    world.visit("2026-03-02", kind="company_tour")
    shown = relationship(world)
    assert (shown["executive_meetings_365d"], shown["executive_meetings_owed"], shown["company_tours_365d"]) == (
        1,
        2,
        1,
    )
    assert shown["assessment_due"] is True


def goal(world: World) -> dict[str, Any]:
    (shown,) = world.row()["goals"]
    return {name: shown[name] for name in ("value", "progress", "outcome", "outcome_progress")}


def test_progress_is_the_way_from_the_baseline_to_the_target(world: World) -> None:
    world.goal("2026-03-01", "nps", "20", "60", "2026-06-30")
    assert goal(world) == {"value": None, "progress": None, "outcome": None, "outcome_progress": None}
    for score in (10, 9, 8, 7, 7):
        world.survey("2026-03-02", score)
    assert goal(world) == {"value": 40.0, "progress": 0.5, "outcome": None, "outcome_progress": None}


def test_the_outcome_is_the_value_at_the_end_of_the_last_day(world: World) -> None:
    world.goal("2026-03-01", "nps", "0", "100", "2026-06-30")
    world.survey("2026-06-30T23:00", 10)
    world.survey("2026-07-01T01:00", 7)
    assert goal(world) == {"value": 50.0, "progress": 0.5, "outcome": 100.0, "outcome_progress": 1.0}


def test_the_latest_goal_of_a_metric_holds(world: World) -> None:
    world.goal("2026-03-02", "kcr", "1", "2", "2026-06-30")
    world.goal("2026-03-01", "kcr", "0", "3", "2026-12-31")
    assert world.row()["goals"][0]["target"] == 2.0


def test_a_goal_set_after_its_last_day_has_no_outcome(world: World) -> None:
    world.survey("2026-03-01", 10)
    world.goal("2026-03-01", "nps", "0", "100", "2026-02-01", logged="2026-03-02")
    assert goal(world)["outcome"] is None


def test_representatives_have_goals_too(world: World) -> None:
    world.goal("2026-03-01", "counted", "2", "5", "2026-06-30", subject=REP, kind="representative")
    shown = world.entities[f"representative:{REP}"].document()["goals"]
    assert shown == [{"metric": "counted", "baseline": 2.0, "target": 5.0, "due_on": "2026-06-30"}]
