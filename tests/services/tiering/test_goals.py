"""Goals of score and net: their outcome is what tiering measured at the end of their last day."""

from datetime import date, timedelta
from typing import Any

import pytest

from shared.events import facts
from tests.services.tiering.given import Given, Said, given, purchase, said


def goal(metric: str, on: str, due_on: str, *, scope: str = "customer") -> Said:
    data = {"scope": scope, "metric": metric, "baseline": "0", "target": "100", "due_on": due_on}
    return said(facts.GoalSet.model_validate(data), on, None)


def outcomes(customer: Given) -> dict[str, tuple[str, str]]:
    shown = customer.entity.document().get("goal_outcomes", [])
    return {one["metric"]: (one["due_on"], one["outcome"]) for one in shown}


def shown(customer: Given) -> dict[str, Any]:
    row = customer.entity.document()
    return {"score": f"{row['score']:.1f}", "net_365d": row["net_365d"]}


def test_the_outcome_is_what_was_shown_at_the_end_of_the_last_day() -> None:
    customer = given(purchase("1000000", "2026-01-10"))
    customer.when(goal("net_365d", "2026-01-11", "2026-03-31"), goal("score", "2026-01-11", "2026-03-31"))
    customer.when(purchase("500000", "2026-03-31"))
    before = shown(customer)
    assert outcomes(customer) == {}
    customer.when(purchase("7000000", "2026-04-01"))
    assert shown(customer) != before
    assert outcomes(customer) == {metric: ("2026-03-31", before[metric]) for metric in ("net_365d", "score")}


def test_what_leaves_the_window_before_the_last_day_ends_is_out_of_the_outcome() -> None:
    customer = given(purchase("1000000", "2025-03-31"), purchase("10", "2026-01-10"))
    customer.when(goal("net_365d", "2026-01-11", "2026-03-31"))
    customer.when("2026-06-01")
    assert outcomes(customer) == {"net_365d": ("2026-03-31", "10.00")}


def test_a_late_fact_does_not_rewrite_an_outcome() -> None:
    customer = given(purchase("1000", "2026-01-10"), goal("net_365d", "2026-01-11", "2026-01-31"), "2026-02-01")
    customer.when(purchase("5000", "2026-01-20", recorded_on="2026-02-02"))
    assert outcomes(customer) == {"net_365d": ("2026-01-31", "1000.00")}


def test_a_goal_set_after_its_last_day_has_no_outcome() -> None:
    customer = given(purchase("1000", "2026-01-10"), goal("score", "2026-02-11", "2026-02-10"), "2026-03-01")
    assert outcomes(customer) == {}


@pytest.mark.parametrize(("metric", "scope"), [("nps", "customer"), ("counted", "representative")])
def test_other_goals_are_not_tierings_business(metric: str, scope: str) -> None:
    customer = given(
        purchase("1000", "2026-01-10"), goal(metric, "2026-01-11", "2026-01-31", scope=scope), "2026-03-01"
    )
    assert outcomes(customer) == {}
    assert not customer.entity.state.goals


@pytest.mark.parametrize("days", [1, 7, 30])
def test_reviews_on_the_way_change_no_outcome(days: int) -> None:
    told = (purchase("90000", "2026-01-10"), goal("score", "2026-01-11", "2026-03-15"))
    once, often = given(*told, "2026-06-01"), given(*told)
    on = date(2026, 1, 12)
    while on < date(2026, 6, 1):
        often.when(on.isoformat())
        on += timedelta(days)
    often.when("2026-06-01")
    assert outcomes(once) == outcomes(often) != {}
