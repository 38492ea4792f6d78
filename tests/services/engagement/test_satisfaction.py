"""Satisfaction: NPS, CSAT, CES, the gap to expectation, SatisfactionDropped (domain.md, Engagement: satisfaction)."""

import pytest

from tests.services.engagement.world import World

DROPPED = "SatisfactionDropped"


@pytest.fixture
def world() -> World:
    return World(reload=True)  # stored and loaded before every record


def figure(world: World, instrument: str, year: str = "this_year") -> tuple[int, float | None, float | None]:
    shown = world.row()["satisfaction"][instrument][year]
    return shown["n"], shown["value"], shown["gap"]


def answers(world: World, on: str, *scores: int, instrument: str = "nps") -> None:
    for score in scores:
        world.survey(on, score, instrument)


def test_nps_is_promoters_less_detractors(world: World) -> None:
    answers(world, "2026-03-01", 10, 9, 8, 7, 6, 0, 9)
    assert figure(world, "nps") == (7, 14.29, None)


def test_csat_is_the_share_of_fours_and_fives(world: World) -> None:
    answers(world, "2026-03-01", 5, 4, 3, instrument="csat")
    assert figure(world, "csat") == (3, 66.67, None)


def test_ces_is_the_mean(world: World) -> None:
    answers(world, "2026-03-01", 7, 4, instrument="ces")
    assert figure(world, "ces") == (2, 5.5, None)


def test_the_gap_is_the_mean_of_score_less_expectation_where_given(world: World) -> None:
    world.survey("2026-03-01", 8, expectation=10)
    world.survey("2026-03-01", 9, expectation=8)
    world.survey("2026-03-01", 2)
    assert figure(world, "nps")[2] == -0.5


def test_a_year_is_365_days_and_so_is_the_one_before(world: World) -> None:
    for on, score in (("2024-03-02", 1), ("2024-03-03", 10), ("2025-03-02", 9), ("2025-03-03", 0)):
        world.survey(on, score)
    world.review("2026-03-02")  # this year from 2025-03-03, the last from 2024-03-03
    assert figure(world, "nps") == (1, -100.0, None)
    assert figure(world, "nps", "last_year") == (2, 100.0, None)


def test_the_last_answer_is_shown(world: World) -> None:
    world.survey("2026-03-02", 9, survey_id="a")
    world.survey("2026-03-01", 8, survey_id="b", logged="2026-03-03")
    last = world.row()["satisfaction"]["last"]
    assert (last["survey_id"], last["score"], last["on"]) == ("a", 9, "2026-03-02")


def test_an_amended_answer_counts_as_amended_and_a_voided_one_not(world: World) -> None:
    world.survey("2026-03-01", 9, survey_id="a")
    world.survey("2026-03-02", 7, survey_id="a", revision=2)
    assert figure(world, "nps") == (1, 0.0, None)
    world.void("survey", "a", "2026-03-03", revision=3)
    assert world.row()["satisfaction"] == {"last": None, "nps": None, "csat": None, "ces": None}


@pytest.mark.parametrize(
    ("instrument", "score", "told"), [("nps", 6, 1), ("nps", 7, 0), ("csat", 2, 1), ("csat", 3, 0), ("ces", 1, 0)]
)
def test_a_low_answer_is_told_once(world: World, instrument: str, score: int, told: int) -> None:
    world.survey("2026-03-01", score, instrument, survey_id="a")
    world.survey("2026-03-02", score, instrument, survey_id="a", revision=2)
    world.review("2026-04-02")
    assert world.decisions() == [(DROPPED, "2026-03-01")] * told


def test_a_low_answer_a_year_old_is_not_told(world: World) -> None:
    world.survey("2025-03-02", 0, survey_id="a", logged="2026-03-02")
    world.survey("2025-03-03", 0, survey_id="b", logged="2026-03-02")
    assert [event.data.survey_id for event in world.decided] == ["b"]


def test_a_fall_by_twenty_points_is_told_once_per_turn(world: World) -> None:
    answers(world, "2025-01-10", 10, 10, 10, 10, 10)
    answers(world, "2026-02-01", 10, 10, 10, 10)
    assert world.decisions() == []
    world.survey("2026-02-02", 8, survey_id="seven")  # 100 -> 80
    assert world.decisions() == [(DROPPED, "2026-02-02")]
    told = world.decided[0].data
    assert (told.kind, told.turn, told.n, told.value, told.n_before, told.value_before) == (
        "trend",
        1,
        5,
        "80.00",
        5,
        "100.00",
    )
    world.survey("2026-02-03", 8)
    assert len(world.decided) == 1
    assert world.row()["satisfaction"]["nps"]["dropped"] is True
    world.void("survey", "seven", "2026-02-04")
    world.survey("2026-02-05", 9)
    world.survey("2026-02-05", 9)
    assert world.row()["satisfaction"]["nps"]["dropped"] is False  # 6 of 7: 85.71
    world.survey("2026-02-06", 7)
    assert world.decisions() == [(DROPPED, "2026-02-02"), (DROPPED, "2026-02-06")]
    assert world.decided[1].data.turn == 2


def test_four_answers_are_no_trend(world: World) -> None:
    answers(world, "2025-01-10", 10, 10, 10, 10)
    answers(world, "2026-02-01", 7, 7, 7, 7, 7)
    assert world.decisions() == []


def test_a_trend_turns_by_time_alone(world: World) -> None:
    """Good answers leave this year for the last one; nothing happens on that day but time."""
    answers(world, "2025-03-01", 10, 10, 10, 10, 10)
    answers(world, "2026-02-01", 8, 8, 8, 8, 8)  # 50 against nothing
    assert world.decisions() == []
    world.review("2026-05-01")
    assert world.decisions() == [(DROPPED, "2026-03-01")]


@pytest.mark.parametrize(
    ("instrument", "before", "after", "told"),
    [
        ("csat", (5, 5, 5, 5, 5, 5, 5, 5, 5, 5), (5, 5, 5, 5, 5, 5, 5, 5, 5, 3), True),
        ("ces", (7, 7, 7, 7, 7, 7), (7, 7, 7, 6, 6, 6), True),
        ("ces", (7, 7, 7, 7, 7, 7), (7, 7, 7, 7, 6, 6), False),
    ],
)
def test_what_a_fall_is(
    world: World, instrument: str, before: tuple[int, ...], after: tuple[int, ...], *, told: bool
) -> None:
    answers(world, "2025-01-10", *before, instrument=instrument)
    answers(world, "2026-02-01", *after, instrument=instrument)
    assert bool(world.decisions()) is told
