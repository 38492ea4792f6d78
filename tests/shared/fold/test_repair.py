"""A frozen customer and the marker that repairs it (architecture.md, invariant 8)."""

from collections.abc import AsyncIterator, Sequence
from typing import Any
from unittest import mock

import pytest
from pymongo import ReplaceOne

from shared.errors import Transient
from shared.events.facts import CustomerRepaired
from shared.fold.processor import LogProcessor
from shared.mongo.states import StateStore
from tests.shared.fakes import TOY, Appended, LogRecord, event, memory_database, on_log, purchase
from tests.sim.mongo import SimCollection
from tests.sim.toy import POISON, Toy


async def _nothing_marked(*_: Any, **__: Any) -> None:
    """The in-memory MongoDB knows no update of many; that the quarantine is marked is seen on a real one."""


@pytest.fixture(autouse=True)
def quarantine_is_not_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SimCollection, "update_many", _nothing_marked, raising=False)


class World:
    """A processor on an in-memory store, with a log of one partition that can be read again."""

    def __init__(self) -> None:
        self.database: Any = memory_database()
        self.appended = Appended()
        self.log: list[LogRecord] = []
        self.rereads = 0
        self.processor = self.another()

    def another(self) -> LogProcessor[Any, Any]:
        """A second owner of the same collections."""
        store = StateStore(self.database, "toy", 1, 1)
        appender: Any = self.appended
        return LogProcessor(TOY, store, appender, "log", now=lambda: purchase("1.00").time, reread=self.reread)

    async def reread(self, partition: int, until: int) -> AsyncIterator[Sequence[LogRecord]]:
        self.rereads += 1
        assert partition == 0
        yield self.log[:until]

    def put(self, *made: LogRecord) -> list[LogRecord]:
        self.log += made
        return list(made)

    async def fold(self, *records: LogRecord) -> None:
        await self.processor.positions([0])
        await self.processor.process({0: self.put(*records)})

    async def document(self, customer: str = "c0") -> Any:
        return await self.database["levels_g1"].find_one({"_id": customer})

    async def frozen(self) -> None:
        """A customer with a poisoned record in its midst, and one that it does not concern."""
        await self.fold(
            on_log(purchase("60.00"), 0),
            on_log(purchase("70.00", name="p2", product_line=POISON), 1),
            on_log(purchase("80.00", name="p3"), 2),
            on_log(purchase("10.00", name="p4", subject="c1"), 3),
            on_log(purchase("80.00", name="p3"), 4, from_inbox=2),
        )
        assert (await self.document())["incomplete_since"] == "1/0/1"
        self.appended.records.clear()


def marker(offset: int, subject: str = "c0") -> LogRecord:
    return on_log(event(CustomerRepaired(), name=f"repair-{offset}", subject=subject), offset)


def fixed() -> Any:
    """The program in which the record can be folded."""
    return mock.patch("tests.sim.toy.POISON", "something else")


async def whole(world: World) -> Any:
    """What a fold that never froze has."""
    other = World()
    with fixed():
        await other.fold(*[record for record in world.log if record.offset != -1])
    return await other.document()


FRESHNESS = ("due_at", "marked_due", "pending", "projected_at")


def less(document: Any) -> Any:
    return {name: value for name, value in document.items() if name not in FRESHNESS}


async def test_after_the_fix_a_marker_makes_the_customer_whole_and_decides() -> None:
    world = World()
    await world.frozen()
    with fixed():
        await world.fold(marker(5))
        document = await world.document()
        assert "incomplete_since" not in document
        assert document["fold"]["net"] == [["2026-03-02", 21_000]], "the repeat at offset 4 counts once"
        assert document["log"] == {"generation": 1, "offset": 2}
        assert world.processor.counts.repaired == 1
        assert world.appended.records, "what became due while it was frozen is decided now"
        assert len(document["pending"]) == 1 + len(world.appended.records), "on top of what was pending"
        await world.fold(on_log(purchase("5.00", name="p5"), 6))
        assert (await world.document())["fold"]["net"] == [["2026-03-02", 21_500]]
    assert less(await world.document()) == less(await whole(world))


async def test_events_around_the_marker_in_one_batch_are_folded_in_order() -> None:
    world = World()
    await world.frozen()
    with fixed():
        await world.fold(
            on_log(purchase("1.00", name="p6"), 5),
            marker(6),
            on_log(purchase("2.00", name="p7"), 7),
            marker(8),
            on_log(purchase("4.00", name="p8"), 9),
        )
    assert (await world.document())["fold"]["net"] == [["2026-03-02", 21_700]]
    assert (world.processor.counts.repaired, world.rereads) == (1, 1)


