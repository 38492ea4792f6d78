"""Concerns: deadlines by tier, answered and confirmed, reopened, ConcernOverdue, loop rate (domain.md, Engagement)."""

from datetime import datetime
from typing import Any

import pytest

from tests.services.engagement.world import World


@pytest.fixture
def world() -> World:
    world = World(reload=True)  # stored and loaded before every record
    world.tier("general", "2026-01-10")  # answers within 120 hours
    return world


def counts(world: World) -> dict[str, Any]:
    shown: dict[str, Any] = world.row()["concerns"]
    return {name: shown[name] for name in ("open", "open_overdue", "answered_in_time", "overdue", "reopened")}


def told(world: World) -> list[tuple[str, int]]:
    return [(event.data.concern_id, event.data.round) for event in world.decided if hasattr(event.data, "round")]


def deadline(world: World) -> datetime:
    at: datetime = world.row()["concerns"]["list"][0]["deadline"]
    return at


def test_the_deadline_is_that_of_the_tier_at_the_start_of_the_day(world: World) -> None:
    world.tier("priority", "2026-03-02T08:00")
    world.concern("2026-03-02T10:00")
    assert deadline(world) == world.at("2026-03-07T10:00")
    world.concern("2026-03-03T09:00", "k0", "critical")
    assert deadline(world) == world.at("2026-03-04T21:00")  # half of 72 hours


def test_below_general_nothing_is_promised() -> None:
    world = World()
    world.concern("2026-03-02")
    world.review("2027-03-02")
    assert world.row()["concerns"]["list"][0]["deadline"] is None
    assert (told(world), counts(world)["open"]) == ([], 1)


def test_answered_within_the_hours_is_in_time(world: World) -> None:
    world.concern("2026-03-02T10:00")
    world.answer("2026-03-07T10:00")
    world.review("2026-03-20")
    assert told(world) == []
    assert counts(world) == {"open": 1, "open_overdue": 0, "answered_in_time": 1, "overdue": 0, "reopened": 0}


def test_unanswered_past_the_deadline_is_overdue_once_and_stays_so(world: World) -> None:
    world.concern("2026-03-02T10:00")
    assert world.entities["customer:C-1"].due_at() == world.at("2026-03-07T10:00:00.001")
    world.review("2026-03-07T10:00:01")
    world.review("2026-03-09")
    assert told(world) == [("k1", 0)]
    assert world.decided[0].data.effective_on.isoformat() == "2026-03-07"
    world.answer("2026-03-10")
    world.confirm("2026-03-11")
    assert counts(world) == {"open": 0, "open_overdue": 0, "answered_in_time": 0, "overdue": 1, "reopened": 0}


def test_a_refused_answer_starts_the_same_hours_again(world: World) -> None:
    world.concern("2026-03-02T10:00")
    world.answer("2026-03-03")
    world.confirm("2026-03-04T12:00", accepted=False)
    assert deadline(world) == world.at("2026-03-09T12:00")
    world.review("2026-03-10")
    assert told(world) == [("k1", 1)]
    assert counts(world)["reopened"] == 1


def test_refused_without_an_answer_there_was_one_all_the_same(world: World) -> None:
    """The refused promise was kept, if in time; the next one counts from the refusal."""
    world.concern("2026-03-02T10:00")
    world.confirm("2026-03-03T10:00", accepted=False)
    world.confirm("2026-03-04T10:00", accepted=True)
    world.review("2026-04-10")
    assert (counts(world)["overdue"], counts(world)["answered_in_time"], counts(world)["reopened"]) == (0, 1, 1)
    assert told(world) == []


def test_accepted_without_an_answer_is_answered_and_closed(world: World) -> None:
    world.concern("2026-03-02T10:00")
    world.confirm("2026-03-03")
    assert counts(world) == {"open": 0, "open_overdue": 0, "answered_in_time": 1, "overdue": 0, "reopened": 0}


def test_the_halves_may_come_either_way_round(world: World) -> None:
    world.confirm("2026-03-04", logged="2026-03-05T10:00")
    world.answer("2026-03-03", logged="2026-03-05T11:00")
    assert counts(world)["open"] == 0
    world.concern("2026-03-02", logged="2026-03-05T12:00")
    assert counts(world) == {"open": 0, "open_overdue": 0, "answered_in_time": 1, "overdue": 0, "reopened": 0}


def test_halves_pair_by_source(world: World) -> None:
    world.concern("2026-03-02", source="crm")
    world.answer("2026-03-03", source="helpdesk")
    assert world.row()["concerns"]["list"][0]["answered_at"] is None


def test_voiding_a_concern_voids_its_answers(world: World) -> None:
    world.concern("2026-03-02")
    world.answer("2026-03-03")
    world.void("concern", "k1", "2026-03-04")
    assert counts(world) == {"open": 0, "open_overdue": 0, "answered_in_time": 0, "overdue": 0, "reopened": 0}
    world.review("2026-04-01")
    assert told(world) == []


def test_an_amendment_changes_the_severity(world: World) -> None:
    world.concern("2026-03-02")
    world.concern("2026-03-02T11:00", severity="critical", revision=2)
    assert world.row()["concerns"]["open_by_severity"] == {"critical": 1, "major": 0, "minor": 0}
    assert deadline(world) == world.at("2026-03-04T23:00")


def test_the_loop_rate_is_of_concerns_old_enough_to_judge(world: World) -> None:
    assert world.row()["concerns"]["loop_rate"] is None
    for name, raised, accepted in (
        ("a", "2026-03-01", "2026-03-15"),  # 14 days
        ("b", "2026-03-01", "2026-03-16"),
        ("c", "2026-03-01", None),
        ("d", "2026-03-17", None),  # 14 days old: not judged yet
        ("e", "2025-03-31", "2025-04-01"),  # 365 days old
    ):
        world.concern(raised, name)
        if accepted:
            world.confirm(accepted, name)
    world.review("2026-03-31")
    assert world.row()["concerns"]["loop_rate"] == 0.33


def test_open_concerns_are_listed_by_severity_then_age(world: World) -> None:
    world.concern("2026-03-01", "old", "minor")
    world.concern("2026-03-02", "new", "critical")
    world.concern("2026-03-03", "closed", "critical")
    world.confirm("2026-03-03T12:00", "closed")
    assert [concern["concern_id"] for concern in world.row()["concerns"]["list"]] == ["new", "old"]
