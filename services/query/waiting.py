"""Looks at where everybody stands: a recent one for each answer, and one poller for all who wait for a position."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from services.query.limits import MAX_WAITERS, POLL_SECONDS, STANDING_SECONDS
from services.query.once import asked_once
from services.query.standing import Standing, Wait
from shared import metrics
from shared.errors import Transient


class TooManyWaiting(Exception):  # noqa: N818 - it is an answer
    """As many requests wait as may."""


@dataclass(slots=True, eq=False)
class _Waiter:
    wait: Wait
    done: "asyncio.Future[Standing]"


@dataclass(slots=True)
class Waiting:
    """look: where everybody stands now. Raises Transient, as the methods here do then."""

    look: Callable[[], Awaitable[Standing]]
    _last: tuple[float, Standing] | None = None
    _looking: "asyncio.Task[Standing] | None" = None
    _waiters: list[_Waiter] = field(default_factory=list)
    _polling: "asyncio.Task[None] | None" = None

    async def standing(self) -> Standing:
        """A look that is at most STANDING_SECONDS old, on a page that of its first question: an older one says less,
        never too much. Those who ask at once share one.
        """
        return await asked_once(self.look, self._recent)

    async def _recent(self) -> Standing:
        now = asyncio.get_running_loop().time()
        if self._last is not None and now - self._last[0] < STANDING_SECONDS:
            return self._last[1]
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        return await asyncio.shield(self._looking)

    async def fresh(self) -> Standing:
        """A look that begins now."""
        return await self._look()

    async def _look(self) -> Standing:
        begun = asyncio.get_running_loop().time()  # as old as its beginning
        standing = await self.look()
        self._last = begun, standing
        return standing

    async def passed(self, wait: Wait, seconds: float) -> Standing | None:
        """A look by which it is passed, None where that takes longer. Raises TooManyWaiting."""
        standing = await self._look()
        if wait.passed(standing):
            return standing
        if seconds <= 0:
            return None
        if len(self._waiters) >= MAX_WAITERS:
            metrics.WAITS.labels("refused").inc()
            raise TooManyWaiting
        waiter = _Waiter(wait, asyncio.get_running_loop().create_future())
        self._waiters.append(waiter)
        metrics.WAITING.inc()
        if self._polling is None or self._polling.done():
            self._polling = asyncio.create_task(self._poll())
        try:
            async with asyncio.timeout(seconds):
                shown = await waiter.done
        except TimeoutError:
            metrics.WAITS.labels("not_yet").inc()
            return None
        else:
            metrics.WAITS.labels("passed").inc()
            return shown
        finally:
            self._waiters.remove(waiter)
            metrics.WAITING.dec()

    async def _poll(self) -> None:
        while self._waiters:
            await asyncio.sleep(POLL_SECONDS)
            try:
                standing = await self._look()
            except Transient as error:
                for waiter in self._waiters:
                    if not waiter.done.done():
                        waiter.done.set_exception(Transient(str(error)))
                continue
            for waiter in self._waiters:
                if not waiter.done.done() and waiter.wait.passed(standing):
                    waiter.done.set_result(standing)
