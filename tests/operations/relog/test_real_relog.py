"""`guanxi relog` on real servers: twice the partitions, the same log and the same views, and everything goes on."""

import json
from pathlib import Path
from typing import Any

import pytest

from local.stack.backing import Backing
from local.stack.errors import StackError
from operations.relog import run as relogging
from operations.relog.run import abandon, relog
from shared.errors import Stop, Transient
from shared.kafka.connection import partition_of
from shared.kafka.scan import bounds, scan
from shared.mongo import Database, connect
from shared.mongo.generations import log_generation
from shared.mongo.relogs import begin_relog, end_relog
from shared.settings import Settings
from shared.topics import LOG, TIERS
from tests.operations.rebuild.world import a_world, drop, environment_of, first_purchases, settings_of

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(240)]
Records = dict[bytes, list[Any]]


async def by_key(settings: Settings, topic: str, partitions: int) -> Records:
    """What a topic holds of each key, in order; each key on the partition that is its own."""
    found: Records = {}
    held = await bounds(settings, topic)
    assert len(held.ends) == partitions
    async for batches in scan(settings, topic, held.begins, held.ends):
        for partition, records in batches.items():
            for record in records:
                assert record.key is not None
                assert partition_of(record.key, partitions) == partition
                one = (record.value, list(record.headers), record.timestamp)
                found.setdefault(record.key, []).append(one)
    return found


def chains(records: Records) -> dict[tuple[bytes, str], list[tuple[int, str | None, str]]]:
    """Of each customer and service, the accepted decisions: version, after, id."""
    found: dict[tuple[bytes, str], list[tuple[int, str | None, str]]] = {}
    for key, values in records.items():
        for value, _, _ in values:
            event = json.loads(value)
            if "after" not in event["data"]:
                continue
            chain = found.setdefault((key, event["source"]), [])
            version, last = (chain[-1][0], chain[-1][2]) if chain else (0, None)
            if (event["data"]["version"], event["data"]["after"]) == (version + 1, last):
                chain.append((version + 1, last, event["id"]))
    return found


async def rows(database: Database) -> dict[str, Any]:
    """Tiers as readers see them, freshness aside."""
    return {
        row["_id"]: {name: value for name, value in row.items() if name not in {"log", "generation", "projected_at"}}
        async for row in database["customers"].find()
    }


async def test_from_two_to_four_partitions(stack: Backing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = environment_of(stack, tmp_path, GUANXI_PARTITIONS="2")
    settings, topic = settings_of(before), LOG.full_name(settings_of(before))
    async with a_world(stack, tmp_path, before) as world:
        await world.send(first_purchases())
        await world.send_mixed(300, seed=2)
        with pytest.raises(Stop, match="still runs"):
            await relog(settings, world.database, 4, note=print)
        await world.settled()
        shown = await rows(world.database)
        await world.services.stop("tiering")
        await world.send_mixed(200, seed=3)
        await world.settled("ingest", "engagement")
        sent = world.sent
    database = connect(settings)
    with pytest.raises(Stop, match="not a multiple"):
        await relog(settings, database, 3, note=print)
    old = await by_key(settings, topic, 2)
    await _interrupted(settings, database, monkeypatch)
    outcome = await relog(settings, database, 4, note=print)
    later = outcome.settings
    assert outcome.copied == sum(map(len, old.values()))
    assert await by_key(later, LOG.full_name(later), 4) == old
    assert await rows(database) == shown, "tiering had not come further, and neither have the new views"
    assert await by_key(later, TIERS.full_name(later), 4)
    database.client.close()

    with pytest.raises(StackError, match="guanxi setup ended"):
        async with a_world(stack, tmp_path, before):
            pass
    after = {**before, "GUANXI_PARTITIONS": "4", "GUANXI_LOG_GENERATION": "2"}
    async with a_world(stack, tmp_path, after) as world:
        world.sent = sent
        await world.send_mixed(300, seed=4)
        await world.check_all()
        new = await by_key(later, LOG.full_name(later), 4)
        assert all(new[key][: len(records)] == records for key, records in old.items())
        for key, chain in chains(old).items():
            assert chains(new)[key][: len(chain)] == chain
        assert {one["partition"] async for one in world.database["tiering_g2"].find()} == {0, 1, 2, 3}
    drop(settings)


async def _interrupted(settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dies with a part of the copy made; begun anew with another number it refuses; given up, the old log is open."""

    class CrashError(Exception):
        pass

    async def dies(*_: Any) -> None:
        raise CrashError

    with monkeypatch.context() as patched:
        patched.setattr(relogging._Relogging, "_grow", dies)
        with pytest.raises(CrashError):
            await relog(settings, database, 4, note=print)
    with pytest.raises(Stop, match="a relog to 4 partitions is unfinished"):
        await relog(settings, database, 8, note=print)
    assert "stays current" in await abandon(settings, database)
    with monkeypatch.context() as patched:
        patched.setattr(relogging._Relogging, "_take_over", dies)
        with pytest.raises(CrashError):
            await relog(settings, database, 4, note=print)


async def test_a_log_that_is_being_copied_is_neither_read_nor_written(stack: Backing, tmp_path: Path) -> None:
    settings = settings_of(environment_of(stack, tmp_path))
    database = connect(settings)
    assert await log_generation(database, settings) == 1
    await begin_relog(database, 1, 8)
    with pytest.raises(Transient, match="is copying the log"):
        await log_generation(database, settings)
    await end_relog(database, 2)
    with pytest.raises(Stop, match="set GUANXI_LOG_GENERATION=2"):
        await log_generation(database, settings)
    database.client.close()
    drop(settings)
