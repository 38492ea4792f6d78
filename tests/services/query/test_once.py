"""Within a page the same question is asked once."""

import asyncio

import pytest

from services.query.once import asked_once, once
from services.query.waiting import Waiting
from shared.errors import Transient
from tests.services.query.test_standing import stands


class _Counted:
    """Answers with how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def __call__(self) -> int:
        self.asked += 1
        await asyncio.sleep(0)
        return self.asked


async def test_a_page_asks_the_same_once_and_the_next_page_anew() -> None:
    ask = _Counted()
    for page in (1, 2):
        with once():
            assert await asyncio.gather(*(asked_once("rows", ask) for _ in range(3))) == [page] * 3
    assert await asked_once("rows", ask) == 3, "beside a page nothing is shared"


async def test_a_page_that_waits_for_a_position_shares_nothing() -> None:
    ask = _Counted()
    with once(shared=False):
        assert [await asked_once("rows", ask), await asked_once("rows", ask)] == [1, 2]


async def test_what_fails_fails_for_each_who_asked() -> None:
    async def ask() -> None:
        raise Transient("away")

    with once():
        for _ in range(2):
            with pytest.raises(Transient):
                await asked_once("rows", ask)


async def test_a_page_looks_once_where_the_services_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.query.waiting.STANDING_SECONDS", 0.0)
    looks = [stands(5, 1, 1), stands(5, 2, 2)]

    async def look() -> object:
        return looks.pop(0)

    waiting = Waiting(look)  # type: ignore[arg-type]
    with once():
        assert await waiting.standing() is await waiting.standing()
    assert len(looks) == 1
