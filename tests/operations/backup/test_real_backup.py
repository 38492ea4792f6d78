"""`guanxi backup` and `guanxi restore` on real servers: taken amid events, restored elsewhere, and gone on with."""

import asyncio
import json
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pyrage.x25519 import Identity

from local.stack.backing import Backing
from local.stack.services import STORING
from operations.backup import backup as backing_up
from operations.backup import restore as restoring
from operations.backup.backup import back_up
from operations.backup.files import Manifest, Source, partition_of
from operations.backup.restore import restore
from operations.retell import untold
from operations.verify.findings import Report, all_checks
from operations.verify.meter import Meter
from operations.verify.run import Run
from operations.verify.sample import Sample
from services.ingest.store import fix_person_key
from shared.errors import Stop
from shared.kafka.follow import Follower
from shared.kafka.scan import bounds
from shared.mongo import Database, connect
from shared.mongo.applied import COLLECTION as APPLIED
from shared.mongo.applied import PERSON_KEY, note_applied
from shared.mongo.audit import add, chain_of, entries
from shared.mongo.generations import raise_log_epoch
from shared.settings import Settings
from shared.topics import INBOX, LOG
from tests.bench import load
from tests.operations.rebuild.world import (
    CUSTOMERS,
    a_world,
    drop,
    environment_of,
    first_purchases,
    load_now,
    settings_of,
    until,
)
from tests.shared.test_audit import entry

IDENTITY = Identity.generate()
PUBLIC = [str(IDENTITY.to_public())]
AMID = 100
"""Events sent since the system was at rest, when the backup begins."""
pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(240)]