async def test_one_that_freezes_again_right_after_its_repair() -> None:
    world = World()
    await world.frozen()
    with fixed():
        worse = on_log(purchase("9.00", name="p6", product_line="something else"), 6)
        await world.fold(marker(5), worse, on_log(purchase("1.00", name="p7"), 7))
    document = await world.document()
    assert document["incomplete_since"] == "1/0/6"
    assert document["fold"]["net"] == [["2026-03-02", 21_000]], "what the repair brought stays"


async def test_one_that_freezes_and_is_repaired_in_the_same_batch() -> None:
    world = World()
    await world.fold(
        on_log(purchase("60.00"), 0), on_log(purchase("70.00", name="p2", product_line=POISON), 1), marker(2)
    )
    assert (await world.document())["incomplete_since"] == "1/0/1", "the program has not been fixed"
    assert world.rereads == 1


async def test_without_the_fix_it_stays_frozen_and_nobody_else_is_held_up() -> None:
    world = World()
    await world.frozen()
    await world.fold(marker(5), on_log(purchase("10.00", name="p9", subject="c1"), 6))
    document = await world.document()
    assert document["incomplete_since"] == "1/0/1"
    assert document["fold"]["net"] == [["2026-03-02", 6_000]]
    assert (await world.document("c1"))["fold"]["net"] == [["2026-03-02", 2_000]]
    with fixed():
        await world.fold(marker(7))
    assert "incomplete_since" not in await world.document()


@pytest.mark.parametrize("subject", ["c1", "nobody"])
async def test_a_marker_for_one_that_is_not_frozen_changes_nothing(subject: str) -> None:
    world = World()
    await world.frozen()
    before = await world.document(subject)
    await world.fold(marker(5, subject))
    assert await world.document(subject) == before
    assert (world.rereads, world.appended.records) == (0, [])
    assert (await world.processor.positions([0]))[0] == 6


async def test_a_crash_amid_the_repair_leaves_it_to_the_next_owner() -> None:
    world = World()
    await world.frozen()
    with fixed():
        world.appended.fail.append(Transient("Kafka is away"))
        with pytest.raises(Transient):
            await world.fold(marker(5))
        assert (await world.document())["incomplete_since"] == "1/0/1"
        other = world.another()
        await other.positions([0])
        await other.process({0: [world.log[5]]})
        assert "incomplete_since" not in await world.document()
        with pytest.raises(Transient, match="a position has moved"):
            await world.processor.process({0: [world.log[5]]})
    assert other.counts.repaired == 1


async def test_decisions_that_were_pending_when_it_froze_are_accepted_or_go_on_pending() -> None:
    world = World()
    await world.fold(on_log(purchase("60.00"), 0))
    (published,) = world.appended.records
    decision = LogRecord(0, 2, 0, published.key, published.value, published.headers)
    await world.fold(on_log(purchase("70.00", name="p2", product_line=POISON), 1))
    for late in (False, True):
        copy = World()
        await copy.fold(*world.log[:2])
        copy.appended.records.clear()
        with fixed():
            await copy.fold(*((marker(2),) if late else (decision, marker(3))))
        document = await copy.document()
        assert "incomplete_since" not in document
        assert document["version"] == (0 if late else 1)
        ids = [one["id"] for one in document.get("pending", ())]
        assert (len(ids) > 0) or not late
        assert all(record.value != published.value for record in copy.appended.records), "none is made twice"


async def test_a_rebuild_passes_over_markers() -> None:
    world = World()
    await world.frozen()
    store = StateStore(world.database, "toy", 2, 1)
    appender: Any = world.appended
    rebuilding = LogProcessor(
        TOY, store, appender, "log", now=lambda: purchase("1.00").time, deciding=False, reread=world.reread
    )
    await rebuilding.positions([0])
    await rebuilding.process({0: [*world.log, marker(5)]})
    frozen = await world.database["levels_g2"].find_one({"_id": "c0"})
    assert frozen["incomplete_since"] == "1/0/1"
    assert (world.rereads, world.appended.records) == (0, [])


async def test_a_decision_that_fails_after_the_repair_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    await world.frozen()

    def broken(*_: Any) -> Any:
        raise ZeroDivisionError

    with fixed():
        monkeypatch.setattr(Toy, "decide", broken)
        await world.fold(marker(5))
    assert (await world.document())["incomplete_since"] == "1/0/1"
    assert (await world.processor.positions([0]))[0] == 6


async def test_what_was_pending_and_does_not_follow_the_log_is_dropped() -> None:
    world = World()
    await world.frozen()
    changed = await world.document()
    other = {**changed["pending"][0], "data": {**changed["pending"][0]["data"], "after": "another's"}}
    await world.database["levels_g1"].bulk_write([ReplaceOne({"_id": "c0"}, {**changed, "pending": [other]})])
    with fixed():
        await world.fold(marker(5))
    document = await world.document()
    assert [one["data"]["version"] for one in document["pending"]] == list(range(1, len(document["pending"]) + 1))
    assert document["pending"][0]["data"]["after"] is None
