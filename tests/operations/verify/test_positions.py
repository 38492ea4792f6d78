"""Sets of inbox positions."""

from hypothesis import given
from hypothesis import strategies as st

from operations.verify.positions import Offsets, Positions
from shared.events.event import Position

offsets = st.sets(st.integers(0, 70_000), max_size=60)


def made(numbers: set[int]) -> Offsets:
    some = Offsets()
    for number in numbers:
        some.add(number)
    return some


@given(offsets, offsets, st.integers(0, 70_000), st.integers(0, 70_000))
def test_a_difference_is_that_of_sets_within_a_range(mine: set[int], others: set[int], begin: int, end: int) -> None:
    wanted = sorted(number for number in mine - others if begin <= number < end)
    assert list(made(mine).without(made(others), begin, end)) == wanted


@given(offsets)
def test_what_was_put_in_is_in_it(numbers: set[int]) -> None:
    some = made(numbers)
    assert len(some) == len(numbers)
    assert all(number in some for number in numbers)
    assert 70_001 not in some


@given(st.integers(0, 100), st.integers(0, 100))
def test_all_of_a_range(begin: int, end: int) -> None:
    assert list(Offsets.all_of(begin, end).without(Offsets(), 0, 200)) == list(range(begin, end))


def test_positions_are_apart_by_generation_and_partition_and_one_by_their_output() -> None:
    one, two = Positions(), Positions()
    for position in (Position(1, 0, 5), Position(1, 0, 5, 1), Position(1, 1, 5), Position(2, 0, 5)):
        one.add(position)
    two.add(Position(1, 1, 5))
    assert len(one) == 3
    assert Position(1, 0, 5, 7) in one
    assert list(one.without(two)) == [Position(1, 0, 5), Position(2, 0, 5)]
