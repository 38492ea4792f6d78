"""Whatever is sent to the door: an answer in its own shape, never an error of ours, and no event is half taken."""

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.events.wire import DATA, event, raw
from tests.services.ingest.doors.http.door import BATCH, EVENT, JSON, LINES, Door

DOOR = Door(Path(tempfile.mkdtemp(prefix="guanxi-test-")))
JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(list(DATA)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def odd_events(draw: st.DrawFn) -> dict[str, Any]:
    """An event of any type with some of its attributes and fields replaced by junk or left out."""
    document = event(draw(st.sampled_from(list(DATA))))
    for holder in (document, document["data"]):
        for name in draw(st.lists(st.sampled_from([*holder, "extra"]), max_size=3)):
            holder[name] = draw(JUNK)
            if name == "data":
                return document
    return document


def dumped(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=draw_ascii(value)).encode("utf-8", "surrogatepass")


def draw_ascii(value: Any) -> bool:
    return len(repr(value)) % 2 == 0


BODIES = st.one_of(
    st.binary(max_size=200),
    odd_events().map(dumped),
    st.lists(odd_events() | JUNK, max_size=4).map(dumped),
    st.lists(odd_events(), max_size=4).map(lambda events: b"\n".join(map(dumped, events))),
    st.tuples(odd_events().map(dumped), st.integers(0, 300)).map(lambda cut: cut[0][: cut[1]]),
    st.tuples(st.just(raw([event(), event()])), st.integers(0, 300), st.binary(min_size=1, max_size=3)).map(
        lambda spoilt: spoilt[0][: spoilt[1]] + spoilt[2] + spoilt[0][spoilt[1] + 1 :]
    ),
)
MEDIA_TYPES = st.sampled_from([EVENT, BATCH, JSON, LINES]) | st.text(
    alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=30
)


@given(BODIES, MEDIA_TYPES, st.sampled_from([None, "gzip", "identity", "br"]))
def test_whatever_is_sent_the_answer_is_the_doors(body: bytes, media_type: str, encoding: str | None) -> None:
    DOOR.inbox.records.clear()
    headers = {} if encoding is None else {"content_encoding": encoding}
    answer = asyncio.run(DOOR.post(body, media_type, **headers))
    assert answer.status_code in {202, 400, 403, 413, 415, 422}
    document = answer.json()
    if answer.status_code == 202:
        assert document["refused"] < len(document["events"])
    else:
        assert answer.headers["content-type"] == "application/problem+json"
    statuses = [one["status"] for one in document.get("events", ())]
    assert len(DOOR.inbox.records) == statuses.count("accepted")
    for one in document.get("events", ()):
        assert (one["status"] == "refused") == (one["code"] is not None) == bool(one["hint"])
