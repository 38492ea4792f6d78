"""Each anomaly is found where it is planted, and nothing is found where all is well."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from shared.kafka.connection import partition_of
from tests.faults.anomalies.checks import find
from tests.faults.anomalies.observed import Observed, Reader, Record

PARTITIONS = 2
KEY = b"customer:c1"
HOME = partition_of(KEY, PARTITIONS)
ELSEWHERE = 1 - HOME


def event(name: str, revision: int = 1, **more: Any) -> bytes:
    data = {"purchase_id": name, "amount": "1.00", "currency": "GBP", **more}
    said = {"type": "guanxi.purchase.recorded.v1", "source": "erp", "id": f"{name}/{revision}", "data": data}
    return json.dumps({**said, "revision": revision}).encode()


def decision(version: int, after: str | None, name: str = "") -> bytes:
    said = {"type": "guanxi.tier.changed.v1", "source": "guanxi/tiering", "id": name or f"d{version}"}
    return json.dumps({**said, "data": {"version": version, "after": after}}).encode()


def topic(*records: tuple[int, bytes, str | None]) -> list[list[Record]]:
    """Records by partition: partition, value, the inbox position's offset for those of the log."""
    partitions: list[list[Record]] = [[] for _ in range(PARTITIONS)]
    for partition, value, place in records:
        here = partitions[partition]
        headers = [] if place is None else [("position", f"1/{place}/0".encode())]
        here.append(Record(partition, len(here), 1000 + len(here), KEY, value, headers))
    return partitions


def rejected(place: str, reason: str) -> Record:
    return Record(0, 0, 0, None, b"", [("guanxi-position", f"1/{place}".encode()), ("guanxi-reason", reason.encode())])


INBOX = topic((0, event("a"), None), (0, event("b"), None), (0, event("a"), None), (1, b"nonsense", None))
LOG = topic(
    (HOME, event("a"), "0/0"),
    (HOME, decision(1, None), None),
    (HOME, event("a"), "0/0"),  # appended again after an uncertain acknowledgement
    (HOME, decision(1, None), None),
    (HOME, event("b"), "0/1"),
    (HOME, decision(2, "d1"), None),
)
READER = {HOME: Reader(6, {(1, 0): (1, 0)}), ELSEWHERE: Reader(0, {})}
WELL = Observed(
    INBOX,
    LOG,
    [[rejected("1/0", "malformed")]],
    frozenset({(("erp", "purchase", "a"), 1)}),
    {0: 3, 1: 1},
    {"tiering": READER},
)


def on_log(*records: tuple[int, bytes, str | None]) -> Observed:
    """The same with another log, which nobody claims to have read."""
    return replace(WELL, log=topic(*records), readers={})


def kinds(seen: Observed) -> set[str]:
    return {anomaly.kind for anomaly in find(seen)}


def test_nothing_is_found_where_all_is_well() -> None:
    assert find(WELL) == []


A, B = (HOME, event("a"), "0/0"), (HOME, event("b"), "0/1")
PLANTED: Sequence[tuple[str, Observed]] = [
    ("lost write", replace(WELL, acknowledged=frozenset({(("erp", "purchase", "z"), 1)}))),
    ("lost record", on_log(A)),
    ("lost record", replace(WELL, rejected=())),
    ("without effect", on_log(B)),
    ("duplicate", on_log(A, B, (HOME, event("a"), "0/2"))),
    ("two contents", on_log(A, (HOME, event("a", amount="2.00"), "0/0"), B)),
    ("gap", on_log(B, A)),
    ("not monotone", replace(WELL, log=[[one for one in part if one.offset != 2] for part in LOG])),
    ("not monotone", replace(WELL, log=[[one._replace(timestamp=-one.offset) for one in part] for part in LOG])),
    ("misplaced", on_log(A, (ELSEWHERE, event("b"), "0/1"))),
    ("refused too", replace(WELL, rejected=[[rejected("1/0", "malformed"), rejected("0/1", "too_old")]])),
    ("refused too", replace(WELL, rejected=[[rejected("1/0", "malformed"), rejected("1/0", "too_old")]])),
    ("unseen", replace(WELL, admitted_to={0: 2, 1: 1})),
    ("unseen", replace(WELL, readers={"tiering": {**READER, HOME: Reader(5, {(1, 0): (1, 0)})}})),
    ("unseen", replace(WELL, readers={"tiering": {**READER, HOME: Reader(6, {(1, 0): (0, 0)})}})),
    ("broken chain", on_log(A, B, (HOME, decision(2, "d1"), None))),
    ("broken chain", on_log(A, B, (HOME, decision(1, None), None), (HOME, decision(2, "another"), None))),
]


@pytest.mark.parametrize(("kind", "seen"), PLANTED)
def test_what_is_planted_is_found(kind: str, seen: Observed) -> None:
    assert kind in kinds(seen)


def test_a_lower_revision_that_came_too_late_is_in_effect_by_the_higher_one() -> None:
    seen = on_log((HOME, event("a", revision=2), "0/0"), B)
    acknowledged = frozenset({(("erp", "purchase", "a"), 1)})
    assert kinds(replace(seen, acknowledged=acknowledged)).isdisjoint({"without effect"})


def test_the_loser_of_two_decisions_breaks_no_chain() -> None:
    seen = on_log(A, B, (HOME, decision(1, None, "winner"), None), (HOME, decision(1, None, "loser"), None))
    assert kinds(seen) == set()
