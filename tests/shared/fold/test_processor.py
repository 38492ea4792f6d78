"""Batches of log records to documents, decisions and quarantine (architecture.md, invariants 4, 5, 8)."""

from datetime import date
from typing import Any
from unittest import mock

import pytest
from pymongo import DeleteOne, InsertOne

from shared.errors import Stop, Transient
from shared.fold.processor import LogProcessor
from shared.fold.telling import Telling
from shared.mongo.states import StateSession, StateStore
from shared.service import Announces
from shared.topics import TIERS
from tests.shared.fakes import KEY, TOY, Appended, LogRecord, memory_database, on_log, purchase, review
from tests.sim.toy import POISON, STEPPED, Policy, Toy

LOG = "log"
ANNOUNCES = Announces(
    TIERS,
    lambda entity, event: f"{entity.key} {event.data.version}".encode() if event.type == STEPPED else None,
    lambda entity: entity.standing.version,
)


def as_appender(appended: Any) -> Any:
    return appended


class World:
    """A processor on an in-memory store, and what it leaves."""

    def __init__(self, *, tells: Announces | None = None, **options: Any) -> None:
        self.database: Any = memory_database()
        self.appended = appender = Appended()
        self.options = options
        if tells is not None:
            self.options["telling"] = Telling(tells, "tiers", 1, as_appender(appender))
        self.processor = self.another()

    def another(self) -> LogProcessor[Any, Any]:
        """A second owner of the same collections."""
        store = StateStore(self.database, "toy", 1, 1)
        return LogProcessor(
            TOY, store, as_appender(self.appended), LOG, now=lambda: purchase("1.00").time, **self.options
        )

    async def fold(self, *records: LogRecord) -> None:
        await self.processor.positions([records[0].partition])
        await self.processor.process({records[0].partition: list(records)})

    async def documents(self, collection: str = "levels_g1") -> dict[str, dict[str, Any]]:
        return {document["_id"]: document for document in await self.database[collection].find().to_list()}

    async def offset(self) -> int:
        return (await self.processor.positions([0]))[0]


async def test_it_leaves_a_document_with_its_freshness_and_publishes_decisions() -> None:
    world = World()
    await world.fold(on_log(purchase("60.00"), 0))
    document = (await world.documents())["c0"]
    assert (document["level"], document["version"], document["fold"]["net"]) == (0, 0, [["2026-03-02", 6000]])
    assert (document["log"], document["partition"], document["generation"]) == ({"generation": 1, "offset": 0}, 0, 1)
    assert document["recorded_at"] == purchase("60.00").recorded_at
    assert [(one.partition, one.key) for one in world.appended.records] == [(0, KEY)]
    assert await world.offset() == 1


async def test_the_row_of_a_decision_says_how_fresh_it_is() -> None:
    world = World()
    await world.fold(on_log(purchase("60.00"), 0))
    decision = world.appended.records[0]
    assert decision.value is not None
    made_at = int(purchase("60.00").recorded_at.timestamp() * 1000)
    await world.fold(LogRecord(0, 1, made_at, decision.key, decision.value, decision.headers))
    (row,) = [row async for row in world.database["level_history_g1"].find()]
    assert (row["generation"], row["projected_at"]) == (1, purchase("1.00").time)


async def test_a_repeat_of_an_inbox_position_is_passed_over() -> None:
    world = World()
    await world.fold(on_log(purchase("60.00"), 0, from_inbox=4), on_log(purchase("60.00"), 1, from_inbox=4))
    await world.fold(on_log(purchase("70.00", name="p2"), 2, from_inbox=3))
    assert (await world.documents())["c0"]["fold"]["net"] == [["2026-03-02", 6000]]
    assert world.processor.counts.repeated == 2
    assert await world.offset() == 3


async def test_unknown_types_and_those_of_others_are_counted_and_passed_over() -> None:
    world = World()
    known = on_log(purchase("60.00"), 0)
    unknown = LogRecord(0, 1, 0, KEY, b"{}", [("type", b"guanxi.novelty.v1"), ("position", b"1/0/1/0")])
    others = LogRecord(0, 2, 0, KEY, b"{}", [("type", b"guanxi.visit.logged.v1"), ("position", b"1/0/2/0")])
    await world.fold(known, unknown, others)
    counts = world.processor.counts
    assert (counts.folded, counts.unknown, counts.passed_over) == (1, 1, 1)
    assert await world.offset() == 3


