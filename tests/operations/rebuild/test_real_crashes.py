"""A rebuild that dies at its worst moments, on real servers: nothing is lost or doubled, and the next one goes on."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from local.stack.backing import Backing
from operations.rebuild.run import now
from shared.errors import Transient
from shared.fold import handover
from shared.fold.rebuild import Rebuild
from shared.mongo import generations
from shared.mongo.generations import Generations
from tests.operations.rebuild.world import World, a_world, drop, environment_of, first_purchases

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.asyncio(loop_scope="module"),
]


class CrashError(Exception):
    """The process has died here."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(stack: Backing, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder = tmp_path_factory.mktemp("world")
    async with a_world(stack, folder, environment_of(stack, folder)) as made:
        await made.send(first_purchases())
        await made.send_mixed(400, seed=2)
        await made.settled()
        yield made
    drop(made.settings)


def dies(*_: Any, **__: Any) -> Any:
    raise CrashError


async def test_every_place_where_it_may_die(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await _amid_the_build(world, monkeypatch)
    await _with_the_live_positions_closed(world, monkeypatch)
    await _between_the_handover_and_the_views(world, monkeypatch)
    await world.check_all()


async def _amid_the_build(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    folded = 0
    fold_one = Rebuild._fold_one

    async def dying(self: Rebuild, partition: int, records: Any) -> AsyncIterator[int]:
        nonlocal folded
        async for count in fold_one(self, partition, records):
            folded += count
            yield count
            raise CrashError

    with monkeypatch.context() as patched:
        patched.setattr("shared.fold.rebuild.BATCH_RECORDS", 10)
        patched.setattr(Rebuild, "_fold_one", dying)
        with pytest.raises(CrashError):
            await world.rebuild("tiering")
    assert (folded > 0, await world.current("tiering")) == (True, 1)
    outcome = await world.rebuild("tiering")
    assert (outcome.target, await world.current("tiering")) == (2, 2)
    assert outcome.records == sum((await _ends(world)).values()) - folded, "it went on where the other one stopped"


async def _ends(world: World) -> dict[int, int]:
    positions = world.database["tiering_positions"].find({"_id": {"$regex": "^g2/"}})
    return {document["partition"]: document["offset"] async for document in positions}


async def _with_the_live_positions_closed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(generations, "HANDOVER_LASTS", timedelta(seconds=3))
        patched.setattr(handover, "give_up_handover", _nothing)
        patched.setattr(handover, "carry_over", dies)
        with pytest.raises(CrashError):
            await world.rebuild("tiering")
    closed = {"_id": {"$regex": "^g2/"}, "closed": {"$ne": None}}
    assert await world.database["tiering_positions"].count_documents(closed) == 4
    await world.send_mixed(50, seed=5)
    await world.settled()
    assert (await world.current("tiering"), await world.database["tiering_positions"].count_documents(closed)) == (2, 0)


async def _nothing(*_: Any) -> None:
    return


async def _between_the_handover_and_the_views(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(handover, "point", dies)
        with pytest.raises(CrashError):
            await world.rebuild("tiering")
    assert await world.current("tiering") == 3
    outcome = await world.rebuild("tiering", check=True)
    assert not outcome.compared.differences
    assert {row["generation"] async for row in world.database["customers"].find()} == {2}, "a check swaps nothing"
    assert (await world.rebuild("tiering")).target == 5
    assert {row["generation"] async for row in world.database["customers"].find()} == {5}


async def test_a_difference_is_found_and_nothing_is_swapped(world: World) -> None:
    live = await world.current("tiering")
    rows, histories = world.database[f"tiering_g{live}"], world.database[f"tier_history_g{live}"]
    changed = await rows.find_one_and_update({}, {"$set": {"net_365d": "1.23"}})
    lost = await rows.find_one({"_id": {"$ne": changed["_id"]}})
    history = await histories.find_one_and_delete({"customer": {"$ne": changed["_id"]}})
    assert lost is not None
    await rows.delete_one({"_id": lost["_id"]})
    outcome = await world.rebuild("tiering")
    assert outcome.handed_over is None
    found = {(one.collection, one.id, one.fields) for one in outcome.compared.differences}
    assert ("tiering", changed["_id"], ("net_365d",)) in found
    assert ("tiering", lost["_id"], ("only in the rebuilt generation",)) in found
    assert ("tier_history", history["_id"], ("only in the rebuilt generation",)) in found
    assert await world.current("tiering") == live
    assert (await world.rebuild("tiering", accept=True)).handed_over is not None
    await world.check_all()


async def test_only_one_works_at_a_time(world: World) -> None:
    await Generations(world.database, "tiering").lease("other", now(), timedelta(seconds=60))
    with pytest.raises(Transient, match="another rebuild of tiering is running"):
        await world.rebuild("tiering")
