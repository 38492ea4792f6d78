"""The trail's seals by a real inbox, admission and log: what is gone from the trail afterwards is found."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from guanxi.reading.seals import seals_on_log
from services.ingest.refusals.publish import REASON
from services.ingest.sealing import MAX_DAYS, Sealer, seals_of
from shared.kafka.batches import Outgoing
from shared.mongo.trail import TRAIL, Trail, chains_of, heads_of
from shared.topics import LOG, REJECTED
from shared.trail import SEAL_KEY
from tests.services.ingest.real import Servers, servers_of, until
from tests.shared.test_trail import entry

pytestmark = pytest.mark.real
SECRET = b"key of a deployment"
NOW = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=60)
"""Past, as the inbox takes nothing of days to come."""
TODAY = NOW.date()
YESTERDAY, BEFORE = TODAY - timedelta(days=1), TODAY - timedelta(days=2)


class Desk:
    """Adds to the trail, seals it, and checks it; `now` is the sealer's clock."""

    def __init__(self, servers: Servers) -> None:
        servers.settings = servers.settings.model_copy(update={"person_key": SecretStr(SECRET.decode())})
        self.servers, self.trail, self.now = servers, servers.database[TRAIL], NOW

    async def read(self, reader: str, days_ago: int, times: int = 1) -> None:
        for _ in range(times):
            await Trail(self.servers.database).add(entry(reader, at=NOW - timedelta(days=days_ago)))

    def sealer(self) -> Sealer:
        """As a process has it that has just started."""
        servers = self.servers
        return Sealer(servers.database, servers.settings, servers.appender(), SECRET, lambda: self.now)

    async def seal(self) -> int:
        sent = await self.sealer().once()
        async with self.servers.service():
            await until(self.servers.admitted_all)
        return sent

    async def faults(self) -> list[str]:
        seals = await seals_on_log(self.servers.settings)
        return (await chains_of(self.servers.database, self.now, seals)).faults

    async def on_log(self) -> list[Any]:
        return [json.loads(one.value or b"") for part in await self.servers.read(LOG) for one in part]


@pytest.fixture
async def desk(stack_settings: dict[str, str]) -> AsyncIterator[Desk]:
    async with servers_of(stack_settings) as servers:
        made = Desk(servers)
        await made.read("R-1", 2, 3)
        await made.read("R-2", 2)
        await made.read("R-1", 1, 2)
        await made.read("R-3", 0)
        yield made


async def test_days_are_sealed_once_and_name_nobody(desk: Desk) -> None:
    assert await desk.seal() == 2
    assert await desk.seal() == 0, "what admission has claimed is not sent again"
    events = await desk.on_log()
    assert [(one["id"], len(one["data"]["heads"])) for one in events] == [(f"{BEFORE}/1", 2), (f"{YESTERDAY}/1", 1)]
    assert "R-1" not in json.dumps(events)
    assert await desk.faults() == []


async def test_seals_that_come_twice_are_duplicates(desk: Desk) -> None:
    assert [await desk.sealer().once(), await desk.sealer().once()] == [2, 2], "two processes at once"
    async with desk.servers.service() as process:
        await until(desk.servers.admitted_all)
        assert process.health.details["admitted"]()["duplicate"] == 2
    assert len(await desk.on_log()) == 2


async def test_what_is_gone_from_the_end_of_a_chain_is_found(desk: Desk) -> None:
    await desk.seal()
    await desk.trail.delete_one({"reader": "R-1", "seq": 5})
    assert await desk.faults() == [
        f"entry 4 of R-1 is its last of {YESTERDAY}, and another was sealed",
        f"of what was sealed on {YESTERDAY} the last entries of 1 chains are gone, or were changed",
    ]
    await desk.trail.delete_one({"reader": "R-1", "seq": 4})
    assert await desk.faults() == [
        f"of what was sealed on {YESTERDAY} the last entries of 1 chains are gone, or were changed"
    ]


async def test_a_chain_that_is_gone_is_found(desk: Desk) -> None:
    await desk.seal()
    await desk.trail.delete_many({"reader": "R-2"})
    assert await desk.faults() == [
        f"of what was sealed on {BEFORE} the last entries of 1 chains are gone, or were changed"
    ]


async def test_a_trail_put_back_and_one_that_is_empty_are_found(desk: Desk) -> None:
    await desk.seal()
    await desk.trail.delete_many({"at": {"$gt": NOW - timedelta(days=1, hours=1)}})
    assert len(await desk.faults()) == 1
    await desk.trail.delete_many({})
    assert len(await desk.faults()) == 2


async def test_a_chain_written_anew_from_some_entry_on_is_found(desk: Desk) -> None:
    await desk.seal()
    await desk.trail.delete_many({"reader": "R-1", "seq": {"$gt": 3}})
    await desk.read("R-1", 1, 2)
    assert await desk.faults() == [], "the same entries, written again"
    await desk.trail.delete_many({"reader": "R-1", "seq": {"$gt": 3}})
    await Trail(desk.servers.database).add(entry("R-1", at=NOW - timedelta(days=1), customer="C-other"))
    await desk.read("R-1", 1)
    assert any("R-1 is its last" in one for one in await desk.faults())


async def test_an_entry_put_in_after_its_day_is_found(desk: Desk) -> None:
    await desk.seal()
    await desk.read("R-2", 1)
    assert await desk.faults() == [f"entry 2 of R-2 is its last of {YESTERDAY}, and another was sealed"]


async def test_what_was_not_sealed_yet_can_go_unseen(desk: Desk) -> None:
    await desk.seal()
    await desk.trail.delete_many({"reader": "R-3"})
    assert await desk.faults() == [], "as ADR 42 says: until the day after"


async def test_missed_days_are_sealed_and_days_left_out_are_found(desk: Desk) -> None:
    await desk.seal()
    desk.now = NOW + timedelta(days=5)
    assert any("no day was sealed" in one for one in await desk.faults())
    assert await desk.seal() == 5
    assert await desk.faults() == []
    desk.now = NOW + timedelta(days=5 + MAX_DAYS + 3)
    await desk.seal()
    assert any("between" in one and "no day was sealed" in one for one in await desk.faults())


async def test_a_day_is_sealed_an_hour_after_its_end(desk: Desk) -> None:
    desk.now = NOW.replace(hour=0, minute=59)
    assert await desk.seal() == 1
    desk.now = NOW.replace(hour=1)
    assert await desk.seal() == 1


async def test_nobody_else_can_seal(desk: Desk) -> None:
    (seal,) = seals_of(YESTERDAY, await heads_of(desk.servers.database, YESTERDAY))
    key = SEAL_KEY.encode()
    await desk.servers.send([Outgoing(0, key, json.dumps(seal).encode(), [])])
    async with desk.servers.service():
        await until(desk.servers.admitted_all)
    refused = [dict(one.headers)[REASON] for part in await desk.servers.read(REJECTED) for one in part]
    assert refused == [b"stewards_only"]
    assert await desk.on_log() == []


async def test_a_seal_that_says_something_else_is_refused(desk: Desk) -> None:
    await desk.seal()
    await desk.trail.delete_many({"reader": "R-2"})
    sealer = desk.sealer()
    (seal,) = seals_of(BEFORE, await heads_of(desk.servers.database, BEFORE))
    await desk.servers.send([sealer._record(seal)])
    async with desk.servers.service():
        await until(desk.servers.admitted_all)
    refused = [dict(one.headers)[REASON] for part in await desk.servers.read(REJECTED) for one in part]
    assert refused == [b"conflicting_repeat"]
    assert len(await desk.faults()) == 1
