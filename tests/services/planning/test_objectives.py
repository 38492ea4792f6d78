"""How far the objectives of a plan are, by what engagement measured (domain.md, Objectives)."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from services.planning.rules import objectives, persons
from shared.events.decisions import ContactLapsed, RelationshipMeasured
from shared.events.facts import GroupPlanAgreed, KeyPersonAssessed
from tests.services.planning.given import KEY, Story, objective, on, plan


def shown(baseline: str | None, value: str | None, progress: str | None, outcome: str | None = None) -> dict[str, Any]:
    return {"baseline": baseline, "value": value, "progress": progress, "outcome": outcome}


def planned(**more: Any) -> GroupPlanAgreed:
    """A plan from 2026-03-01 with an objective due on 2026-06-30: KCR to 2, if nothing else is said."""
    return plan(objectives=(objective("o", due="2026-06-30", **more),))


def person(attitude: int | None, **more: Any) -> KeyPersonAssessed:
    return KeyPersonAssessed(person_id="a", decision_role="approve", attitude=attitude, assessed_by="r", **more)


@pytest.fixture
def story() -> Story:
    made = Story(reload=True)
    made.tier("partner", "2026-01-10")
    return made


def test_the_baseline_is_the_measure_of_the_plans_first_day_and_the_value_the_last_one(story: Story) -> None:
    story.measured("2026-02-01", kcr="0.25")
    story.plan(planned(), "2026-02-20")
    assert story.shown_objective() == shown(None, "0.25", None)
    story.measured("2026-03-01", kcr="0.50")
    assert story.shown_objective() == shown("0.50", "0.50", "0.000")
    story.measured("2026-04-01", kcr="1.25")
    assert story.shown_objective() == shown("0.50", "1.25", "0.500")
    story.measured("2026-05-01", kcr="0.00")
    assert story.shown_objective() == shown("0.50", "0.00", "-0.333")
    story.measured("2026-06-01")
    assert story.shown_objective() == shown("0.50", None, None)


def test_without_that_measure_it_is_the_first_known_one_after_it(story: Story) -> None:
    story.measured("2026-03-01")
    story.measured("2026-04-01", kcr="1.00")
    story.plan(planned(), "2026-04-15")
    story.measured("2026-05-01", kcr="1.50")
    assert story.shown_objective() == shown("1.00", "1.50", "0.500")


def test_a_baseline_that_was_agreed_counts_and_one_measured_at_the_target_says_nothing(story: Story) -> None:
    story.plan(planned(baseline=Decimal(1)), "2026-02-20")
    story.plan(plan(name="q", objectives=(objective("o", due="2026-06-30"),)), "2026-02-20")
    story.measured("2026-03-01", kcr="2.00")
    assert story.shown_objective() == shown("1", "2.00", "1.000")
    assert story.shown_objective(plan="q") == shown("2.00", "2.00", None)
    story.until("2026-07-01")
    assert story.shown_objective()["outcome"] == "unknown"
    story.measured("2026-07-01", kcr="2.00")
    assert (story.shown_objective()["outcome"], story.shown_objective(plan="q")["outcome"]) == ("met", "unknown")


@pytest.mark.parametrize(("at_the_end", "outcome"), [("2.00", "met"), ("2.50", "met"), ("1.99", "missed")])
def test_what_came_of_it_is_the_measure_of_the_day_after_and_stays(story: Story, at_the_end: str, outcome: str) -> None:
    story.plan(planned(), "2026-02-20")
    story.measured("2026-03-01", kcr="1.00")
    story.measured("2026-06-01", kcr="0.00")
    story.until("2026-06-30")
    assert story.shown_objective()["outcome"] is None
    story.measured("2026-07-01", kcr=at_the_end)
    story.measured("2026-08-01", kcr="1.50")
    assert story.shown_objective() == shown("1.00", "1.50", "0.500", outcome)


def test_a_fall_is_progress_where_the_target_lies_below(story: Story) -> None:
    story.plan(planned(metric="persons_met", target=Decimal(2)), "2026-02-20")
    story.measured("2026-03-01", persons_met=6)
    story.measured("2026-04-01", persons_met=4)
    assert story.shown_objective() == shown("6", "4", "0.500")
    story.measured("2026-07-01", persons_met=1)
    assert story.shown_objective()["outcome"] == "met"


def test_a_metric_that_is_not_measured_is_flagged_and_unknown(story: Story) -> None:
    story.plan(planned(metric="score", baseline=Decimal(1)), "2026-02-20")
    story.measured("2026-07-01", kcr="2.00")
    assert story.shown_objective() == shown("1", None, None, "unknown")
    assert story.shown_plan()["unknown_metrics"] == ["score"]


def test_an_attitude_is_the_persons_as_assessed(story: Story) -> None:
    story.told(person(1), "2026-02-10")
    story.plan(planned(metric="attitude", person_id="a"), "2026-02-20")
    story.until("2026-02-28")
    assert story.shown_objective() == shown(None, "1", None)
    story.told(person(0), "2026-03-01")
    assert story.shown_objective() == shown("1", "0", "-1.000")
    story.told(person(2), "2026-06-30")
    story.told(person(1), "2026-07-01")
    assert story.shown_objective() == shown("1", "1", "0.000", "met")


def test_what_is_known_of_a_person_too_late_changes_no_outcome(story: Story) -> None:
    story.told(person(1), "2026-02-10")
    story.plan(planned(metric="attitude", person_id="a"), "2026-02-20")
    story.told(person(3), "2026-06-29", recorded_on="2026-07-02")
    assert story.shown_objective() == shown("1", "3", "2.000", "missed")


def test_the_first_attitude_after_the_plans_first_day_is_the_baseline_once_its_day_is_over(story: Story) -> None:
    story.plan(planned(metric="attitude", person_id="a"), "2026-02-20")
    story.told(person(None), "2026-03-05")
    story.told(person(0), "2026-04-05")
    assert story.shown_objective()["baseline"] is None
    story.told(person(1), "2026-04-20")
    assert story.shown_objective() == shown("0", "1", "0.500")


def test_an_attitude_lapses_after_a_year_and_one_who_left_has_none(story: Story) -> None:
    story.told(person(1), "2025-08-01", recorded_on="2026-02-10")
    story.plan(planned(metric="attitude", person_id="a"), "2026-02-20")
    story.plan(
        plan(name="q", objectives=(objective("o", due="2026-12-31", metric="attitude", person_id="a"),)), "2026-02-20"
    )
    story.until("2026-07-31")
    assert story.shown_objective(plan="q") == shown("1", "1", "0.000")
    story.until("2026-08-01")
    assert story.shown_objective(plan="q") == shown("1", None, None)
    story.told(person(2), "2026-08-02")
    story.told(person(2, left=True), "2026-08-03")
    assert story.shown_objective(plan="q") == shown("1", None, None)


def test_the_versions_of_engagements_decisions_are_followed(story: Story) -> None:
    story.plan(planned(), "2026-02-20")
    lapsed = ContactLapsed(
        version=1, effective_on=on("2026-02-25"), due_on=on("2026-02-25"), cadence_days=14, tier="partner"
    )
    story.cared(lapsed)
    version, name = story.entity.state.cared
    assert version == 1
    fields: dict[str, Any] = dict.fromkeys(("adherence", "nps", "csat", "ces", "loop_rate"))
    fields |= dict.fromkeys(("departments", "persons_met", "deciders_met", "executive_meetings"), 0)
    day = on("2026-03-01")
    story.cared(RelationshipMeasured(version=2, after="another", effective_on=day, kcr="3.00", **fields))
    story.cared(RelationshipMeasured(version=3, after=name, effective_on=day, kcr="3.00", **fields))
    assert story.shown_objective()["value"] is None
    story.measured("2026-03-01", kcr="1.00")
    assert story.shown_objective()["value"] == "1.00"
    assert story.entity.state.cared[0] == 2


def test_bounds_keep_the_last_measures_and_those_of_a_plans_days(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    story.plan(plan("2026-03-01", "2026-03-31"), "2026-02-20")
    for day in ("2026-02-28", "2026-03-01", "2026-04-01", "2026-04-02"):
        story.measured(day)
    story.measured(str(on("2026-04-02") + timedelta(objectives.KEPT_DAYS)))
    assert [str(on("2026-04-02").fromordinal(day)) for day in story.entity.state.measures] == [
        *("2026-03-01", "2026-04-01", "2028-04-03"),
    ]
    monkeypatch.setattr(objectives, "MAX_MEASURES", 2)
    story.measured("2028-05-01")
    assert len(story.entity.state.measures) == 2
    document = story.row
    assert story.domain.load(KEY, document) == (story.entity.state, story.entity.standing)


def test_the_oldest_assessments_of_a_person_become_one(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(persons, "MAX_ASSESSMENTS", 2)
    for day in ("2026-02-01", "2026-02-02", "2026-02-03"):
        story.told(
            person(1, left=True)
            if day == "2026-02-01"
            else KeyPersonAssessed.model_validate({"person_id": "a", "decision_role": "decide", "assessed_by": "r"}),
            day,
        )
    (first, second) = story.entity.state.persons["a"]
    assert first.said == {"decision_role": "decide", "left": True, "attitude": [1, on("2026-02-01").toordinal()]}
    assert second.said == {"decision_role": "decide"}
