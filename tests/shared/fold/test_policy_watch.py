"""A running process learns of adopted policies before it decides, and decides nothing when it can't learn of them."""

import asyncio
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pymongo import InsertOne

from shared.errors import Transient
from shared.fold.service import Informed
from shared.mongo import Database
from shared.mongo.policies import COLLECTION, LOOK_AFTER, PolicyWatch
from shared.policies.adoption import Adopted, begins_at
from tests.shared.fakes import AT, memory_database, virtually

SHANGHAI = ZoneInfo("Asia/Shanghai")
LATER = date(2026, 4, 1)


class World:
    """A process that watches; `known` is what it decides by."""

    def __init__(self) -> None:
        self.database: Database = memory_database()
        self.now = AT
        self.known: list[str] = []
        self.taken_up = 0
        self.watch = PolicyWatch(self.database, SHANGHAI, self._take_up, lambda: self.now)

    async def _take_up(self, policies: list[Adopted]) -> None:
        self.known, self.taken_up = [one.id for one in policies], self.taken_up + 1

    async def adopt(self, version: int, on: date, at: datetime = AT) -> None:
        document = {"_id": f"mine/{version}", "name": "mine", "version": version, "effective_on": on.isoformat()}
        await self.database[COLLECTION].bulk_write([InsertOne(document | {"text": "", "adopted_at": at})])

    async def positions(self, _: Any) -> dict[int, int]:
        return {}

    def forget(self) -> None:
        """A processor's."""

    async def process(self, _: Any) -> None:
        self.decided_by = list(self.known)


def run(main: Any) -> None:
    async def go(_: Any) -> None:
        await main()

    virtually(go)


def test_what_was_adopted_is_taken_up_before_the_next_batch_is_decided() -> None:
    async def main() -> None:
        world = World()
        await world.adopt(1, date(2000, 1, 1))
        informed = Informed(world, world.watch)  # type: ignore[arg-type]  # a processor
        await informed.process({})
        assert world.decided_by == ["mine/1"]
        await world.adopt(2, LATER, AT + timedelta(1))
        world.now += LOOK_AFTER
        await informed.process({})
        assert world.decided_by == ["mine/1", "mine/2"]

    run(main)


def test_it_looks_no_more_often_than_needed_and_takes_up_only_what_is_new() -> None:
    async def main() -> None:
        world = World()
        await world.adopt(1, date(2000, 1, 1))
        await world.watch.look()
        await world.adopt(2, LATER)
        world.now += LOOK_AFTER - timedelta(milliseconds=1)
        await world.watch.look()
        assert world.known == ["mine/1"]
        world.now += LOOK_AFTER * 2
        await world.watch.look()
        world.now += LOOK_AFTER * 2
        await world.watch.look()
        assert world.taken_up == 2

    run(main)


def test_a_process_that_slept_or_whose_clock_was_set_back_looks_at_once() -> None:
    async def main() -> None:
        for jump in (timedelta(days=2), -timedelta(hours=1)):
            world = World()
            await world.adopt(1, date(2000, 1, 1))
            await world.watch.look()
            await world.adopt(2, LATER)
            world.now += jump
            await world.watch.look()
            assert world.known == ["mine/1", "mine/2"]

    run(main)


def test_nothing_is_decided_while_there_is_no_policy_or_no_answer() -> None:
    async def main() -> None:
        world = World()
        informed = Informed(world, world.watch)  # type: ignore[arg-type]  # a processor
        with pytest.raises(Transient, match="no policy is adopted yet"):
            await informed.process({})
        assert not hasattr(world, "decided_by")

    run(main)


def test_what_could_not_be_taken_up_is_tried_again() -> None:
    async def main() -> None:
        world = World()
        await world.adopt(1, date(2000, 1, 1))
        fails = [Transient("MongoDB is away")]

        async def failing(policies: list[Adopted]) -> None:
            await asyncio.sleep(0)
            if fails:
                raise fails.pop()
            world.known = [one.id for one in policies]

        watch = PolicyWatch(world.database, SHANGHAI, failing, lambda: world.now)
        with pytest.raises(Transient):
            await watch.look()
        await watch.look()
        assert world.known == ["mine/1"]

    run(main)


def test_the_version_in_force_began_with_its_business_day() -> None:
    async def main() -> None:
        world = World()
        await world.adopt(1, date(2000, 1, 1))
        await world.adopt(2, LATER)
        await world.watch.look()
        begins = begins_at(LATER, SHANGHAI)
        assert world.watch.last_begin(begins - timedelta(seconds=1)) is None
        assert world.watch.last_begin(begins) == begins

    run(main)
