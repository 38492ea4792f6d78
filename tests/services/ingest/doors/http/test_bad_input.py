"""Bad input at the HTTP door: each gets a clear refusal that says what and where, and nothing else suffers."""

import json
from typing import Any

import pytest

from services.ingest.doors.kafka.wire import MAX_EVENT_BYTES
from services.ingest.limits import MAX_BODY_BYTES, MAX_EVENTS
from tests.events.wire import LEAVE_OUT, event, raw
from tests.services.ingest.doors.http.door import BATCH, EVENT, JSON, LINES, Door, is_problem, purchases


def padded(size: int) -> bytes:
    """An event of exactly this many bytes."""
    empty = raw(event(data={"note": ""}))
    return raw(event(data={"note": "x" * (size - len(empty))}))


NOT_READABLE = {
    "empty": (b"", JSON, "empty"),
    "white space alone": (b" \n ", JSON, "empty"),
    "no event in a batch": (b"[]", BATCH, "empty"),
    "a batch that is no array": (raw(event()), BATCH, "not_json"),
    "a batch that ends too early": (raw([event()])[:-1], BATCH, "not_json"),
    "a text that is not closed": (raw([event()])[:-20], BATCH, "not_json"),
    "a batch closed by the wrong bracket": (b"[1}", BATCH, "not_json"),
    "more after the batch": (raw([event()]) + b"[]", BATCH, "not_json"),
    "a million brackets": (b"[" * 1_000_000, BATCH, "too_deep"),
    "not gzip": (b"plain", JSON, "not_gzip"),
}


@pytest.mark.parametrize(("body", "media_type", "code"), NOT_READABLE.values(), ids=NOT_READABLE)
async def test_a_body_that_can_not_be_read_is_400(door: Door, body: bytes, media_type: str, code: str) -> None:
    headers = {"content_encoding": "gzip"} if code == "not_gzip" else {}
    assert is_problem(await door.post(body, media_type, **headers), 400, code)
    assert not door.inbox.records


@pytest.mark.parametrize(
    "media_type",
    [None, "", "text/plain", "application/xml", "multipart/form-data", "application/json; charset=latin-1", "é"],
)
async def test_another_media_type_is_415(door: Door, media_type: str | None) -> None:
    answer = await door.post(raw(event()), None, **({} if media_type is None else {"content_type": media_type}))
    assert is_problem(answer, 415, "unsupported_media_type")


async def test_another_content_encoding_is_415(door: Door) -> None:
    answer = await door.post(event(), content_encoding="br")
    assert is_problem(answer, 415, "unsupported_media_type")
    assert answer.headers["accept-encoding"] == "gzip"


