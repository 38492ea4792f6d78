"""A claim that is worked out from the log is the one that admission made."""

import json
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from services.ingest.admission import log_record
from services.ingest.admit import Accepted, Candidate, Duplicate, Entry, admit, judge
from services.ingest.admit.claims import Claim
from services.ingest.admit.from_log import Claimed, claimed, restored, without_texts
from services.ingest.doors.kafka.wire import parse_json
from shared.events.event import Position
from shared.events.registry import FACTS
from tests.events.wire import event

DOOR = sorted((Path(__file__).parents[3] / "contracts" / "door").glob("*.json"))
NOW = datetime(2026, 3, 11, 1, 0, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")


def _admitted(document: object) -> Candidate:
    candidate = admit(document, now=NOW, zone=ZONE)
    assert isinstance(candidate, Candidate), candidate
    return candidate


def _accepted(claim: Claim | None, candidate: Candidate, offset: int) -> tuple[Claim, Claimed]:
    """Admission's claim, and what the record that it writes says of it."""
    position = Position(1, 2, offset, 0)
    verdict = judge(claim, candidate, position)
    assert isinstance(verdict, Accepted)
    assert verdict.claim is not None
    record = log_record(candidate, position, verdict.replaces, 12)
    assert record.value is not None
    found = claimed(candidate.key.encode(), record.value, candidate.type, position)
    assert found is not None
    return verdict.claim, found


def _as_known(entry: Entry, *, names_persons: bool = False) -> Entry:
    """What the log can't tell is what the texts and names were."""
    return entry._replace(said=None) if entry.said or names_persons else entry


@pytest.mark.parametrize("path", DOOR, ids=lambda path: path.stem)
def test_every_fact_gets_the_claim_that_it_had(path: Path) -> None:
    candidate = _admitted(parse_json(path.read_bytes()))
    claim, found = _accepted(None, candidate, 7)
    made = restored(None, [found])
    assert made is not None
    assert (made.identity, made.key, made.expires_at, made.v) == (claim.identity, claim.key, claim.expires_at, 0)
    assert made.entries == (_as_known(claim.entries[0], names_persons=FACTS[candidate.type].names_persons),)
    assert isinstance(judge(made, candidate, Position(1, 2, 8, 0)), Duplicate)


def test_all_revisions_come_back_and_what_is_stored_stays() -> None:
    first = _admitted(event(id="a", revision=1))
    second = _admitted(event(id="b", revision=2, data={"amount": "7.00"}))
    void = _admitted(event("record.voided", id="c", revision=3))
    claim, one = _accepted(None, first, 1)
    claim, two = _accepted(claim, second, 2)
    claim, three = _accepted(claim, void, 3)
    known = tuple(_as_known(entry) for entry in claim.entries)
    assert restored(None, [three, one, two, one]) == Claim(claim.identity, claim.key, known, None, 0)
    partly = Claim(claim.identity, claim.key, claim.entries[:1], None, v=4)
    assert restored(partly, [one, two, three]) == Claim(claim.identity, claim.key, known, None, 4)
    assert restored(claim, [one, two, three]) is None


def test_what_needs_no_claim_has_none() -> None:
    assert claimed(b"customer:1", b"{}", "guanxi.tier.changed.v1", Position(1, 0, 0, 0)) is None
    assert claimed(b"customer:1", b"{}", "guanxi.customer.reviewed.v1", Position(1, 0, 0, 0)) is None


LOG = sorted((Path(__file__).parents[3] / "contracts" / "log").glob("*.json"))


@pytest.mark.parametrize("path", LOG, ids=lambda path: path.stem)
def test_texts_on_a_log_of_before_become_the_references_that_admission_makes(path: Path) -> None:
    """As `relog` moves them."""
    value = path.read_bytes()
    name = path.stem.partition("@")[0]
    moved, texts = without_texts(b"customer:1", value, name, b"")
    now_as = path.name.replace("@inline", "").replace("-inline", "")
    assert json.loads(moved) == json.loads(path.with_name(now_as).read_bytes())
    assert bool(texts) == ("inline" in path.stem)
    assert texts or moved is value
    assert without_texts(b"customer:1", moved, name, b"") == (moved, ())
    assert all(text.text in value.decode() and text.text not in moved.decode() for text in texts)


def test_what_a_void_replaces_has_its_texts_moved_too() -> None:
    raised = _admitted(event("concern.raised", {"about": "too late"}))
    assert raised.undo is not None
    data = {"kind": "concern", "record_id": "c-1", "reason": "typed twice"}
    void = _admitted(event("record.voided", data, id="e-2", revision=2))
    undo = {**raised.undo, "data": {**raised.undo["data"], "about": "too late"}}
    value = log_record(void, Position(1, 0, 1), undo, 12).value
    assert value is not None
    moved, (about,) = without_texts(b"customer:00042", value, void.type, b"")
    assert (about, json.loads(moved)["data"]["replaces"]) == (raised.texts[0], raised.undo)
