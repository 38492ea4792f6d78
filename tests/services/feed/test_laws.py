"""Laws of the feed, over histories of one customer: facts, decisions, reviews, revisions and voids in log order."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import from_json

from services.feed.changes import ANNOUNCES
from services.feed.domain import Feed
from shared.errors import Transient
from shared.events.codec import encode
from shared.events.event import Event, Position
from shared.events.facts import CustomerRepaired
from shared.events.registry import DECISIONS, REVIEWED
from shared.fold.processor import LogProcessor
from shared.fold.telling import Telling
from shared.mongo.states import StateStore
from tests.generate import CONTACTS, GOALS, TIERING, histories
from tests.laws.drive import KEY, events
from tests.oracle.wire import CUSTOMER
from tests.services.feed.given import ZONE
from tests.shared.fakes import Appended, LogRecord, memory_database
from tests.shared.fakes import event as fact

ALL = (*TIERING, *GOALS, *CONTACTS)
LOGS = histories(ALL, most=12).map(lambda made: [*events(made[0])])
CUTS = st.lists(st.integers(1, 5), min_size=1, max_size=8)
COLLECTIONS = ("feed", "timeline", "movements")
FRESHNESS = ("projected_at",)


def on_log(log: Sequence[Event]) -> list[LogRecord]:
    return [_record(event, offset) for offset, event in enumerate(log)]


def _record(event: Event, offset: int) -> LogRecord:
    value, headers = encode(event, None if event.type in DECISIONS else Position(1, 0, offset))
    return LogRecord(0, offset, int(event.recorded_at.timestamp() * 1000), KEY.encode(), value, headers)


class Fold:
    """The feed's processor on an in-memory store; `fresh` begins each batch as another process would."""

    def __init__(self, *, live: bool = True, fresh: bool = False, log: Sequence[LogRecord] = ()) -> None:
        self.database: Any = memory_database()
        self.appended: Any = Appended()
        self.live, self.fresh, self.log = live, fresh, log
        self.processor = self._another()

    def _another(self) -> LogProcessor[Any, Any]:
        store = StateStore(self.database, "feed", 1, 1)
        telling = Telling(ANNOUNCES, "changes", 1, self.appended) if self.live else None

        async def reread(_: int, until: int) -> Any:
            yield self.log[:until]

        now = fact(CustomerRepaired()).time
        return LogProcessor(
            Feed(ZONE),
            store,
            self.appended,
            "log",
            now=lambda: now,
            deciding=self.live,
            telling=telling,
            reread=reread,
        )

    async def fold(self, records: Sequence[LogRecord], cuts: Sequence[int]) -> "Fold":
        await self.processor.positions([0])
        at = number = 0
        while at < len(records):
            if self.fresh:
                self.processor = self._another()
                await self.processor.positions([0])
            size = cuts[number % len(cuts)]
            await self.processor.process({0: list(records[at : at + size])})
            at, number = at + size, number + 1
        return self

    @property
    def changes(self) -> list[bytes]:
        return [record.value for record in self.appended.records]

    async def rows(self) -> dict[tuple[str, str], Any]:
        return {
            (name, one["_id"]): {field: value for field, value in one.items() if field not in FRESHNESS}
            for name in COLLECTIONS
            for one in await self.database[f"{name}_g1"].find().to_list()
        }


@given(LOGS, CUTS, st.booleans())
def test_however_batches_fall_the_changes_are_the_same_byte_for_byte(
    log: list[Event],
    cuts: list[int],
    fresh: bool,  # noqa: FBT001 - drawn
) -> None:
    async def main() -> None:
        records = on_log(log)
        one = await Fold().fold(records, [len(records)])
        other = await Fold(fresh=fresh).fold(records, cuts)
        assert other.changes == one.changes
        assert await other.rows() == await one.rows()

    asyncio.run(main())


@given(LOGS, CUTS)
def test_a_rebuild_gives_the_same_rows_and_tells_nothing(log: list[Event], cuts: list[int]) -> None:
    async def main() -> None:
        records = on_log(log)
        live = await Fold().fold(records, cuts)
        rebuilt = await Fold(live=False).fold(records, [7])
        assert await rebuilt.rows() == await live.rows()
        assert not rebuilt.changes

    asyncio.run(main())


