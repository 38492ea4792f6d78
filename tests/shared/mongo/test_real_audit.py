"""The audit log on a real MongoDB: commands that add at once make one chain; a change by hand is found."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from shared.audit import BEGUN, ENDED, runs_of
from shared.mongo import Database, connect
from shared.mongo.audit import COLLECTION, add, chain_of, entries
from shared.settings import Settings
from tests.shared.test_audit import AT, entry

pytestmark = pytest.mark.real
AT_ONCE = 12


@pytest.fixture
async def database(stack_settings: dict[str, str]) -> AsyncIterator[Database]:
    names = {name.removeprefix("GUANXI_").lower(): value for name, value in stack_settings.items()}
    made = connect(Settings.model_validate(names))
    yield made
    made.client.close()


async def test_commands_that_add_at_once_make_one_chain(database: Database) -> None:
    await asyncio.gather(*(add(database, entry(str(number))) for number in range(AT_ONCE)))
    chain = await chain_of(database)
    assert (chain.looked_at, chain.faults) == (AT_ONCE, [])
    assert {one["_id"] for one in await entries(database, limit=100)} == set(range(1, AT_ONCE + 1))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"$set": {"user": "nobody"}}, ["entry 2 was changed"]),
        ({"$set": {"at": AT + timedelta(days=1)}}, ["entry 2 was changed"]),
        (None, ["before entry 3 there are 1 missing"]),
    ],
)
async def test_a_change_by_hand_is_found(database: Database, change: dict[str, object] | None, said: list[str]) -> None:
    for name in ("a", "b", "c"):
        await add(database, entry(name))
    assert (await chain_of(database)).faults == []
    if change is None:
        await database[COLLECTION].delete_one({"_id": 2})
    else:
        await database[COLLECTION].update_one({"_id": 2}, change)
    assert (await chain_of(database)).faults == said


async def test_what_is_asked_for_is_found(database: Database) -> None:
    day = timedelta(days=1)
    await add(database, entry("a", name="li.wei"))
    await add(database, entry("a", ENDED, 1, exit_code=0, name="li.wei"))
    await add(database, entry("b", begun_at=AT + day, at=AT + day, command="policy adopt", user="wang"))
    newest = await entries(database, limit=1)
    assert [one["run"] for one in newest] == ["b"]
    (today,) = runs_of(await entries(database, limit=10, since=AT, until=AT + day))
    assert (today.command, today.outcome, today.begun_at) == ("keys create", "done", AT.replace(microsecond=123_000))
    assert [one["what"] for one in await entries(database, limit=10, who="wang")] == [BEGUN]
    assert len(await entries(database, limit=10, who="li.wei")) == 2
    assert len(await entries(database, limit=10, command="policy adopt")) == 1
