"""The quick way says what the other way says, or nothing: of usual events, of spoilt ones, of any bytes."""

import json
import re
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import astuple
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from services.ingest.admission import log_record
from services.ingest.admit import Candidate, admit, quick, read_quickly
from services.ingest.admit.quick import USUAL, UnknownSchemaError, shape_of
from services.ingest.doors.kafka.wire import MAX_EVENT_BYTES, from_kafka, is_plain
from shared.events.codec import encode_json
from shared.events.event import Position
from shared.events.facts import PurchaseRecorded
from shared.events.registry import FACTS, NAMES
from shared.events.types import Id, Name
from tests.events.wire import DATA, event, raw
from tests.services.ingest.judging import NOW, ZONE

NOUNS = [NAMES[fact].removeprefix("guanxi.").removesuffix(".v1") for fact in USUAL]
PERSON_KEY = b"a key of sixteen bytes"
POSITION = Position(1, 2, 3)

FULL: dict[str, dict[str, Any]] = {
    "purchase.recorded": {"margin_rate": "0.22", "product_line": "精密轴承", "occurred_on": "2026-03-01"},
    "purchase.refunded": {"purchase_id": "p-1", "purchased_on": "2026-02-01"},
    "visit.logged": {"needs": "价格\n交期", "purpose": "", "participants": [{"rep_id": "r-1", "role": "engineer"}] * 2},
    "invoice.issued": {"occurred_on": "2026-02-27"},
}
"""What the usual events may say beside the default."""


def other_way(value: bytes, **options: Any) -> Any:
    document = from_kafka(value, ())
    return admit(document, now=NOW, zone=ZONE, internal=True, **options) if isinstance(document, dict) else document


def shown(candidate: Candidate) -> tuple[Any, ...]:
    """All of it, and what becomes of it, byte by byte."""
    record = log_record(candidate, POSITION, candidate.undo, 12)
    return *astuple(candidate), encode_json(candidate.data), encode_json(candidate.undo), record


def agrees(value: bytes, read: Callable[..., Candidate | None] = read_quickly, **options: Any) -> bool:
    """Whether the quick way took it; fails where the two ways differ."""
    if not is_plain(value, ()):
        return False
    taken = read(value, now=NOW, zone=ZONE, **options)
    if taken is None:
        return False
    told = other_way(value, **options)
    assert isinstance(told, Candidate), (value, told)
    assert shown(taken) == shown(told)
    return True


TEXTS = st.sampled_from(
    [
        "",
        " ",
        "x ",
        "x\n",
        "CNY\n",
        "1.00\n",
        " x",
        "a b",
        "客户",
        "é",
        "é",
        "😀",
        "\u200b",
        "\xa0",
        "\u2028",
        "\ufeff",
        "\x00",
        "\x7f",
        "\x85",
        "\n",
        "\t",
        'say "yes"',
        "\\",
        "/",
        "null",
        "x" * 128,
        "x" * 129,
        "客" * 200,
        "客" * 201,
        "x" * 4001,
        "�",
        "12.000",
        "1.5",
        "0.00",
        "-1",
        "00012.30",
        "1e3",
        "1_000",
        "１２.00",
        "NaN",
        "1234567890123.00",
        "999999999999.99",
        "0.1234567",
        "0.2200000",
        "-10",
        "-10.0000001",
        "1.0",
        "2",
        "+0.1",
        " 0.1",
        ".5",
        "5.",
        "Infinity",
        "-0",
        "CNY",
        "JPY",
        "KWD",
        "XXX",
        "cny",
        "CNYX",
        "2026-02-29",
        "2026-03-08",
        "2026-03-09",
        "1899-12-31",
        "2199-12-31",
        "2200-01-01",
        "2026-W10-1",
        "20260301",
        "routine",
        "1.0",
        "application/json",
        "application/JSON; charset=utf-8",
        "2026-03-01T04:00:00Z",
        "2026-03-01T04:05:00Z",
        "2026-03-01T04:05:01Z",
        "2024-01-31T04:00:00Z",
        "2026-03-01",
        "2024-01-30T03:59:59.999Z",
        "2026-03-01T12:00:00.123456789+08:00",
        "2026-03-01t04:00:00z",
        "2026-W09-7T04:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-03-01T24:00:00Z",
        "2026-03-01T00:00:60Z",
        "2026-03-01T04:00:00",
        "9999-12-31T23:59:59Z",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\n",
        *(f"guanxi.{noun}.v1" for noun in DATA),
    ]
)
NEAR: dict[str, tuple[Any, ...]] = {
    "_on": ("1899-12-31", "2200-01-01", "2026-02-20", "2026-02-21", "2026-03-09", "2026-02-29", "2026-W10-1", ""),
    "time": (
        "2020-01-01T04:00:00Z",
        "2026-03-01T04:05:01Z",
        "2026-02-30T04:00:00Z",
        "2026-W09-7T04:00:00Z",
        "2026-03-01",
    ),
    "amount": ("00012.30", "1", "0.00", "1.234", "1.2345", "1234567890123.00", "1.00\n", 7, Decimal("7.50")),
    "currency": ("JPY", "KWD", "XXX", "cny", "CNY\n"),
    "margin_rate": ("0.2200", "-0.0", "1.0000001", "0.1234567", "-10.1", "NaN", "1e-1", " 0.1", Decimal("0.22"), None),
    "_id": ("x\n", " x", "a b", "\u00a0", "é\u0301", "", "x" * 129, 7, None),
    "name": ("Ａnna  schmidt", "\x85", "x" * 201, "", None),
    "revision": (0, 2, 2**53, 2**53 - 1, Decimal("9.0"), None),
}
"""Values at the edges, by the end of a member's name."""


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**70), 10**70)
    | st.sampled_from([0, 1, 2, 9, 2**31 - 1, 2**31, 2**53, 2**63, 2**64, 10**63, 10**64])
    | st.decimals(allow_nan=True, allow_infinity=True)
    | st.sampled_from([Decimal(one) for one in ("9.0", "1.50", "1E+3", "0.22", "-0.0", "1234.5", "0.1234567")])
    | TEXTS
    | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "rep_id", "name"]), inner),
    max_leaves=4,
)


