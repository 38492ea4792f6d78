"""A rebuild on real servers: swapped in while events flow, rolled back, interrupted, crashed in the middle."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from local.stack.backing import Backing
from services import SERVICES
from tests.operations.rebuild.world import World, a_world, drop, environment_of, first_purchases

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(stack: Backing, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder = tmp_path_factory.mktemp("world")
    async with a_world(stack, folder, environment_of(stack, folder)) as made:
        await made.send(first_purchases())
        await made.send_mixed(600, seed=2)
        yield made
    drop(made.settings)


async def watch(world: World, view: str, stop: asyncio.Event) -> list[tuple[int, set[int]]]:
    """How many rows a reader sees, and of which generations, again and again."""
    seen = []
    while not stop.is_set():
        rows = await world.database[view].find({}, {"generation": 1}).to_list(None)
        seen.append((len(rows), {row["generation"] for row in rows}))
    return seen


@pytest.mark.release("the simulation rebuilds amid events; the test below pages through a swap")
async def test_swapped_in_and_rolled_back_while_events_flow(world: World) -> None:
    await world.settled()
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as together:
        together.create_task(world.trickle(stop, seed=1_000))
        watching = [together.create_task(watch(world, view, stop)) for view in ("customers", "engagement")]
        for back, generation in ((False, 2), (True, 1), (False, 3)):
            for service in SERVICES.folding:
                outcome = await world.rebuild(service, back=back)
                assert outcome.handed_over is not None
                assert outcome.target == generation
                assert not outcome.compared.differences
                print(service, outcome.handed_over)
                await asyncio.sleep(0.5)
        stop.set()
    for task in watching:
        seen = task.result()
        assert min(count for count, _ in seen) >= 60
        assert all(len(generations) == 1 for _, generations in seen)
        assert {1, 2, 3} <= {one for _, generations in seen for one in generations}
    await world.check_all()


async def test_whoever_pages_through_a_swap_stays_in_one_generation(world: World) -> None:
    await world.settled()
    before = await world.current("tiering")
    cursor = world.database["customers"].find({}, {"generation": 1}).sort("_id", 1).batch_size(10)
    pages: list[dict[str, Any]] = [await anext(cursor) for _ in range(5)]
    after = (await world.rebuild("tiering")).target
    await world.send_mixed(100, seed=3)
    await world.settled()
    pages += [row async for row in cursor]
    assert len(pages) == 60
    assert {row["generation"] for row in pages} == {before}
    (first,) = await world.database["customers"].find().sort("_id", 1).limit(1).to_list(1)
    view = world.database[f"customers.g{first['generation']}"]
    rest = await view.find({"_id": {"$gt": first["_id"]}}).sort("_id", 1).to_list(None)
    assert (len(rest), {row["generation"] for row in rest}) == (59, {after})
