"""Decisions as they leave: their ids for ever, and one dump for all that is made of it."""

from dataclasses import replace
from datetime import date
from typing import Any

from services.tiering.rows import history
from shared.events.codec import decision_id, decode, dump_decision, encode
from shared.events.decisions import ContactLapsed, Decision, Grace, TierChanged
from shared.fold.kept import OVERHEAD_BYTES, Fingerprint, Kept
from tests.services.tiering.given import approved, best, given, overridden, pounds, registered, wholesale

IDS = [
    "789ce97b977bca6e2b63fb4448f9ab4d",
    "ee1d21207bc5b7e0c5e59ecd72e718d8",
    "a2e7944671140db9e5469b06d4b8f708",
    "8b2f2665c1a969cf8a33b4b0242e4dcb",
    "deee3aac5aa0208949f9639eeaaa1380",
    "8dc3c28bab47439b2ea26c481a094cd0",
]
"""Of a story, as the program of commit 2b2bfed named them."""
ODD = TierChanged.model_validate(
    {
        "version": 3,
        "after": 'a"\x7f\u2028é',
        "effective_on": "2026-01-02",
        "from": "general",
        "to": "priority",
        "cause": "score",
        "computed_tier": "priority",
        "score": "45.0",
        "known_weight": 20,
        "factors": {"z": {"b": 1, "a": None}, "ä": []},
        "policy": "p\n\t\\\x01",
        "policy_version": 2,
        "entitled_tier": "partner",
        "entitled_until": "2026-02-01",
        "graces": (Grace(tier="partner", until=date(2026, 2, 1)),),
    }
)
LAPSED = ContactLapsed(
    version=1, effective_on=date(2026, 1, 2), due_on=date(2026, 1, 1), cadence_days=30, tier="priority"
)


def test_ids_are_what_they_always_were() -> None:
    """Ids chain: another id for the same content would part a log into two."""
    told = given(
        registered("2026-01-01", name="长城工业"),
        *best("2026-01-10"),
        approved(2, "2026-01-13"),
        overridden("partner", "2026-01-14", until="2026-04-01"),
        "2027-06-01",
    )
    rows = [row.document for row in told.entity.history if row.document]
    assert [row["event_id"] for row in rows] == IDS
    odd: list[tuple[Decision, str]] = [
        (ODD, "5edf0476c74f2c02706a36154a693796"),
        (LAPSED, "1151cb78f8025c47c576d97ff4e211a8"),
    ]
    for decision, expected in odd:
        assert decision_id("客户 1", decision) == decision_id("客户 1", decision, dump_decision(decision)) == expected


def test_one_dump_serves_the_id_the_log_what_is_stored_and_the_history() -> None:
    entity = wholesale().entity
    (made,) = entity.fold(wholesale().event(pounds("500", "2026-01-10")), deciding=True)
    (pending,) = entity.pending
    assert made.dumped is pending.data() is entity.document()["pending"][0]["data"]
    assert made.dumped == dump_decision(made.data)
    value, _ = encode(made)
    back = decode(value, recorded_at=made.time, log=made.log)
    before = dict(made.dumped or {})
    assert not [*entity.fold(back, deciding=True)]
    (row,) = entity.history
    assert row.document == history("c", decode(value, recorded_at=made.time, log=made.log))
    assert back.dumped is pending.data() == before, "the history takes nothing out of it"


def test_what_is_kept_of_a_pending_decision_is_its_text_and_says_the_same() -> None:
    entity, plain = wholesale().entity, wholesale().entity
    (made,) = entity.fold(wholesale().event(pounds("500", "2026-01-10")), deciding=True)
    (also,) = plain.fold(wholesale().event(pounds("500", "2026-01-10")), deciding=True)
    (pending,) = entity.pending
    decision, data, document = pending.decision, dict(pending.data()), entity.document()
    kept: Kept[Any, Any] = Kept()
    bare = OVERHEAD_BYTES + entity.domain.size(entity.state)
    kept.put([(entity, Fingerprint(document))])
    assert kept.bytes == bare + pending.pack() < bare + 4_000
    assert (pending.decision, pending.data(), entity.document()) == (decision, data, document)
    for one, event in ((entity, made), (plain, also)):
        assert not [*one.fold(decode(encode(event)[0], recorded_at=event.time, log=event.log), deciding=True)]
    assert (entity.history, entity.pending, entity.standing) == (plain.history, [], plain.standing)


def test_a_copy_of_a_decision_with_other_content_is_dumped_anew() -> None:
    (made,) = wholesale().entity.fold(wholesale().event(pounds("500", "2026-01-10")), deciding=True)
    other = replace(made, data=made.data.model_copy(update={"score": "99.9"}))
    assert b'"99.9"' in encode(other)[0]
