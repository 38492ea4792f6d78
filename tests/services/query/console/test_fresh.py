"""How far behind, in seconds that are never too few."""

from datetime import timedelta

from services.query.console.fresh import BEHIND, FRESH, LATE, Clock, State, worst
from tests.services.query.console.world import NOW


def said(behind: int, as_of_seconds_ago: float) -> dict[str, object]:
    at = (NOW - timedelta(seconds=as_of_seconds_ago)).isoformat()
    return {"generations": {"tiering": 1}, "behind": behind, "as_of": at}


def test_nothing_left_to_show_is_fresh_however_old_the_last_event_is() -> None:
    assert Clock().of(said(0, 9_000), NOW).state == FRESH


def test_seconds_behind_count_from_the_rows_clock() -> None:
    clock = Clock()
    assert [clock.of(said(7, ago), NOW).state for ago in (1, 5, 29, 30)] == [FRESH, BEHIND, BEHIND, LATE]
    assert clock.of(said(7, 12), NOW).seconds == 12


def test_after_a_quiet_night_the_first_event_makes_nothing_late() -> None:
    clock = Clock()
    clock.of(said(0, 30_000), NOW)
    assert clock.of(said(1, 30_001), NOW + timedelta(seconds=1)).state == FRESH
    assert clock.of(said(1, 30_007), NOW + timedelta(seconds=7)).state == BEHIND


def test_a_tile_is_as_fresh_as_the_worst_that_it_shows() -> None:
    found = worst([State(FRESH, as_of="b", services=("feed",)), State(BEHIND, 3, 6.0, "a", ("tiering",))])
    assert (found.state, found.as_of, found.services) == (BEHIND, "a", ("feed", "tiering"))