async def test_where_only_the_position_moves_there_is_no_transaction() -> None:
    world = World()
    await world.fold(on_log(purchase("60.00"), 0))
    others = LogRecord(0, 1, 0, KEY, b"{}", [("type", b"guanxi.visit.logged.v1"), ("position", b"1/0/1/0")])
    repeat = on_log(purchase("70.00"), 2, from_inbox=1)
    with mock.patch.object(StateStore, "moving", side_effect=AssertionError):
        await world.processor.process({0: [others, repeat]})
    await world.processor.process({0: [on_log(purchase("1.00", name="p2"), 3)]})
    assert (await world.documents())["c0"]["fold"]["net"] == [["2026-03-02", 6100]]
    assert await world.offset() == 4


async def test_where_only_the_position_moves_a_second_owner_is_noticed() -> None:
    world = World()
    first, second = world.processor, world.another()
    for owner in (first, second):
        await owner.positions([0])
    others = LogRecord(0, 0, 0, KEY, b"{}", [("type", b"guanxi.visit.logged.v1"), ("position", b"1/0/0/0")])
    await first.process({0: [others]})
    with pytest.raises(Transient, match="a position has moved"):
        await second.process({0: [others]})
    assert await world.offset() == 1


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (LogRecord(0, 0, 0, KEY, b"{}", []), "headers: no type"),
        (LogRecord(0, 0, 0, KEY, b"{}", [("type", b"\xff")]), "headers:"),
        (LogRecord(0, 0, 0, KEY, b"{}", [("type", b"guanxi.x.v1"), ("position", b"1/2")]), "headers:"),
        (LogRecord(0, 0, 0, None, b"{}", [("type", b"guanxi.x.v1")]), "no key or no value"),
        (LogRecord(0, 0, 0, KEY, None, [("type", b"guanxi.x.v1")]), "no key or no value"),
        (LogRecord(0, 0, 0, b"\xff", b"{}", [("type", b"guanxi.x.v1")]), "'utf-8' codec"),
    ],
)
async def test_what_is_no_record_of_ours_goes_to_quarantine(record: LogRecord, reason: str) -> None:
    world = World()
    await world.fold(record, on_log(purchase("60.00"), 1))
    quarantined = await world.documents("toy_quarantine")
    assert reason in quarantined["g1/0/0"]["reason"]
    assert "c0" in await world.documents()


async def test_a_record_that_cannot_be_folded_freezes_its_customer_and_nobody_else() -> None:
    world = World()
    await world.fold(
        on_log(purchase("60.00"), 0),
        on_log(purchase("70.00", name="p2", product_line=POISON), 1),
        on_log(purchase("60.00", name="p3"), 2),
        on_log(purchase("80.00", name="p4", subject="c1"), 3),
    )
    await world.fold(on_log(purchase("60.00", name="p5"), 4), on_log(purchase("1.00", name="p6", subject="c1"), 5))
    documents = await world.documents()
    assert documents["c0"]["incomplete_since"] == "1/0/1"
    assert documents["c0"]["fold"]["net"] == [["2026-03-02", 6000]]
    assert documents["c0"]["log"]["offset"] == 0
    assert "incomplete_since" not in documents["c1"]
    assert documents["c1"]["fold"]["net"] == [["2026-03-02", 8100]]
    quarantined = (await world.documents("toy_quarantine"))["g1/0/1"]
    assert (quarantined["key"], quarantined["reason"]) == (
        "customer:c0",
        "ValueError: this purchase cannot be folded",
    )
    assert POISON.encode() in quarantined["value"]


async def test_a_bad_payload_freezes_too_even_where_nothing_was_known() -> None:
    world = World()
    good = on_log(purchase("60.00"), 0)
    await world.fold(LogRecord(0, 0, 0, KEY, b'{"type": "guanxi.purchase.recorded.v1"}', good.headers))
    document = (await world.documents())["c0"]
    assert document["incomplete_since"] == "1/0/0"
    await world.fold(on_log(purchase("60.00"), 1))
    assert "fold" not in (await world.documents())["c0"]


