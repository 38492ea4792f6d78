"""Claims that an earlier version stored stay true: its events, sent again, are what they were, byte for byte; of texts,
which stand beside the log now, the references.

claims/<commit>.json says what that commit's admission made of each event: the claim in MongoDB, the record on the log.
"""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.ingest.admission import log_record, read
from services.ingest.admit import Accepted, Candidate, Claim, Duplicate, Entry, WrittenText, judge
from services.ingest.admit.former import former_contents
from services.ingest.store import _document
from shared.events.codec import encode_json
from shared.events.event import Position
from tests.services.ingest.fakes import InboxRecord

NOW = datetime(2026, 3, 11, 1, 0, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")
POSITION = Position(3, 2, 5)
SAYS_NOTHING = "nothing said"
"""A rating without a factor and an assignment without a role: admitted then, refused now."""
REGISTRATION = "guanxi.representative.registered.v1"
"""Is amended field by field now: what was not said stays unsaid, where 2b2bfed filled in `fte`."""
CASES = [
    pytest.param(case, id=f"{path.stem}: {case['case']}")
    for path in sorted((Path(__file__).parent / "claims").glob("*.json"))
    for case in json.loads(path.read_bytes())
    if case["case"] != SAYS_NOTHING
]


def candidate(case: dict[str, Any]) -> Candidate:
    headers = (("content-type", b"application/json"),)
    record = InboxRecord(0, 5, case["event"].encode(), None, headers, int(NOW.timestamp() * 1000))
    read_again = read(record, NOW, ZONE, b"1", b"a key of sixteen bytes")
    assert isinstance(read_again, Candidate), read_again
    return read_again


def told(json_text: bytes | str, texts: Iterable[WrittenText]) -> Any:
    """With the texts in place of their references, members in order."""
    plain = json_text if isinstance(json_text, str) else json_text.decode()
    for one in texts:
        reference = encode_json(one.reference()).decode()
        plain = plain.replace(reference, encode_json(one.text).decode())
    return plain


@pytest.mark.parametrize("case", CASES)
def test_its_claim_is_the_same(case: dict[str, Any]) -> None:
    again = candidate(case)
    verdict = judge(None, again, POSITION)
    assert isinstance(verdict, Accepted)
    if case["claim"] is None:
        assert verdict.claim is None
        return
    assert verdict.claim is not None
    document = _document(verdict.claim)
    (entry,) = document["entries"]
    content = bytes.fromhex(case["claim"]["content"])
    assert content in former_contents(again) | {entry["content"]}
    assert {
        "_id": document["_id"].hex(),
        "key": document["key"],
        "content": content.hex(),
        "revision": entry["revision"],
        "undo": entry["undo"] and told(entry["undo"], again.texts),
    } == case["claim"]


@pytest.mark.parametrize("case", [case for case in CASES if case.values[0]["claim"]])  # type: ignore[index]
def test_sent_again_it_is_a_duplicate(case: dict[str, Any]) -> None:
    stored = case["claim"]
    entry = Entry(stored["revision"], Position(1, 0, 0), bytes.fromhex(stored["content"]), None)
    claim = Claim(bytes.fromhex(stored["_id"]), stored["key"], (entry,), v=1)
    again = candidate(case)
    assert again.identity == claim.identity
    assert judge(claim, again, POSITION) == Duplicate(stored["revision"])


@pytest.mark.parametrize("case", [case for case in CASES if REGISTRATION not in str(case.values[0]["event"])])  # type: ignore[index]
def test_its_record_on_the_log_is_the_same(case: dict[str, Any]) -> None:
    again = candidate(case)
    record = log_record(again, POSITION, again.undo, 12)
    assert record.value is not None
    assert record.key is not None
    assert {
        "partition": record.partition,
        "key": record.key.decode(),
        "value": told(record.value, again.texts),
        "headers": {name: value.decode() for name, value in record.headers},
    } == case["log"]
    assert [[one.key, one.person_id, one.fields] for one in again.names] == case["names"]
    assert list(again.ignored) == case["ignored"]
