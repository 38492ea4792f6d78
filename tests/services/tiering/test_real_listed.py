"""An upgrade from a version that had no documents of the few: set-up makes them, while processes of it go on."""

import secrets
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from pydantic import SecretStr
from pymongo import MongoClient, UpdateOne
from pymongo.errors import OperationFailure

from services.tiering.domain import CUSTOMERS, LISTED
from services.tiering.rows import listed_document
from services.tiering.store import FORMER, SCHEMA
from shared.mongo import Database, connect, filling
from shared.mongo.filling import Moved, fill
from shared.mongo.schema import apply
from shared.settings import Settings

pytestmark = pytest.mark.real
STORED: list[dict[str, Any]] = [
    {"_id": "owes", "partition": 0, "overdue_order": 500, "account_manager": "ann"},
    {"_id": "owes more", "partition": 1, "overdue_order": 700},
    {"_id": "by hand", "partition": 1, "overridden_until": "2026-04-01"},
    {"_id": "proposed", "partition": 0, "proposed_tier": "strategic", "account_manager": "bo"},
    {"_id": "neither", "partition": 0, "account_manager": "bo"},
    {"_id": "frozen", "partition": 2, "incomplete_since": "1/2/3"},
]


@pytest.fixture
async def database(mongo_uri: str) -> AsyncIterator[Database]:
    made = connect(Settings(mongo_uri=SecretStr(mongo_uri), mongo_database=f"test_{secrets.token_hex(6)}"))
    await apply(made, SCHEMA, 1)
    await _as_earlier(made)
    for partition in range(3):
        await made["tiering_positions"].insert_one({"_id": f"g1/{partition}", "offset": 7, "partition": partition})
    yield made
    await made.client.drop_database(made.name)
    made.client.close()


async def _as_earlier(database: Database) -> None:
    """As the set-up of an earlier version leaves the indexes."""
    await database[f"{CUSTOMERS}_g1"].create_indexes([index.model() for index in FORMER])


async def _stored(database: Database, documents: list[dict[str, Any]]) -> None:
    await database[f"{CUSTOMERS}_g1"].delete_many({})
    await database[f"{CUSTOMERS}_g1"].insert_many(documents)


async def _lists(database: Database) -> dict[str, list[str]]:
    views = ("proposal_keys", "override_keys", "overdue_keys")
    return {view: [one["_id"] async for one in database[view].find()] for view in views}


WANTED = {"proposal_keys": ["proposed"], "override_keys": ["by hand"], "overdue_keys": ["owes more", "owes"]}


async def test_set_up_fills_what_an_earlier_version_did_not_have_and_drops_its_indexes(database: Database) -> None:
    await _stored(database, STORED)
    await database[f"{LISTED}_g1"].insert_one({"_id": "neither", "customer": "neither", "overdue_order": 1})
    await apply(database, SCHEMA, 1)
    assert await _lists(database) == WANTED
    (owes,) = await database["overdue_keys"].find({"_id": "owes"}).to_list(2)
    assert owes == {"_id": "owes", "overdue_order": 500}
    assert not {index.model().document["name"] for index in FORMER} & set(
        await database[f"{CUSTOMERS}_g1"].index_information()
    )


async def test_the_next_set_up_does_it_once_more_for_what_an_earlier_process_went_on_to_store(
    database: Database,
) -> None:
    await apply(database, SCHEMA, 1)
    assert await _lists(database) == {view: [] for view in WANTED}
    await _stored(database, STORED)
    await apply(database, SCHEMA, 1)
    assert await _lists(database) == WANTED
    await _stored(database, [{**one, "overdue_order": 1} for one in STORED])
    await apply(database, SCHEMA, 1)
    assert await _lists(database) == WANTED, "from then on services write it, and set-up looks at nothing"


async def test_going_back_and_up_again_fills_again(database: Database) -> None:
    await _stored(database, STORED)
    for _ in range(3):
        await apply(database, SCHEMA, 1)
    await _as_earlier(database)
    await _stored(database, [{**one, "overdue_order": 1} for one in STORED[:1]] + STORED[1:3])
    await database[f"{CUSTOMERS}_g1"].insert_one({"_id": "proposed", "partition": 0})
    await apply(database, SCHEMA, 1)
    assert await _lists(database) == WANTED | {"proposal_keys": []}


async def test_no_fold_of_a_partition_commits_beside_the_filling_of_it(
    database: Database, mongo_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else what is filled could be what stood before the fold."""
    monkeypatch.setattr(filling, "CHUNK", 2)
    await _stored(database, STORED)
    refused: list[str] = []

    with MongoClient[Any](mongo_uri) as client:
        positions = client[database.name]["tiering_positions"]

        def make(row: Mapping[str, Any]) -> dict[str, Any]:
            move = UpdateOne({"_id": f"g1/{row['partition']}"}, {"$set": {"offset": 8}})
            with (
                pytest.raises(OperationFailure, match=r"Write ?[Cc]onflict"),
                client.start_session() as session,
                session.start_transaction(),
            ):
                positions.bulk_write([move], session=session)
            refused.append(row["_id"])
            return listed_document(row)

        moved = Moved(CUSTOMERS, LISTED, {"partition": {"$gte": 0}}, make)
        await fill(database, "tiering", moved, 1, is_former=True)
    assert sorted(refused) == sorted(one["_id"] for one in STORED)
    assert await database["tiering_positions"].count_documents({"offset": 8}) == 0
