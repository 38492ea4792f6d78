"""Nothing that can arrive makes the doors raise: events with any value put anywhere, and events broken as bytes."""

import copy
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import to_json

from services.ingest.admission import log_record
from services.ingest.admit import Candidate, admit
from services.ingest.doors.kafka.wire import MAX_EXPONENT
from shared.events.codec import decode
from shared.events.event import LogPosition, Position
from shared.events.refusal import Refused
from tests.events.wire import DATA, event, raw
from tests.services.ingest.judging import NOW, ZONE, judged

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.sampled_from(
        [
            Decimal(f"1E+{MAX_EXPONENT}"),
            Decimal(f"1E-{MAX_EXPONENT}"),
            "",
            "NaN",
            "1e5",
            "9999-12-31",
            "$x.y",
            "\x7f",
            "客户",
            "CNY",
        ]
    )
    | st.text(max_size=8)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
EVENTS = st.sampled_from([event(noun) for noun in DATA])


def paths(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [here, *(path for key, item in inner for path in paths(item, (*here, key)))]


@st.composite
def broken_events(draw: st.DrawFn) -> Any:
    document: Any = copy.deepcopy(draw(EVENTS))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(paths(document)))
        if not path:
            return draw(VALUES)
        target = document
        for step in path[:-1]:
            target = target[step]
        target[path[-1]] = draw(VALUES)
    return document


@given(broken_events(), st.booleans())
def test_any_value_anywhere_is_admitted_or_refused(document: Any, backfill: bool) -> None:  # noqa: FBT001
    result = admit(document, now=NOW, zone=ZONE, backfill=backfill, internal=True)
    assert isinstance(result, Candidate | Refused)
    if isinstance(result, Refused):
        assert result.hint
        to_json((result.field, result.hint))
        return
    record = log_record(result, Position(1, 2, 3), result.undo, 12)
    assert record.value is not None
    back = decode(record.value, recorded_at=NOW, log=LogPosition(1, 0, 0))
    assert (back.type, back.subject, back.time) == (result.type, result.subject, result.time)


@given(EVENTS, st.data())
def test_an_event_with_broken_bytes_never_raises(document: dict[str, Any], data: st.DataObject) -> None:
    text = bytearray(raw(document))
    for _ in range(data.draw(st.integers(1, 4))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
    assert isinstance(judged(bytes(text)), Candidate | Refused)
