"""Refused events are corrected by what a form asked for: judged, bounded, and sent by who may."""

import json
from datetime import timedelta
from typing import Any

import pytest

from operations.jobs.fixing import SHOWN, Told, _made, _prepared, correction_of
from operations.jobs.made import Work
from services.ingest.admission import BACKFILL_HEADER
from services.ingest.refusals.fixes import Chosen
from services.ingest.refusals.read import Rejection
from services.query.api.jobs_asked import FixAsked
from services.query.console.roles import Person
from shared.console import SOURCE
from shared.events.event import Position
from shared.events.refusal import Reason, Refused
from shared.kafka.batches import Outgoing
from shared.settings import Settings
from tests.events.wire import event
from tests.services.ingest.judging import NOW

OPERATOR, HEAD = Person("op", "operator"), Person("head", "head_of_sales")


def work(person: Person = OPERATOR) -> Work:
    key = person.key(NOW)
    assert key is not None
    nothing: Any = None
    return Work(nothing, key, Settings(), nothing, nothing, nothing, nothing, nothing, NOW)


def refused(number: int = 0, reason: str = "invalid_field", **changes: Any) -> Rejection:
    at = (NOW - timedelta(days=1)).isoformat()
    sent = event("purchase.recorded", data={"currency": "£"}, id=f"e-{number}", time=at)
    headers = changes.pop("headers", [])
    value = json.dumps({**sent, **changes}).encode()
    return Rejection(reason, "data.currency", "h", Position(1, 0, number), "", b"k", value, headers, complete=True)


def asked(**said: Any) -> FixAsked:
    return FixAsked(kind="fix", reason=Reason.INVALID_FIELD, **said)


POUNDS = asked(change="replace", path="data.currency", old="£", new="GBP")


def made(one: Rejection, by: FixAsked = POUNDS, person: Person = OPERATOR) -> Outgoing | Refused | None:
    return _made(correction_of(by), work(person), one)


def test_a_value_is_replaced_and_source_and_id_are_kept() -> None:
    found = made(refused())
    assert isinstance(found, Outgoing)
    chosen = Chosen([found])
    (one,) = _prepared(work(), chosen)
    assert (one.candidate.id, one.candidate.data["currency"]) == ("e-0", "GBP")
    assert one.candidate.source == event("purchase.recorded")["source"]


@pytest.mark.parametrize(
    "by",
    [
        asked(change="set", path="data.currency", new="GBP"),
        asked(change="remove", path="data.currency"),
        asked(change="rename", path="data.currency", new="data.coin"),
        asked(),
    ],
)
def test_each_change_is_judged_as_the_door_judges(by: FixAsked) -> None:
    found = made(refused(), by)
    assert isinstance(found, Outgoing) == (by.change == "set"), "a purchase needs a currency"


@pytest.mark.parametrize(
    ("one", "person"),
    [
        (refused(source=SOURCE), OPERATOR),
        (refused(), HEAD),
        (refused(headers=[(BACKFILL_HEADER, b"x")]), OPERATOR),
    ],
    ids=["the console's own", "a source that they may not send", "history"],
)
def test_what_may_not_be_sent_so_is_refused_and_not_sent(one: Rejection, person: Person) -> None:
    assert isinstance(made(one, person=person), Refused)


def test_what_was_refused_for_something_else_or_elsewhere_is_left() -> None:
    assert made(refused(reason="not_json")) is None
    assert made(refused(), asked(source="another", change="set", path="data.currency", new="GBP")) is None


def test_the_page_is_told_a_bounded_number_and_the_file_all() -> None:
    told = Told()
    for number in range(2 * SHOWN):
        told.tell(f"1/0/{number}", "refused", Refused(Reason.INVALID_FIELD, f"data.f{number}", "x" * 10_000))
    manifest = told.manifest()
    assert (len(manifest["events"]), len(manifest["refusals"]), len(told.lines)) == (SHOWN, SHOWN, 2 * SHOWN)
    assert max(len(one["hint"]) for one in told.lines) < 1_000
    assert manifest["counts"] == {"refused": 2 * SHOWN}
