"""Weeks of representatives as rows: whoever reads them is told what the view would say (ADR 43)."""

import secrets
from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import permutations
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal
from hypothesis import HealthCheck, given, settings
from pydantic import SecretStr
from pymongo.errors import ExecutionTimeout

from services.engagement.calendar import Calendar
from services.engagement.rules.coverage import ACCOUNT_ROWS, VISIT_ROWS
from services.engagement.store.rep_weeks import HEADS, NOTES, ROWS, Seen, StoredWeeks, WeekSweep, leave_notes
from services.engagement.views.freshness import FRESHNESS
from shared.errors import Transient
from shared.fold.domain import Row
from shared.mongo import Database, connect, transaction
from shared.mongo.states import StateSession, StateStore, Writes
from shared.settings import Settings
from tests.services.engagement.reading import put, set_up
from tests.services.engagement.stored_rows import REPS, Document, Stored, of_weeks
from tests.services.engagement.views import WEEK, general
from tests.services.engagement.world import REP, World

pytestmark = pytest.mark.real
NOW = datetime(2026, 4, 1, tzinfo=UTC)
MUCH_LATER = datetime(2099, 1, 1, tzinfo=UTC)
VISIT: Document = {
    "day": "2026-03-03", "date": date(2026, 3, 3).toordinal(), "time": 0, "at": NOW, "source": "crm", "visit_id": "x",
    "kind": "routine", "channel": "onsite", "tier": "general", "flaw": None, "roles": ["account_manager"],
    "first": ["account_manager"], "logged_at": NOW, "late": False, "backfill": False, "now": True, "closed": True,
}  # fmt: skip


def visit_row(visit: Document) -> Document:
    """A row of one visit."""
    return {"customer": "b", "representative": REP, "week": WEEK, "monday": VISIT["date"] - 1, "visits": [visit]}


GENERATED = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], max_examples=25)


class Desk:
    """A MongoDB with one generation, what changes it, and who reads."""

    def __init__(self, uri: str, name: str) -> None:
        self.uri, self.name = uri, name
        self.database: Database = connect(Settings(mongo_uri=SecretStr(uri), mongo_database=name))
        store = StateStore(self.database, "engagement", 1, 1)
        self.sweep = WeekSweep(self.database, store, lambda: range(12), 12, lambda: MUCH_LATER)
        self.reader = StoredWeeks(self.database, 1)

    async def put(self, stored: Stored) -> None:
        """What stands, without a note, a row or a head."""
        collections = {
            "weeks": stored.weeks,
            f"{FRESHNESS}_g1": stored.fresh,
            "representatives_g1": stored.representatives,
            "visit_rows_g1": stored.visit_rows,
            "account_rows_g1": stored.account_rows,
            **{name: [] for name in (NOTES, HEADS, ROWS)},
        }
        for name, documents in collections.items():
            await self.database[name].delete_many({})
            if documents:
                await self.database[name].insert_many(documents)

    async def batch(self, writes: Writes) -> None:
        """One batch of the fold, as the processor commits it."""
        store = StateStore(self.database, "engagement", 1, 1, notes=leave_notes)
        async with transaction(self.database) as session:
            await StateSession(store, session, 3).save(writes)

    async def shown(self) -> list[Document]:
        """What the view says."""
        return in_order(await self.database["rep_weeks.g1"].find({}).to_list(None))

    async def read(self) -> list[Document]:
        return in_order(await self.reader.read(REPS, []))


def in_order(rows: list[Document]) -> list[Document]:
    for row in rows:
        for part in (row, row.get("closed")):
            if part and isinstance(part.get("customers"), list):
                part["customers"].sort()
    return sorted(rows, key=lambda row: str(row["_id"]))


@pytest.fixture(scope="module")
def name() -> str:
    return f"test_{secrets.token_hex(6)}"


@pytest.fixture(scope="module")
def desk(mongo_uri: str, name: str, portal: BlockingPortal) -> Iterator[Desk]:
    async def make() -> Desk:
        (await set_up(mongo_uri, name, Calendar(), World())).client.close()
        return Desk(mongo_uri, name)

    made = portal.call(make)
    yield made

    async def drop() -> None:
        await made.database.client.drop_database(name)
        made.database.client.close()

    portal.call(drop)


@given(of_weeks(), of_weeks())
@GENERATED
def test_rows_say_what_the_view_says_swept_or_not_and_after_any_change(
    desk: Desk, portal: BlockingPortal, stored: Stored, then: Stored
) -> None:
    async def run() -> None:
        await desk.put(stored)
        assert await desk.read() == await desk.shown()
        await desk.sweep.once()
        assert await desk.read() == await desk.shown()
        await desk.batch(difference(stored, then))
        await desk.database[f"{FRESHNESS}_g1"].delete_many({})
        if then.fresh:
            await desk.database[f"{FRESHNESS}_g1"].insert_many(then.fresh)
        assert await desk.read() == await desk.shown()
        await desk.sweep.once()
        assert await desk.read() == await desk.shown()

    portal.call(run)


