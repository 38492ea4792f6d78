"""A service added in a folder of its own and one line: everything that walks the list of services works with it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from local.stack.backing import Backing
from local.stack.services import Services
from operations.backup.backup import back_up
from operations.backup.restore import restore
from operations.doctor.run import examine
from operations.rebuild.run import Asked, run
from operations.setup.run import SetupSettings, set_up
from operations.status.progress import progress
from operations.status.status import find_status
from operations.verify.findings import Report
from operations.verify.meter import Meter
from operations.verify.run import Run
from operations.verify.sample import Sample
from services import SERVICES
from shared.fold.private import PRIVATE
from shared.mongo import Database, connect
from shared.settings import Settings
from tests.operations.rebuild.world import World, drop, environment_of, settings_of, until

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(240), pytest.mark.usefixtures("toy")]


async def make_everything(environment: dict[str, str]) -> list[str]:
    known = {name.removeprefix("GUANXI_").lower(): value for name, value in environment.items()}
    fields = SetupSettings.model_fields
    return await set_up(SetupSettings.model_validate({name: known[name] for name in known if name in fields}))


async def shown(database: Database) -> dict[str, tuple[int, int]]:
    return {one["customer"]: (one["visits"], one["welcomed"]) async for one in database["welcomes"].find()}


async def verified(settings: Settings, database: Database, *checks: str) -> Report:
    return await Run(settings, database, Sample(), datetime.now(UTC), Meter(), Report()).run(checks)


async def settled(settings: Settings, database: Database) -> None:
    async def quiet() -> bool:
        found = await progress(settings, database)
        assert {one.reader for one in found} == {*SERVICES.positions}
        return not any(one.behind for one in found)

    await until(quiet, in_a_row=2)


@pytest.mark.release("test_services walks the list with the same toy; this is its whole life on real servers")
async def test_a_service_in_one_folder_and_one_line(stack: Backing, tmp_path: Path) -> None:
    here, there = environment_of(stack, tmp_path), environment_of(stack, tmp_path)
    settings = settings_of(here)
    await make_everything(here)
    database = connect(settings)
    async with Services(stack, print, settings=here, logs=tmp_path, names=[*SERVICES]) as services:
        await World(services, settings, database).send_mixed(300, seed=3)
        await settled(settings, database)

        counts = await shown(database)
        assert max(visits for visits, _ in counts.values()) >= 3
        assert all(welcomed == visits // 3 for visits, welcomed in counts.values())
        assert not {*PRIVATE} & set(await database["welcomes"].find_one() or {})

        status = await find_status(settings, database, {}, datetime.now(UTC))
        assert [one.documents for one in status.views if one.view == "welcomes"] == [len(counts)]

        outcome = await run(settings, database, Asked("toy"), note=print)
        assert outcome.handed_over is not None
        await settled(settings, database)
        assert await shown(database) == counts

        report = await verified(settings, database)
        assert not report.differences, report.findings
        assert not report.unchecked
        assert report.looked_at["documents of toy"] == len(counts)
        assert report.looked_at["decisions of toy"] == sum(welcomed for _, welcomed in counts.values())
        findings = await examine(settings, database, None, Sample(), Meter())
        assert not findings.symptoms
        assert not findings.unchecked

        await harm_is_found(settings, database)
        await back_up(settings, database, tmp_path / "backup", note=print)
    database.client.close()
    drop(settings)

    settings = settings_of(there)
    await make_everything(there)
    database = connect(settings)
    await restore(settings, database, tmp_path / "backup", note=print)
    assert await shown(database) == counts
    assert not (await verified(settings, database, "toy", "views")).differences
    database.client.close()
    drop(settings)


async def harm_is_found(settings: Settings, database: Database) -> None:
    """What is not as it should be of the toy is found as it is of any other service; then it is mended."""
    (rebuilt,) = [name for name in await database.list_collection_names() if name == "toy_g2"]
    row = await database[rebuilt].find_one() or {}
    await database[rebuilt].update_one({"_id": row["_id"]}, {"$inc": {"visits": 1}})
    report = await verified(settings, database, "views")
    assert [finding.subject for finding in report.findings] == [f"customer:{row['_id']}"]
    await database[rebuilt].update_one({"_id": row["_id"]}, {"$inc": {"visits": -1}})

    (index,) = [one["name"] async for one in database[rebuilt].list_indexes() if one["name"] != "_id_"]
    await database[rebuilt].drop_index(index)
    positions = database["toy_positions"]
    position = await positions.find_one({"_id": {"$regex": "^g2/"}}) or {}
    await positions.delete_one({"_id": position["_id"]})
    symptoms = (await examine(settings, database, None, None, Meter())).symptoms
    assert {one.check for one in symptoms} == {"schema", "positions"}
    assert all("toy" in one.what for one in symptoms)
    await positions.insert_one(position)
    await database[rebuilt].create_index([("partition", 1), ("review_at", 1)], name=index)