@given(LOGS, CUTS)
def test_the_sequence_has_no_gap_and_is_the_stored_one(log: list[Event], cuts: list[int]) -> None:
    async def main() -> None:
        fold = await Fold().fold(on_log(log), cuts)
        told = [from_json(change) for change in fold.changes]
        assert [one["sequence"] for one in told] == [f"{n:016}" for n in range(1, len(told) + 1)]
        assert len({one["id"] for one in told}) == len(told)
        rows = await fold.rows()
        if log:
            assert rows["feed", CUSTOMER]["sequence"] == len(told)
        lines = [row for (name, _), row in rows.items() if name == "timeline"]
        reviews = sum(event.type == REVIEWED for event in log)
        assert len(log) - reviews == len(lines), "a line for each record that is no review"

    asyncio.run(main())


@given(LOGS)
def test_each_line_that_was_replaced_says_so_and_by_which(log: list[Event]) -> None:
    async def main() -> None:
        rows = await (await Fold().fold(on_log(log), [3])).rows()
        lines = {row["offset"]: row for (name, _), row in rows.items() if name == "timeline"}
        for offset, line in lines.items():
            by = line.get("voided") or line.get("revised")
            if by is not None:
                assert lines[by["offset"]]["replaces"] == {"revision": line.get("revision", 1), "offset": offset}
                assert ("voided" in line) == (lines[by["offset"]]["kind"] == "record.voided")
        replacing = [line for line in lines.values() if "replaces" in line]
        marked = [line for line in lines.values() if "voided" in line or "revised" in line]
        assert len(replacing) == len(marked)

    asyncio.run(main())


@given(LOGS, CUTS, st.sets(st.integers(0, 11)))
def test_who_drops_what_it_has_seen_has_each_change_once_though_commits_fail(
    log: list[Event], cuts: list[int], lost: set[int]
) -> None:
    async def main() -> None:
        records = on_log(log)
        fold, at, number = Fold(), 0, 0
        await fold.processor.positions([0])
        while at < len(records):
            size = cuts[number % len(cuts)]
            if number in lost:
                await _told_and_lost(fold, records[at : at + size])
            await fold.processor.positions([0])
            await fold.processor.process({0: records[at : at + size]})
            at, number = at + size, number + 1
        whole = await Fold().fold(records, [4])
        seen: list[bytes] = []
        for change in fold.changes:
            sequence = int(from_json(change)["sequence"])
            assert sequence <= len(seen) + 1, "never a gap"
            if sequence == len(seen) + 1:
                seen.append(change)
            assert seen[sequence - 1] == change, "what comes again comes byte for byte"
        assert seen == whole.changes

    asyncio.run(main())


async def _told_and_lost(fold: Fold, records: Sequence[LogRecord]) -> None:
    """A process that dies between the acknowledgement and the commit."""
    other = fold._another()
    await other.positions([0])

    async def die(*_: Any) -> None:
        raise Transient("died")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shared.mongo.states.StateSession.save", die)
        with pytest.raises(Transient):
            await other.process({0: list(records)})


async def _nothing_marked(*_: Any, **__: Any) -> None:
    """The in-memory MongoDB knows no update of many."""


@given(LOGS.filter(lambda log: len(log) > 2), st.data())
def test_a_repair_tells_what_was_not_told_and_nothing_again(log: list[Event], data: st.DataObject) -> None:
    async def main() -> None:
        records = on_log(log)
        frozen_at = data.draw(st.integers(0, len(log) - 1))
        marker = _record(fact(CustomerRepaired(), subject=CUSTOMER), len(records))
        fold = Fold(log=records)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("tests.sim.mongo.SimCollection.update_many", _nothing_marked, raising=False)
            with pytest.MonkeyPatch.context() as broken:
                broken.setattr(Feed, "evolve", _failing_at(frozen_at, Feed.evolve))
                broken.setattr(Feed, "accepts", _failing_at(frozen_at, Feed.accepts))
                await fold.fold(records, [3])
            before = len(fold.changes)
            await fold.processor.positions([0])
            await fold.processor.process({0: [marker]})
        whole = await Fold().fold([*records, marker], [5])
        assert fold.changes == whole.changes, f"{before} were told before"
        assert await fold.rows() == await whole.rows()

    asyncio.run(main())


def _failing_at(offset: int, fold: Any) -> Any:
    def failing(self: Feed, state: Any, event: Event) -> Any:
        if event.log.offset == offset:
            raise ValueError("a bug")
        return fold(self, state, event)

    return failing
