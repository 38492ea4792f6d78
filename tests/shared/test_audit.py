"""The audit log's chain finds what was changed, removed or put in; two entries of a command are one run."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.audit import BEGUN, ENDED, MAX_FAULTS, Chain, Entry, chained, runs_of

AT = datetime(2026, 11, 23, 8, 0, 0, 123_456, tzinfo=UTC)


def entry(run: str, what: str = BEGUN, minutes: int = 0, **other: Any) -> Entry:
    said: dict[str, Any] = {
        "run": run,
        "what": what,
        "begun_at": AT,
        "at": AT + timedelta(minutes=minutes),
        "user": "li",
        "host": "crm-1",
        "name": None,
        "command": "keys create",
        "arguments": ("--source erp",),
    }
    return Entry(**said | other)


def log(*entries: Entry) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for one in entries:
        found.append(chained(one, found[-1] if found else None))
    return found


def faults(documents: Sequence[dict[str, Any]]) -> list[str]:
    chain = Chain()
    for one in documents:
        chain.look(one)
    assert chain.looked_at == len(documents)
    return chain.faults


def test_a_log_as_it_was_written_has_no_fault() -> None:
    written = log(entry("a"), entry("a", ENDED, 1, exit_code=0), entry("b"))
    assert faults(written) == []
    assert [one["_id"] for one in written] == [1, 2, 3]
    assert written[0]["at"].microsecond == 123_000, "as MongoDB keeps it"


@pytest.mark.parametrize(
    ("name", "value"),
    [("user", "wang"), ("arguments", []), ("exit_code", 0), ("at", AT), ("command", "keys list"), ("before", "x")],
)
def test_a_change_is_found(name: str, value: Any) -> None:
    written = log(entry("a"), entry("b", minutes=5), entry("c"))
    written[1] = {**written[1], name: value}
    assert "entry 2 was changed" in faults(written)


def test_one_that_is_gone_is_found() -> None:
    written = log(*(entry(str(n)) for n in range(4)))
    assert faults([written[0], *written[2:]]) == ["before entry 3 there are 1 missing"]
    assert faults(written[2:]) == ["before entry 3 there are 2 missing"]


def test_one_that_was_written_anew_is_found_by_the_next() -> None:
    written = log(entry("a"), entry("b"), entry("c"))
    written[1] = chained(entry("other"), written[0])
    assert faults(written) == ["entry 3 does not follow the one before it"]


def test_faults_are_told_up_to_a_number() -> None:
    written = [{**one, "user": "wang"} for one in log(*(entry(str(n)) for n in range(2 * MAX_FAULTS)))]
    assert len(faults(written)) == MAX_FAULTS


def test_two_entries_are_one_run_and_one_alone_is_one_without_an_end() -> None:
    later = AT + timedelta(hours=1)
    written = log(
        entry("a"),
        entry("b", begun_at=later, at=later),
        entry("a", ENDED, 1, exit_code=2),
        entry("c", ENDED, 3, exit_code=0, begun_at=AT - timedelta(hours=1)),
    )
    found = runs_of(reversed(written))
    assert [(one.begun_at > AT, one.outcome) for one in found] == [
        (True, "no end known"),
        (False, "ended with 2"),
        (False, "done"),
    ]
    assert found[1].ended_at is not None
    assert found[1].as_document()["command"] == "keys create"