def difference(stored: Stored, then: Stored) -> Writes:
    """The batch that makes one of the other: what is the same is not written."""
    writes = Writes()
    for collection, before, after in (
        (VISIT_ROWS, stored.visit_rows, then.visit_rows),
        (ACCOUNT_ROWS, stored.account_rows, then.account_rows),
    ):
        old, new = ({one["_id"]: one for one in rows} for rows in (before, after))
        for row_id in sorted({*old, *new}):
            if old.get(row_id) != new.get(row_id):
                document = new.get(row_id)
                bare = None if document is None else {k: v for k, v in document.items() if k != "_id"}
                writes.rows.append(Row(collection, row_id, bare))
    known = {one["_id"]: one for one in stored.representatives}
    for one in then.representatives:
        if known.get(one["_id"]) != one:
            writes.documents["representatives", one["_id"]] = {k: v for k, v in one.items() if k != "_id"}
    return writes


OTHER = "R-9"


async def a_world(desk: Desk) -> None:
    """One representative with a visit, whose weeks are rows, and another without."""
    world = World()
    world.register("2026-01-05")
    world.register("2026-01-05", OTHER)
    general(world, "a", "b")
    world.visit("2026-03-02", customer="a", visit_id="1")
    world.review("2026-03-18", "a")
    database = await set_up(desk.uri, desk.name, Calendar(), world)
    with database.client:
        put(world, database)
    for name in (NOTES, HEADS, ROWS):
        await desk.database[name].delete_many({})


class Slow(WeekSweep):
    """One representative's weeks take longer than a query may."""

    async def work_out(self, seen: Seen) -> tuple[dict[str, str], dict[str, Document | None]]:
        """As MongoDB says so."""
        if seen.representative == REP:
            raise Transient("MongoDB: exceeded time limit") from ExecutionTimeout("exceeded time limit")
        return await super().work_out(seen)


def test_one_whose_weeks_take_too_long_holds_up_no_other(desk: Desk, portal: BlockingPortal) -> None:
    async def run() -> None:
        await a_world(desk)
        store = StateStore(desk.database, "engagement", 1, 1)
        assert await Slow(desk.database, store, lambda: range(12), 12, lambda: MUCH_LATER).once() == 1
        assert [one["representative"] async for one in desk.database[HEADS].find({})] == [OTHER]
        assert await desk.reader.read([REP, OTHER], [])

    portal.call(run)


class Turn:
    """Who does one step after the other: a batch that changes a week, one or two sweeps, one who reads."""

    def __init__(self, desk: Desk, number: int) -> None:
        self.desk, self.number = desk, number
        self.seen: dict[str, Any] = {}
        self.read: list[Document] | None = None
        self.least = 0
        self.changed = 0

    async def step(self, who: str, place: int) -> None:
        desk = self.desk
        if who == "change":
            self.changed += 1
            visit = {**VISIT, "visit_id": f"{self.number}/{self.changed}", "time": self.changed}
            row = Row(VISIT_ROWS, f"2026-W10/x{self.number}/{self.changed}/{REP}", visit_row(visit))
            await desk.batch(Writes(rows=[row]))
        elif who == "reader" and place == 0:
            self.least = self.changed
            self.seen["reader"] = await desk.reader.notes([REP])
        elif who == "reader":
            self.read = await desk.reader.rows([REP], [{"week": WEEK}], None, self.seen["reader"])
        elif place == 0:
            self.seen[who] = await desk.sweep.look(REP)
        elif place == 1:
            self.seen[who] = (self.seen[who], *await desk.sweep.work_out(self.seen[who]))
        else:
            await desk.sweep.put(*self.seen[who])
            await desk.sweep.forget()  # a minute has passed for every note


def orders(steps: dict[str, int]) -> list[tuple[str, ...]]:
    """All orders in which they may take turns, each in its own order."""
    return sorted(set(permutations([who for who, many in steps.items() for _ in range(many)])))


@pytest.mark.parametrize(
    "steps", [{"change": 2, "sweep": 3, "reader": 2}, {"change": 1, "sweep": 3, "other": 3}], ids=["reader", "sweeps"]
)
def test_whatever_comes_between_no_reader_is_told_less_than_stood_when_it_began(
    desk: Desk, portal: BlockingPortal, steps: dict[str, int]
) -> None:
    async def run() -> None:
        await a_world(desk)
        await desk.sweep.write(REP)
        for number, order in enumerate(orders(steps)):
            await desk.database["visit_rows_g1"].delete_many({"_id": {"$regex": f"^2026-W10/x{number - 1}/"}})
            await desk.database[HEADS].delete_many({})
            if "reader" in steps:
                await desk.sweep.write(REP)
            turn, places = Turn(desk, number), dict.fromkeys(steps, 0)
            for who in order:
                await turn.step(who, places[who])
                places[who] += 1
            if turn.read is not None:
                (row,) = turn.read
                assert turn.least <= len(row["visits"]) - 1 <= turn.changed, order
            assert await desk.reader.read([REP], []), order
            (now,) = await desk.reader.read([REP], [{"week": WEEK}])
            assert len(now["visits"]) - 1 == turn.changed, order

    portal.call(run)
