"""Cursors: sealed, changed by nobody, and readable through a change of keys."""

import secrets
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.query.api.cursors import MAX_CHARS, Cursor, Seals
from shared.errors import Malformed

VALUES = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.text(max_size=128))
CURSORS = st.builds(
    Cursor,
    query=st.text(max_size=24),
    api_key=st.text(max_size=32),
    generations=st.dictionaries(st.sampled_from(["tiering", "engagement"]), st.integers(1, 1000)),
    after=st.lists(VALUES, max_size=3).map(tuple),
    leaf=st.none() | st.lists(VALUES, max_size=2).map(tuple),
)
KEYS = [secrets.token_bytes(32) for _ in range(3)]
ONE = Cursor("q", "key1", {"tiering": 1}, ("C-1",))


@given(CURSORS)
def test_what_is_sealed_is_opened_and_fits(cursor: Cursor) -> None:
    token = Seals(KEYS[:1]).seal(cursor)
    assert len(token) <= MAX_CHARS
    assert Seals(KEYS[:1]).open(token) == cursor


@given(CURSORS, st.data())
def test_whatever_is_changed_is_refused(cursor: Cursor, data: st.DataObject) -> None:
    token = Seals(KEYS[:1]).seal(cursor)
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from("ABCDEFabcdef0123456789-_=+/ ")) if data.draw(st.booleans()) else ""
    changed = token[:at] + other + token[at + 1 :]
    if changed != token:
        with pytest.raises(Malformed):
            Seals(KEYS[:1]).open(changed)


@given(st.text(max_size=300) | st.just("A" * 10_000))
def test_what_nobody_sealed_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        Seals(KEYS[:1]).open(text)


def test_a_key_is_changed_without_losing_a_cursor() -> None:
    before, after = Seals([KEYS[0]]), Seals([KEYS[1], KEYS[0]])
    assert after.open(before.seal(ONE)) == ONE
    with pytest.raises(Malformed, match="gone"):
        Seals([KEYS[2], KEYS[1]]).open(before.seal(ONE))
    assert Seals([KEYS[1]]).open(after.seal(ONE)) == ONE


def test_an_id_is_not_read_in_a_cursor() -> None:
    assert b64encode(b"C-secret")[:8].decode() not in Seals(KEYS[:1]).seal(Cursor("q", "k", {}, ("C-secret",)))


@pytest.mark.parametrize(
    "text", ["", "x", "AAAA", b64encode(bytes(31)).decode(), " ".join([b64encode(bytes(32)).decode()] * 3)]
)
def test_keys_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(Malformed, match="GUANXI_CURSOR_KEYS"):
        Seals.read(text)
