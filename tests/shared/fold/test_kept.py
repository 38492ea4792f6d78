"""What is kept from batch to batch: bounded, and compared by the values of fields."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.fold.entity import Entity, new_entity
from shared.fold.kept import OVERHEAD_BYTES, Difference, Fingerprint, Kept, difference
from tests.shared.fakes import AT, TOY

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.binary(max_size=5)
    | st.datetimes(timezones=st.just(UTC)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
DOCUMENTS = st.dictionaries(st.sampled_from("abcdef"), VALUES)


def differs(before: dict[str, Any], after: dict[str, Any]) -> Difference:
    return difference(Fingerprint(before), Fingerprint(after), after)


BASES = st.sampled_from((Fingerprint, dict))
"""What is known of the document before: its fingerprint, or all of it, as it was read."""


@given(DOCUMENTS, DOCUMENTS, BASES)
def test_a_difference_makes_the_one_of_the_other(before: dict[str, Any], after: dict[str, Any], base: Any) -> None:
    change = difference(base(before), Fingerprint(after), after)
    made = {name: value for name, value in (before | change.set).items() if name not in change.unset}
    assert made == after


@given(DOCUMENTS, BASES)
def test_of_the_same_nothing_differs(document: dict[str, Any], base: Any) -> None:
    again = {name: list(value) if isinstance(value, list) else value for name, value in document.items()}
    assert difference(base(document), Fingerprint(again), again) == Difference({})


@pytest.mark.parametrize(
    ("one", "two"), [(-1, -2), (-1.0, -2.0), (0, None), ("", None), (False, None), ([], {}), (5, 5.5), ("1", 1)]
)
def test_values_that_differ_are_told_apart(one: Any, two: Any) -> None:
    assert differs({"a": one}, {"a": two}) == Difference({"a": two})


def test_instants_are_compared_as_instants_whoever_read_them() -> None:
    instant = datetime(2026, 3, 2, 9, 0, 0, 5000, tzinfo=UTC)
    read = instant.replace(tzinfo=timezone(timedelta(0)))
    assert differs({"as_of": read}, {"as_of": instant}) == Difference({})


def entity(number: int, moves: int = 0) -> Entity[Any, Any]:
    made = new_entity(TOY, f"customer:c{number}")
    made.state.ratings = [(AT, "", "", 0, None)] * moves  # takes room
    return made


def put(kept: Kept[Any, Any], *entities: Entity[Any, Any]) -> None:
    kept.put((one, Fingerprint({})) for one in entities)


def test_the_longest_unused_goes_first() -> None:
    kept: Kept[Any, Any] = Kept(max_entities=2)
    put(kept, entity(1), entity(2))
    one = kept.take("customer:c1")
    assert one is not None
    put(kept, one.entity, entity(3))
    assert [f"customer:c{n}" in kept for n in (1, 2, 3)] == [True, False, True]


def test_bytes_are_bounded_as_well_as_entities() -> None:
    size = OVERHEAD_BYTES + TOY.size(entity(0).state)
    kept: Kept[Any, Any] = Kept(max_bytes=3 * size)
    put(kept, *(entity(n) for n in range(5)))
    assert (len(kept), kept.bytes) == (3, 3 * size)
    put(kept, entity(9, moves=1))
    assert (len(kept), kept.bytes) == (2, 2 * size + 100)
    kept.clear()
    assert (len(kept), kept.bytes) == (0, 0)
    put(kept, entity(9, moves=1_000_000))
    assert len(kept) == 0


def test_what_is_put_again_counts_once() -> None:
    kept: Kept[Any, Any] = Kept()
    put(kept, entity(1))
    once = kept.bytes
    put(kept, entity(1))
    assert (len(kept), kept.bytes) == (1, once)
