"""What the HTTP door answers to what can be read: one independent answer per event."""

import json
from pathlib import Path
from typing import Any

import pytest

from services.ingest.doors.http.events import ACCEPTED_NOTE
from tests.events.wire import LEAVE_OUT, event, raw
from tests.services.ingest.doors.http.door import BATCH, EVENT, JSON, LINES, Door, MemoryClaims, is_problem, purchases

OWN = "00-11111111111111111111111111111111-2222222222222222-00"
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize("media_type", [EVENT, JSON, "application/json; charset=utf-8", "Application/JSON"])
async def test_one_event_is_accepted_and_goes_to_the_inbox_as_it_was_sent(door: Door, media_type: str) -> None:
    sent = (
        b' {"specversion":"1.0", "id":"\\u0031", "source":"erp", "type":"guanxi.purchase.recorded.v1", \n'
        b'"subject":"00042","time":"2026-03-01T12:00:00+08:00",'
        b'"data":{"purchase_id":"1","amount":12.50,"currency":"CNY"}}\n'
    )
    answer = await door.post(sent, media_type)
    assert answer.status_code == 202
    assert answer.json() == {
        "accepted": 1,
        "duplicate": 0,
        "refused": 0,
        "position": None,
        "note": ACCEPTED_NOTE,
        "events": [
            {
                "index": 0,
                "id": "1",
                "status": "accepted",
                "code": None,
                "field": None,
                "hint": None,
                "ignored": [],
                "did_you_mean": {},
            }
        ],
    }
    assert [(record.key, record.value) for record in door.inbox.records] == [(b"customer:00042", sent.strip())]


@pytest.mark.parametrize("media_type", [BATCH, JSON])
async def test_a_batch_is_answered_event_by_event(door: Door, media_type: str) -> None:
    answer = await door.post(purchases("a", "b", "c"), media_type)
    assert (answer.status_code, answer.json()["accepted"]) == (202, 3)
    assert door.inbox.ids() == ["a", "b", "c"]


@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
async def test_lines_are_answered_event_by_event_and_blank_ones_do_not_count(door: Door, end: str) -> None:
    lines = "\n\n".join(json.dumps(one) for one in purchases("a", "b")) + end
    answer = await door.post(lines.replace("\n", end or "\n").encode(), LINES)
    assert [(one["index"], one["id"]) for one in answer.json()["events"]] == [(0, "a"), (1, "b")]


async def test_a_byte_order_mark_before_the_body_is_passed_over(door: Door) -> None:
    answer = await door.post(b"\xef\xbb\xbf" + raw(purchases("a")))
    assert answer.json()["accepted"] == 1


async def test_unknown_attributes_and_fields_are_named_and_the_event_is_taken(door: Door) -> None:
    answer = await door.post(event(data={"colour": "red"}, shape="round"))
    assert answer.status_code == 202
    assert sorted(answer.json()["events"][0]["ignored"]) == ["data.colour", "shape"]


async def test_chinese_names_go_through(door: Door) -> None:
    answer = await door.post(event("customer.registered", data={"name": "华芯科技（深圳）"}))
    assert answer.status_code == 202
    assert "华芯科技（深圳）" in door.inbox.records[0].value.decode()


async def test_some_refused_is_202_and_the_others_go_through(door: Door) -> None:
    good, bad = purchases("good"), event(id="bad", data={"amount": "-1"})
    answer = await door.post([bad, *good])
    assert answer.status_code == 202
    assert [(one["id"], one["status"], one["code"]) for one in answer.json()["events"]] == [
        ("bad", "refused", "invalid_amount"),
        ("good", "accepted", None),
    ]
    assert door.inbox.ids() == ["good"]


async def test_all_refused_is_422_with_each_reason(door: Door) -> None:
    answer = await door.post([event(subject=LEAVE_OUT), event(data={"currency": "XYZ"})])
    assert is_problem(answer, 422, "all_refused")
    assert [(one["code"], one["field"]) for one in answer.json()["events"]] == [
        ("missing_field", "subject"),
        ("unknown_currency", "data.currency"),
    ]
    assert not door.inbox.records


async def test_sources_that_the_key_may_not_send_are_refused_one_by_one(door: Door) -> None:
    sources = ["erp", "erp/other", "crm/", "crm/north", "crm", "ERP"]
    answer = await door.post([event(id=f"e{n}", source=source) for n, source in enumerate(sources)])
    assert answer.status_code == 202
    assert [one["status"] for one in answer.json()["events"]] == [
        "accepted", "refused", "accepted", "accepted", "refused", "refused",
    ]  # fmt: skip
    assert {one["code"] for one in answer.json()["events"]} == {None, "source_not_allowed"}


