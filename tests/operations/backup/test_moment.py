"""A backup as of an earlier moment: an event is in it whole or not at all, and what is claimed is on its log."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.backup.files import Folder, Manifest, Source, documents_of, read_manifest
from operations.backup.moment import Cut, as_of, moment_of
from operations.progress import Steps
from shared.errors import Malformed, Stop

BEGAN = datetime(2026, 11, 23, 6, tzinfo=UTC)
FACT, DECISION = b"guanxi.visit.logged.v1", b"guanxi.tier.changed.v1"
Record = tuple[int, str | None]
"""Seconds since BEGAN, and the position on the inbox; a decision has none."""


def a_backup(path: Path, log: Mapping[int, Sequence[Record]], **collections: list[dict[str, Any]]) -> Source:
    folder = Folder(path)
    for partition, records in log.items():
        with folder.part(f"kafka/guanxi.log/{partition}.000000000000") as part:
            part.add(_record(offset, *one, f"customer:C{partition}") for offset, one in enumerate(records))
    for topic in ("inbox", "rejected", "tiers"):
        with folder.part(f"kafka/guanxi.{topic}/0") as part:
            part.add(_record(second, second, f"1/0/{second}/0", "k") for second in range(20))
    for name, documents in collections.items():
        with folder.part(f"mongo/{name}") as part:
            part.add(documents)
    ends = {str(partition): len(records) for partition, records in log.items()}
    made = BEGAN + timedelta(days=1)
    folder.finish(
        Manifest(made.isoformat(), len(log), "Asia/Shanghai", 1, 1, {}, {}, {"tiering": dict(ends)}, dict(ends))
    )
    return Source(path, read_manifest(path))


def _record(offset: int, second: int, position: str | None, key: str) -> dict[str, Any]:
    headers = [["type", DECISION if position is None else FACT]]
    if position is not None:
        headers.append(["position", position.encode()])
    at = int((BEGAN + timedelta(seconds=second)).timestamp() * 1000)
    return {"o": offset, "t": at, "k": key.encode(), "v": b"{}", "h": headers}


def cut(source: Source, second: int) -> tuple[Source, Cut]:
    with Steps(lambda _: None) as steps:
        return as_of(source, BEGAN + timedelta(seconds=second), steps)


def left(source: Source, path: str) -> list[dict[str, Any]]:
    (part,) = (one for one in source.manifest.parts if one.path.startswith(path))
    return list(documents_of(source, part))


def test_what_came_later_is_left_out_and_who_had_a_decision_in_it_is_reviewed(tmp_path: Path) -> None:
    source = a_backup(tmp_path / "b", {0: [(1, "1/0/0/0"), (2, None), (5, "1/0/1/0")], 1: [(4, "1/1/0/0"), (6, None)]})
    source, found = cut(source, 4)
    assert source.manifest.ends == source.manifest.folded["tiering"] == {"0": 2, "1": 1}
    assert [one["o"] for one in left(source, "kafka/guanxi.log/0")] == [0, 1]
    assert (found.left_out, found.decided) == (2, {"customer:C1"})
    assert left(source, "kafka/guanxi.inbox") == left(source, "kafka/guanxi.tiers") == []
    assert len(left(source, "kafka/guanxi.rejected")) == 5, "by when it was rejected"


def test_nothing_behind_the_first_record_that_is_late_stays_though_a_clock_went_back(tmp_path: Path) -> None:
    source, _ = cut(a_backup(tmp_path / "b", {0: [(1, "1/0/0/0"), (9, "1/0/1/0"), (3, "1/0/2/0")]}), 5)
    assert source.manifest.ends == {"0": 1}


def test_an_event_with_records_on_both_sides_is_left_out_whole(tmp_path: Path) -> None:
    log = {0: [(1, "1/0/0/0"), (2, "1/0/1/0"), (3, "1/0/2/0")], 1: [(1, "1/1/0/0"), (9, "1/0/1/1")]}
    source, found = cut(a_backup(tmp_path / "b", log), 5)
    assert source.manifest.ends == {"0": 1, "1": 1}
    assert found.reached == {(1, 0): 0, (1, 1): 0}


def test_what_was_published_again_later_is_not_late(tmp_path: Path) -> None:
    source, found = cut(a_backup(tmp_path / "b", {0: [(1, "1/0/0/0"), (2, "1/0/1/0"), (9, "1/0/0/0")]}), 5)
    assert source.manifest.ends == {"0": 2}
    assert found.reached == {(1, 0): 1}


def test_what_is_claimed_is_on_the_log_and_so_are_its_texts(tmp_path: Path) -> None:
    def entry(revision: int, position: str) -> dict[str, Any]:
        return {"revision": revision, "position": position, "content": b"", "undo": None}

    claims = [
        {"_id": b"stays", "v": 1, "key": "k", "entries": [entry(1, "1/0/0/0")]},
        {"_id": b"amended", "v": 2, "key": "k", "entries": [entry(1, "1/0/0/0"), entry(2, "1/0/1/0")]},
        {"_id": b"later", "v": 1, "key": "k", "entries": [entry(1, "1/0/1/0")]},
        {"_id": b"not on the log yet", "v": 1, "key": "k", "entries": [entry(1, "1/0/7/0")]},
        {"_id": b"of a partition of which nothing stays", "v": 1, "key": "k", "entries": [entry(1, "1/3/0/0")]},
    ]
    texts = [
        {"_id": n, "key": "k", "claim": claim, "revision": revision}
        for n, (claim, revision) in enumerate([(b"stays", 1), (b"amended", 1), (b"amended", 2), (b"later", 1)])
    ]
    at = int(BEGAN.timestamp() * 1000)
    fates = [
        {"_id": "accepted", "at_ms": at + 1_000, "status": "accepted", "position": "1/0/0"},
        {"_id": "accepted, not on the log", "at_ms": at + 1_000, "status": "accepted", "position": "1/0/1"},
        {"_id": "refused", "at_ms": at + 1_000, "status": "refused", "position": "1/0/9"},
        {"_id": "refused later", "at_ms": at + 6_000, "status": "refused", "position": "1/0/9"},
    ]
    log = {0: [(1, "1/0/0/0"), (6, "1/0/1/0")]}
    source, _ = cut(a_backup(tmp_path / "b", log, claims=claims, texts=texts, fates=fates, policies=[{"_id": 1}]), 5)
    assert [(one["_id"], len(one["entries"])) for one in left(source, "mongo/claims")] == [
        (b"stays", 1),
        (b"amended", 1),
    ]
    assert [(one["claim"], one["revision"]) for one in left(source, "mongo/texts")] == [(b"stays", 1), (b"amended", 1)]
    assert [one["_id"] for one in left(source, "mongo/fates")] == ["accepted", "refused"]
    assert left(source, "mongo/policies") == [{"_id": 1}]


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 9)), min_size=1, max_size=12),
    st.integers(0, 9),
)
def test_no_event_is_ever_on_both_sides(events: list[tuple[int, int, int]], second: int) -> None:
    """Each event goes to one or two partitions of the log, by clocks that differ."""
    log: dict[int, list[Record]] = {0: [(0, "1/9/0/0")], 1: [(0, "1/9/1/0")], 2: [(0, "1/9/2/0")]}
    for number, (one, other, at) in enumerate(events):
        log[one].append((at, f"1/0/{number}/0"))
        if other != one:
            log[other].append((at + 1, f"1/0/{number}/1"))
    with TemporaryDirectory() as folder:
        source, found = cut(a_backup(Path(folder) / "b", log), second)
    for number, (one, other, _) in enumerate(events):
        sides = {
            log[partition].index((at, position)) < source.manifest.ends[str(partition)]
            for partition in {one, other}
            for at, position in log[partition]
            if position and position.startswith(f"1/0/{number}/")
        }
        assert sides == {found.claims(f"1/0/{number}")}


def test_moments_before_the_log_or_after_the_backup_are_refused(tmp_path: Path) -> None:
    source = a_backup(tmp_path / "b", {0: [(1, "1/0/0/0")]})
    with pytest.raises(Stop, match="nothing on the backup's log is of"):
        cut(source, 0)
    with pytest.raises(Stop, match="it holds nothing of later"):
        cut(source, 2 * 86_400)


def test_a_moment_without_an_offset_is_one_of_the_business() -> None:
    zone = ZoneInfo("Asia/Shanghai")
    assert moment_of("2026-11-23T14:30", zone) == moment_of("2026-11-23T06:30Z", zone)
    assert moment_of("2026-11-23T14:30", zone).tzinfo == UTC
    assert moment_of("2026-11-23T14:30+01:00", zone) == datetime(
        2026, 11, 23, 14, 30, tzinfo=timezone(timedelta(hours=1))
    )
    with pytest.raises(Malformed, match="no moment such as"):
        moment_of("yesterday", zone)
