"""Breadth, key and organisational relationship, and goals (domain.md, Engagement)."""

from tests.services.engagement.given import Given, assess, erased, given, goal, survey, surveys, tier, visit
from tests.services.engagement.world import REP


def test_breadth_is_persons_and_departments_met_in_a_year() -> None:
    people = [{"person_id": "p1", "department": "buying"}, {"department": "物流"}, {"person_id": "p2"}]
    one = given(
        visit("2026-03-01", attendees=people, kind="exhibition", channel="video"),
        visit("2026-03-02", attendees=[{"person_id": "p1"}]),
    ).shows_relationship(persons_met_365d=2, departments_met_365d=["buying", "物流"])
    # 366 and 365 days after
    one.when("2027-03-02").shows_relationship(persons_met_365d=0, departments_met_365d=[])


def test_kcr_is_the_mean_attitude_approvers_and_deciders_weighing_double() -> None:
    one = given(
        assess("2026-03-01", "a", decision_role="approve", attitude=3),
        assess("2026-03-01", "b", decision_role="influence", attitude=0),
    ).shows_relationship(key_relationship=2.0)
    unassessed_counts_0 = assess("2026-03-01", "c", decision_role="decide")
    one.when(unassessed_counts_0).shows_relationship(key_relationship=1.2)
    unassessed_is_left_out = assess("2026-03-01", "d", decision_role="support")
    one.when(unassessed_is_left_out).shows_relationship(key_relationship=1.2)


def test_without_approver_or_decider_there_is_no_kcr() -> None:
    given(assess("2026-03-01", "a", decision_role="support", attitude=3)).shows_relationship(key_relationship=None)


def test_an_attitude_without_what_it_was_judged_by_is_unfounded_and_counts_the_same() -> None:
    basis = {"acceptance": 2, "participation": 1, "information": 3, "guidance": 0, "competition": 1}
    one = given(
        assess("2026-03-01", "a", attitude=2, basis=basis),
        assess("2026-03-01", "b", attitude=0),
        assess("2026-03-01", "c"),
    ).shows_relationship(key_relationship=0.67)
    one.shows_persons(
        {"attitude": 2, "basis": basis, "unfounded": False},
        {"attitude": 0, "basis": None, "unfounded": True},
        {"attitude": None, "basis": None, "unfounded": False},
    )
    one.when(assess("2026-03-02", "b", attitude=0, basis=basis), assess("2026-03-02", "a", department="board"))
    one.shows_relationship(key_relationship=0.67)
    one.shows_persons({"unfounded": False}, {"unfounded": False, "basis": basis}, {})
    one.when(assess("2026-03-03", "a", attitude=2)).shows_persons({"unfounded": True, "basis": None}, {}, {})
    one.when("2027-03-03").shows_persons({"attitude": None, "unfounded": False}, {"basis": None}, {})


def test_what_an_attitude_was_judged_by_survives_storing() -> None:
    basis = dict.fromkeys(("acceptance", "participation", "information", "guidance", "competition"), 3)
    one = given(assess("2026-03-01", "a", attitude=2, basis=basis), reload=True).when("2026-03-02", "2026-03-03")
    one.shows_persons({"basis": basis, "unfounded": False})


def test_9_of_the_design_an_approver_who_is_gone_pulls_the_relationship_down_no_more() -> None:
    one = given(
        assess("2026-03-01", "d", decision_role="decide", attitude=2),
        assess("2026-03-01", "a", decision_role="approve", attitude=-1),
        assess("2026-03-01", "s", decision_role="support", attitude=3),
    ).shows_relationship(key_relationship=1.0)
    gone = assess("2026-03-02", "a", decision_role="approve", left=True)
    one.when(gone).shows_relationship(key_relationship=2.33)


def test_who_left_is_left_out() -> None:
    one = given(assess("2026-03-01", "a", attitude=3), assess("2026-03-02", "b", attitude=1))
    one.when(assess("2026-03-03", "a", left=True)).shows_relationship(key_relationship=1.0)


def test_who_was_erased_counts_as_if_they_had_left() -> None:
    """Worked example 9: decide 2, approve -1, support 3."""
    one = given(
        assess("2026-03-01", "d", decision_role="decide", attitude=2),
        assess("2026-03-01", "a", decision_role="approve", attitude=-1),
        assess("2026-03-01", "s", decision_role="support", attitude=3),
        visit("2026-03-01", attendees=[{"person_id": "a", "department": "buying"}, {"person_id": "d"}]),
    ).shows_relationship(key_relationship=1.0, kcr_cause=None, persons_met_365d=2)
    gone = one.when(erased("2026-03-02", "a"))
    gone.shows_relationship(
        key_relationship=2.33, kcr_cause="erasure", persons_met_365d=1, departments_met_365d=["buying"]
    )
    gone.shows_persons({"person_id": "d"}, {"person_id": "s"})
    again = gone.when(erased("2026-03-02", "a"), assess("2026-03-03", "a", decision_role="approve", attitude=3))
    again.shows_relationship(key_relationship=2.33)
    again.when(visit("2026-03-04", attendees=[{"person_id": "a"}])).shows_relationship(persons_met_365d=1)