async def test_only_sources_that_the_key_may_not_send_is_403(door: Door) -> None:
    answer = await door.post([event(source="other"), event(source="another", data={"amount": "x"})])
    assert is_problem(answer, 403, "source_not_allowed")
    assert {one["field"] for one in answer.json()["events"]} == {"source"}


async def test_guanxis_own_types_are_refused(door: Door) -> None:
    answer = await door.post(event("customer.reviewed"))
    assert is_problem(answer, 422, "all_refused")
    assert answer.json()["events"][0]["code"] == "internal_type"


async def test_what_is_known_already_is_answered_at_once(tmp_path: Path) -> None:
    claims = MemoryClaims()
    door = Door(tmp_path, claims=claims)
    claims.admit(*purchases("a", "b"))
    again, other, new = (
        event(id="e9", data={"purchase_id": "a"}),
        event(id="b", data={"purchase_id": "b", "amount": "2"}),
        *purchases("c"),
    )
    answer = await door.post([again, other, new])
    assert [(one["status"], one["code"]) for one in answer.json()["events"]] == [
        ("duplicate", None),
        ("refused", "conflicting_repeat"),
        ("accepted", None),
    ]
    assert door.inbox.ids() == ["c"]
    assert (await door.post([again, again])).status_code == 202


async def test_without_mongodb_everything_fit_is_accepted(tmp_path: Path) -> None:
    claims = MemoryClaims(away=True)
    door = Door(tmp_path, claims=claims)
    claims.admit(*purchases("a"))
    answer = await door.post(purchases("a"))
    assert answer.json()["events"][0]["status"] == "accepted"
    assert door.inbox.ids() == ["a"]


async def test_without_kafka_nothing_is_called_accepted(door: Door) -> None:
    door.inbox.away = True
    answer = await door.post(purchases("a"))
    assert is_problem(answer, 503, "unavailable")
    assert int(answer.headers["retry-after"]) >= 1
    door.inbox.away = False
    assert (await door.post(purchases("a"))).status_code == 202


async def test_what_is_refused_anyway_is_answered_without_kafka(door: Door) -> None:
    door.inbox.away = True
    assert is_problem(await door.post(event(time="yesterday")), 422, "all_refused")


@pytest.mark.parametrize(
    ("own", "header", "expected"),
    [
        (LEAVE_OUT, TRACE, TRACE),
        (OWN, TRACE, OWN),
        (LEAVE_OUT, "nonsense", None),
        (LEAVE_OUT, '00-","id":"x', None),
    ],
)  # fmt: skip
async def test_the_requests_traceparent_goes_with_events_that_have_none(
    door: Door, own: Any, header: str, expected: str | None
) -> None:
    await door.post(event(traceparent=own), traceparent=header)
    assert json.loads(door.inbox.records[0].value).get("traceparent") == expected


async def test_paths_and_methods_that_do_not_exist(door: Door) -> None:
    async with door.client() as client:
        assert is_problem(await client.get("/"), 404, "not_found")
        assert is_problem(await client.post("/v1/events/"), 404, "not_found")
        answer = await client.get("/v1/events")
        assert is_problem(answer, 405, "method_not_allowed")
        assert answer.headers["allow"] == "POST"


async def test_a_bug_of_ours_is_500_without_our_insides(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(_: Any) -> Any:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(door.inbox, "write", broken)
    answer = await door.post(purchases("a"))
    assert is_problem(answer, 500, "internal")
    assert "secret" not in answer.text


async def test_a_record_that_is_moved_stands_behind_its_void_on_one_partition(door: Door) -> None:
    void = {"kind": "purchase", "record_id": "p-1", "reason": "wrong customer"}
    moved = [
        event("record.voided", id="mv-1", subject="C-WRONG", revision=2, data=void),
        event(id="mv-2", subject="C-RIGHT", revision=3),
        event(id="other", subject="C-RIGHT", data={"purchase_id": "p-2"}),
    ]
    assert (await door.post(moved)).json()["accepted"] == 3
    assert [(record.key, record.beside) for record in door.inbox.records] == [
        (b"customer:C-WRONG", None),
        (b"customer:C-RIGHT", b"customer:C-WRONG"),
        (b"customer:C-RIGHT", None),
    ]
