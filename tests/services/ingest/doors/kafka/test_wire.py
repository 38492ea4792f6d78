"""Strict JSON and the two modes of CloudEvents on Kafka: what is read, and what is refused with which words."""

import json
from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.ingest.doors.kafka import wire
from services.ingest.doors.kafka.wire import MAX_DEPTH, MAX_EVENT_BYTES, from_kafka, parse_json
from shared.events.refusal import Reason, Refused
from tests.events.wire import event, raw

EXAMPLES = 10 * (settings.default.max_examples if settings.default else 50)

STRUCTURED = ("content-type", b"application/cloudevents+json; charset=UTF-8")
CE = [
    ("ce_specversion", b"1.0"),
    ("ce_id", b"e-1"),
    ("ce_source", b"erp"),
    ("ce_type", b"guanxi.purchase.recorded.v1"),
    ("ce_subject", "客户".encode()),
    ("ce_time", b"2026-03-01T12:00:00Z"),
]
JSON = ("content-type", b"application/json")


@pytest.mark.parametrize(
    ("text", "reason", "field", "says"),
    [
        (b"", Reason.NOT_JSON, "", "empty"),
        (b"   ", Reason.NOT_JSON, "", "Expecting value"),
        (b"hello", Reason.NOT_JSON, "", "line 1, column 1"),
        (b'{"a": 1', Reason.NOT_JSON, "", "column 8"),
        (b'{"a": 1} {"b": 2}', Reason.NOT_JSON, "", "Extra data"),
        (b"{'a': 1}", Reason.NOT_JSON, "", "column 2"),
        (b'{"a": 01}', Reason.NOT_JSON, "", ""),
        (b'{"a": NaN}', Reason.NOT_JSON, "", "NaN is not JSON"),
        (b'{"a": -Infinity}', Reason.NOT_JSON, "", "-Infinity is not JSON"),
        (b'{"a": 1e99999999999999999999}', Reason.NOT_JSON, "", "number"),
        (b'{"a": 1e1000000}', Reason.NOT_JSON, "", "number"),
        (b'{"a": ' + b"9" * 5000 + b"}", Reason.NOT_JSON, "", "5000 digits"),
        (b'{"a": "\x00"}', Reason.NOT_JSON, "", "control character"),
        (b'{"a"\x00: 1}', Reason.NOT_JSON, "", ""),
        (b'{"a": {"b": "\\u0000"}}', Reason.INVALID_FIELD, "a.b", "null character"),
        (b'{"a": ["x", "\\ud800"]}', Reason.INVALID_FIELD, "a.1", "surrogate"),
        (b'{"\\udc00": 1}', Reason.INVALID_FIELD, "\\udc00", "surrogate"),
        (b"\xff\xfe{\x00}\x00", Reason.NOT_UTF8, "", "byte 0"),
        ('{"a": "客户"}'.encode("gbk"), Reason.NOT_UTF8, "", "UTF-8"),
        (b'{"a": {"b": 1, "c": 2, "b": 1}}', Reason.DUPLICATE_KEY, "b", "'b' is repeated"),
        (b"[" * 100_000, Reason.TOO_DEEP, "", "levels"),
        (b'{"a":' * 17 + b"1" + b"}" * 17, Reason.TOO_DEEP, "", "levels"),
    ],
    ids=lambda value: value[:20].decode("latin-1") if isinstance(value, bytes) else None,
)
def test_what_is_no_strict_json_is_refused_with_what_and_where(
    text: bytes, reason: Reason, field: str, says: str
) -> None:
    refused = parse_json(text)
    assert isinstance(refused, Refused)
    assert (refused.reason, refused.field) == (reason, field)
    assert says in refused.hint


