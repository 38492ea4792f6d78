"""Which backups stay: one of each day, week and month that counts, the newest, and never without the last good one."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from operations.backup.retention import Kept, Made, staying

NIGHT = datetime(2026, 11, 23, 2, tzinfo=UTC)
"""A Monday."""


def nights(count: int, *, good: bool = True) -> list[Made]:
    """One a night, the newest first; named by their day."""
    moments = [NIGHT - timedelta(days=n) for n in range(count)]
    return [Made(f"{at:%m-%d}", at, good) for at in moments]


def test_days_then_weeks_then_months_are_kept() -> None:
    assert sorted(staying(nights(60), Kept(daily=3, weekly=3, monthly=3)), reverse=True) == [
        *("11-23", "11-22", "11-21"),  # days
        "11-15",  # the week before the one of 11-22
        "10-31",
        "09-30",
    ]


def test_of_a_day_the_last_good_one_stays() -> None:
    day = [Made(f"at {hour}", NIGHT.replace(hour=hour), hour < 5) for hour in range(8)]
    assert staying(day, Kept(1, 0)) == {"at 7", "at 4"}, "the newest of all, and the last good one of the day"


def test_days_without_a_backup_do_not_count() -> None:
    found = [Made("old", NIGHT - timedelta(days=90), True), Made("new", NIGHT, True)]
    assert staying(found, Kept(2, 0)) == {"old", "new"}


def test_the_last_good_one_stays_whatever_its_age() -> None:
    found = [*nights(30, good=False), Made("good", NIGHT - timedelta(days=300), True)]
    stay = staying(found, Kept(2, 0))
    assert stay == {"good", "11-23", "11-22"}


def test_while_none_is_known_to_be_good_all_stay() -> None:
    assert len(staying(nights(30, good=False), Kept(1, 1))) == 30
    assert staying([], Kept(1, 1)) == set()


def test_nothing_wanted_is_still_the_newest_and_the_last_good_one() -> None:
    found = [Made("bad", NIGHT, False), *(one for one in nights(5) if one.name != "11-23")]
    assert staying(found, Kept(0, 0)) == {"bad", "11-22"}


MADE = st.lists(
    st.tuples(st.integers(0, 400 * 24), st.booleans()), min_size=1, max_size=40, unique_by=lambda one: one[0]
)


@given(MADE, st.integers(0, 10), st.integers(0, 10), st.integers(0, 10))
def test_whatever_is_kept_the_last_good_one_and_the_newest_are_among_it(
    found: list[tuple[int, bool]], daily: int, weekly: int, monthly: int
) -> None:
    made = [Made(str(hours), NIGHT - timedelta(hours=hours), good) for hours, good in found]
    stay = staying(made, Kept(daily, weekly, monthly))
    assert max(made, key=lambda one: one.made_at).name in stay
    good = [one for one in made if one.good]
    if good:
        assert max(good, key=lambda one: one.made_at).name in stay
        assert len(stay) <= 2 + daily + weekly + monthly
    again = [one for one in made if one.name in stay]
    assert staying(again, Kept(daily, weekly, monthly)) == stay, "pruning again removes nothing"
