"""Cutting a body into its events."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.ingest.doors.kafka.split import BodyKind, split_body
from shared.events.refusal import Refused

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(st.lists(VALUES, max_size=8), st.booleans(), st.sampled_from([None, 0, 3]))
def test_an_array_is_cut_into_its_elements_whatever_they_hold(values: list[Any], ascii_only: Any, indent: Any) -> None:
    body = json.dumps(values, ensure_ascii=ascii_only, indent=indent).encode(errors="surrogatepass")
    parts = split_body(BodyKind.BATCH, body, 100)
    if not values:
        assert isinstance(parts, Refused)
    else:
        assert isinstance(parts, list)
        assert [json.loads(part.decode(errors="surrogatepass")) for part in parts] == values


@given(st.lists(VALUES, min_size=1, max_size=8), st.sampled_from(["\n", "\r\n", "\n\n", " \n\t"]))
def test_lines_are_cut_into_their_values(values: list[Any], end: str) -> None:
    body = end.join(json.dumps(value) for value in values).encode()
    parts = split_body(BodyKind.LINES, body, 100)
    assert isinstance(parts, list)
    assert [json.loads(part) for part in parts] == values


@given(st.binary(max_size=60) | st.text(alphabet='[]{},"\\ 1a', max_size=60).map(str.encode), st.sampled_from(BodyKind))
def test_any_bytes_are_cut_or_refused(body: bytes, kind: BodyKind) -> None:
    parts = split_body(kind, body, 5)
    assert isinstance(parts, Refused) or 1 <= len(parts) <= 5
