"""Planning: what is owed, covered, reviewed, late; what was used of services (domain.md, Planning)."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from services.planning.catalogue_file import OWN, read_catalogue
from services.planning.rules import catalogue, persons, plans
from shared.errors import Malformed
from shared.events.facts import ConcernRaised, KeyPersonAssessed, PlanCovered, PlanReviewed, RecordVoided
from tests.services.planning.given import KEY, Story, objective, on, plan, step


def difficulty(name: str, kind: Any = "difficulty") -> ConcernRaised:
    return ConcernRaised(concern_id=name, kind=kind, severity="minor", about="机密")


def person(name: str, role: Any, attitude: int | None, **more: Any) -> KeyPersonAssessed:
    return KeyPersonAssessed(person_id=name, decision_role=role, attitude=attitude, assessed_by="r", **more)


def test_a_plan_agreed_late_covers_the_past_and_a_void_uncovers_it() -> None:
    story = Story()
    story.tier("partner", "2026-01-01")
    agreed = story.plan(plan("2026-01-10", "2026-03-31"), "2026-02-20")
    story.until("2026-05-14")
    assert story.row["planned"]["due_on"] == "2026-05-16"
    story.voided(agreed, "plan", "p", "2026-05-15")
    assert story.decided() == [
        ("2026-02-15", "PlanLapsed", "2026-02-15"),
        ("2026-02-20", "PlanResumed", "2026-02-15"),
        ("2026-05-15", "PlanLapsed", "2026-02-15"),
    ]


def test_of_several_plans_the_one_that_begins_last_is_the_plan_of_the_day() -> None:
    story = Story()
    story.tier("strategic", "2026-03-01")
    story.plan(plan("2026-03-01", "2026-12-31", name="a"), "2026-03-01")
    story.plan(plan("2026-06-01", "2026-09-30", name="b"), "2026-03-02")
    for day, current in (("2026-05-31", "a"), ("2026-06-01", "b"), ("2026-10-01", "a")):
        story.until(day)
        assert [one["plan_id"] for one in story.row["plans"] if one["current"]] == [current], day


def test_a_review_is_due_by_tier_and_not_before_a_month_of_it() -> None:
    story = Story()
    story.tier("partner", "2026-01-01")
    story.plan(plan("2026-01-01", "2026-12-31"), "2026-01-01")
    assert story.shown_plan()["review_due"] == "2026-06-30"
    story.tier("strategic", "2026-05-01")
    assert story.shown_plan()["review_due"] == "2026-05-31"
    story.until("2026-06-01")
    assert story.decided() == [("2026-05-31", "PlanReviewLapsed", "2026-05-31")]
    assert story.shown_plan()["gaps"]["review"]
    story.plan_reviewed("2026-06-02")
    assert (story.shown_plan()["review_due"], story.shown_plan()["gaps"]["review"]) == ("2026-08-31", False)
    story.until("2026-08-31")
    assert len(story.decisions) == 2


def test_a_step_raises_once_per_due_day_and_not_after_the_plans_month() -> None:
    story = Story()
    story.tier("partner", "2026-03-01")
    first = plan("2026-03-01", "2026-06-30", steps=(step("s", "2026-04-30"), step("t", "2026-06-30")))
    agreed = story.plan(first, "2026-03-01")
    story.until("2026-05-02")
    story.done("s", "2026-05-03")
    moved = plan("2026-03-01", "2026-06-30", steps=(step("s", "2026-05-01"), step("t", "2026-06-30")))
    story.plan(moved, "2026-05-04", agreed)
    story.tier("priority", "2026-06-30")
    story.tier("partner", "2026-07-31")
    story.until("2026-08-10")
    assert story.decided() == [("2026-05-01", "PlanStepOverdue", "2026-04-30")]
    assert story.shown_step("t")["status"] == "overdue"
    assert story.shown_step("s") | {"due_on": 0} == story.shown_step("s") | {
        "status": "done_late",
        "due_on": 0,
        "original_due": "2026-04-30",
        "moved_days": 1,
        "slippage_days": 3,
    }


def test_done_before_the_plan_is_known_with_the_earliest_day_once_it_has_come() -> None:
    story = Story()
    story.tier("partner", "2026-03-01")
    story.done("s", "2026-03-05", told_on="2026-03-02")
    story.done("s", "2026-03-06", told_on="2026-03-02", source="erp")
    story.plan(plan(steps=(step("s", "2026-03-10"),)), "2026-03-03")
    assert story.shown_step("s")["status"] == "due_soon"
    story.until("2026-03-05")
    assert (story.shown_step("s")["status"], story.shown_step("s")["done_on"]) == ("done", "2026-03-05")
    assert story.shown_plan()["done"] == "1.000"


def test_a_step_left_out_is_dropped_and_comes_back_with_its_first_day() -> None:
    story = Story()
    story.tier("partner", "2026-03-01")
    agreed = story.plan(plan(steps=(step("s", "2026-05-01"), step("t", "2026-05-01"))), "2026-03-01")
    second = story.plan(plan(steps=(step("t", "2026-05-01"),)), "2026-03-02", agreed)
    assert [(one["step_id"], one["status"]) for one in story.shown_plan()["steps"]] == [("t", "open"), ("s", "dropped")]
    third = story.voided(second, "plan", "p", "2026-03-03")
    assert "plans" not in story.row
    story.plan(plan(steps=(step("s", "2026-09-01"),)), "2026-03-04", third)
    assert (story.shown_step("s")["original_due"], story.shown_step("s")["moved_days"]) == ("2026-05-01", 123)


def test_gaps_by_step_of_the_method() -> None:
    story = Story()
    story.tier("partner", "2026-03-01")
    story.told(person("a", "approve", 2), "2026-03-01")
    story.told(person("b", "decide", None), "2026-03-01")
    story.told(person("c", "decide", None, left=True), "2026-03-01")
    story.told(person("d", "support", None), "2026-03-01")
    goals = (objective("o"), objective("n", "breadth", metric="weather", target=Decimal(3)))
    story.plan(plan(to_on="2027-02-28", objectives=goals, steps=(step("s", "2026-05-01"),)), "2026-03-01")
    shown = story.shown_plan()
    assert shown["gaps"] == {"dimensions": ["organisational"], "objectives": ["n"], "review": False}
    assert shown["unknown_metrics"] == ["weather"]
    assert story.row["planned"]["unassessed"] == ["b"]
    story.until("2027-02-28")
    assert story.row["planned"]["unassessed"] == ["b"]
    story.until("2027-03-01")
    assert story.row["planned"]["unassessed"] == ["a", "b"]


def test_quotas_follow_entitlements_and_a_delivery_those_of_the_day_before() -> None:
    story = Story()
    story.tier("partner", "2026-01-01")
    story.delivered("training", "2026-03-01", 5)
    story.tier("general", "2026-04-01", kept="partner", until="2026-04-30")
    story.delivered("training", "2026-04-01", 1)
    story.delivered("training", "2026-04-30", 1)
    story.until("2026-04-30")
    use = story.use("training")
    assert (use["quota"], use["used"], use["left"]) == (6, 7, 0)
    assert [one["delivery_id"] for one in use["beyond"]] == ["l-2026-04-30"]
    story.until("2026-05-01")
    assert (story.use("training")["quota"], story.use("problem_help")["quota"]) == (0, 0)
    story.tier("strategic", "2026-05-02")
    assert (story.use("problem_help")["quota"], story.use("problem_help")["left"]) == (None, None)


def test_a_delivery_on_the_day_of_a_rise_has_the_quota_of_before() -> None:
    story = Story()
    story.tier("priority", "2026-01-01")
    story.tier("partner", "2026-04-01")
    story.delivered("training", "2026-04-01", 3)
    story.delivered("training", "2026-04-02", 3)
    use = story.use("training")
    assert [one["delivery_id"] for one in use["beyond"]] == ["l-2026-04-01"]
    assert (use["quota"], use["left"]) == (6, 0)


def test_difficulties_helped_unknown_services_and_who_is_unserved() -> None:
    story = Story()
    story.tier("partner", "2026-01-01")
    story.told(difficulty("k1"), "2026-02-01")
    story.told(difficulty("k2"), "2026-02-01")
    story.told(difficulty("k3", "complaint"), "2026-02-01")
    gone = story.told(difficulty("k4"), "2026-02-01")
    story.voided(gone, "concern", "k4", "2026-02-02")
    story.delivered("problem_help", "2026-02-05", concern_id="k1")
    story.delivered("massage", "2026-02-06", concern_id="k3")
    story.until("2026-02-15")
    assert (story.row["served"]["help_rate"], story.row["served"]["unserved"]) == (None, True)
    story.until("2026-02-16")
    assert story.row["served"]["help_rate"] == "0.500"
    assert story.row["served"]["unknown_services"] == ["massage"]
    story.delivered("training", "2026-02-17")
    assert not story.row["served"]["unserved"]
    story.until("2027-02-05")
    assert (story.row["served"]["help_rate"], story.row["served"]["unserved"]) == (None, True)


def test_what_was_stored_is_what_was_loaded_and_holds_no_text() -> None:
    story = Story()
    story.tier("partner", "2026-03-01", kept="strategic", until="2026-03-31")
    story.told(person("a", "approve", 2), "2026-03-01")
    story.plan(plan(steps=(step("s", "2026-03-10"),), covers=("d",)), "2026-03-01")
    story.told(PlanCovered(plan_id="q", customer="d", from_on=on("2026-03-01"), to_on=on("2026-03-31")), "2026-03-01")
    story.told(difficulty("k1"), "2026-03-02")
    story.delivered("training", "2026-03-03", concern_id="k1", outcome="机密")
    story.told(PlanReviewed(review_id="w", plan_id="p", findings="机密", reviewed_by="r"), "2026-03-03")
    story.done("t", "2026-03-04")
    story.until("2026-03-20")
    document = story.row
    assert "机密" not in str(document)
    state, standing = story.domain.load(KEY, document)
    assert (state, standing) == (story.entity.state, story.entity.standing)
    assert standing.overdue
    again = story.domain.document(state, standing)
    assert again | {"fold": 0} == document | {"fold": 0}
    assert story.domain.load(KEY, again) == (state, standing)


def test_bounds_keep_what_ends_last(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in (
        (plans, "MAX_PLANS"),
        (plans, "MAX_COVERING"),
        (plans, "MAX_DONE"),
        (plans, "MAX_REVIEWS"),
        (catalogue, "MAX_DELIVERIES"),
        (catalogue, "MAX_DIFFICULTIES"),
        (persons, "MAX_PERSONS"),
    ):
        monkeypatch.setattr(module, name, 2)
    story = Story()
    for number in (1, 2, 3):
        day = f"2026-0{number}-01"
        story.plan(plan(day, f"2026-1{number - 1}-01", name=f"p{number}", objectives=()), day)
        days = {"from_on": on(day), "to_on": on(day)}
        story.told(PlanCovered(plan_id=f"q{number}", customer="d", **days), day)
        story.done(f"s{number}", day)
        story.plan_reviewed(day)
        story.delivered("training", day)
        story.told(difficulty(f"k{number}"), day)
        story.told(person(f"b{3 - number}", "approve", None), day)
    customer = story.entity.state
    assert [name for _, name in customer.plans.by_ref] == ["p2", "p3"]
    assert [name for _, name in customer.plans.covering] == ["q2", "q3"]
    assert [name for _, name in customer.plans.done] == ["d-s2", "d-s3"]
    assert len(customer.plans.reviews) == 2
    assert [name for _, name in customer.deliveries] == ["l-2026-02-01", "l-2026-03-01"]
    assert [name for _, name in customer.difficulties] == ["k2", "k3"]
    assert sorted(customer.persons) == ["b0", "b1"]


def test_the_void_of_anything_else_changes_nothing_and_a_representative_only_has_a_clock() -> None:
    story = Story()
    story.told(RecordVoided(kind="visit", record_id="v", reason="x"), "2026-03-01", revision=2)
    assert story.row.keys() == {"tier", "as_of", "fold"}
    other, _ = story.domain.initial("representative:r")
    assert story.domain.next_due(other, story.entity.standing) is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("training", "health_check"), "stands in it twice"),
        (("priority: 2, general: 0}}", "priority: 2}}"), "general: Field required"),
        (("strategic: 12", "strategic: -1"), "greater than or equal to 0"),
        (("version: 1", "version: 0"), "version"),
    ],
)
def test_a_catalogue_that_is_wrong_is_refused_with_its_line(change: tuple[str, str], said: str) -> None:
    text = (OWN / "catalogue-1.yaml").read_text(encoding="utf-8")
    assert read_catalogue(text, "file").effective_on == date(2000, 1, 1).toordinal()
    with pytest.raises(Malformed, match=said):
        read_catalogue(text.replace(*change), "file")