def test_numbers_keep_what_was_written() -> None:
    value = parse_json(b'{"a": 0.1, "b": 1234.50, "c": 1e400, "d": 12345678901234567890, "e": -0.0}')
    assert value == {
        "a": Decimal("0.1"),
        "b": Decimal("1234.50"),
        "c": Decimal("1E+400"),
        "d": 12345678901234567890,
        "e": 0,
    }
    assert str(value["b"]) == "1234.50"  # type: ignore[index]


def test_a_byte_order_mark_is_skipped() -> None:
    assert parse_json(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


def test_many_brackets_that_are_not_deep_are_read() -> None:
    flat = {"a": [{"b": "}]" + "[{" * 50 + '\\"['} for _ in range(100)]}
    assert parse_json(raw(flat)) == flat
    deepest = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    assert isinstance(parse_json(deepest), list)


def test_pairs_of_surrogates_are_characters() -> None:
    assert parse_json(rb'{"a": "\ud83d\ude00 \\u0000"}') == {"a": "😀 \\u0000"}


@given(st.binary(max_size=200))
def test_arbitrary_bytes_never_raise(text: bytes) -> None:
    parse_json(text)
    from_kafka(text, [])


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda s: st.lists(s) | st.dictionaries(st.text(), s),
        max_leaves=20,
    )
)
def test_whatever_json_holds_is_read_as_it_is(value: object) -> None:
    text = json.dumps(value).encode()
    read = parse_json(text)
    assert read == value or isinstance(read, Refused)
    if b"\\u" not in text and text.count(b"[") + text.count(b"{") <= MAX_DEPTH and len(text) < 60:
        assert read == value


NUMBERS = st.from_regex(
    r"\A-?(0|[1-9][0-9]{0,3}|[1-9][0-9]{60,70})(\.[0-9]{1,3}|\.[0-9]{62,70})?([eE][+-]?[0-9]{1,5})?\Z"
)
STRINGS = st.lists(
    st.sampled_from(
        ["a", "客", "😀", r"\"", r"\\", r"\/", r"\n", r"\u0022", r"\u0000", r"\ud83d\ude00", r"\ud83d", "u0022"]
    )
    | st.sampled_from(["\\", "\n", "\x00", "\x7f", ":", ",", "{", " "]),
    max_size=4,
).map(lambda parts: '"' + "".join(parts) + '"')
JSON_TEXTS = st.recursive(
    NUMBERS
    | STRINGS
    | st.sampled_from(["null", "true", "false", "NaN", "-Infinity", "", "nul", "01", "1.", "+1", "'a'"]),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: "[" + ", ".join(items) + "]")
        | st.lists(st.tuples(st.sampled_from(['"a"', '"b" ', r'"\u0061"', '""', "c"]), inner), max_size=3).map(
            lambda members: "{" + ",".join(f"{key}:{item}" for key, item in members) + "}"
        )
    ),
    max_leaves=8,
).flatmap(
    lambda text: st.sampled_from([text, f" {text}\n", f"\ufeff{text}", f"{text}x", f"{text},", f"[{text}", text * 2])
)


@given(JSON_TEXTS, st.integers(0, 20))
@example(r'{"a": 1, "a": "\u0022\u0022"}', 0)  # as many quotes come as go
@example("-1" + "0" * 63, 0)
@example("1" + "0" * 63, 0)
@example("1" + "0" * 64, 0)
@settings(max_examples=EXAMPLES)
def test_both_parsers_read_a_text_alike_or_the_quick_one_declines(text: str, depth: int) -> None:
    raw_text = ("[" * depth + text + "]" * depth).encode()
    strict = wire._parse_strictly(raw_text)
    assert repr(parse_json(raw_text)) == repr(strict)
    with suppress(ValueError):
        if depth + raw_text.count(b"{") + raw_text.count(b"[") <= MAX_DEPTH:
            assert repr(wire._parse_quickly(raw_text)) == repr(strict)


