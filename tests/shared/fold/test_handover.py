"""The handover's order, what it gives up, and what it carries over to the generation that was built."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from shared.errors import Transient
from shared.fold import handover
from shared.fold.handover import MAX_LIVE_LAG, carry_over, hand_over, published_after
from shared.mongo import transaction
from tests.shared.fakes import KEY, LogRecord, on_log, purchase
from tests.shared.fold.beside import LIVE, TARGET, Beside
from tests.sim.toy import STEPPED


class Steps:
    """A rebuild and what surrounds a handover, each step noted in order. `fails`: the step that raises."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, fails: str = "", error: Exception | None = None) -> None:
        self.done: list[str] = []
        self._fails, self._error = fails, error or Transient("no")
        steps = ("close", "offsets", "fold", "published", "carried", "handed over", "pointed", "given up")
        close, offsets, fold, published, carried, handed, pointed, given_up = (self._step(name) for name in steps)
        self.rebuild: Any = SimpleNamespace(
            generations=SimpleNamespace(close=close, hand_over=handed),
            fold=self._counting(fold),
            live=LIVE,
            target=TARGET,
            token="token",
            now=lambda: purchase("1.00").time,
            database=None,
            schema=None,
            domain=SimpleNamespace(service="toy"),
        )
        monkeypatch.setattr(handover, "_refuse_lag", self._step("lag"))
        monkeypatch.setattr(handover, "_closed_offsets", offsets)
        monkeypatch.setattr(handover, "published_after", published)
        monkeypatch.setattr(handover, "carry_over", carried)
        monkeypatch.setattr(handover, "point", pointed)
        monkeypatch.setattr(handover, "give_up_handover", given_up)
        monkeypatch.setattr(handover, "transaction", self._transaction)

    def _step(self, name: str) -> Any:
        async def step(*_: Any) -> int:
            self.done.append(name)
            if name == self._fails:
                if isinstance(self._error, asyncio.TimeoutError):
                    await asyncio.Event().wait()
                raise self._error
            return 7

        return step

    @staticmethod
    def _counting(step: Any) -> Any:
        async def fold(*_: Any) -> AsyncIterator[int]:
            await step()
            yield 3
            yield 4

        return fold

    @staticmethod
    @asynccontextmanager
    async def _transaction(_: Any) -> AsyncIterator[None]:
        yield


async def test_the_live_positions_are_closed_first_and_the_views_pointed_last(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = Steps(monkeypatch)
    outcome = await hand_over(steps.rebuild)
    assert steps.done == ["lag", "close", "offsets", "fold", "published", "carried", "handed over", "pointed"]
    assert (outcome.records, outcome.carried) == (7, 7)


@pytest.mark.parametrize("fails", ["offsets", "fold", "published", "carried", "handed over"])
async def test_what_fails_while_the_live_one_waits_opens_it_again(monkeypatch: pytest.MonkeyPatch, fails: str) -> None:
    steps = Steps(monkeypatch, fails)
    with pytest.raises(Transient, match="no"):
        await hand_over(steps.rebuild)
    assert steps.done[-2:] == [fails, "given up"]


async def test_what_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover, "CLOSED_AT_MOST_SECONDS", 0.01)
    steps = Steps(monkeypatch, "fold", TimeoutError())
    with pytest.raises(Transient, match="took longer"):
        await hand_over(steps.rebuild)
    assert steps.done[-2:] == ["fold", "given up"]


@pytest.mark.parametrize("lag", [MAX_LIVE_LAG, MAX_LIVE_LAG + 1])
async def test_far_behind_the_log_nothing_is_closed(monkeypatch: pytest.MonkeyPatch, lag: int) -> None:
    async def ends(*_: Any) -> Any:
        return SimpleNamespace(ends={0: lag, 1: 10})

    async def live_offsets() -> dict[int, int]:
        return {0: 0, 1: 10}

    monkeypatch.setattr(handover, "bounds", ends)
    settings = SimpleNamespace(topic_prefix="", log_generation=1)
    monkeypatch.setattr(handover, "LOG", SimpleNamespace(full_name=lambda _: "log"))
    rebuild: Any = SimpleNamespace(settings=settings, live_offsets=live_offsets, domain=SimpleNamespace(service="toy"))
    if lag <= MAX_LIVE_LAG:
        await handover._refuse_lag(rebuild)
    else:
        with pytest.raises(Transient, match=f"{lag} records behind"):
            await handover._refuse_lag(rebuild)


