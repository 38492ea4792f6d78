"""Exports while rows move, on a real MongoDB: exact in one snapshot; else each row comes once, and it says so."""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from operations.jobs import export as exporting
from operations.jobs.export import export
from operations.jobs.made import Made, Told, Work
from services.query.store import Look, Reader
from shared.errors import Malformed, Transient
from shared.jobs import Job, Requester
from shared.keys import ApiKey
from shared.mongo import Database, connect, transaction
from shared.positions import decode
from tests.operations.jobs.yard import CUSTOMERS, EXPORT, Yard

Json = dict[str, Any]
pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]
FIRST, LAST = "C0000", f"C{CUSTOMERS - 1:04}"
POSITION = "g1/0"


async def exported(
    yard: Yard, database: Database, asked: Json, seconds: float, confidential: Database | None = None
) -> tuple[Made, list[Json]]:
    key = ApiKey(id="abcd", hash="sha256:" + "0" * 64, created=datetime.now(UTC), sources=("*",))
    requester = Requester(key=key.id, scopes=key.scopes, rows=key.rows)
    job = Job(id="j", kind="export", requester=requester, parameters=asked, created_at=datetime.now(UTC))
    with tempfile.TemporaryFile() as file:
        work = Work(
            job,
            key,
            yard.settings,
            database,
            database if confidential is None else confidential,
            file,
            yard.folder,
            Told(),
            datetime.now(UTC),
        )
        made = await export(work, snapshot_seconds=seconds)
        file.seek(0)
        return made, [json.loads(line) for line in file]


@asynccontextmanager
async def moving(yard: Yard) -> AsyncIterator[Database]:
    """The first and the last customer change together with the position, again and again, as a service writes."""
    database = connect(yard.settings)
    stop = asyncio.Event()
    version = 0

    async def move() -> None:
        nonlocal version
        while not stop.is_set():
            version += 1
            async with transaction(database) as session:
                both = {"_id": {"$in": [FIRST, LAST]}}
                change = {"$set": {"net_365d": f"{version}.00", "net_order": version}}
                await database["tiering_g1"].update_many(both, change, session=session)
                position = {"$set": {"offset": version}}
                await database["tiering_positions"].update_one(
                    {"_id": POSITION}, position, upsert=True, session=session
                )

    task = asyncio.create_task(move())
    try:
        async with asyncio.timeout(30):
            while version < 3:  # noqa: ASYNC110 - it happens on a server
                await asyncio.sleep(0.01)
        yield database
    finally:
        stop.set()
        await task
        database.client.close()


@pytest.fixture(autouse=True)
def small_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that even few rows take many looks, with changes between them."""
    monkeypatch.setattr(exporting, "IDS_AT_ONCE", 4)
    monkeypatch.setattr(exporting, "ROWS_AT_ONCE", 2)


@pytest.mark.parametrize("sort", ["customer", "-net_365d"])
async def test_one_snapshot_is_exact_at_its_position(yard: Yard, sort: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read = exporting.Snapshot.positions

    async def positions(self: exporting.Snapshot, *which: Any) -> dict[int, int]:
        """Rows are read once the position has moved on."""
        found = await read(self, *which)
        while yard.raw["tiering_positions"].find_one({"_id": POSITION})["offset"] == found[0]:  # type: ignore[index] # noqa: ASYNC110 - it happens on a server
            await asyncio.sleep(0)
        return found

    monkeypatch.setattr(exporting.Snapshot, "positions", positions)
    async with moving(yard) as database:
        for _ in range(5):
            made, rows = await exported(yard, database, {**EXPORT, "query": f"sort={sort}"}, 8)
            found = {row["customer"]: row["net_365d"] for row in rows}
            version = decode(made.manifest["position"]).ends[0]
            assert made.manifest["exact"]
            assert found[FIRST] == found[LAST] == f"{version}.00"
            assert len(rows) == len(found) == CUSTOMERS


async def test_posthog_26542_25850_27699_what_lasts_longer_than_a_snapshot_has_each_row_once_and_says_so(
    yard: Yard,
) -> None:
    async with moving(yard) as database:
        made, rows = await exported(yard, database, EXPORT, 0)
        ids = [row["customer"] for row in rows]
        assert not made.manifest["exact"]
        assert ids == sorted({*ids})
        assert len(ids) == CUSTOMERS
        version = decode(made.manifest["position"]).ends[0]
        assert all(float(row["net_365d"]) >= version for row in rows if row["customer"] in {FIRST, LAST})


async def test_an_order_in_which_rows_move_is_not_read_beyond_a_snapshot(yard: Yard) -> None:
    async with moving(yard) as database:
        with pytest.raises(Malformed, match="does not fit into one snapshot"):
            await exported(yard, database, {**EXPORT, "query": "sort=-net_365d"}, 0)


async def test_a_transaction_that_mongodb_ends_is_left_and_the_export_goes_on(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = connect(yard.settings)
    reads = 0
    whole = Reader._asked

    async def fails_once(self: Any, *asked: Any) -> Any:
        nonlocal reads
        reads += 1
        if reads == 9:
            raise Transient("the transaction was ended")
        return await whole(self, *asked)

    monkeypatch.setattr(Reader, "_asked", fails_once)
    made, rows = await exported(yard, database, EXPORT, 8)
    assert (made.manifest["exact"], len({row["customer"] for row in rows}), len(rows)) == (False, CUSTOMERS, CUSTOMERS)
    database.client.close()


async def test_confidential_lists_are_exact_where_nothing_moved(yard: Yard) -> None:
    database, confidential = connect(yard.settings), connect(yard.settings)
    asked = {**EXPORT, "resource": "key-persons"}
    made, rows = await exported(yard, database, asked, 8, confidential)
    assert (made.manifest["exact"], len(rows)) == (True, 2 * CUSTOMERS)
    for one in (database, confidential):
        one.client.close()


async def test_rows_that_were_rebuilt_away_are_not_an_end(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    database = connect(yard.settings)
    whole = Look.standing
    looks = 0

    async def swapped(self: Any) -> Any:
        nonlocal looks
        looks += 1
        standing = await whole(self)
        return standing if looks == 1 else type(standing)({**standing.generations, "tiering": 7}, {}, {}, {})

    monkeypatch.setattr(Look, "standing", swapped)
    with pytest.raises(Transient, match="rebuilt"):
        await exported(yard, database, EXPORT, 8)
    database.client.close()


async def test_more_ids_than_an_export_takes_are_refused(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "MAX_ROWS", CUSTOMERS - 1)
    database = connect(yard.settings)
    with pytest.raises(Malformed, match="export it in parts"):
        await exported(yard, database, EXPORT, 8)
    database.client.close()