@pytest.mark.parametrize("plain", [b'{"a": "x", "b": [1, 1.50, {"c": null}]}', rb'{"a": "say \"yes\"\n \u5ba2"}'])
def test_what_is_usual_takes_the_quick_parser(plain: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = wire._parse_strictly(plain)
    monkeypatch.setattr(wire, "_parse_strictly", None)
    assert parse_json(plain) == expected


def test_structured_mode_needs_no_header() -> None:
    document = event()
    for headers in ([], [STRUCTURED], [JSON], [("Content-Type", b"application/json")], [("x", None), ("y", b"\xff")]):
        assert from_kafka(raw(document), headers) == document


def test_binary_mode_takes_attributes_from_headers() -> None:
    read = from_kafka(b'{"amount": 1.50}', [*CE, JSON, ("ce_revision", b"3"), ("traceId", b"\xff"), ("null", None)])
    assert read == {
        "specversion": "1.0",
        "id": "e-1",
        "source": "erp",
        "type": "guanxi.purchase.recorded.v1",
        "subject": "客户",
        "time": "2026-03-01T12:00:00Z",
        "revision": 3,
        "data": {"amount": Decimal("1.50")},
    }


@pytest.mark.parametrize(
    ("value", "headers", "reason", "field"),
    [
        (None, [], Reason.EMPTY, ""),
        (None, CE, Reason.EMPTY, ""),
        (b"[]", [], Reason.NOT_CLOUDEVENT, ""),
        (b"{}", [*CE, ("ce_x", None)], Reason.INVALID_HEADER, "ce_x"),
        (b"{}", [*CE, ("ce_x", b"\xff\xfe")], Reason.INVALID_HEADER, "ce_x"),
        (b"{}", [*CE, ("ce_id", b"other")], Reason.INVALID_HEADER, "ce_id"),
        (b"{}", [("content-type", None)], Reason.INVALID_HEADER, "content-type"),
        (b"{}", [("content-type", b"\xff")], Reason.INVALID_HEADER, "content-type"),
        (b"{}", [("content-type", b"text/plain")], Reason.UNSUPPORTED_MEDIA_TYPE, "content-type"),
        (b"{}", [("content-type", b"application/cloudevents+avro")], Reason.UNSUPPORTED_MEDIA_TYPE, "content-type"),
        (
            b"[]",
            [("content-type", b"application/cloudevents-batch+json")],
            Reason.UNSUPPORTED_MEDIA_TYPE,
            "content-type",
        ),
        (b"<a/>", [*CE, ("content-type", b"application/xml")], Reason.UNSUPPORTED_MEDIA_TYPE, "content-type"),
        (b"<a/>", CE, Reason.NOT_JSON, "data"),
        (b'{"a": "\\u0000"}', CE, Reason.INVALID_FIELD, "data.a"),
        (b"x" * (2 * 1024 * 1024), [], Reason.TOO_LARGE, ""),
        (b"{}" + b" " * (MAX_EVENT_BYTES - 1), [], Reason.TOO_LARGE, ""),
        (b"{}", [*CE, ("ce_x", b"x" * MAX_EVENT_BYTES)], Reason.TOO_LARGE, ""),
    ],
)
def test_records_that_are_no_event_are_refused(
    value: bytes | None, headers: list[tuple[str, bytes | None]], reason: Reason, field: str
) -> None:
    refused = from_kafka(value, headers)
    assert isinstance(refused, Refused)
    assert (refused.reason, refused.field) == (reason, field)


def test_an_event_of_exactly_the_limit_is_read() -> None:
    assert from_kafka(b"{}" + b" " * (MAX_EVENT_BYTES - 2), []) == {}


@given(
    st.binary(max_size=60) | st.none(),
    st.lists(
        st.tuples(st.sampled_from(["ce_id", "ce_time", "content-type", "x", ""]), st.binary(max_size=30) | st.none()),
        max_size=5,
    ),
)
def test_arbitrary_records_never_raise(value: bytes | None, headers: list[tuple[str, bytes | None]]) -> None:
    assert isinstance(from_kafka(value, headers), dict | Refused)
