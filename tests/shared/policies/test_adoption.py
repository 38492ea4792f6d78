"""When a version of a policy may be adopted, and which one holds."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from shared.policies.adoption import Adopted, begins_at, first_possible_day, in_order, last_begin, refusal

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)  # five in the afternoon there
FIRST = Adopted("mine", 1, date(2000, 1, 1), "first")


def version(number: int, on: str, name: str = "mine") -> Adopted:
    return Adopted(name, number, date.fromisoformat(on), f"{name}/{number}")


def test_the_very_first_version_may_hold_from_any_day() -> None:
    assert refusal([], FIRST, NOW, SHANGHAI) is None


def test_a_version_is_announced_before_its_day() -> None:
    assert refusal([FIRST], version(2, "2026-03-03"), NOW, SHANGHAI) is None
    assert "first possible day is 2026-03-03" in str(refusal([FIRST], version(2, "2026-03-02"), NOW, SHANGHAI))


@pytest.mark.parametrize(("minutes_before", "possible"), [(61, "2026-03-03"), (60, "2026-03-03"), (59, "2026-03-04")])
def test_an_hour_ahead_at_the_least(minutes_before: int, possible: str) -> None:
    now = begins_at(date(2026, 3, 3), SHANGHAI) - timedelta(minutes=minutes_before)
    assert first_possible_day(now, SHANGHAI) == date.fromisoformat(possible)
    assert (refusal([FIRST], version(2, "2026-03-03"), now, SHANGHAI) is None) == (minutes_before >= 60)


def test_versions_of_a_name_ascend() -> None:
    assert "higher version" in str(refusal([version(3, "2000-01-01")], version(2, "2027-01-01"), NOW, SHANGHAI))
    assert refusal([version(3, "2000-01-01")], version(1, "2027-01-01", "other"), NOW, SHANGHAI) is None


def test_nothing_comes_before_the_first_version_which_decides_what_was_before_it() -> None:
    first = version(1, "2027-06-01")
    assert "another version must come after it" in str(refusal([first], version(2, "2027-05-01"), NOW, SHANGHAI))
    assert "another version must come after it" in str(refusal([first], version(2, "2027-06-01"), NOW, SHANGHAI))


def test_of_versions_for_one_day_the_one_adopted_last_holds() -> None:
    known = [FIRST, version(3, "2027-06-01"), version(2, "2027-01-01"), version(4, "2027-06-01")]
    assert [one.version for one in in_order(known)] == [1, 2, 4]


def test_what_is_in_force_began_with_its_business_day() -> None:
    known = [FIRST, version(2, "2026-03-02"), version(3, "2026-03-03")]
    assert last_begin([FIRST], NOW, SHANGHAI) is None
    assert last_begin(known, NOW, SHANGHAI) == datetime(2026, 3, 1, 16, tzinfo=UTC)
    assert last_begin(known, NOW + timedelta(hours=7), SHANGHAI) == datetime(2026, 3, 2, 16, tzinfo=UTC)