async def test_taken_amid_events_restored_and_gone_on_with(
    stack: Backing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = {"GUANXI_PERSON_KEY": "a key of thirty-two bytes or more"}
    monkeypatch.setattr(backing_up, "LOG_RECORDS", 50)
    here, there = environment_of(stack, tmp_path) | key, environment_of(stack, tmp_path) | key
    folder = tmp_path / "backup"
    async with a_world(stack, tmp_path, here) as world:
        await world.send(first_purchases())
        await world.send_mixed(300, seed=2)
        await world.settled()
        earlier = tmp_path / "earlier"
        of_before = await back_up(world.settings, world.database, earlier, note=print, recipients=PUBLIC)
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as together:
            together.create_task(world.trickle(stop, seed=1_000))
            settled = len(world.sent)

            async def goes_on() -> bool:
                return len(world.sent) >= settled + AMID

            await until(goes_on)
            before = list(world.sent)
            await add(world.database, entry("a backup"))
            manifest = await back_up(
                world.settings, world.database, folder, note=print, recipients=PUBLIC, since=earlier
            )
            stop.set()
        _shares_what_was_full(folder, manifest, earlier, of_before)
        await _shares_nothing_with_others(world.settings, world.database, earlier, tmp_path)
        shutil.rmtree(earlier)
        sent = list(world.sent)
        assert len(before) < len(sent)
        with pytest.raises(Stop, match="overwrites nothing"):
            await back_up(world.settings, world.database, folder, note=print)
        with pytest.raises(Stop, match="still runs"):
            await restore(world.settings, world.database, folder, note=print, identities=[IDENTITY])
    drop(world.settings)

    await _restored(settings_of(there), folder, manifest, monkeypatch, key["GUANXI_PERSON_KEY"])
    async with a_world(stack, tmp_path, there) as world:
        await world.settled()
        names = await world.database["claims"].count_documents({})
        assert names >= len(before), "whatever was admitted is known"
        await world.send(before)
        await world.settled()
        assert await world.database["claims"].count_documents({}) == names, "every record was a repeat"
        world.sent.clear()
        await world.send(sent)
        await world.check_all()
        await world.send_mixed(100, seed=9)
        await world.check_all()
    drop(world.settings)


async def _restored(
    settings: Settings, folder: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    await _refusals(settings, folder, folder.parent)
    await _interrupted(settings, folder, monkeypatch)
    database = connect(settings)
    await _sealed_with_its_audit_log(settings, database, folder)
    await _with_its_person_key(database, key)
    log, inbox = [await bounds(settings, topic.full_name(settings)) for topic in (LOG, INBOX)]
    assert {str(p): end for p, end in log.ends.items()} == manifest.ends
    assert {str(p): begin for p, begin in inbox.begins.items()} == manifest.admitted
    with pytest.raises(Stop, match="is not empty: a restore overwrites nothing"):
        await restore(settings, database, folder, note=print, identities=[IDENTITY])
    database.client.close()


def _shares_what_was_full(folder: Path, manifest: Manifest, earlier: Path, of_before: Manifest) -> None:
    there, before = Source(folder, manifest), Source(earlier, of_before)
    log = [part for part in manifest.parts if partition_of(part, LOG.name) is not None]
    same = {part.path for part in log if part in of_before.parts and there.file(part).samefile(before.file(part))}
    full = {part.path for part in of_before.parts if part.documents == 50 and partition_of(part, LOG.name) is not None}
    assert same >= full != set()
    assert len(same) < len(log), "what came since is written"


async def _shares_nothing_with_others(settings: Settings, database: Database, earlier: Path, tmp_path: Path) -> None:
    """Another recipient could not read it; after a restore, the same offset may hold another record."""
    said: list[str] = []
    to_all = await back_up(settings, database, tmp_path / "unsealed", note=said.append, since=earlier)
    assert not any(one.stat().st_nlink > 1 for one in (tmp_path / "unsealed").rglob("*.gz*"))
    assert any("sealed to others" in one for one in said)
    await raise_log_epoch(database, datetime.now(UTC))
    other = await back_up(settings, database, tmp_path / "epoch", note=said.append, since=tmp_path / "unsealed")
    assert other.log_of != to_all.log_of
    assert not any(one.stat().st_nlink > 1 for one in (tmp_path / "epoch").rglob("*.gz*"))
    assert any("another log" in one for one in said)
    with pytest.raises(Stop, match=r"has no manifest\.json"):
        await back_up(settings, database, tmp_path / "no", note=print, since=tmp_path / "nothing")


async def _with_its_person_key(database: Database, key: str) -> None:
    with pytest.raises(Stop, match="differs from this database's first one"):
        await fix_person_key(database, b"another key than the one of the backup")
    await fix_person_key(database, key.encode())


async def _sealed_with_its_audit_log(settings: Settings, database: Database, folder: Path) -> None:
    with pytest.raises(Stop, match="is sealed"):
        await restore(settings, database, folder, note=print)
    await add(database, entry("a restore"))  # as the command does before it begins
    await restore(settings, database, folder, note=print, identities=[IDENTITY])
    told = {one["run"] for one in await entries(database, limit=10)}
    assert "a backup" in told, "beside the set-up of that system"
    assert "a restore" not in told, "the log of the backup comes in place of the one that was here"
    assert (await chain_of(database)).faults == []


async def _refusals(settings: Settings, folder: Path, tmp_path: Path) -> None:
    database = connect(settings)
    with pytest.raises(Stop, match=r"has no manifest\.json"):
        await restore(settings, database, tmp_path / "nothing", note=print)
    other = settings.model_copy(update={"partitions": 8})
    with pytest.raises(Stop, match="was taken with GUANXI_PARTITIONS=4"):
        await restore(other, database, folder, note=print)
    await note_applied(database, PERSON_KEY, "of another key")
    with pytest.raises(Stop, match="the person key here is not the backup's"):
        await restore(settings, database, folder, note=print, identities=[IDENTITY])
    await database[APPLIED].drop()
    some = max((folder / "kafka" / LOG.name).iterdir(), key=lambda path: path.stat().st_size)
    whole = some.read_bytes()
    some.write_bytes(whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])
    with pytest.raises(Stop, match="is damaged"):
        await restore(settings, database, folder, note=print, identities=[IDENTITY])
    some.write_bytes(whole)
    document = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert {Path(part["path"]).parts[0] for part in document["parts"]} == {"kafka", "mongo", "waiting"}
    assert oct((folder / "mongo" / "people.bson.gz.age").stat().st_mode)[-3:] == "600"
    database.client.close()


async def _interrupted(settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class CrashError(Exception):
        pass

    async def dies(*_: Any) -> None:
        raise CrashError

    database = connect(settings)
    with monkeypatch.context() as patched:
        patched.setattr(restoring, "_fold", dies)
        with pytest.raises(CrashError):
            await restore(settings, database, folder, note=print, identities=[IDENTITY])
    database.client.close()


async def test_restored_as_of_a_moment_and_gone_on_with(stack: Backing, tmp_path: Path) -> None:
    """What was sent after it is unknown, is taken when it is sent again, and what was sent before counts once."""
    here, there = environment_of(stack, tmp_path), environment_of(stack, tmp_path)
    folder = tmp_path / "backup"
    async with a_world(stack, tmp_path, here) as world:
        await world.send(first_purchases())
        await world.send_mixed(200, seed=2)
        await world.settled()
        before, moment = list(world.sent), await _last_append(world.settings)
        ends = (await bounds(world.settings, LOG.full_name(world.settings))).ends
        tiers = await _tiers(world.database)
        await world.send_mixed(200, seed=3)
        await world.send([*load.first_purchases(CUSTOMERS + 20, 4, load_now())][CUSTOMERS:])  # decisions too
        await world.settled()
        await back_up(world.settings, world.database, folder, note=print)
        everything = list(world.sent)
    drop(world.settings)

    settings, database = settings_of(there), connect(settings_of(there))
    said: list[str] = []
    await restore(settings, database, folder, note=said.append, until=moment)
    assert (await bounds(settings, LOG.full_name(settings))).ends == ends
    assert any("came later and are left out" in one for one in said)
    assert await _tiers(database) == tiers
    database.client.close()
    async with a_world(stack, tmp_path, there) as world:
        await world.settled()
        world.sent[:] = before
        await world.check_all()
        await world.send(everything)
        world.sent[:] = everything
        await world.check_all()
        assert await untold(world.settings, world.database) == []
    drop(world.settings)


async def test_restored_as_of_a_moment_between_purchases_and_what_was_decided_on_them(
    stack: Backing, tmp_path: Path
) -> None:
    """Those who had bought are decided anew, by what is on the log alone."""
    here, there = environment_of(stack, tmp_path), environment_of(stack, tmp_path)
    folder, purchases = tmp_path / "backup", first_purchases()
    others = [name for name in STORING if name != "tiering"]
    async with a_world(stack, tmp_path, here, names=others) as world:
        await world.send(purchases)
        await world.settled(*others)
        moment = await _last_append(world.settings)
    async with a_world(stack, tmp_path, here) as world:
        await world.settled()
        tiers = await _tiers(world.database)
        assert {version for _, version in tiers.values()} == {1}, "each is decided on once"
        await back_up(world.settings, world.database, folder, note=print)
    drop(world.settings)

    settings, database = settings_of(there), connect(settings_of(there))
    await restore(settings, database, folder, note=print, until=moment)
    assert await database["customers"].count_documents({}) == len(tiers)
    assert await database["tier_history"].count_documents({}) == 0, "the moment is before any decision"

    async def decided() -> bool:
        return await database["tier_history"].count_documents({}) == len(tiers)

    async with a_world(stack, tmp_path, there) as world:
        await until(decided)
        world.sent[:] = purchases
        await world.check_all()
        assert await _tiers(database) == tiers
        run = Run(settings, database, Sample(), datetime.now(UTC), Meter(), Report())
        found = (await run.run(all_checks())).findings
        # Its words (docs/backup.md): the tier is what the rules say, but a review set it off and not the purchase.
        assert {one.subject.removeprefix("customer:") for one in found} == {*tiers}
        assert all(re.search(r"; differs in set_off_by tiering-\S+, would be first-\d+$", one.said) for one in found), (
            found
        )
        assert await untold(settings, database) == []
    database.client.close()
    drop(settings)


async def _last_append(settings: Settings) -> datetime:
    """The append time of the log's last record."""
    topic, last = LOG.full_name(settings), 0
    ends = (await bounds(settings, topic)).ends
    async with Follower(settings, topic) as follower:
        for partition, end in ends.items():
            if end:
                follower.seek(partition, end - 1)
                async for records in follower.read(end):
                    last = max(last, *(record.timestamp for record in records))
    return datetime.fromtimestamp(last / 1000, UTC)


async def _tiers(database: Database) -> dict[str, tuple[str, int]]:
    return {row["_id"]: (row["tier"], row["version"]) async for row in database["customers"].find()}
