"""Folding a generation beside the live one: never past it, in batches, and again after what fails."""

from collections.abc import AsyncIterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from shared.errors import Stop, Transient
from shared.fold import rebuild as rebuilding
from shared.fold.rebuild import MAX_FAILURES, Rebuild
from shared.settings import Settings
from tests.shared.fakes import TOY, LogRecord, memory_database, on_log, purchase


class Folding:
    """A processor that keeps the offsets folded, in order. `fail`: how many batches fail first; `after`: they fail
    although they went through.
    """

    def __init__(self, begin: Mapping[int, int], fail: int = 0, *, after: bool = False) -> None:
        self.at, self.fail, self.after = dict(begin), fail, after
        self.folded: dict[int, list[int]] = {partition: [] for partition in begin}
        self.sizes: list[int] = []

    async def positions(self, partitions: Sequence[int]) -> dict[int, int]:
        return {partition: self.at[partition] for partition in partitions}

    async def process(self, batches: Mapping[int, Sequence[LogRecord]]) -> None:
        self.sizes.append(sum(map(len, batches.values())))
        self.fail -= 1
        if self.fail < 0 or self.after:
            for partition, records in batches.items():
                assert records[0].offset == self.at[partition], "without a gap"
                self.folded[partition] += [record.offset for record in records]
                self.at[partition] = records[-1].offset + 1
        if self.fail >= 0:
            raise Transient("MongoDB: away")


class Log:
    """Reads as the tail does: all that is asked for, in batches of at most so many."""

    def __init__(self, ends: Mapping[int, int]) -> None:
        self._records = {p: [on_log(purchase("1.00"), offset, partition=p) for offset in range(ends[p])] for p in ends}

    async def read(
        self, start: Mapping[int, int], until: Mapping[int, int], *, max_records: int
    ) -> AsyncIterator[dict[int, Any]]:
        for partition, end in until.items():
            for at in range(start[partition], end, max_records):
                yield {partition: self._records[partition][at : min(at + max_records, end)]}


async def rebuild_of(folding: Folding, ends: Mapping[int, int], **options: Any) -> Rebuild:
    settings = Settings.model_validate({"partitions": len(ends)})
    schema: Any = SimpleNamespace(service="toy", collections=[])
    made = Rebuild(
        settings, memory_database(), schema, TOY, token="token", now=lambda: purchase("1.00").time, **options
    )
    processor: Any = folding
    tail: Any = Log(ends)
    made._processor, made.tail = processor, tail
    made._alive_at = float("inf")  # it has just said so
    return made


async def counts(rebuild: Rebuild, until: Mapping[int, int]) -> list[int]:
    return [count async for count in rebuild.fold(until)]


async def test_it_folds_up_to_where_the_live_reader_stands_and_no_further() -> None:
    folding = Folding({0: 2, 1: 0})
    assert sum(await counts(await rebuild_of(folding, {0: 50, 1: 50}), {0: 30, 1: 7})) == 35
    assert folding.folded == {0: [*range(2, 30)], 1: [*range(7)]}


async def test_the_live_reader_never_stands_before_it() -> None:
    folding = Folding({0: 5, 1: 0})
    with pytest.raises(Transient, match="is behind the new generation"):
        await counts(await rebuild_of(folding, {0: 50, 1: 50}), {0: 4, 1: 9})
    assert folding.sizes == []


async def test_what_is_left_is_tried_again_in_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuilding, "BATCH_RECORDS", 16)
    folding = Folding({0: 0}, fail=2)
    assert sum(await counts(await rebuild_of(folding, {0: 16}), {0: 16})) == 16
    assert folding.sizes == [16, 8, 4, 4, 4, 4]
    assert folding.folded[0] == [*range(16)]


async def test_much_is_folded_partition_by_partition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuilding, "BATCH_RECORDS", 10)
    folding = Folding({0: 0, 1: 3})
    assert sum(await counts(await rebuild_of(folding, {0: 40, 1: 30}), {0: 40, 1: 30})) == 67
    assert folding.folded == {0: [*range(40)], 1: [*range(3, 30)]}


@pytest.mark.parametrize("after", [False, True])
async def test_a_batch_that_fails_is_folded_once(monkeypatch: pytest.MonkeyPatch, after: bool) -> None:  # noqa: FBT001
    monkeypatch.setattr(rebuilding, "BATCH_RECORDS", 10)
    folding = Folding({0: 0}, fail=MAX_FAILURES, after=after)
    rebuild = await rebuild_of(folding, {0: 40})
    rebuild._in_one.records = rebuild._in_one.least = 4
    assert sum(await counts(rebuild, {0: 40})) == 40
    assert folding.folded[0] == [*range(40)]


@pytest.mark.parametrize("batch", [10, 2_000])
async def test_it_gives_up_after_so_many_failures_in_a_row(monkeypatch: pytest.MonkeyPatch, batch: int) -> None:
    monkeypatch.setattr(rebuilding, "BATCH_RECORDS", batch)
    folding = Folding({0: 0}, fail=MAX_FAILURES + 1)
    with pytest.raises(Transient, match="away"):
        await counts(await rebuild_of(folding, {0: 40}), {0: 40})
    assert folding.folded[0] == []


async def test_without_an_earlier_generation_nothing_can_be_brought_back() -> None:
    with pytest.raises(Stop, match="no earlier generation of toy"):
        await (await rebuild_of(Folding({0: 0}), {0: 1}, back=True))._bring_back([])
