"""The limits of the HTTP door that have to do with time and load."""

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from services.ingest.limits import MAX_BODY_BYTES, DoorLimits
from shared.limits import MAX_BUCKETS, RateLimit
from tests.events.wire import raw
from tests.services.ingest.doors.http.door import Door, is_problem, purchases


async def test_more_requests_than_fit_are_429_and_the_others_go_on(tmp_path: Path) -> None:
    door = Door(tmp_path, limits=DoorLimits(max_in_flight=1))
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        arrived.set()
        yield b"["
        await go_on.wait()
        yield raw(purchases("slow"))[1:]

    first = asyncio.create_task(door.post(slow()))
    await arrived.wait()
    answer = await door.post(purchases("fast"))
    assert is_problem(answer, 429, "too_many_requests")
    assert int(answer.headers["retry-after"]) >= 1
    go_on.set()
    assert (await first).status_code == 202
    assert (await door.post(purchases("fast"))).status_code == 202


async def test_a_key_that_sends_too_much_is_429(tmp_path: Path) -> None:
    door = Door(tmp_path, limits=DoorLimits(events_per_second=0.001, burst_seconds=3000))
    assert (await door.post(purchases("a", "b", "c", "d"))).status_code == 202
    answer = await door.post(purchases("e"))
    assert is_problem(answer, 429, "too_many_requests")
    assert int(answer.headers["retry-after"]) > 100


async def test_a_key_with_a_limit_of_its_own_has_that_one(tmp_path: Path) -> None:
    tight = Door(tmp_path, events_per_second=0.1, limits=DoorLimits(events_per_second=1_000_000))
    assert (await tight.post(purchases("a"))).status_code == 202
    answer = await tight.post(purchases("b"))
    assert is_problem(answer, 429, "too_many_requests")
    assert int(answer.headers["retry-after"]) > 5
    (tmp_path / "wide").mkdir()
    wide = Door(tmp_path / "wide", events_per_second=1000, limits=DoorLimits(events_per_second=0.001))
    assert [(await wide.post(purchases(name))).status_code for name in "abc"] == [202, 202, 202]


async def test_a_body_that_does_not_come_is_408(tmp_path: Path) -> None:
    door = Door(tmp_path, limits=DoorLimits(body_seconds=0.01))

    async def stuck() -> AsyncIterator[bytes]:
        yield b"["
        await asyncio.Event().wait()

    assert is_problem(await door.post(stuck()), 408, "request_timeout")


async def test_kafka_that_does_not_acknowledge_in_time_is_503(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    door = Door(tmp_path, limits=DoorLimits(write_seconds=0.01))

    async def never(_: Any) -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(door.inbox, "write", never)
    assert is_problem(await door.post(purchases("a")), 503, "unavailable")


async def test_claims_that_do_not_come_in_time_are_done_without(tmp_path: Path) -> None:
    class Stuck:
        async def find(self, _: Any) -> Any:
            await asyncio.Event().wait()

    door = Door(tmp_path, claims=Stuck(), limits=DoorLimits(look_seconds=0.01))  # type: ignore[arg-type]
    assert (await door.post(purchases("a"))).status_code == 202


@pytest.mark.parametrize("members", [1, 3])
async def test_gzip_is_taken_also_in_several_members(door: Door, members: int) -> None:
    body = raw(purchases("a", "b"))
    step = len(body) // members + 1
    packed = b"".join(gzip.compress(body[start : start + step]) for start in range(0, len(body), step))
    assert (await door.post(packed, content_encoding="gzip")).json()["accepted"] == 2


async def test_a_small_body_that_unpacks_to_a_large_one_is_413(door: Door) -> None:
    bomb = gzip.compress(b" " * (50 * MAX_BODY_BYTES))
    assert len(bomb) < MAX_BODY_BYTES
    assert is_problem(await door.post(bomb, content_encoding="gzip"), 413, "too_large")


@pytest.mark.parametrize("damage", [lambda b: b[:-5], lambda b: b[:20] + b"\0\0\0\0" + b[24:], lambda b: b + b"rest"])
async def test_damaged_gzip_is_400(door: Door, damage: Any) -> None:
    answer = await door.post(damage(gzip.compress(raw(purchases("a")))), content_encoding="gzip")
    assert is_problem(answer, 400, "not_gzip")
    assert not door.inbox.records
    with pytest.raises(zlib.error):
        zlib.decompress(b"rest", 31)


def test_a_bucket_fills_again_with_time() -> None:
    rate = RateLimit(burst_seconds=2)
    assert rate.wait_seconds("key", 10, 0) == 0
    rate.charge("key", 10, 40, 0)
    assert rate.wait_seconds("key", 10, 0) == pytest.approx(2.1)
    assert rate.wait_seconds("other", 10, 0) == 0
    assert rate.wait_seconds("key", 10, 1.9) > 0
    assert rate.wait_seconds("key", 10, 2.1) == 0
    assert rate.wait_seconds("key", 10, 1000) == 0
    rate.charge("key", 10, 21, 1000)
    assert rate.wait_seconds("key", 10, 1000) > 0


def test_buckets_are_bounded() -> None:
    rate = RateLimit(burst_seconds=2)
    for number in range(2 * MAX_BUCKETS):
        rate.charge(f"key {number}", 10, 1, number)
    assert len(rate._buckets) == MAX_BUCKETS
