"""`guanxi rebuild SERVICE --customer C` on real servers: a customer frozen by a bug, whole again after the fix."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from local.stack.backing import Backing
from operations.rebuild.repairing import repair
from shared.errors import Stop
from shared.events.codec import CONTENT_TYPE, TYPE_HEADER
from shared.events.facts import PurchaseRecorded
from shared.events.registry import NAMES
from shared.kafka.batches import Appender, Outgoing
from shared.kafka.connection import partition_of
from shared.topics import LOG
from tests.operations.rebuild.world import World, a_world, drop, environment_of, first_purchases

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="module"),
]
CUSTOMER = "C000007"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(stack: Backing, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder = tmp_path_factory.mktemp("world")
    async with a_world(stack, folder, environment_of(stack, folder)) as made:
        await made.send(first_purchases())
        await made.settled()
        yield made
    drop(made.settings)


async def freeze(world: World) -> None:
    """As a bug would: the stored document says so, and what comes is not folded."""
    change = {"$set": {"incomplete_since": "1/0/0"}}
    await world.database["tiering_g1"].update_one({"_id": CUSTOMER}, change)
    await world.send_mixed(300, seed=9)
    await world.settled()


async def test_a_frozen_customer_is_whole_again_and_equals_the_log(world: World) -> None:
    await freeze(world)
    said = await repair(world.settings, world.database, "tiering", "customer", CUSTOMER)
    assert "is repaired in tiering" in said
    assert "not frozen" in await repair(world.settings, world.database, "engagement", "customer", CUSTOMER)
    await world.send_mixed(100, seed=10)
    await world.check_all()


async def test_what_still_cannot_be_folded_is_said(world: World) -> None:
    key = f"customer:{CUSTOMER}".encode()
    appender, partition = Appender(world.settings), partition_of(key, world.settings.partitions)
    headers = [CONTENT_TYPE, (TYPE_HEADER, NAMES[PurchaseRecorded].encode())]
    await appender.append(LOG.full_name(world.settings), [Outgoing(partition, key, b"{}", headers)])
    await appender.close()
    await world.settled()
    with pytest.raises(Stop, match=r"stays frozen: .*'type'; fix the program"):
        await repair(world.settings, world.database, "tiering", "customer", CUSTOMER)
    row = await world.database["customers"].find_one({"_id": CUSTOMER})
    assert row is not None
    assert row["incomplete_since"] is not None