async def test_many_frozen_customers_are_a_bug_of_ours_and_stop_the_partition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.fold.processor.QUARANTINE_LIMIT", 2)
    world = World()
    poison = [
        on_log(purchase("1.00", name=f"p{n}", subject=f"c{n}", product_line=POISON), offset)
        for offset, n in enumerate(range(3))
    ]
    with pytest.raises(Stop, match="more than 2 keys could not be folded"):
        await world.fold(*poison)
    assert await world.offset() == 0
    assert await world.documents() == {}


async def test_frozen_customers_far_apart_stop_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.fold.processor.QUARANTINE_LIMIT", 1)
    monkeypatch.setattr("shared.fold.processor.QUARANTINE_WINDOW", 3)
    world = World()
    for n in range(3):
        good = [on_log(purchase("1.00", name=f"g{n}{m}"), 6 * n + m) for m in range(5)]
        bad = on_log(purchase("1.00", name=f"p{n}", subject=f"c{n + 1}", product_line=POISON), 6 * n + 5)
        await world.fold(*good, bad)
    assert world.processor.counts.frozen == 3


async def test_what_was_not_published_was_not_folded() -> None:
    world = World()
    world.appended.fail.append(Transient("Kafka is away"))
    with pytest.raises(Transient):
        await world.fold(on_log(purchase("60.00"), 0))
    assert await world.documents() == {}
    assert await world.offset() == 0
    await world.fold(on_log(purchase("60.00"), 0))
    assert len(world.appended.records) == 1


async def test_of_two_owners_one_folds() -> None:
    world = World()
    other = world.another()
    await other.positions([0])
    await world.fold(on_log(purchase("60.00"), 0))
    with pytest.raises(Transient, match="a position has moved"):
        await other.process({0: [on_log(purchase("60.00"), 0)]})
    assert (await world.documents())["c0"]["fold"]["net"] == [["2026-03-02", 6000]]
    assert len(world.appended.records) == 1


@pytest.mark.parametrize("offset", [0, 2])
async def test_records_that_do_not_begin_at_the_stored_position_are_not_folded(offset: int) -> None:
    world = World()
    await world.fold(on_log(purchase("60.00"), 0))
    with pytest.raises(Transient, match="do not start at its stored position"):
        await world.processor.process({0: [on_log(purchase("60.00", name="p2"), offset)]})
    assert await world.offset() == 1


async def test_without_positions_nothing_is_folded() -> None:
    world = World()
    await world.processor.positions([0])
    world.processor.forget()
    with pytest.raises(Transient):
        await world.processor.process({0: [on_log(purchase("60.00"), 0)]})


async def test_a_rebuild_publishes_nothing() -> None:
    world = World(deciding=False)
    await world.fold(on_log(purchase("60.00"), 0), on_log(review(days_later=30), 1))
    assert world.appended.records == []


async def test_accepted_decisions_are_told_before_they_count() -> None:
    world = World(tells=ANNOUNCES)
    await world.fold(on_log(purchase("60.00"), 0))
    (published,) = world.appended.records
    decision = LogRecord(0, 1, 0, published.key, published.value, published.headers)
    world.appended.fail.append(Transient("Kafka is away"))
    with pytest.raises(Transient):
        await world.fold(decision)
    assert (await world.documents())["c0"]["version"] == 0
    await world.fold(decision)
    assert (await world.documents())["c0"]["version"] == 1
    assert world.appended.records[-1].value == b"customer:c0 1"