def near(draw: st.DrawFn, key: Any) -> Any:
    """Most often a value at an edge."""
    edges = [value for end, values in NEAR.items() if str(key).endswith(end) for value in values]
    at_edge: bool = bool(edges) and draw(st.sampled_from((True, True, True, False)))
    return draw(st.sampled_from(edges)) if at_edge else draw(VALUES)


KEYS = st.sampled_from(
    [
        "id",
        "source",
        "subject",
        "time",
        "type",
        "revision",
        "traceparent",
        "datacontenttype",
        "data",
        "occurred_on",
        "amount",
        "currency",
        "margin_rate",
        "name",
        "person_id",
        "role",
        "attendees",
        "follow_ups",
        "due_on",
        "x",
        "",
    ]
)

EXAMPLES = 10 * (settings.default.max_examples if settings.default else 50)


class Twice(dict[str, Any]):
    """An object that is written with one of its members twice."""


def write(value: Any, ascii_only: bool, space: str) -> str:  # noqa: FBT001
    """JSON that may hold what no JSON library writes."""
    again = partial(write, ascii_only=ascii_only, space=space)
    if isinstance(value, dict):
        members = [*value.items(), *(list(value.items())[:1] if isinstance(value, Twice) else ())]
        return "{" + f",{space}".join(f"{again(key)}{space}:{space}{again(item)}" for key, item in members) + "}"
    if isinstance(value, list):
        return "[" + f",{space}".join(map(again, value)) + f"{space}]"
    if isinstance(value, Decimal):
        return str(value)
    return json.dumps(value, ensure_ascii=ascii_only)


