"""The trail on a real MongoDB: processes that add at once make one chain; forks and changes by hand are found."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from shared.errors import Transient
from shared.mongo import Database, connect
from shared.mongo.trail import TRAIL, Texts, Trail, chains_of
from shared.settings import Settings
from shared.trail import BULK_CUSTOMERS, chained
from tests.shared.test_trail import AT, entry

pytestmark = pytest.mark.real
AT_ONCE = 12


@pytest.fixture
async def database(stack_settings: dict[str, str]) -> AsyncIterator[Database]:
    names = {name.removeprefix("GUANXI_").lower(): value for name, value in stack_settings.items()}
    made = connect(Settings.model_validate(names))
    yield made
    made.client.close()


async def test_two_processes_that_add_at_once_make_one_chain(database: Database) -> None:
    one, other = Trail(database), Trail(database)
    await asyncio.gather(*((one, other)[number % 2].add(entry()) for number in range(AT_ONCE)))
    await one.add(entry("R-2"))
    chains = await chains_of(database, AT)
    assert (chains.looked_at, chains.faults) == (AT_ONCE + 1, [])
    numbers = [document["seq"] async for document in database[TRAIL].find({"reader": "R-1"}).sort("seq", 1)]
    assert numbers == list(range(1, AT_ONCE + 1))


async def test_who_comes_behind_again_and_again_stops(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    await Trail(database).add(entry())
    monkeypatch.setattr("shared.mongo.trail.chained", lambda one, _: chained(one, None))
    with pytest.raises(Transient, match="keep adding"):
        await Trail(database).add(entry())
    assert await database[TRAIL].count_documents({}) == 1


async def test_changes_and_forks_by_hand_are_found(database: Database) -> None:
    trail = Trail(database)
    first = await trail.add(entry())
    second = await trail.add(entry(reason="the plant burns"))
    await trail.add(entry())
    assert (await chains_of(database, AT)).faults == []
    await database[TRAIL].insert_one({**chained(entry(customer="C-9"), first), "_id": "a fork"})
    assert "entry 2 of R-1 is there twice" in (await chains_of(database, AT)).faults
    await database[TRAIL].delete_one({"_id": "a fork"})
    await database[TRAIL].update_one({"_id": second["_id"]}, {"$set": {"reason": "none"}})
    assert (await chains_of(database, AT)).faults == ["entry 2 of R-1 was changed"]
    await database[TRAIL].delete_one({"_id": second["_id"]})
    assert (await chains_of(database, AT)).faults == ["before entry 3 of R-1 there are 1 missing"]


async def test_an_emergency_is_found_for_its_reader_and_customer_alone(database: Database) -> None:
    trail = Trail(database)
    await trail.add(entry(by="break_glass", reason="fire", since=AT))
    await trail.add(entry(by="grant", at=AT + timedelta(minutes=1)))
    found = await trail.emergency("R-1", "C-1", AT - timedelta(hours=4))
    assert found is not None
    assert (found["reason"], found["since"]) == ("fire", AT.replace(microsecond=123_000))
    for reader, customer, after in (("R-2", "C-1", AT), ("R-1", "C-2", AT)):
        assert await trail.emergency(reader, customer, after - timedelta(hours=4)) is None
    assert await trail.emergency("R-1", "C-1", AT + timedelta(seconds=1)) is None


async def test_more_than_fifty_customers_within_a_day_are_in_bulk(database: Database) -> None:
    trail = Trail(database)
    documents = [chained(entry("R-9", customer=f"C-{number}"), None) for number in range(BULK_CUSTOMERS)]
    denied = chained(entry("R-9", customer="C-denied", allowed=False), None)
    await database[TRAIL].insert_many([{**one, "_id": one["customer"]} for one in [*documents, denied]])
    later = AT + timedelta(hours=23)
    assert await trail.reads_in_bulk("R-9", "C-new", later)
    assert not await trail.reads_in_bulk("R-9", "C-0", later), "that makes fifty, not more"
    assert not await trail.reads_in_bulk("R-9", "C-new", AT + timedelta(hours=24, seconds=1))
    assert not await trail.reads_in_bulk("R-8", "C-new", later)


async def test_a_text_is_its_customers_alone_and_an_erased_one_is_none(database: Database) -> None:
    rows = [("a", "customer:C-1", "痛点"), ("b", "customer:C-2", "other"), ("c", "customer:C-1", None)]
    for name, key, text in rows:
        said = {"kept": "restricted"} if text is None else {"text": text}
        await database["texts"].insert_one({"_id": name, "key": key, "claim": b"", "revision": 1, **said})
    assert await Texts(database).of("C-1", ["a", "b", "c", "d"]) == {"a": "痛点", "c": None}
