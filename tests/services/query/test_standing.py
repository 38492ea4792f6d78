"""When a position has passed: inbox, then service after service, each to the end of its own decisions."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from services.query.limits import MAX_WAITERS
from services.query.standing import Admitted, Reached, Standing, Wait, beyond
from services.query.waiting import TooManyWaiting, Waiting
from shared import metrics
from shared.errors import Transient
from shared.positions import Mark, Of

NOW = datetime(2026, 3, 1, tzinfo=UTC)
INBOX = Mark(Of.INBOX, 1, {0: 5})


def stands(
    admitted: int, tiering: int, engagement: int, decided: int = 0, end: int = 7, also: int = 0, feed: int | None = None
) -> Standing:
    return Standing(
        {"inbox": 1, "log": 1, "tiering": 2, "engagement": 1},
        {"tiering": {1: NOW + timedelta(hours=1)}},
        {0: Admitted(admitted, {3: end} if admitted else {})},
        {
            "tiering": {3: Reached(tiering, decided)},
            "engagement": {3: Reached(engagement, also)},
            "archives": {3: Reached(max(tiering, engagement))},
            "planning": {3: Reached(max(tiering, engagement))},
            "feed": {3: Reached(max(tiering, engagement) if feed is None else feed)},
        },
        fresh={"tiering": NOW, "engagement": NOW - timedelta(seconds=1)},
    )


@pytest.mark.parametrize(
    ("standing", "passed"),
    [
        (stands(4, 99, 99), False),  # not admitted
        (stands(5, 6, 99), False),  # tiering has not folded it
        (stands(5, 7, 6), False),  # engagement has not
        (stands(5, 7, 7), True),
        (stands(5, 7, 7, decided=9), False),  # tiering's decision is not folded by itself
        (stands(5, 9, 7, decided=9), False),  # nor by engagement
        (stands(5, 9, 9, decided=9), True),
        (stands(5, 9, 9, decided=9, also=11), False),  # nor engagement's own
        (stands(5, 9, 11, decided=9, also=11), True),
        (stands(5, 9, 11, decided=9, also=11, feed=10), False),  # the feed comes last
    ],
)
def test_a_position_passes_when_all_that_it_brought_about_shows(standing: Standing, passed: bool) -> None:  # noqa: FBT001
    assert Wait(INBOX).passed(standing) is passed


def test_a_service_raises_the_target_once_so_that_a_wait_ends() -> None:
    wait = Wait(INBOX)
    assert not wait.passed(stands(5, 7, 7, decided=9))
    assert not wait.passed(stands(5, 9, 7, decided=20))
    assert wait.passed(stands(5, 12, 9, decided=30))


def test_a_position_of_the_log_waits_for_the_services_alone() -> None:
    mark = Mark(Of.LOG, 1, {3: 7})
    assert Wait(mark).passed(stands(0, 7, 7))
    assert not Wait(mark).passed(stands(0, 7, 6))


def test_a_position_that_nobody_has_reached_is_told_from_one_to_wait_for() -> None:
    assert beyond(Mark(Of.LOG, 1, {3: 8}), stands(5, 7, 7))
    assert not beyond(Mark(Of.LOG, 1, {3: 8}), stands(5, 7, 7, decided=8))
    assert not beyond(Mark(Of.LOG, 1, {3: 7}), stands(5, 2, 2))


def test_an_answer_is_as_old_as_its_slowest_service() -> None:
    standing = stands(5, 7, 4)
    assert standing.position(("tiering", "engagement")).ends == {3: 4}
    assert standing.behind(("tiering",)) == 0
    assert standing.behind(("tiering", "engagement")) == 3
    assert standing.as_of(("tiering", "engagement")) == NOW - timedelta(seconds=1)


def test_a_generation_that_was_replaced_is_readable_for_its_time() -> None:
    standing = stands(5, 7, 7)
    assert standing.readable("tiering", 2, NOW)
    assert standing.readable("tiering", 1, NOW)
    assert not standing.readable("tiering", 1, NOW + timedelta(hours=2))
    assert not standing.readable("tiering", 3, NOW)


async def test_all_who_wait_share_one_poller_and_each_ends() -> None:
    looks = 0

    async def look() -> Standing:
        nonlocal looks
        looks += 1
        return stands(5, 7, 7 if looks > 60 else 6)

    waiting = Waiting(look)
    found = await asyncio.gather(*(waiting.passed(Wait(INBOX), 30) for _ in range(50)))
    assert all(found)
    assert looks < 60 + 50 + 5


async def test_more_than_may_do_not_wait() -> None:
    async def look() -> Standing:
        return stands(5, 7, 6)

    waiting = Waiting(look)
    held = [asyncio.create_task(waiting.passed(Wait(INBOX), 30)) for _ in range(MAX_WAITERS)]
    while len(waiting._waiters) < MAX_WAITERS:  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(0)
    assert value("guanxi_waiting_requests") == MAX_WAITERS
    with pytest.raises(TooManyWaiting):
        await waiting.passed(Wait(INBOX), 30)
    assert await waiting.passed(Wait(INBOX), 0) is None  # who does not wait is answered
    for one in held:
        one.cancel()
    await asyncio.gather(*held, return_exceptions=True)
    assert not waiting._waiters
    assert value("guanxi_waiting_requests") == 0


def value(name: str) -> float:
    found = metrics.REGISTRY.get_sample_value(name)
    assert found is not None
    return found


async def test_who_waits_is_told_when_mongodb_goes() -> None:
    looks = 0

    async def look() -> Standing:
        nonlocal looks
        looks += 1
        if looks > 1:
            raise Transient("gone")
        return stands(5, 7, 6)

    with pytest.raises(Transient, match="gone"):
        await Waiting(look).passed(Wait(INBOX), 30)
