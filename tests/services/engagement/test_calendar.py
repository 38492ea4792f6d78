"""The business calendar: China's holidays and make-up weekends, other countries, days of one's own."""

from datetime import date

import pytest

from services.engagement.calendar import Calendar, build_calendar
from shared.errors import Malformed, Stop
from shared.policies.calendar import CalendarChoice, read_calendar

CHINA = build_calendar(CalendarChoice("CN"), range(2024, 2028))


def days_worked(calendar: Calendar, monday: str) -> int:
    return len(calendar.worked_days(date.fromisoformat(monday)))


def test_public_holidays_are_off_and_make_up_weekends_are_worked() -> None:
    assert days_worked(CHINA, "2026-03-02") == 5
    assert days_worked(CHINA, "2026-02-16") == 0  # Spring Festival
    assert days_worked(CHINA, "2026-02-09") == 6  # Saturday 2026-02-14 is worked for it
    assert days_worked(CHINA, "2026-10-05") == 3  # off until the 7th, Saturday the 10th is worked


def test_what_is_not_announced_yet_stands_where_the_law_puts_it() -> None:
    assert not CHINA.is_worked(date(2027, 10, 1))


def test_a_subdivision_has_its_own_days() -> None:
    england = build_calendar(CalendarChoice("GB", "ENG"), [2026])
    assert not england.is_worked(date(2026, 8, 31))
    assert england.is_worked(date(2026, 8, 3))  # off in Scotland only


def test_no_country_is_monday_to_friday() -> None:
    assert days_worked(build_calendar(CalendarChoice(), [2026]), "2026-12-21") == 5


def test_a_calendar_of_ones_own_wins() -> None:
    may_1, saturday = date(2026, 5, 1), date(2026, 5, 9)
    assert not CHINA.is_worked(may_1)
    assert CHINA.is_worked(saturday)
    own = build_calendar(CalendarChoice("CN", None, frozenset({saturday}), frozenset({may_1})), [2026])
    assert own.is_worked(may_1)
    assert not own.is_worked(saturday)


def test_a_country_that_the_library_does_not_know_stops() -> None:
    with pytest.raises(Stop, match="XX"):
        build_calendar(CalendarChoice("XX"), [2026])


@pytest.mark.parametrize(
    ("section", "place"),
    [
        ({"land": "CN"}, "calendar.land"),
        ({"country": 86}, "calendar.country"),
        ({"country": "China"}, "calendar.country"),
        ({"days_off": "2026-01-01"}, "calendar.days_off"),
        ({"days_off": ["2026-01-01"]}, "calendar.days_off"),
        ({"days_off": [date(2026, 1, 1)], "worked_days": [date(2026, 1, 1)]}, "calendar.worked_days"),
    ],
)
def test_a_policy_says_where_its_calendar_is_wrong(section: dict[str, object], place: str) -> None:
    with pytest.raises(Malformed, match=place):
        read_calendar(section)