async def test_keys_with_decisions_of_the_service_are_found_each_once(monkeypatch: pytest.MonkeyPatch) -> None:
    stepped = [("type", STEPPED.encode())]
    records = [
        on_log(purchase("1.00"), 5),
        LogRecord(0, 6, 0, b"customer:b", b"{}", stepped),
        LogRecord(0, 7, 0, KEY, b"{}", stepped),
        LogRecord(0, 8, 0, b"customer:b", b"{}", stepped),
        LogRecord(0, 9, 0, b"\xff", b"{}", stepped),
        LogRecord(0, 10, 0, None, b"{}", stepped),
        LogRecord(0, 11, 0, b"customer:c", b"{}", []),
    ]

    async def ends(*_: Any) -> Any:
        return SimpleNamespace(ends={0: 12, 1: 99})

    async def read(start: Any, until: Any, **_: Any) -> AsyncIterator[dict[int, Any]]:
        assert (start, until) == ({0: 5}, {0: 12})
        yield {0: records[:3]}
        yield {0: records[3:]}

    monkeypatch.setattr(handover, "bounds", ends)
    monkeypatch.setattr(handover, "LOG", SimpleNamespace(full_name=lambda _: "log"))
    rebuild: Any = SimpleNamespace(
        settings=None, tail=SimpleNamespace(read=read), domain=SimpleNamespace(decides={STEPPED})
    )
    assert await published_after(rebuild, {0: 5}) == ["customer:b", "customer:c0"]


async def carried(world: Beside, *keys: str) -> int:
    async with transaction(world.database) as session:
        return await carry_over(world.rebuild, session, keys)


async def built(world: Beside, customer: str = "c0") -> dict[str, Any]:
    document: dict[str, Any] = await world.database["levels_g2"].find_one({"_id": customer})
    return document


async def test_a_pending_decision_goes_over_as_it_is() -> None:
    world = Beside()
    await world.fold(on_log(purchase("60.00"), 0))
    live = await world.database["levels_g1"].find_one({"_id": "c0"})
    assert live["pending"]
    assert "pending" not in await built(world)
    assert await carried(world, "customer:c0") == 1
    assert (await built(world))["pending"] == live["pending"]


async def test_a_decision_that_was_accepted_meanwhile_is_pending_no_more() -> None:
    world = Beside()
    await world.fold(on_log(purchase("60.00"), 0))
    await world.fold_built(world.published(1))
    await carried(world, "customer:c0")
    assert "pending" not in await built(world)
    assert (await built(world))["version"] == 1


async def test_who_has_nothing_to_carry_is_left_alone() -> None:
    world = Beside()
    await world.fold(on_log(purchase("60.00"), 0))
    await world.fold(world.published(1))
    assert await carried(world, "customer:c0", "customer:nobody") == 0


async def test_who_is_marked_due_is_found_without_being_named() -> None:
    world = Beside()
    await world.fold(on_log(purchase("60.00"), 0))
    await world.fold(world.published(1))
    await world.change("levels_g1", "c0", marked_due=True, review_at=None)
    assert await carried(world) == 1
    assert (await built(world))["marked_due"] is True


async def test_a_frozen_document_is_not_touched() -> None:
    world = Beside()
    await world.fold(on_log(purchase("60.00"), 0))
    await world.change("levels_g2", "c0", incomplete_since="1/0/0")
    assert await carried(world, "customer:c0") == 0
    assert "pending" not in await built(world)