def places(value: Any) -> list[tuple[Any, Any]]:
    """All members of objects and lists in a document: what holds it, and its key."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [place for key in keys for place in ((value, key), *places(value[key]))]


def twice(value: Any, place: Any) -> Any:
    if isinstance(value, dict):
        kind = Twice if value is place else dict
        return kind({key: twice(item, place) for key, item in value.items()})
    return [twice(item, place) for item in value] if isinstance(value, list) else value


@st.composite
def spoilt(draw: st.DrawFn, most: int = 3, of: tuple[str, ...] = ("",)) -> bytes:
    """A usual event with something of it changed, left out, added or written twice, and now and then a byte. `of`: the
    ends of the names of those members that may be changed.
    """
    noun = draw(st.sampled_from(NOUNS))
    data = {name: value for name, value in FULL[noun].items() if draw(st.booleans())}
    document: Any = json.loads(raw(event(noun, data)))
    for _ in range(draw(st.integers(0, most))):
        place, key = draw(st.sampled_from([one for one in places(document) if str(one[1]).endswith(of)]))
        deed = draw(st.sampled_from(("set", "set", "set", "add", "remove", "repeat", "twice")))
        if deed == "add" and isinstance(place, dict):
            key = draw(KEYS)
            place[key] = near(draw, key)
        elif deed == "twice" and isinstance(place, dict):
            document = twice(document, place)
        elif deed == "repeat" and isinstance(place, list):
            place *= draw(st.sampled_from((2, 51, 101)))
        elif deed == "remove":
            del place[key]
        else:
            place[key] = near(draw, key)
    text = write(document, draw(st.booleans()), draw(st.sampled_from(("", "", " ", "\n\t")))).encode(
        "utf-8", "surrogatepass"
    )
    if draw(st.integers(0, 9)) == 0:
        at = draw(st.integers(0, len(text) - 1))
        text = text[:at] + draw(st.binary(max_size=2)) + text[at + draw(st.integers(0, 2)) :]
    return text


@given(spoilt(), st.booleans(), st.sampled_from((b"", PERSON_KEY)))
@example(
    raw(event(id="@")).replace(b'"@"', rb'"\u0022\u0022", "revision": 1, "revision": 2'), False, b""
)  # quotes come and go
@settings(max_examples=EXAMPLES)
def test_the_quick_way_says_what_the_other_says_or_nothing(value: bytes, backfill: bool, person_key: bytes) -> None:  # noqa: FBT001
    agrees(value, backfill=backfill, person_key=person_key)


@given(st.sampled_from(NOUNS), st.data())
def test_usual_events_take_the_quick_way(noun: str, data: st.DataObject) -> None:
    said = {name: value for name, value in FULL[noun].items() if data.draw(st.booleans())}
    document = event(noun, said, revision=data.draw(st.integers(1, 9)), datacontenttype="application/json")
    for ascii_only in (True, False):
        assert agrees(json.dumps(document, ensure_ascii=ascii_only).encode(), person_key=PERSON_KEY)


def test_of_a_spoilt_thousand_many_are_taken() -> None:
    """Else the law above would say little."""
    counts: Counter[bool] = Counter()

    @given(spoilt(most=1))
    @settings(max_examples=300, derandomize=True)
    def run(value: bytes) -> None:
        counts[agrees(value)] += 1

    run()
    assert counts[True] > 60
    assert counts[False] > 60


@pytest.mark.parametrize("scalar", [Id, Name])
def test_no_letter_passes_that_the_model_refuses(scalar: Any) -> None:
    takes = re.compile(quick._limited(str, scalar.__metadata__[0].__dict__).__metadata__[0].pattern).search
    validate = TypeAdapter(scalar).validator.validate_python
    letters = [*range(0xD800), *range(0xE000, 0x33000), *range(0x33000, sys.maxunicode + 1, 99)]
    for letter in map(chr, letters):
        for text in (letter, f"x{letter}x", f"x{letter}"):
            if takes(text):
                validate(text)


def test_an_event_near_the_limit_of_size_goes_the_other_way() -> None:
    value = raw(event("visit.logged", {"needs": "x" * 4000}))
    assert is_plain(value, ())
    assert not is_plain(value + b" " * (MAX_EVENT_BYTES - len(value)), ())
    assert not is_plain(None, ())


def test_a_model_that_says_what_is_not_understood_is_not_passed_over() -> None:
    from typing import Annotated  # noqa: PLC0415

    from pydantic import Field, field_validator  # noqa: PLC0415

    class Checked(PurchaseRecorded):
        @field_validator("purchase_id")
        @classmethod
        def _check(cls, value: str) -> str:
            return value

    class Counted(PurchaseRecorded):
        pieces: Annotated[int, Field(strict=True)] | None = None

    class Renamed(PurchaseRecorded):
        product_line: Annotated[str | None, Field(alias="line")] = None

    class Strict(PurchaseRecorded, extra="forbid"):
        pass

    for model in (Checked, Counted, Renamed, Strict):
        with pytest.raises(UnknownSchemaError):
            shape_of(model.__pydantic_core_schema__)


@pytest.mark.parametrize("noun", DATA)
def test_a_usual_type_has_no_rules_of_its_own(noun: str) -> None:
    """What depends on several fields is judged by the other way alone, save the day of occurrence."""
    entry = FACTS[f"guanxi.{noun}.v1"]
    if entry.fact in USUAL:
        assert entry.kind is not None
        assert entry.subject == "customer"
        assert not entry.internal
        assert not entry.fact.NULL_CLEARS


def _without(name: str, replacement: Any) -> Callable[..., Candidate | None]:
    def planted(value: bytes, **options: Any) -> Candidate | None:
        real = getattr(quick, name)
        setattr(quick, name, replacement)
        try:
            return read_quickly(value, **options)
        finally:
            setattr(quick, name, real)

    return planted


quick_take: Any = vars(quick)["take_names"]
MOMENTS = ("_on", "time")
PLANTS: dict[str, tuple[str, Any]] = {
    "a key twice": ("_as_it_stands", lambda *_: True),
    "days of any century": ("_days_fit", lambda *_: True),
    "any age": ("refuse_age", lambda *_, **__: None),
    "any day of occurrence": ("refuse_day", lambda *_: None),
    "amounts as written": ("canonical_amount", lambda amount, _: amount),
    "instants as written": ("_canonical_instant", lambda text: len(text) == 20),
    "no person key": (
        "take_names",
        lambda entry, key, subject, data, _: quick_take(entry, key, subject, data),
    ),
}


@pytest.mark.parametrize("plant", PLANTS)
def test_the_law_finds_planted_bugs(plant: str) -> None:
    """Those that only a few days or times show are looked for there: among all members it takes thousands of events."""
    read = _without(*PLANTS[plant])
    of = MOMENTS if plant.startswith(("any ", "days ", "instants ")) else ("",)

    @given(spoilt(most=1, of=of), st.booleans())
    @settings(max_examples=20_000, derandomize=True, database=None, phases=[Phase.generate], deadline=None)
    def law(value: bytes, backfill: bool) -> None:  # noqa: FBT001
        agrees(value, read, backfill=backfill, person_key=PERSON_KEY)

    with pytest.raises((AssertionError, ValueError)):
        law()
