"""The door under attack, for real: others are answered, memory is bounded, and who attacks keeps no place."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from services.ingest.limits import MAX_IN_FLIGHT_PER_KEY
from shared.connections import MAX_CONNECTIONS_PER_ADDRESS, Why
from shared.keys.edit import create_key
from tests.attacks.attacker import BODIES, DEAF, MANY
from tests.attacks.stand import CLIENTS, Stand
from tests.services.ingest.doors.http.door import OLD_KEY_DAY
from tests.services.ingest.doors.http.running import Ingest, ingest
from tests.services.ingest.real import servers_of

pytestmark = [pytest.mark.real, pytest.mark.slow]

SECONDS = 6.0
BEFORE_A_RELEASE = pytest.mark.release("one attack of each kind stays in CI: a head, many connections, slow bodies")
MORE_BYTES = 64 * 1024 * 1024
"""By which the door may grow under an attack: 500 connections with what each may hold, and what Python keeps."""


@pytest.fixture
async def door(stack_settings: dict[str, str], tmp_path: Path) -> AsyncIterator[tuple[Ingest, Stand]]:
    async with servers_of(stack_settings), ingest(stack_settings, tmp_path) as running:
        _, attackers = create_key(tmp_path / "keys.yaml", ["*"], now=OLD_KEY_DAY)
        port = int(running.url.rpartition(":")[2])
        yield running, Stand(port, running.token, attackers, running.process.rss_bytes)


async def closed(running: Ingest) -> dict[str, float]:
    """Connections that the door closed, by why."""
    async with httpx.AsyncClient(trust_env=False) as client:
        text = (await client.get(f"{running.url}/metrics")).text
    lines = [line for line in text.splitlines() if line.startswith("guanxi_http_connections_closed_total")]
    return {line.split('"')[1]: float(line.rsplit(" ", 1)[1]) for line in lines}


@pytest.mark.parametrize(
    ("name", "why", "most_open"),
    [
        pytest.param("endless_header", Why.HEAD_TOO_LARGE, 1, marks=BEFORE_A_RELEASE),
        ("header_of_60_mb", Why.HEAD_TOO_LARGE, 1),
        ("half_heads", Why.PLACE_NEEDED, MAX_CONNECTIONS_PER_ADDRESS),
        ("slow_bodies", None, BODIES),
        pytest.param("endless_trailer", Why.HEAD_TOO_LARGE, 1, marks=BEFORE_A_RELEASE),
        pytest.param("silent", Why.PLACE_NEEDED, MAX_CONNECTIONS_PER_ADDRESS, marks=BEFORE_A_RELEASE),
        pytest.param("idle", Why.PLACE_NEEDED, MAX_CONNECTIONS_PER_ADDRESS, marks=BEFORE_A_RELEASE),
        pytest.param("tiny_chunks", Why.HEAD_TOO_LARGE, 1, marks=BEFORE_A_RELEASE),
        pytest.param("unread_answers", Why.ANSWER_NOT_TAKEN, DEAF, marks=BEFORE_A_RELEASE),
    ],
)
async def test_under_attack_others_are_answered_and_nothing_grows(
    door: tuple[Ingest, Stand], name: str, why: Why | None, most_open: int
) -> None:
    running, stand = door
    report = await stand.play(name, SECONDS if why is not Why.ANSWER_NOT_TAKEN else 25.0)
    for phase in (report.before, report.during, report.after):
        assert set(phase.statuses) == {"202"}, report.lines()
        assert len(phase.seconds) > CLIENTS
    assert report.during.peak_bytes < report.before.peak_bytes + MORE_BYTES, report.lines()
    assert report.attacker["open_at_the_end"] <= most_open + 50, report.lines()
    if why is not None:
        assert (await closed(running)).get(why, 0) > 0, report.lines()
    assert MAX_IN_FLIGHT_PER_KEY < BODIES < MANY
