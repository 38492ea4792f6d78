"""Crashes while the real data flow: ten times one of the three services is killed, and nothing is lost or doubled."""

from datetime import UTC, date, datetime, timedelta
from itertools import cycle
from pathlib import Path
from random import Random

import anyio
import pytest
from anyio.from_thread import BlockingPortal

from local.stack.services import ALL
from services import SERVICES
from tests.e2e.conftest import MakeWorld
from tests.e2e.expected import assert_log_holds_each_once, assert_views_equal_oracle
from tests.e2e.met import assert_contacts_equal_oracle
from tests.e2e.slices import in_parts, rows, write
from tests.e2e.world import World
from tests.oracle.retail import File, load

KILLS = 10

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.release("tests/faults kills 20 times in CI, and judges by the same oracles"),
]


async def import_and_kill(world: World, path: Path, last_on: date, victim: str, after_records: int) -> None:
    """Import a file; when the log has grown by so many records, kill a service in mid-stream and start it again."""
    begin = await world.log_end()

    async def kill() -> None:
        await world.log_reaches(begin + after_records)
        await world.services.kill(victim)
        await world.services.start(victim)

    async with anyio.create_task_group() as together:
        together.start_soon(world.import_, [path], last_on)
        together.start_soon(kill)


def test_ten_kills_in_mid_stream_change_nothing(make_world: MakeWorld, portal: BlockingPortal, tmp_path: Path) -> None:
    chance = Random(20)
    last_on = datetime.now(UTC).date() - timedelta(days=1)
    whole = File()
    with make_world(tmp_path) as world:
        parts = in_parts(rows(), KILLS)
        for number, (part, victim) in enumerate(zip(parts, cycle(ALL), strict=False)):
            path = write(tmp_path / f"part-{number}.csv.gz", part)
            file = load(path, last_on)
            whole.customers |= file.customers
            portal.call(import_and_kill, world, path, last_on, victim, chance.randint(1, file.admitted // 2))
        portal.call(world.settled)
        assert_views_equal_oracle(world, whole)
        log = portal.call(world.log)
        assert_log_holds_each_once(log, whole)
        assert_contacts_equal_oracle(world, log)
        for service in SERVICES.folding:
            portal.call(world.rebuild, service)
