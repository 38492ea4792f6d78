"""The trail's chains find what was changed, removed, forked or put in; what has gone in time is no fault."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.trail import KEPT, MAX_FAULTS, Chains, Entry, Seals, chained

AT = datetime(2026, 11, 23, 8, 0, 0, 123_456, tzinfo=UTC)
Document = dict[str, Any]


def entry(reader: str = "R-1", **other: Any) -> Entry:
    said: Document = {"at": AT, "customer": "C-1", "profile": "cp", "vendor_id": None, "items": ("pains",)}
    return Entry(reader, **{**said, "grade": "secret", "allowed": True, "by": "owner", **other})


def trail(*entries: Entry) -> list[Document]:
    """As it is stored, by reader and number."""
    last: dict[str, Document] = {}
    found: list[Document] = []
    for one in entries:
        last[one.reader] = chained(one, last.get(one.reader))
        found.append(last[one.reader])
    return sorted(found, key=lambda one: (one["reader"], one["seq"]))


def faults(documents: Sequence[Document], now: datetime = AT) -> list[str]:
    chains = Chains(now)
    for one in documents:
        chains.look(one)
    assert chains.looked_at == len(documents)
    return chains.faults


def test_each_reader_has_a_chain_without_a_fault() -> None:
    written = trail(entry(), entry("R-2"), entry(), entry("R-2", allowed=False, by="no_right"), entry())
    assert faults(written) == []
    assert [(one["reader"], one["seq"]) for one in written] == [
        *(("R-1", 1), ("R-1", 2), ("R-1", 3)),
        *(("R-2", 1), ("R-2", 2)),
    ]
    assert written[1]["before"] == written[0]["hash"]


@pytest.mark.parametrize(
    "field", ["reader", "at", "customer", "profile", "items", "grade", "allowed", "by", "reason", "since", "bulk"]
)
def test_any_changed_field_is_found(field: str) -> None:
    written = trail(entry(), entry(), entry())
    was = written[1][field]
    written[1] = {
        **written[1],
        field: not was if isinstance(was, bool) else was and was * 2 if field == "items" else "x",
    }
    assert faults(written)


def test_a_changed_entry_with_a_hash_made_anew_does_not_fit_the_next() -> None:
    written = trail(entry(), entry(by="grant"), entry())
    written[1] = chained(entry(by="owner"), written[0])
    assert faults(written) == ["entry 3 of R-1 does not follow the one before it"]


def test_missing_entries_are_found() -> None:
    written = trail(*[entry()] * 4)
    assert faults([written[0], *written[3:]]) == ["before entry 4 of R-1 there are 2 missing"]
    assert faults(written[1:]) == ["before entry 2 of R-1 there are some missing"]


def test_a_fork_is_found() -> None:
    written = trail(entry(), entry(), entry())
    other = chained(entry(customer="C-2"), written[0])
    assert "entry 2 of R-1 is there twice" in faults([*written[:2], other, written[2]])
    assert "entry 2 of R-1 is there twice" in faults([*written[:1], other, *written[1:]])
    assert faults([written[0], {**other, "_id": "another"}])[-1] == "entry 2 of R-1 was changed"


def test_what_went_in_time_is_no_fault() -> None:
    written = trail(entry(), entry(), entry(at=AT + KEPT))
    now = AT + KEPT + timedelta(days=1)
    assert faults(written[2:], now) == []
    assert faults(written[2:], AT + KEPT - timedelta(seconds=1)) == ["before entry 3 of R-1 there are some missing"]


def test_no_more_is_told_than_is_read() -> None:
    assert len(faults([{**one, "by": "x"} for one in trail(*[entry()] * (MAX_FAULTS + 5))])) == MAX_FAULTS


def sealed(documents: Sequence[Document], seals: Seals, now: datetime) -> list[str]:
    chains = Chains(now, seals)
    for one in documents:
        chains.look(one)
    chains.end()
    return chains.faults


def test_what_was_sealed_and_went_in_time_is_no_fault() -> None:
    written = trail(entry(), entry(at=AT + timedelta(days=1)))
    first, second = (one["hash"] for one in written)
    seals = {AT.date(): frozenset({first}), AT.date() + timedelta(days=1): frozenset({second})}
    now = AT + timedelta(days=2)
    assert sealed(written, seals, now) == []
    gone = f"of what was sealed on {AT.date()} the last entries of 1 chains are gone, or were changed"
    assert gone in sealed(written[1:], seals, now)
    late = AT + KEPT + timedelta(hours=1)
    assert not [one for one in sealed(written[1:], seals, late) if "are gone" in one]


def test_clocks_of_two_processes_apart_at_midnight_are_no_fault() -> None:
    midnight = AT.replace(hour=0, minute=0, second=0, microsecond=0)
    moments = (midnight - timedelta(milliseconds=5), midnight, midnight - timedelta(milliseconds=1), midnight)
    written = trail(*(entry(at=one) for one in moments))
    day, before = midnight.date(), midnight.date() - timedelta(days=1)
    seals = {before: frozenset({written[2]["hash"]}), day: frozenset({written[3]["hash"]})}
    assert sealed(written, seals, AT + timedelta(days=1)) == []
