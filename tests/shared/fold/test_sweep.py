"""The sweep: who gets a review, when, and that no more than a chunk is ever ahead of live traffic."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from pymongo import InsertOne, ReplaceOne

from shared.fold import sweep as sweeping
from shared.fold.entity import NEVER, WAITING
from shared.fold.sweep import Sweep
from shared.kafka.batches import Outgoing
from shared.mongo import Database
from shared.mongo.due import BACKFILLS, BackfillMarks, DueDocuments
from shared.mongo.states import StateStore
from shared.settings import Settings
from tests.shared.fakes import AT, memory_database, virtually

CUSTOMERS = 12
NEXT_DAY = AT + timedelta(1)


class Policies:
    """Versions that begin when a test says so."""

    def __init__(self) -> None:
        self.begun: datetime | None = None
        self.looks = 0

    async def look(self) -> None:
        self.looks += 1

    def last_begin(self, now: datetime) -> datetime | None:
        return self.begun if self.begun is not None and self.begun <= now else None


class World:
    """Customers c0 to c11 in an in-memory MongoDB, each due or not; reviews are folded as soon as they are sent, unless
    `folding` is off.
    """

    def __init__(self, **settings: Any) -> None:
        self.now = AT
        self.database: Database = memory_database()
        self.policies = Policies()
        self.owned: list[int] = [0, 1, 2]
        self.folding = True
        self.rounds: list[list[str]] = []
        self.at_first_chunk: Callable[[], Awaitable[None]] | None = None
        self.settings = Settings(**settings)
        self.sweep = self.again()

    def again(self) -> Sweep:
        """As after a restart: it knows what is stored, and nothing else."""
        store = StateStore(self.database, "toy", 1, 1)
        return Sweep(
            "toy",
            self.settings,
            DueDocuments(store, "toys"),
            BackfillMarks(self.database),
            self,  # type: ignore[arg-type]  # an appender
            owned=lambda: self.owned,
            now=lambda: self.now,
            policies=self.policies,
        )

    async def put(self, *, due_at: datetime | None, as_of: datetime = AT - timedelta(3), **more: Any) -> None:
        """All customers alike."""
        fields: dict[str, Any] = {
            "review_at": due_at or NEVER,
            "as_of": as_of,
            "incomplete_since": None,
            "fold_version": 1,
        }
        fields |= more
        documents = [{"_id": f"c{n}", "partition": n % 4, **fields} for n in range(CUSTOMERS)]
        await self.database["toys_g1"].bulk_write([InsertOne(document) for document in documents], ordered=False)

    async def append(self, topic: str, records: list[Outgoing]) -> None:
        """Takes reviews, and folds them."""
        names = [(record.key or b"").decode().removeprefix("customer:") for record in records]
        if not self.rounds and self.at_first_chunk is not None:
            await self.at_first_chunk()
        self.rounds.append(names)
        if self.folding:
            await self.fold(names)

    async def fold(self, names: list[str]) -> None:
        found = {document["_id"]: document async for document in self.database["toys_g1"].find()}
        folded = [found[name] | {"review_at": self.now + timedelta(90), "as_of": self.now} for name in names]
        operations = [ReplaceOne({"_id": document["_id"]}, document) for document in folded]
        await self.database["toys_g1"].bulk_write(operations, ordered=False)

    async def mark(self, *, ended: bool) -> None:
        """As an import of history does."""
        document = {"_id": "run", "alive_at": AT, "ended": ended}
        await self.database[BACKFILLS].bulk_write([ReplaceOne({"_id": "run"}, document, upsert=True)])

    @property
    def reviewed(self) -> list[str]:
        return sorted(name for names in self.rounds for name in names)


def run(main: Callable[[], Awaitable[None]]) -> None:
    async def go(_: Any) -> None:
        await main()

    virtually(go)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "CHUNK", 4)


OWNED = sorted(f"c{n}" for n in range(CUSTOMERS) if n % 4 < 3)


def test_who_is_due_on_a_partition_of_its_own_gets_one_review() -> None:
    async def main() -> None:
        world = World()
        await world.put(due_at=AT)
        assert await world.sweep.once() == len(OWNED)
        assert world.reviewed == OWNED
        assert await world.sweep.once() == 0

    run(main)


def test_who_is_not_due_or_frozen_or_unknown_gets_none() -> None:
    async def main() -> None:
        for said in ({"due_at": NEXT_DAY}, {"due_at": None}, {"due_at": AT, "incomplete_since": "1/2/3"}):
            world = World()
            await world.put(**said)
            assert await world.sweep.once() == 0

    run(main)


def test_a_chunk_is_sent_when_the_one_before_has_been_folded() -> None:
    async def main() -> None:
        world = World()
        world.folding = False
        await world.put(due_at=AT)
        running = asyncio.create_task(world.sweep.once())
        await asyncio.sleep(5)
        assert [len(names) for names in world.rounds] == [4]
        await world.fold(world.rounds[0])
        await asyncio.sleep(1)
        assert [len(names) for names in world.rounds] == [4, 4]
        running.cancel()

    run(main)


def test_a_review_that_is_never_folded_keeps_the_others_waiting_for_a_while_only() -> None:
    async def main() -> None:
        world = World()
        world.folding = False
        await world.put(due_at=AT)
        assert await world.sweep.once() == len(OWNED)

    run(main)


def test_while_a_backfill_runs_nothing_is_sent_and_at_its_end_all_its_customers_are_reviewed() -> None:
    async def main() -> None:
        world = World()
        await world.put(due_at=WAITING, behind=True)  # as after folding history
        await world.mark(ended=False)
        sweeping_on = asyncio.create_task(world.sweep.run())
        await asyncio.sleep(60)
        assert world.rounds == []
        await world.mark(ended=True)
        await asyncio.sleep(60)
        assert world.reviewed == OWNED
        sweeping_on.cancel()

    run(main)


def test_a_sweep_that_is_started_again_waits_for_the_backfill_too() -> None:
    async def main() -> None:
        world = World()
        await world.put(due_at=WAITING, behind=True)
        await world.mark(ended=False)
        assert await world.again().once() == 0
        world.now += timedelta(hours=3)  # no sign of life for so long: it was cut off, and its history is not whole
        assert await world.again().once() == 0
        assert world.rounds == []

    run(main)


def test_a_backfill_that_was_cut_off_holds_up_its_own_customers_only_and_not_for_ever() -> None:
    async def main() -> None:
        world = World()
        await world.put(due_at=AT)
        behind = {"_id": "c0", "partition": 0, "due_at": WAITING, "review_at": WAITING, "behind": True, "as_of": AT}
        await world.database["toys_g1"].bulk_write([ReplaceOne({"_id": "c0"}, behind)])
        await world.mark(ended=False)
        world.now += sweeping.BACKFILL_STALE_AFTER + timedelta(seconds=1)
        assert await world.sweep.once() == len(OWNED) - 1
        assert "c0" not in world.reviewed
        world.now = AT + sweeping.BACKFILL_GIVEN_UP_AFTER + timedelta(seconds=1)
        assert await world.sweep.once() == 1
        assert world.reviewed == OWNED

    run(main)


def test_a_backfill_that_begins_amid_a_sweep_stops_it_between_two_chunks() -> None:
    async def main() -> None:
        world = World()
        await world.put(due_at=AT)
        world.at_first_chunk = lambda: world.mark(ended=False)
        assert await world.sweep.once() == 4
        await world.mark(ended=True)
        assert await world.sweep.once() == len(OWNED) - 4

    run(main)


def test_history_that_is_folded_after_a_sweep_does_not_wait_for_the_hour() -> None:
    async def main() -> None:
        world = World(sweep_every_seconds=3600)
        sweeping_on = asyncio.create_task(world.sweep.run())
        await asyncio.sleep(20)
        await world.put(due_at=WAITING)
        await asyncio.sleep(60)
        assert world.reviewed == OWNED
        sweeping_on.cancel()

    run(main)


def test_when_a_policy_begins_everybody_whose_clock_has_not_passed_that_is_reviewed_at_once() -> None:
    async def main() -> None:
        world = World(sweep_every_seconds=3600)
        await world.put(due_at=AT + timedelta(40))
        sweeping_on = asyncio.create_task(world.sweep.run())
        world.policies.begun = NEXT_DAY
        await asyncio.sleep(30)
        assert world.rounds == []
        world.now = NEXT_DAY
        await asyncio.sleep(30)
        assert world.reviewed == OWNED
        world.now = NEXT_DAY + timedelta(hours=2)
        await asyncio.sleep(30)
        assert world.reviewed == OWNED
        sweeping_on.cancel()

    run(main)


def test_a_sweep_is_bounded_and_what_is_left_comes_with_the_next_look() -> None:
    async def main() -> None:
        world = World(sweep_max_reviews=6, sweep_every_seconds=3600)
        await world.put(due_at=AT)
        assert await world.sweep.once() == 6
        sweeping_on = asyncio.create_task(world.sweep.run())
        await asyncio.sleep(30)
        assert world.reviewed == OWNED
        sweeping_on.cancel()

    run(main)


def test_a_clock_that_was_put_back_does_not_put_off_the_next_sweep() -> None:
    async def main() -> None:
        world = World(sweep_every_seconds=3600)
        world.now = AT + timedelta(400)
        running = asyncio.create_task(world.sweep.run())
        await asyncio.sleep(10)
        world.now = AT
        await world.put(due_at=AT)
        await asyncio.sleep(10)
        assert world.reviewed == OWNED
        running.cancel()

    run(main)


def test_before_partitions_are_dealt_out_it_waits_but_not_for_an_hour() -> None:
    async def main() -> None:
        world = World(sweep_every_seconds=3600)
        await world.put(due_at=AT)
        owned, world.owned = world.owned, []
        sweeping_on = asyncio.create_task(world.sweep.run())
        await asyncio.sleep(20)
        world.owned = owned
        await asyncio.sleep(30)
        assert world.reviewed == OWNED
        sweeping_on.cancel()

    run(main)


def test_newly_adopted_policies_are_looked_for_though_nothing_is_folded() -> None:
    async def main() -> None:
        world = World(sweep_every_seconds=3600)
        sweeping_on = asyncio.create_task(world.sweep.run())
        await asyncio.sleep(60)
        assert world.policies.looks > 5
        sweeping_on.cancel()

    run(main)


def test_documents_of_an_earlier_version_are_reviewed_once_and_then_say_when() -> None:
    async def main() -> None:
        world = World()
        await world.put(due_at=AT + timedelta(40), review_at=None)
        assert await world.sweep.once() == len(OWNED)
        assert world.reviewed == OWNED
        assert await world.sweep.once() == 0

    run(main)