async def test_a_body_above_a_mebibyte_is_413_declared_or_not(door: Door) -> None:
    async def endless() -> Any:
        for _ in range(MAX_BODY_BYTES // 1024 + 1):
            yield b" " * 1024

    assert is_problem(await door.post(b" " * (MAX_BODY_BYTES + 1)), 413, "too_large")
    assert is_problem(await door.post(endless()), 413, "too_large")


@pytest.mark.parametrize("media_type", [BATCH, LINES])
async def test_501_events_are_413_and_500_are_taken(door: Door, media_type: str) -> None:
    many = purchases(*(f"e{n}" for n in range(MAX_EVENTS + 1)))

    def body(events: list[Any]) -> bytes:
        return raw(events) if media_type == BATCH else b"\n".join(map(raw, events))

    assert is_problem(await door.post(body(many), media_type), 413, "too_many")
    assert not door.inbox.records
    assert (await door.post(body(many[1:]), media_type)).json()["accepted"] == MAX_EVENTS


async def test_an_event_of_64_kib_is_taken_and_one_more_byte_is_refused(door: Door) -> None:
    answer = await door.post(b"[%s,%s]" % (padded(MAX_EVENT_BYTES), padded(MAX_EVENT_BYTES + 1)))
    assert [(one["status"], one["code"]) for one in answer.json()["events"]] == [
        ("accepted", None),
        ("refused", "too_large"),
    ]


DEEP = b'{"a":' * 40 + b"1" + b"}" * 40
BAD_EVENTS: dict[str, tuple[bytes, str, str]] = {
    "not JSON": (b'{"a": nothing}', "not_json", ""),
    "a trailing comma": (b'{"a": 1,}', "not_json", ""),
    "an object that is cut off by its neighbour": (b'{"a": {}, "b"}', "not_json", ""),
    "NaN": (raw(event()).replace(b'"1234.50"', b"NaN"), "not_json", ""),
    "Infinity": (raw(event()).replace(b'"1234.50"', b"-Infinity"), "not_json", ""),
    "number out of range": (raw(event()).replace(b'"1234.50"', b"1e999999"), "not_json", ""),
    "not UTF-8": (raw(event()).replace(b'"e-1"', b'"\xff"'), "not_utf8", ""),
    "a key twice": (raw(event()).replace(b'"erp"', b'"erp", "id": "e-2"'), "duplicate_key", "id"),
    "too deep": (DEEP, "too_deep", ""),
    "a number": (b"1", "not_cloudevent", ""),
    "a text": (b'"{}"', "not_cloudevent", ""),
    "null": (b"null", "not_cloudevent", ""),
    "an array": (b"[]", "not_cloudevent", ""),
    "a null byte": (b"\x00", "not_json", ""),
    "an escaped null character": (raw(event(subject="a\0b")), "invalid_field", "subject"),
    "half a surrogate pair": (raw(event()).replace(b'"00042"', b'"\\ud800"'), "invalid_field", "subject"),
    "no specversion": (raw(event(specversion=LEAVE_OUT)), "not_cloudevent", "specversion"),
    "an unknown type": (raw(event(type="guanxi.purchase.imagined.v1")), "unknown_type", "type"),
    "a missing attribute": (raw(event(source=LEAVE_OUT)), "missing_field", "source"),
    "a missing field": (raw(event(data={"purchase_id": LEAVE_OUT})), "missing_field", "data.purchase_id"),
    "a wrong type": (raw(event(data={"purchase_id": 7})), "invalid_field", "data.purchase_id"),
    "an infinite amount": (raw(event(data={"amount": "Infinity"})), "invalid_amount", "data.amount"),
    "a NaN amount": (raw(event(data={"amount": "NaN"})), "invalid_amount", "data.amount"),
    "an amount of zero": (raw(event(data={"amount": "0.00"})), "invalid_amount", "data.amount"),
    "a negative amount": (raw(event(data={"amount": "-1.00"})), "invalid_amount", "data.amount"),
    "too many decimals": (raw(event(data={"amount": "1.0005"})), "inexact_amount", "data.amount"),
    "a JSON number that is not exact": (raw(event(data={"amount": 1.0005})), "inexact_amount", "data.amount"),
    "an amount that may be thousands": (raw(event(data={"amount": "12.000"})), "ambiguous_amount", "data.amount"),
    "an unknown currency": (raw(event(data={"currency": "XYZ"})), "unknown_currency", "data.currency"),
    "a naive time": (raw(event(time="2026-03-01T12:00:00")), "naive_time", "time"),
    "no time": (raw(event(time="noon")), "invalid_time", "time"),
    "a time too old": (raw(event(time="2023-03-01T12:00:00Z")), "too_old", "time"),
    "a time in the future": (raw(event(time="2026-03-01T12:06:00+08:00")), "in_future", "time"),
    "an empty id": (raw(event(id="")), "invalid_id", "id"),
    "an id of 10,000 characters": (raw(event(id="x" * 10_000)), "invalid_id", "id"),
    "an id with a control character": (raw(event(id="a\x07b")), "invalid_id", "id"),
    "an id that is a number": (raw(event(id=7)), "invalid_id", "id"),
    "a subject of spaces": (raw(event(subject="  ")), "invalid_id", "subject"),
}


@pytest.mark.parametrize(("bad", "code", "field"), BAD_EVENTS.values(), ids=BAD_EVENTS)
async def test_a_bad_event_is_refused_and_its_neighbours_go_through(
    door: Door, bad: bytes, code: str, field: str
) -> None:
    before, after = (raw(one) for one in purchases("before", "after"))
    answer = await door.post(b"[%s, %s, %s]" % (before, bad, after), BATCH)
    assert answer.status_code == 202, answer.text
    first, refused, last = answer.json()["events"]
    assert (first["status"], last["status"]) == ("accepted", "accepted")
    assert (refused["index"], refused["status"]) == (1, "refused")
    assert (refused["code"], refused["field"]) == (code, field), refused
    assert 10 < len(refused["hint"]) <= 300
    assert door.inbox.ids() == ["before", "after"]


@pytest.mark.parametrize(("bad", "code", "field"), BAD_EVENTS.values(), ids=BAD_EVENTS)
@pytest.mark.parametrize("media_type", [EVENT, LINES])
async def test_a_bad_event_alone_is_422(door: Door, bad: bytes, code: str, field: str, media_type: str) -> None:
    answer = await door.post(bad, media_type)
    assert is_problem(answer, 422, "all_refused"), answer.text
    assert (answer.json()["events"][0]["code"], answer.json()["events"][0]["field"]) == (code, field)


TAKEN = {
    "a JSON number that is exact": event(data={"amount": 1234.5}),
    "a currency without a rate": event(data={"currency": "ISK", "amount": "1"}),
    "dollars and points in ids": event(id="$a.b", subject="$where.x", data={"purchase_id": "a.$b"}),
    "dollars and points in names of fields": event(data={"$set": 1, "a.b": 2}),
    "an unknown field": event(data={"colour": "red"}),
    "an id of Chinese characters": event(id="订单-1", subject="客户-7"),
}


@pytest.mark.parametrize("taken", TAKEN.values(), ids=TAKEN)
async def test_odd_but_sound_events_are_taken(door: Door, taken: dict[str, Any]) -> None:
    answer = await door.post(taken)
    assert answer.status_code == 202, answer.text
    assert json.loads(door.inbox.records[0].value) == taken