class KeepingWorld(World):
    """A processor that goes on without asking where it stands, and the keys that it reads from the store."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.read: list[str] = []
        load = StateSession.load

        async def counted(session: StateSession, wanted: Any, rows_of: Any = ()) -> Any:
            addresses = list(wanted)
            self.read += [name for collection, name in addresses if collection == "levels"]
            return await load(session, addresses, rows_of)

        self.patch = mock.patch.object(StateSession, "load", counted)

    async def fold(self, *records: LogRecord) -> None:
        if not self.processor._known:
            await self.processor.positions([0])
        self.read.clear()
        with self.patch:
            await self.processor.process({0: list(records)})


async def test_what_was_committed_is_not_read_again() -> None:
    world = KeepingWorld()
    await world.fold(on_log(purchase("60.00"), 0))
    assert world.read == ["c0"]
    await world.fold(on_log(purchase("70.00", name="p2"), 1), on_log(purchase("1.00", name="p3", subject="c1"), 2))
    assert world.read == ["c1"]
    assert (await world.documents())["c0"]["fold"]["net"] == [["2026-03-02", 13000]]
    world.processor.forget()
    await world.fold(on_log(purchase("1.00", name="p4"), 3))
    assert world.read == ["c0"]


async def test_a_kept_customer_freezes_as_one_that_was_read() -> None:
    kept, read = KeepingWorld(), World()
    records = [
        on_log(purchase("60.00"), 0),
        on_log(purchase("5.00", name="p2"), 1),
        on_log(purchase("70.00", name="p3", product_line=POISON), 2),
        on_log(purchase("80.00", name="p4", subject="c1"), 3),
        on_log(purchase("90.00", name="p5"), 4),
    ]
    for world in (kept, read):
        await world.fold(records[0])
        await world.fold(*records[1:4])
        await world.fold(records[4])
    assert await kept.documents() == await read.documents()
    assert (await kept.documents())["c0"]["incomplete_since"] == "1/0/2"
    assert await kept.documents("toy_quarantine") == await read.documents("toy_quarantine")
    assert (kept.processor.counts.frozen, kept.processor.counts.folded) == (1, read.processor.counts.folded)


async def test_nothing_is_kept_once_other_policies_hold() -> None:
    world = KeepingWorld()
    domain = Toy([Policy(1, date(2026, 1, 1), (5_000,))])
    world.processor._domain = domain
    world.processor._decides_by = domain.decides_by
    await world.fold(on_log(purchase("60.00"), 0))
    domain._policies = [*domain._policies, Policy(2, date(2026, 1, 2), (9_000,))]
    await world.fold(on_log(purchase("1.00", name="p2"), 1))
    assert world.read == ["c0"]


async def test_a_batch_that_failed_leaves_nothing_kept() -> None:
    world = KeepingWorld()
    await world.fold(on_log(purchase("60.00"), 0), on_log(purchase("1.00", name="p2", subject="c1"), 1))
    world.appended.fail.append(Transient("Kafka is away"))
    with pytest.raises(Transient):
        await world.fold(on_log(purchase("190.00", name="p3"), 2))
    await world.fold(on_log(purchase("190.00", name="p3"), 2), on_log(purchase("1.00", name="p4", subject="c1"), 3))
    assert world.read == ["c0", "c1"]
    assert (await world.documents())["c0"]["fold"]["net"] == [["2026-03-02", 25000]]


async def test_what_somebody_removed_is_folded_from_what_is_stored() -> None:
    world = KeepingWorld()
    await world.fold(on_log(purchase("60.00"), 0))
    await world.database["levels_g1"].bulk_write([DeleteOne({"_id": "c0"})])
    await world.fold(on_log(purchase("70.00", name="p2", days_later=1), 1))
    assert (await world.documents())["c0"]["fold"]["net"] == [["2026-03-03", 7000]]
    assert await world.offset() == 2


async def test_a_row_that_should_be_new_and_stands_is_replaced() -> None:
    world = KeepingWorld()
    await world.database["level_days_g1"].bulk_write([InsertOne({"_id": "c0/2026-03-02", "net": 1, "moves": 7})])
    await world.fold(on_log(purchase("60.00"), 0))
    rows = await world.documents("level_days_g1")
    assert rows["c0/2026-03-02"] == {"_id": "c0/2026-03-02", "net": 6000, "moves": 1}
    assert world.processor.counts.folded == 1


async def test_a_generation_that_took_over_is_read_and_not_what_was_kept() -> None:
    world = KeepingWorld()
    await world.fold(on_log(purchase("60.00"), 0))
    stands = (await world.documents())["c0"]
    stands["fold"]["net"] = [["2026-03-02", 100]]  # another fold's
    position = {"_id": "g2/0", "log_generation": 1, "partition": 0, "offset": 1, "vector": []}
    await world.database["levels_g2"].bulk_write([InsertOne(stands)])
    await world.database["toy_positions"].bulk_write([InsertOne(position)])
    world.processor._store.generation = 2  # as after a handover
    await world.processor.positions([0])
    await world.fold(on_log(purchase("70.00", name="p2"), 1))
    assert world.read == ["c0"]
    assert (await world.documents("levels_g2"))["c0"]["fold"]["net"] == [["2026-03-02", 7100]]
