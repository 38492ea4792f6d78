"""The worked examples of the design, one a test (domain.md, Worked examples of planning)."""

from shared.events.facts import GroupPlanAgreed, KeyPersonAssessed, PersonErased, PlanCovered
from tests.services.planning.given import Story, objective, on, plan, step


def test_5_a_plan_that_is_owed() -> None:
    story = Story()
    story.tier("strategic", "2026-03-10")
    story.until("2026-04-23")
    assert story.decided() == []
    story.until("2026-05-01")
    assert story.decided() == [("2026-04-24", "PlanLapsed", "2026-04-24")]
    story.plan(plan("2026-05-04", "2026-12-31"), "2026-05-02")
    assert len(story.decisions) == 1
    story.plan_reviewed("2026-07-15")
    story.plan_reviewed("2026-10-10")
    story.until("2027-03-01")
    assert story.decided()[1:] == [
        ("2026-05-04", "PlanResumed", "2026-04-24"),
        ("2027-02-15", "PlanLapsed", "2027-02-15"),
    ]


def covered(*days: str) -> PlanCovered:
    return PlanCovered(plan_id="q", customer="d", **dict(zip(("from_on", "to_on"), map(on, days), strict=False)))


def test_a_plan_of_another_customer_covers_as_an_own_one_does() -> None:
    for reload in (True, False):
        story = Story(reload=reload)
        story.tier("strategic", "2026-03-10")
        story.until("2026-05-01")
        story.told(covered("2026-05-04", "2026-12-31"), "2026-05-02")
        shown = {"customer": "d", "source": "crm", "plan_id": "q", "from_on": "2026-05-04", "to_on": "2026-12-31"}
        assert story.row["planned"]["covered_by"] == [shown]
        assert "plans" not in story.row
        story.until("2026-06-01")
        assert story.row["planned"]["covered"]
        story.told(covered(), "2026-07-01", revision=2)
        assert story.row["planned"]["covered_by"] == []
        story.told(covered("2026-05-04", "2026-12-31"), "2026-07-02")  # the first revision again: too late
        assert story.decided() == [
            ("2026-04-24", "PlanLapsed", "2026-04-24"),
            ("2026-05-04", "PlanResumed", "2026-04-24"),
            ("2026-07-01", "PlanLapsed", "2026-04-24"),
        ]


def test_the_day_after_a_plan_of_another_customer_begins_a_run_without_one() -> None:
    story = Story()
    story.tier("strategic", "2026-03-10")
    story.told(covered("2026-03-10", "2026-06-30"), "2026-03-10")
    story.until("2026-09-01")
    assert story.decided() == [("2026-08-15", "PlanLapsed", "2026-08-15")]
    assert story.row["planned"]["covered_by"] == []


def test_steps_lose_an_erased_person_and_objectives_on_it_are_void() -> None:
    for reload in (True, False):
        story = Story(reload=reload)
        story.tier("strategic", "2026-03-01")
        story.told(KeyPersonAssessed(person_id="p-7", decision_role="approve", assessed_by="r-1"), "2026-03-01")
        attitude = objective("a", metric="attitude", person_id="p-7")
        meets = step("s", "2026-06-30", "a").model_copy(update={"person_id": "p-7"})
        story.plan(plan(steps=(meets,), objectives=(attitude,)), "2026-03-01")
        shown = story.shown_plan()
        assert (shown["steps"][0]["person_id"], shown["objectives"][0]["void"]) == ("p-7", False)
        assert (shown["gaps"]["dimensions"], story.row["planned"]["unassessed"]) == (
            ["breadth", "organisational"],
            ["p-7"],
        )
        day = on("2026-03-02")
        gone = PersonErased(person_id="p-7", requested_on=day, basis="gdpr_17", mode="erase", decided_by="u-1")
        story.told(gone, "2026-03-02")
        shown = story.shown_plan()
        assert (shown["steps"][0]["person_id"], shown["steps"][0]["status"]) == (None, "open")
        assert (shown["objectives"][0]["void"], shown["objectives"][0]["person_id"]) == (True, None)
        assert shown["gaps"]["dimensions"] == ["key", "breadth", "organisational"]
        assert story.row["planned"]["unassessed"] == []


def eight(second: str = "2026-08-31") -> GroupPlanAgreed:
    due = ["2026-06-30"] * 3 + [second] * 2 + ["2026-11-30"] * 3
    return plan(steps=tuple(step(f"s{n}", day) for n, day in enumerate(due)))


def test_6_a_plan_whose_days_move() -> None:
    story = Story()
    story.tier("strategic", "2026-03-01")
    agreed = story.plan(eight(), "2026-03-01")
    story.done("s0", "2026-06-20")
    story.done("s1", "2026-06-30")
    late = story.done("s2", "2026-07-10")
    story.until("2026-09-15")
    shown = story.shown_plan()
    assert (shown["done"], shown["expected"], shown["behind"]) == ("0.375", "0.625", "0.250")
    assert shown["status"] == "off_track"
    assert shown["overdue"] == 2
    assert (story.shown_step("s2")["status"], story.shown_step("s2")["slippage_days"]) == ("done_late", 10)
    assert story.shown_step("s1")["status"] == "done"

    story.plan(eight("2026-10-31"), "2026-09-15", agreed)
    shown = story.shown_plan()
    moved = story.shown_step("s3")
    assert (moved["moved_days"], moved["status"], moved["slippage_days"]) == (61, "open", 15)
    assert (shown["overdue"], shown["behind"], shown["status"]) == (0, "0.250", "off_track")

    story.voided(late, "step", "d-s2", "2026-09-15")
    assert story.shown_plan()["done"] == "0.250"


def test_7_a_step_overdue_only_while_a_plan_is_owed() -> None:
    story = Story()
    story.tier("strategic", "2026-03-01")
    story.plan(plan(steps=(step("s", "2026-08-31"),)), "2026-03-01")
    story.plan_reviewed("2026-05-20")
    story.tier("priority", "2026-08-01")
    story.until("2026-09-30")
    assert story.decided() == []
    assert story.shown_plan()["status"] == "not_owed"
    story.tier("partner", "2026-10-01")
    story.until("2026-10-20")
    (overdue,) = story.decisions
    assert story.decided() == [("2026-10-01", "PlanStepOverdue", "2026-08-31")]
    assert overdue.overdue_days == 31  # type: ignore[attr-defined]


def test_8_a_service_beyond_its_quota() -> None:
    story = Story()
    story.tier("priority", "2025-10-01")
    story.delivered("training", "2025-11-01")
    second = story.delivered("training", "2026-02-01")
    story.delivered("training", "2026-03-01")
    assert story.use("training")["beyond"] == [{"source": "crm", "delivery_id": "l-2026-03-01"}]
    story.until("2026-10-31")
    assert (story.use("training")["used"], story.use("training")["left"]) == (3, 0)
    story.until("2026-11-01")
    assert (story.use("training")["used"], story.use("training")["left"]) == (2, 0)
    story.voided(second, "delivery", "l-2026-02-01", "2026-11-01")
    assert (story.use("training")["beyond"], story.use("training")["left"]) == ([], 1)
