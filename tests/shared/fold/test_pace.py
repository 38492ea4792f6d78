"""What goes into one transaction is bounded by records, bytes and time."""

from hypothesis import given
from hypothesis import strategies as st

from shared.fold.pace import MAX_BYTES, Pace, cut, live
from tests.shared.fakes import KEY, LogRecord


def record(partition: int, offset: int, size: int) -> LogRecord:
    return LogRecord(partition, offset, 0, KEY, b"x" * size, [])


SIZES = st.lists(st.sampled_from([1, 10, MAX_BYTES // 2, MAX_BYTES + 1]), max_size=8)


@given(st.dictionaries(st.integers(0, 3), SIZES.filter(bool)), st.integers(1, 4))
def test_parts_are_bounded_and_together_the_whole_in_order(sizes: dict[int, list[int]], records: int) -> None:
    batches = {p: [record(p, n, size) for n, size in enumerate(some)] for p, some in sizes.items()}
    parts = list(cut(batches, Pace(1.0, 1, 9, records)))
    for part in parts:
        values = [one.value or b"" for some in part.values() for one in some]
        assert 0 < len(values) <= records
        assert len(values) == 1 or sum(map(len, values)) <= MAX_BYTES
    for partition, whole in batches.items():
        assert [one for part in parts for one in part.get(partition, ())] == whole


def test_a_transaction_that_was_quick_makes_the_next_one_larger_and_never_more_than_twice() -> None:
    pace = Pace(0.5, 100, 5_000, 1_000)
    pace.took(1_000, 0.01)
    assert pace.records == 2_000
    pace.took(2_000, 0.4)
    assert pace.records == 2_500
    pace.took(2_500, 0.0)
    pace.took(5_000, 0.0)
    assert pace.records == 5_000


def test_a_small_one_says_nothing_of_how_much_there_is_room_for_unless_it_was_slow() -> None:
    pace = live()
    pace.took(3, 0.01)
    assert pace.records == 1_000
    pace.took(400, 1.0)
    assert pace.records == 200
    pace.took(1, 60.0)
    assert pace.records == pace.least


def test_a_failure_halves_it_down_to_the_least() -> None:
    pace = live()
    for _ in range(20):
        pace.failed()
    assert pace.records == pace.least
