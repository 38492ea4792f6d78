"""What `guanxi plan CUSTOMER` says to people, over what planning shows of customers."""

import pytest
from typer.testing import CliRunner

from guanxi.cli import app
from guanxi.commands import today
from guanxi.reading.group_plan import group_plans
from services.planning.views.lists import plan_steps_in_python, plans_in_python, service_use_in_python
from tests.services.planning.given import Story, objective, plan, step


def text_of(story: Story) -> str:
    document = {"_id": "c", **story.row}
    (row,), steps = plans_in_python(document), plan_steps_in_python(document)
    return group_plans(row, steps, next(iter(service_use_in_python(document)), None))


def test_of_a_customer_without_the_plan_that_is_owed() -> None:
    story = Story()
    story.tier("strategic", "2026-03-10")
    story.until("2026-04-30")
    text = text_of(story)
    assert "owed, none since 2026-03-10; overdue 2026-04-24" in text
    assert "training      0 used, 12 of 12 left" in text
    assert "problem_help  0 used, no limit" in text
    assert "fewer deliveries" in text


def test_of_a_customer_whose_plan_slips() -> None:
    story = Story()
    story.tier("partner", "2026-03-01")
    goals = (objective(), objective("n", "breadth", metric="weather"))
    agreed = story.plan(plan(objectives=goals, steps=(step("s", "2026-04-01"), step("t", "2026-05-01"))), "2026-03-01")
    story.plan(plan(objectives=goals, steps=(step("s", "2026-06-01"),)), "2026-03-02", agreed)
    story.delivered("training", "2026-03-03", 7)
    story.until("2026-06-10")
    text = text_of(story)
    for part in (
        "plan p  2026-03-01 to 2026-12-31  off track",
        "owed, and there is one",
        "overdue       s of r-1, due 2026-06-01, moved by 61 days, slips by 70 days",
        "dropped       t, first due 2026-05-01",
        "without step  n",
        "no objective  organisational",
        "weather is not measured",
        "training      7 used, 0 of 6 left, 1 beyond the quota",
        "review        due 2026-08-28; last never",
    ):
        assert part in text


def test_of_objectives_how_far_they_are_and_what_came_of_them() -> None:
    story = Story()
    story.tier("partner", "2026-03-01")
    mine = {"metric": "attitude", "person_id": "p1"}
    goals = (objective("o"), objective("n", due="2026-05-31"), objective("a", **mine))
    story.plan(plan(objectives=goals), "2026-03-01")
    story.measured("2026-04-01", kcr="1.00")
    text = text_of(story)
    assert "objective     o: kcr from 1.00 to 2, due 2026-12-31: is 1.00 (0 % of the way)" in text
    assert "objective     a: attitude of p1 from unknown to 2, due 2026-12-31: is unknown" in text
    story.measured("2026-06-01", kcr="1.50")
    text = text_of(story)
    assert "o: kcr from 1.00 to 2, due 2026-12-31: is 1.50 (50 % of the way)" in text
    assert "n: kcr from 1.00 to 2, was due 2026-05-31: missed" in text


def test_without_a_customer_it_is_today(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(today, "show", lambda wanted, **_: asked.append((wanted.owner, wanted.most, wanted.status)))
    for command in (["plan", "--lapsed", "--rows", "3"], ["today", "--lapsed", "--rows", "3"]):
        assert CliRunner().invoke(app, command).exit_code == 0
    assert asked == [(None, 3, "lapsed")] * 2
    assert CliRunner().invoke(app, ["plan", "C", "--csv"]).exit_code == 2