def test_erasing_before_the_facts_about_a_person_is_the_same() -> None:
    one = given(erased("2026-03-02", "a"), erased("2026-03-02", "nobody"), assess("2026-03-01", "a", attitude=3))
    one.when(assess("2026-03-01", "d", attitude=1)).shows_relationship(key_relationship=1.0, kcr_cause="erasure")


def test_an_attitude_lapses_after_a_year_the_role_never() -> None:
    one = given(assess("2026-03-01", "a", attitude=3)).when("2027-02-28").shows_relationship(key_relationship=3.0)
    one.when("2027-03-01").shows_relationship(key_relationship=0.0)


def test_the_latest_assessment_wins_field_by_field_and_null_clears() -> None:
    given(
        assess("2026-03-02", "a", attitude=3, department="board"),
        assess("2026-03-01", "a", decision_role="support", attitude=-1),
        assess("2026-03-03", "a", attitude=None),
    ).shows_persons({"decision_role": "decide", "attitude": None, "department": "board"})


def test_deciders_met_lately_and_never() -> None:
    deciders = [assess("2026-03-01", person) for person in ("a", "b", "c")]
    given(*deciders).when(
        visit("2025-06-01", attendees=[{"person_id": "a"}], logged="2026-03-01"),
        visit("2026-03-02", attendees=[{"person_id": "b"}]),
    ).shows_relationship(deciders=3, deciders_met_90d=1, deciders_never_met=["c"])


def test_who_was_met_longer_ago_than_visits_are_kept_was_met() -> None:
    one = given(
        assess("2023-01-01", "p1"),
        assess("2023-01-01", "p2"),
        visit("2023-02-01", attendees=[{"person_id": "p1"}]),
        visit("2023-02-08", attendees=[{"person_id": "x"}]),
    ).when("2026-03-01")
    one.shows_relationship(deciders_never_met=["p2"])
    one.shows_persons({"last_met_on": "2023-02-01"}, {"last_met_on": None})


def test_who_was_met_survives_storing_when_no_visit_is_left() -> None:
    one = given(
        assess("2023-01-01", "p1"),
        visit("2023-02-01", kind="exhibition", attendees=[{"person_id": "p1"}]),
        reload=True,
    )
    one.when("2026-03-01", "2026-03-02").shows_relationship(deciders_never_met=[])


def test_executive_meetings_against_what_is_owed() -> None:
    given(tier("partner", "2026-01-10")).when(
        visit("2026-03-01", kind="executive"), visit("2026-03-02", kind="company_tour")
    ).shows_relationship(
        executive_meetings_365d=1, executive_meetings_owed=2, company_tours_365d=1, assessment_due=True
    )


def nps_goal(baseline: str, target: str) -> Given:
    return given(goal("2026-03-01", "nps", baseline, target, "2026-06-30"))


def test_progress_is_the_way_from_the_baseline_to_the_target() -> None:
    one = nps_goal("20", "60").shows_goal(value=None, progress=None, outcome=None, outcome_progress=None)
    one.when(*surveys("2026-03-02", 10, 9, 8, 7, 7)).shows_goal(
        value=40.0, progress=0.5, outcome=None, outcome_progress=None
    )


def test_the_outcome_is_the_value_at_the_end_of_the_last_day() -> None:
    nps_goal("0", "100").when(survey("2026-06-30T23:00", 10), survey("2026-07-01T01:00", 7)).shows_goal(
        value=50.0, progress=0.5, outcome=100.0, outcome_progress=1.0
    )


def test_the_latest_goal_of_a_metric_holds() -> None:
    given(
        goal("2026-03-02", "kcr", "1", "2", "2026-06-30"), goal("2026-03-01", "kcr", "0", "3", "2026-12-31")
    ).shows_goal(target=2.0)


def test_a_goal_set_after_its_last_day_has_no_outcome() -> None:
    late = goal("2026-03-01", "nps", "0", "100", "2026-02-01", logged="2026-03-02")
    given(survey("2026-03-01", 10)).when(late).shows_goal(outcome=None)


def test_representatives_have_goals_too() -> None:
    one = given(goal("2026-03-01", "counted", "2", "5", "2026-06-30", subject=REP, kind="representative"))
    shown = one.world.entities[f"representative:{REP}"].document()["goals"]
    assert shown == [{"metric": "counted", "baseline": 2.0, "target": 5.0, "due_on": "2026-06-30"}]
