"""A handover at an offset after which decisions wait on the log: they are taken over, and none is made twice."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local.stack.backing import Backing
from services.tiering.service import SERVICE
from shared.fold.processor import LogProcessor
from shared.kafka.batches import Appender
from shared.kafka.scan import bounds
from shared.kafka.tail import Tail
from shared.mongo.states import StateStore
from shared.topics import LOG
from tests.operations.rebuild.world import World, a_world, drop, environment_of, first_purchases

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture
async def world(stack: Backing, tmp_path: Path) -> AsyncIterator[World]:
    """Only ingest runs; tiering is folded here, as far as the test wants."""
    async with a_world(stack, tmp_path, environment_of(stack, tmp_path), names=("ingest",)) as made:
        await made.send(first_purchases())
        yield made
    drop(made.settings)


async def test_pending_decisions_are_taken_over(world: World) -> None:
    settings, topic = world.settings, LOG.full_name(world.settings)
    domain = await SERVICE.domain(world.database, settings)
    store, appender = StateStore(world.database, "tiering", 1, 1), Appender(settings)
    live = LogProcessor(domain, store, appender, topic, now=lambda: datetime.now(UTC))

    async def fold() -> int:
        live.forget()
        ends = (await bounds(settings, topic)).ends
        async with Tail(settings, topic) as tail:
            async for batches in tail.read(await live.positions(list(ends)), ends, max_records=500):
                await live.process(batches)
        return sum(ends.values())

    facts = 0
    while facts < len(world.sent):
        facts = sum((await bounds(settings, topic)).ends.values())
    await fold()
    decided = live.counts.decided
    assert decided > 0, "the first purchases set off decisions, and none has been read back"
    before = {d["_id"]: d["pending"] async for d in world.database["tiering_g1"].find({"pending": {"$exists": True}})}
    outcome = await world.rebuild("tiering")
    assert outcome.handed_over is not None
    assert outcome.handed_over.carried == len(before)
    after = {d["_id"]: d["pending"] async for d in world.database["tiering_g2"].find({"pending": {"$exists": True}})}
    assert after == before

    await fold()
    assert store.generation == 2, "the live reader went over"
    assert live.counts.decided == decided, "nothing was decided a second time"
    assert await world.database["tiering_g2"].count_documents({"pending": {"$exists": True}}) == 0
    assert await world.database["tiering_g2"].count_documents({"marked_due": True}) == 0
    assert await world.database["tier_history_g2"].count_documents({}) == decided
    await appender.close()
