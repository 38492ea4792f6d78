"""Corrections of refused events: what a file says is what is sent, by the doors' own rules, under the same id."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from guanxi.cli import app
from services.ingest.refusals.fixes import Fix, fixed, read_fix
from services.ingest.refusals.read import Rejection
from shared.errors import Malformed
from shared.events.event import Position
from shared.events.refusal import Reason, Refused
from shared.kafka.batches import Outgoing
from shared.kafka.connection import partition_of
from tests.events.wire import envelope

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")
PARTITIONS = 12


def purchase(**data: Any) -> dict[str, Any]:
    bought = {"purchase_id": "p1", "amount": "12.30", "currency": "GBP", **data}
    return envelope("purchase.recorded", bought, id="e1", source="shop", time=NOW - timedelta(days=3))


def rejection(event: Any, reason: Reason = Reason.UNKNOWN_CURRENCY, headers: Any = ()) -> Rejection:
    value = event if isinstance(event, bytes) else json.dumps(event, ensure_ascii=False).encode()
    return Rejection(
        reason, "data.currency", "hint", Position(1, 2, 3), "2026-06-01T00:00:00Z", b"any", value, [*headers], True
    )


def outcome(said: dict[str, Any], one: Rejection) -> Outgoing | Refused | None:
    return fixed(Fix.model_validate(said), one, now=NOW, zone=ZONE, partitions=PARTITIONS)


def sent(said: dict[str, Any], one: Rejection) -> dict[str, Any]:
    out = outcome(said, one)
    assert isinstance(out, Outgoing), out
    document: dict[str, Any] = json.loads(out.value or b"")
    return document


def test_words_are_replaced_by_the_events_own() -> None:
    document = sent({"values": {"data.currency": {"£": "GBP"}}}, rejection(purchase(currency="£")))
    assert document == purchase()


def test_fields_are_renamed_set_and_removed_in_this_order() -> None:
    event = purchase(ammount="7.00", colour="red")
    del event["data"]["amount"]
    said = {
        "rename": {"data.ammount": "data.amount"},
        "set": {"data.product_line": "office"},
        "remove": ["data.colour", "data.nothing.there"],
    }
    assert sent(said, rejection(event)) == purchase(amount="7.00", product_line="office")


def test_a_renamed_field_does_not_push_out_what_is_there() -> None:
    document = sent({"rename": {"data.old": "data.amount"}}, rejection(purchase(old="1.00")))
    assert document["data"]["amount"] == "12.30"


def test_the_corrected_event_goes_where_its_subject_belongs_and_keeps_its_id() -> None:
    out = outcome({"set": {"subject": "00043"}}, rejection(purchase()))
    assert isinstance(out, Outgoing)
    assert (out.partition, out.key) == (partition_of(b"customer:00043", PARTITIONS), b"customer:00043")
    assert json.loads(out.value or b"")["id"] == "e1"


def test_correcting_twice_gives_the_same_bytes() -> None:
    said, one = {"set": {"data.currency": "GBP"}}, rejection(purchase(currency="?"))
    assert outcome(said, one) == outcome(said, one)


def test_decimal_numbers_stay_digit_for_digit() -> None:
    value = json.dumps(purchase()).replace('"12.30"', "12.300000000000000001").encode()
    said = {"set": {"data.note": "x"}}
    out = fixed(
        Fix.model_validate({**said, "rename": {"data.amount": "data.exact"}, "set": {"data.amount": "12.30"}}),
        rejection(value),
        now=NOW,
        zone=ZONE,
        partitions=PARTITIONS,
    )
    assert isinstance(out, Outgoing)
    assert b'"exact": 12.300000000000000001' in (out.value or b"")


def test_history_stays_history() -> None:
    old = {**purchase(currency="?"), "time": "2019-01-01T00:00:00Z"}
    said = {"set": {"data.currency": "GBP"}}
    assert isinstance(outcome(said, rejection(old)), Refused)
    out = outcome(said, rejection(old, headers=[("backfill", b"1"), ("traceparent", b"?")]))
    assert isinstance(out, Outgoing)
    assert ("backfill", b"1") in out.headers
    assert "traceparent" not in dict(out.headers)


def test_what_would_be_refused_again_says_why() -> None:
    out = outcome({"set": {"data.currency": "EURO"}}, rejection(purchase()))
    assert isinstance(out, Refused)
    assert out.reason == Reason.UNKNOWN_CURRENCY


def test_what_is_no_event_at_all_stays_refused() -> None:
    out = outcome({"set": {"data.currency": "GBP"}}, rejection(b"\xff"))
    assert isinstance(out, Refused)
    assert out.reason == Reason.NOT_UTF8


@pytest.mark.parametrize("when", [{"reason": "too_old"}, {"field": "subject"}, {"source": "crm"}])
def test_other_refusals_are_left_alone(when: dict[str, str]) -> None:
    assert outcome({"when": when, "set": {"data.currency": "GBP"}}, rejection(purchase())) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "changes nothing"),
        ("[]", "line 1: Input should be"),
        ("set: {data..x: 1}", "set.data..x"),
        ("sett: {a: 1}", "sett"),
        ("when: {reason: bad_luck}\nset: {a: 1}", "when.reason"),
        ("set: [", "expected"),
    ],
)
def test_mistakes_in_the_file_are_said_in_words(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "fix.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(Malformed, match=message.replace(".", r"\.")):
        read_fix(file)
    said = CliRunner().invoke(app, ["rejected", "fix", str(file)])
    assert (said.exit_code, "Traceback" in said.output) == (2, False)


@pytest.mark.parametrize("words", [["replay"], ["replay", "1/2/3", "--all"], ["replay", "--all", "--reason", "empty"]])
def test_one_says_which_ones_and_in_one_way(words: list[str]) -> None:
    assert CliRunner().invoke(app, ["rejected", *words]).exit_code == 2
