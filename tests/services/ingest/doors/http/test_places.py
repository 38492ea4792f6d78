"""Places of the HTTP door: no key, and no few keys, can take them all; no slow body holds one for long."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from services.ingest.doors.http import body as http_body
from services.ingest.limits import MAX_IN_FLIGHT, MAX_IN_FLIGHT_PER_KEY, DoorLimits
from shared.keys.edit import create_key
from shared.limits import WorkPlaces
from tests.events.wire import raw
from tests.services.ingest.doors.http.door import OLD_KEY_DAY, Door, is_problem, purchases


async def test_64_slow_bodies_of_one_key_leave_places_for_every_other(tmp_path: Path) -> None:
    door, go_on = Door(tmp_path), asyncio.Event()
    _, other = create_key(door.keys_file, ["erp"], now=OLD_KEY_DAY)

    async def slow() -> AsyncIterator[bytes]:
        yield b"["
        await go_on.wait()
        yield raw(purchases("slow"))[1:]

    held = [asyncio.create_task(door.post(slow())) for _ in range(64)]
    answered, waiting = await asyncio.wait(held, timeout=1, return_when=asyncio.ALL_COMPLETED)
    assert len(waiting) == MAX_IN_FLIGHT_PER_KEY
    for one in answered:
        assert is_problem(one.result(), 429, "too_many_requests")
        assert f"{MAX_IN_FLIGHT_PER_KEY} of them with this key" in one.result().json()["detail"]
    fast = await door.post(purchases("fast"), authorization=f"Bearer {other}")
    assert fast.status_code == 202
    go_on.set()
    assert {(await one).status_code for one in waiting} == {202}
    assert (await door.post(purchases("again"))).status_code == 202


@pytest.mark.parametrize("keys", range(1, 7))
def test_however_many_keys_hold_what_they_can_another_finds_a_place(keys: int) -> None:
    places = WorkPlaces(MAX_IN_FLIGHT, MAX_IN_FLIGHT_PER_KEY)
    with ExitStack() as held:
        for key in range(keys):
            while places.free_for(str(key)):
                held.enter_context(places.one(str(key)))
        assert places.free_for("another")
        assert places.taken <= MAX_IN_FLIGHT


def test_places_come_back() -> None:
    places = WorkPlaces(2, 2)
    with places.one("a"):
        assert not places.free_for("a")
        assert places.free_for("b")
    assert places.free_for("a")
    assert (places.taken, dict(places.of_key)) == (0, {})


async def test_a_body_slower_than_the_least_rate_is_408(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_body, "LEAST_BODY_BYTES_PER_SECOND", 1_000_000)
    door = Door(tmp_path, limits=DoorLimits(body_grace_seconds=0.05, body_seconds=3600))

    async def dribbles() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.001)

    answer = await door.post(dribbles())
    assert is_problem(answer, 408, "request_timeout")
    assert "KiB a second" in answer.json()["detail"]


async def test_a_body_at_the_least_rate_has_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_body, "LEAST_BODY_BYTES_PER_SECOND", 1)
    door = Door(tmp_path, limits=DoorLimits(body_grace_seconds=0.05, body_seconds=3600))

    async def steady() -> AsyncIterator[bytes]:
        yield b" " * 1000
        await asyncio.sleep(0.1)
        yield raw(purchases("a"))

    assert (await door.post(steady())).status_code == 202


async def test_the_least_rate_extends_no_body_beyond_its_whole_time(tmp_path: Path) -> None:
    door = Door(tmp_path, limits=DoorLimits(body_grace_seconds=0.05, body_seconds=0.1))

    async def large_and_stuck() -> AsyncIterator[bytes]:
        yield b" " * 500_000
        await asyncio.Event().wait()

    assert is_problem(await door.post(large_and_stuck()), 408, "request_timeout")
