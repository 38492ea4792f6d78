"""What the doors say of what they do not understand: the name that was meant, and what a message looks like."""

from typing import Any

import pytest

from services.ingest.admission import read
from services.ingest.admit import admit
from services.ingest.doors.http.events import MAX_LOOKED_UP
from shared.events.refusal import MAX_HINT_CHARS, Refused
from tests.events.wire import LEAVE_OUT, event, raw
from tests.services.ingest.doors.http.door import Door
from tests.services.ingest.fakes import InboxRecord
from tests.services.ingest.judging import NOW, ZONE

PURCHASE = {"purchase_id": "p-1", "amount": "12.50", "currency": "CNY"}
LOOKS: dict[str, tuple[dict[str, Any], str]] = {
    "a bare body": (PURCHASE, "the data of guanxi.purchase.recorded.v1 without an envelope"),
    "a bare visit": ({"visit_id": "1", "kind": "routine", "channel": "onsite"}, "the data of guanxi.visit.logged.v1"),
    "Kafka Connect": ({"schema": {"type": "struct"}, "payload": PURCHASE}, "value.converter.schemas.enable"),
    "Debezium": ({"before": None, "after": PURCHASE, "op": "c", "ts_ms": 1, "source": {}}, "Debezium"),
    "Debezium in Connect": ({"schema": {}, "payload": {"after": {}, "op": "c"}}, "Kafka Connect"),
    "an older CloudEvent": (event(specversion="0.3"), "not '0.3'"),
    "CloudEvents 0.1": ({"cloudEventsVersion": "0.1", "eventType": "x"}, "not '0.1'"),
    "a number": (event(specversion=1), "not a number"),
    "written otherwise": (event(specversion=LEAVE_OUT, specVersion="1.0"), "'specVersion' must be called specversion"),
    "left out": (event(specversion=LEAVE_OUT), 'add "specversion": "1.0"'),
    "anything": ({"hello": "world"}, 'send {"specversion": "1.0"'),
    "nothing": ({}, 'send {"specversion": "1.0"'),
    "null": (event(specversion=None), 'add "specversion": "1.0"'),
}


@pytest.mark.parametrize(("document", "words"), LOOKS.values(), ids=LOOKS)
async def test_without_a_specversion_the_door_says_what_this_looks_like(
    door: Door, document: dict[str, Any], words: str
) -> None:
    one = (await door.post([document])).json()["events"][0]
    assert (one["code"], one["field"]) == ("not_cloudevent", "specversion")
    assert words in one["hint"]
    assert len(one["hint"]) < MAX_HINT_CHARS


@pytest.mark.parametrize("name", ["ce-id", "Ce-Type", "cloudEvents:type", "cloudEvents_source"])
async def test_attributes_in_other_headers_are_seen(door: Door, name: str) -> None:
    by_kafka = read(InboxRecord(0, 0, raw(PURCHASE), headers=[("x", None), (name, b"1")]), NOW, ZONE)
    assert isinstance(by_kafka, Refused)
    assert "ce_id" in by_kafka.hint
    if ":" not in name:
        by_http = (await door.post(PURCHASE, **{name.replace("-", "_"): "1"})).json()["events"][0]
        assert "structured mode" in by_http["hint"]


NEAR: dict[str, tuple[dict[str, Any], str]] = {
    "a type without its version": (event(type="guanxi.purchase.recorded"), "did you mean guanxi.purchase.recorded.v1?"),
    "a type in other words": (event(type="PurchaseRecorded"), "did you mean guanxi.purchase.recorded.v1?"),
    "a type of another world": (event(type="com.github.push"), "docs/reference/schemas/door lists all types"),
    "a type that is no text": (event(type=7), "docs/reference/schemas/door lists all types"),
    "an attribute": (event(subject=LEAVE_OUT, subjet="c"), "did you mean it by 'subjet'?"),
    "an attribute in capitals": (event(source=LEAVE_OUT, Source="erp"), "did you mean it by 'Source'?"),
    "the time": (event(time=LEAVE_OUT, Time="2026-03-01T12:00:00Z"), "did you mean it by 'Time'?"),
    "a field": (event(data={"purchase_id": LEAVE_OUT, "purchaseId": "1"}), "did you mean it by 'purchaseId'?"),
    "an amount": (event(data={"amount": LEAVE_OUT, "amont": "1"}), "did you mean it by 'amont'?"),
    "nothing like it": (event(data={"amount": LEAVE_OUT, "colour": "1"}), "amount is required"),
}


@pytest.mark.parametrize(("document", "words"), NEAR.values(), ids=NEAR)
async def test_an_unknown_name_brings_up_the_nearest_known_one(
    door: Door, document: dict[str, Any], words: str
) -> None:
    assert words in (await door.post([document])).json()["events"][0]["hint"]


async def test_ignored_names_are_told_what_they_are_like(door: Door) -> None:
    sent = event(data={"marginRate": "0.2", "colour": "red"}, Revision=2, tenant="x")
    one = (await door.post(sent)).json()["events"][0]
    assert one["status"] == "accepted"
    assert sorted(one["ignored"]) == ["Revision", "data.colour", "data.marginRate", "tenant"]
    assert one["did_you_mean"] == {"data.marginRate": "margin_rate", "Revision": "revision"}
    visit = event("visit.logged", data={"attendees": [{"name": "李娜"}, {"nmae": "王伟", "department": "采购"}]})
    one = (await door.post(visit)).json()["events"][0]
    assert one["did_you_mean"] == {"data.attendees.1.nmae": "name"}


async def test_names_looked_up_are_bounded(door: Door) -> None:
    sent = [event(data={f"amounts{n}": 1, "purchase_id": str(n)}, id=str(n)) for n in range(3 * MAX_LOOKED_UP)]
    answers = (await door.post(sent)).json()["events"]
    assert sum(bool(one["did_you_mean"]) for one in answers) == MAX_LOOKED_UP
    assert all(one["ignored"] for one in answers)


async def test_accepted_says_that_admission_may_still_refuse_and_where_that_shows(door: Door) -> None:
    note = (await door.post(event())).json()["note"]
    assert "guanxi.rejected" in note
    assert "guanxi rejected list" in note
    assert (await door.post({"specversion": "0"})).json()["note"] is None


def test_an_actor_is_an_id_and_goes_along() -> None:
    passed = admit(event(actor="u-17"), now=NOW, zone=ZONE)
    assert not isinstance(passed, Refused)
    assert (passed.actor, passed.ignored) == ("u-17", ())
    absent = admit(event(actor=None), now=NOW, zone=ZONE)
    assert not isinstance(absent, Refused)
    assert absent.actor is None
    for odd in ("", " x", 7, {"name": "王伟"}, "a" * 1000):
        refused = admit(event(actor=odd), now=NOW, zone=ZONE)
        assert isinstance(refused, Refused)
        assert (refused.reason, refused.field) == ("invalid_id", "actor")


def test_the_actor_is_no_part_of_the_content() -> None:
    one, other = (admit(event(actor=actor, id=actor), now=NOW, zone=ZONE) for actor in ("u-1", "u-2"))
    assert not isinstance(one, Refused)
    assert not isinstance(other, Refused)
    assert one.content == other.content
