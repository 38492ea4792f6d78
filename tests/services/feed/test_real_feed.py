"""The feed on a real Kafka and a real MongoDB: killed in mid-stream, it tells every change; its rows are the fold."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic_core import from_json

from local.stack.backing import Backing
from operations.rebuild.repairing import repair
from services.feed.changes import ANNOUNCES
from services.feed.domain import Feed
from services.feed.views.search import finds, search_filter
from shared.events.codec import decode, type_and_position
from shared.events.event import LogPosition
from shared.fold.entity import new_entity
from shared.kafka.scan import bounds
from shared.kafka.tail import Tail
from shared.topics import CHANGES, LOG
from tests.operations.rebuild.world import World, a_world, drop, environment_of, first_purchases, until

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(240)]

KILLS = 3
EVENTS = 1_500
CUSTOMER = "C000007"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture
async def world(stack: Backing, tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(stack, tmp_path, environment_of(stack, tmp_path), names=("ingest", "tiering", "feed")) as made:
        yield made
    drop(made.settings)


async def records_of(world: World, topic: str) -> dict[int, list[Any]]:
    """All records of a topic, by partition."""
    held = await bounds(world.settings, topic)
    found: dict[int, list[Any]] = {partition: [] for partition in held.ends}
    async with Tail(world.settings, topic) as tail:
        async for batches in tail.read(dict.fromkeys(held.ends, 0), held.ends, max_records=5_000):
            for partition, records in batches.items():
                found[partition] += records
    return found


async def called_for(world: World) -> dict[str, list[bytes]]:
    """The changes of each customer by one fold of the log, from its beginning."""
    domain = Feed(world.settings.zone)
    entities: dict[str, Any] = {}
    meant: dict[str, list[bytes]] = {}
    seen: set[Any] = set()
    for partition, records in (await records_of(world, LOG.full_name(world.settings))).items():
        for record in records:
            name, position = type_and_position(record.headers)
            if name not in domain.folds or position in seen:
                continue
            seen |= set() if position is None else {position}
            event = decode(
                record.value,
                recorded_at=EPOCH + timedelta(milliseconds=record.timestamp),
                log=LogPosition(1, partition, record.offset),
                inbox=position,
            )
            key = record.key.decode()
            entity = entities.setdefault(key, new_entity(domain, key))
            list(entity.fold(event, deciding=False))
            told = ANNOUNCES.tell(entity, event) if entity.took else None
            meant.setdefault(key, []).extend([] if told is None else [told])
    return {key: told for key, told in meant.items() if told}


async def follow(world: World) -> dict[str, list[bytes]]:
    """What a follower has that drops what it has seen; each change came without a gap, and again byte for byte."""
    followed: dict[str, list[bytes]] = {}
    on_topic = await records_of(world, CHANGES.full_name(world.settings))
    assert len(on_topic) == CHANGES.own_partitions, "a partition count of its own"
    for records in on_topic.values():
        for record in records:
            seen = followed.setdefault(record.key.decode(), [])
            sequence = int(from_json(record.value)["sequence"])
            assert sequence <= len(seen) + 1, "never a gap"
            if sequence == len(seen) + 1:
                seen.append(record.value)
            assert seen[sequence - 1] == record.value, "what comes again comes byte for byte"
    return followed


async def folded(world: World, generation: int = 1) -> None:
    """Until ingest, tiering and the feed have nothing left to read."""
    await world.settled("ingest", "tiering")

    async def quiet() -> bool:
        ends = (await bounds(world.settings, LOG.full_name(world.settings))).ends
        of_it = {"_id": {"$regex": f"^g{generation}/"}}
        stored = {one["partition"]: one["offset"] async for one in world.database["feed_positions"].find(of_it)}
        return all(stored.get(partition, 0) >= end for partition, end in ends.items())

    await until(quiet, in_a_row=2)


async def test_twenty_10053_killed_in_mid_stream_it_tells_every_change_and_every_line_is_there(world: World) -> None:
    topic = CHANGES.full_name(world.settings)
    await world.send(first_purchases())
    for number in range(KILLS):
        told = sum((await bounds(world.settings, topic)).ends.values())
        await world.send_mixed(EVENTS, seed=number)

        async def begun(told: int = told) -> bool:
            return sum((await bounds(world.settings, topic)).ends.values()) > told

        await until(begun)
        await world.services.kill("feed")
        await world.services.start("feed")
    await folded(world)

    followed = await follow(world)
    assert followed == await called_for(world)
    decisions = [one for told in followed.values() for one in told if b'"type":"guanxi.tier.changed.v1"' in one]
    assert decisions, "decisions are told too"
    lines = [one async for one in world.database["timeline"].find({}, {"customer": 1})]
    assert {one["customer"] for one in lines} == {key.partition(":")[2] for key in followed}

    rebuilt = await world.rebuild("feed", check=True)
    assert rebuilt.compared.documents >= len(followed)
    assert not rebuilt.compared.differences
    assert not rebuilt.compared.later
    await _reads_by_index(world)


async def test_a_rebuild_leaves_frozen_who_is_frozen_and_a_repair_has_what_was_missed_told(world: World) -> None:
    await world.send(first_purchases())
    await folded(world)
    await world.services.stop("feed")
    await world.database["feed_g1"].update_one({"_id": CUSTOMER}, {"$set": {"incomplete_since": "1/0/0"}})
    await world.database["feed_quarantine"].insert_one({"_id": "g1/0/0", "key": f"customer:{CUSTOMER}"})
    await world.services.start("feed")
    await world.send_mixed(300, seed=9)
    await folded(world)
    before = await world.database["feed_g1"].find_one({"_id": CUSTOMER})

    rebuilt = await world.rebuild("feed")
    assert rebuilt.handed_over is not None
    after = await world.database["feed_g2"].find_one({"_id": CUSTOMER})
    assert before is not None
    assert after is not None
    assert (after["incomplete_since"], after["sequence"]) == ("1/0/0", before["sequence"])

    assert "is repaired in feed" in await repair(world.settings, world.database, "feed", "customer", CUSTOMER)
    await world.send_mixed(100, seed=10)
    await folded(world, generation=2)
    assert await follow(world) == await called_for(world)


async def _reads_by_index(world: World) -> None:
    """A page of a timeline, movements of some days and a search: each by an index, and right."""
    database, generation = world.database, 1
    customers = [one async for one in database["search"].find()]
    question = customers[7]["customer"].lower()[:-1]
    wanted = search_filter(question)
    found = {one["customer"] async for one in database["search"].find(wanted)}
    assert found == {one["customer"] for one in customers if finds(one["terms"], question)}
    assert 1 < len(found) <= 10
    customer = customers[7]["customer"]
    page = await database["timeline"].find({"customer": customer, "offset": {"$gt": 0}}).sort("offset", 1).to_list(5)
    assert [one["offset"] for one in page] == sorted(one["offset"] for one in page)
    queries = {
        f"feed_g{generation}": wanted,
        f"timeline_g{generation}": {"customer": customer, "offset": {"$gt": 0}},
        f"movements_g{generation}": {"from_on": {"$lte": "2026-01-01"}, "to_on": {"$gte": "2026-01-01"}},
    }
    for name, query in queries.items():
        plan = await database.command({"explain": {"find": name, "filter": query}, "verbosity": "queryPlanner"})
        assert "COLLSCAN" not in str(plan["queryPlanner"]["winningPlan"]), name
