"""The position token: what goes in comes out, and nothing else is taken (shared/positions.py)."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Malformed
from shared.positions import MAX_CHARS, MAX_PARTITIONS, Mark, Of, decode, encode

NUMBERS = st.integers(0, 2**63 - 1)
MARKS = st.builds(Mark, st.sampled_from(list(Of)), NUMBERS.filter(bool), st.dictionaries(NUMBERS, NUMBERS, max_size=20))


@given(MARKS)
def test_a_token_says_what_it_was_made_of(mark: Mark) -> None:
    token = encode(mark)
    assert re.fullmatch("[A-Za-z0-9_-]+", token)
    assert decode(token) == mark


def test_a_token_is_pinned() -> None:
    """Clients keep tokens: one that was given once must be understood for as long."""
    assert encode(Mark(Of.INBOX, 1, {0: 7, 11: 300})) == PINNED
    assert decode(PINNED) == Mark(Of.INBOX, 1, {0: 7, 11: 300})


PINNED = "AQABAgAHC6wCeBg8Sg"


def test_the_largest_token_is_within_its_bound() -> None:
    mark = Mark(Of.CHANGES, 2**63 - 1, {2**63 - 1 - n: 2**63 - 1 for n in range(MAX_PARTITIONS)})
    assert len(encode(mark)) <= 2 * MAX_CHARS
    real = Mark(Of.CHANGES, 2**31, dict.fromkeys(range(MAX_PARTITIONS), 2**63 - 1))
    assert len(encode(real)) <= MAX_CHARS
    assert decode(encode(real)) == real


@given(st.text(max_size=60))
def test_garbage_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match="is not a position"):
        decode(text)


@given(MARKS, st.data())
def test_a_token_that_is_cut_or_changed_is_refused(mark: Mark, data: st.DataObject) -> None:
    token = encode(mark)
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from("AZaz09-_=+/ é"))
    for changed in (token[:at], token[:at] + token[at + 1 :], token[:at] + other + token[at:], token + "="):
        if changed != token:
            with pytest.raises(Malformed):
                decode(changed)


@pytest.mark.parametrize("token", ["", "A", "====", "x" * 100_000, "位置"])
def test_odd_texts_are_refused(token: str) -> None:
    with pytest.raises(Malformed):
        decode(token)
