"""Satisfaction: NPS, CSAT, CES, the gap to expectation, SatisfactionDropped (domain.md, Engagement: satisfaction)."""

from functools import partial

import pytest

from tests.services.engagement import given as sentences
from tests.services.engagement.given import Given, dropped, survey, surveys, voided

given = partial(sentences.given, reload=True)  # stored and loaded before every record


def figure(one: Given, instrument: str, year: str = "this_year") -> tuple[int, float | None, float | None]:
    shown = one.row["satisfaction"][instrument][year]
    return shown["n"], shown["value"], shown["gap"]


def test_nps_is_promoters_less_detractors() -> None:
    assert figure(given(*surveys("2026-03-01", 10, 9, 8, 7, 6, 0, 9)), "nps") == (7, 14.29, None)


def test_csat_is_the_share_of_fours_and_fives() -> None:
    assert figure(given(*surveys("2026-03-01", 5, 4, 3, instrument="csat")), "csat") == (3, 66.67, None)


def test_ces_is_the_mean() -> None:
    assert figure(given(*surveys("2026-03-01", 7, 4, instrument="ces")), "ces") == (2, 5.5, None)


def test_the_gap_is_the_mean_of_score_less_expectation_where_given() -> None:
    one = given(survey("2026-03-01", 8, expectation=10), survey("2026-03-01", 9, expectation=8))
    assert figure(one.when(survey("2026-03-01", 2)), "nps")[2] == -0.5


def test_a_year_is_365_days_and_so_is_the_one_before() -> None:
    days = (("2024-03-02", 1), ("2024-03-03", 10), ("2025-03-02", 9), ("2025-03-03", 0))
    one = given(*(survey(on, score) for on, score in days))
    one.when("2026-03-02")  # this year from 2025-03-03, the last from 2024-03-03
    assert figure(one, "nps") == (1, -100.0, None)
    assert figure(one, "nps", "last_year") == (2, 100.0, None)


def test_the_last_answer_is_shown() -> None:
    one = given(survey("2026-03-02", 9, survey_id="a"), survey("2026-03-01", 8, survey_id="b", logged="2026-03-03"))
    last = one.row["satisfaction"]["last"]
    assert (last["survey_id"], last["score"], last["on"]) == ("a", 9, "2026-03-02")


def test_answers_are_told_by_calendar_quarter_for_two_years() -> None:
    days = (("2024-06-30", 0), ("2024-07-01", 10), ("2025-12-31", 9), ("2025-12-31", 3), ("2026-01-01", 8))
    one = given(*(survey(on, score) for on, score in days), survey("2026-01-05", 6, instrument="ces"))
    one.when("2026-06-30")
    assert one.row["satisfaction"]["nps"]["quarters"] == [
        {"quarter": "2024-Q3", "n": 1, "sum": 1},
        {"quarter": "2025-Q4", "n": 2, "sum": 0},
        {"quarter": "2026-Q1", "n": 1, "sum": 0},
    ]
    assert one.row["satisfaction"]["ces"]["quarters"] == [{"quarter": "2026-Q1", "n": 1, "sum": 6}]
    one.when("2026-07-01")
    assert [each["quarter"] for each in one.row["satisfaction"]["nps"]["quarters"]] == ["2025-Q4", "2026-Q1"]


def test_a_quarter_that_an_answer_left_by_a_void_is_gone() -> None:
    one = given(survey("2026-03-31", 9, survey_id="a"), survey("2026-04-01", 9)).when(
        voided("a", "2026-04-02", kind="survey")
    )
    assert [each["quarter"] for each in one.row["satisfaction"]["nps"]["quarters"]] == ["2026-Q2"]


def test_an_amended_answer_counts_as_amended_and_a_voided_one_not() -> None:
    one = given(survey("2026-03-01", 9, survey_id="a")).when(survey("2026-03-02", 7, survey_id="a", revision=2))
    assert figure(one, "nps") == (1, 0.0, None)
    one.when(voided("a", "2026-03-03", kind="survey", revision=3))
    assert one.row["satisfaction"] == {"last": None, "nps": None, "csat": None, "ces": None}


@pytest.mark.parametrize(
    ("instrument", "score", "told"), [("nps", 6, 1), ("nps", 7, 0), ("csat", 2, 1), ("csat", 3, 0), ("ces", 1, 0)]
)
def test_a_low_answer_is_told_once(instrument: str, score: int, told: int) -> None:
    one = given().when(survey("2026-03-01", score, instrument, survey_id="a")).then(*[dropped("2026-03-01")] * told)
    one.when(survey("2026-03-02", score, instrument, survey_id="a", revision=2), "2026-04-02").then()


def test_a_low_answer_a_year_old_is_not_told() -> None:
    given().when(survey("2025-03-02", 0, survey_id="a", logged="2026-03-02")).then().when(
        survey("2025-03-03", 0, survey_id="b", logged="2026-03-02")
    ).then({"survey_id": "b"})


def test_a_fall_by_twenty_points_is_told_once_per_turn() -> None:
    one = given(*surveys("2025-01-10", 10, 10, 10, 10, 10), *surveys("2026-02-01", 10, 10, 10, 10)).then()
    one.when(survey("2026-02-02", 8, survey_id="seven")).then(  # 100 -> 80
        dropped("2026-02-02", kind="trend", turn=1, n=5, value="80.00", n_before=5, value_before="100.00")
    )
    one.when(survey("2026-02-03", 8)).then()
    assert one.row["satisfaction"]["nps"]["dropped"]
    one.when(voided("seven", "2026-02-04", kind="survey"), *surveys("2026-02-05", 9, 9)).then()
    assert not one.row["satisfaction"]["nps"]["dropped"]  # 6 of 7: 85.71
    one.when(survey("2026-02-06", 7)).then(dropped("2026-02-06", turn=2))


def test_four_answers_are_no_trend() -> None:
    given(*surveys("2025-01-10", 10, 10, 10, 10)).when(*surveys("2026-02-01", 7, 7, 7, 7, 7)).then()


def test_a_trend_turns_by_time_alone() -> None:
    """Good answers leave this year for the last one; nothing happens on that day but time."""
    one = given(*surveys("2025-03-01", 10, 10, 10, 10, 10))
    one.when(*surveys("2026-02-01", 8, 8, 8, 8, 8)).then()  # 50 against nothing
    one.when("2026-05-01").then(dropped("2026-03-01"))


@pytest.mark.parametrize(
    ("instrument", "before", "after", "told"),
    [
        ("csat", (5, 5, 5, 5, 5, 5, 5, 5, 5, 5), (5, 5, 5, 5, 5, 5, 5, 5, 5, 3), True),
        ("ces", (7, 7, 7, 7, 7, 7), (7, 7, 7, 6, 6, 6), True),
        ("ces", (7, 7, 7, 7, 7, 7), (7, 7, 7, 7, 6, 6), False),
    ],
)
def test_what_a_fall_is(instrument: str, before: tuple[int, ...], after: tuple[int, ...], *, told: bool) -> None:
    one = given(*surveys("2025-01-10", *before, instrument=instrument)).then()
    one.when(*surveys("2026-02-01", *after, instrument=instrument)).then(*[dropped("2026-02-01")] * told)
