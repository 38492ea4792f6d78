"""What lies between a process and a server: delays, lost requests, lost answers, requests that arrive late."""

import asyncio
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any, TypeVar

from tests.sim.chance import Chance
from tests.sim.loop import PROCESS, Hold, Process, SimLoop

T = TypeVar("T")

BLOCKED_SECONDS = 0.3
"""After so long a request that met a lock is tried again by the server."""
LATE_SECONDS = (0.5, 2.0, 8.0, 15.0, 40.0)
"""How much later a late request arrives."""


class BlockedError(Exception):
    """The request waits at the server for a lock."""


@dataclass(frozen=True, slots=True)
class Weather:
    """How the network is in a run: one-way delays in seconds, plainest first, and how often requests fail."""

    delays: tuple[float, ...]
    kafka_faults: float
    mongo_faults: float


class Net:
    """Carries requests to servers. Requests arrive, and answers are worked out, whatever becomes of who asked."""

    def __init__(self, loop: SimLoop, chance: Chance, weather: Weather) -> None:
        self._loop, self._chance = loop, chance
        self._delays = weather.delays
        self._faults = {"kafka": weather.kafka_faults, "mongo": weather.mongo_faults}
        self.servers = copy_context()
        self.servers.run(PROCESS.set, None)
        self.in_flight = 0
        self.trace: Callable[[str], None] | None = None
        """Gets a line of text for each request and what becomes of it."""

    def calm(self) -> None:
        """From now on nothing fails."""
        self._faults.clear()

    def delay(self) -> float:
        """A one-way delay."""
        return self._delays[self._chance.pick(len(self._delays))]

    def call(
        self,
        server: str,
        operation: str,
        effect: Callable[[], T],
        failure: Callable[[], Exception],
        *,
        half: Callable[[int], None] | None = None,
    ) -> "asyncio.Future[T]":
        """Ask a server: `effect` happens there once or never, and the future gets its result or exception, or `failure`
        when request or answer is lost. `half` makes a server that fails in the middle possible: it gets how many
        parts are done.
        """
        future: asyncio.Future[T] = self._loop.create_future()
        process = PROCESS.get()
        hold = process.trap(operation) if process is not None and process.trap is not None else None
        if self.trace is not None:
            effect = self._traced(process, operation, effect)
        delay = self.delay()
        if hold is not None:
            self._held(future, effect, failure, hold, delay)
        elif self._chance.happens(self._faults.get(server, 0.0)):
            self._faulty(future, effect, failure, half, delay)
        else:
            self._later(delay, self._arrive, future, effect, 0.0)
        return future

    def _held(
        self,
        future: "asyncio.Future[Any]",
        effect: Callable[[], Any],
        failure: Callable[[], Exception],
        hold: Hold,
        delay: float,
    ) -> None:
        if hold.never:
            return
        if hold.lost == "answer":
            self._later(delay, self._quietly, effect)
        if hold.lost:
            self._later(delay * 2, _fail, future, failure())
        else:
            self._later(delay + hold.before, self._arrive, future, effect, hold.after)

    def say(self, process: Process | None, operation: str, what: str) -> None:
        """A line for the trace."""
        if self.trace is not None:
            self.trace(f"{self._loop.time():9.3f}  {process or 'the world'}: {operation}: {what}")

    def _traced(self, process: Process | None, operation: str, effect: Callable[[], T]) -> Callable[[], T]:
        def traced() -> T:
            try:
                result = effect()
            except Exception as error:
                self.say(process, operation, repr(error))
                raise
            self.say(process, operation, str(result))
            return result

        return traced

    def _faulty(
        self,
        future: "asyncio.Future[Any]",
        effect: Callable[[], Any],
        failure: Callable[[], Exception],
        half: Callable[[int], None] | None,
        delay: float,
    ) -> None:
        kind = self._chance.pick(4)
        if kind == 1:
            self._later(delay, self._quietly, effect)
        elif kind == 2:
            self._later(delay + LATE_SECONDS[self._chance.pick(len(LATE_SECONDS))], self._quietly, effect)
        elif kind == 3 and half is not None:
            parts = 1 + self._chance.pick(4)
            self._later(delay, self._quietly, lambda: half(parts))
        self._later(delay + self.delay(), _fail, future, failure())

    def _later(self, delay: float, callback: Callable[..., None], *args: Any) -> None:
        self.in_flight += 1
        self._loop.call_later(delay, self._counted, callback, args, context=self.servers)

    def _counted(self, callback: Callable[..., None], args: tuple[Any, ...]) -> None:
        self.in_flight -= 1
        callback(*args)

    def _arrive(self, future: "asyncio.Future[Any]", effect: Callable[[], Any], after: float) -> None:
        try:
            result = effect()
        except BlockedError:
            self._later(BLOCKED_SECONDS, self._arrive, future, effect, after)
        except Exception as error:  # noqa: BLE001 - the server's answer, whatever it is
            self._later(self.delay() + after, _fail, future, error)
        else:
            self._later(self.delay() + after, _answer, future, result)

    def _quietly(self, effect: Callable[[], Any]) -> None:
        try:
            effect()
        except BlockedError:
            self._later(BLOCKED_SECONDS, self._quietly, effect)
        except Exception:  # noqa: BLE001 - nobody is there to hear it
            return


def _answer(future: "asyncio.Future[Any]", result: Any) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: "asyncio.Future[Any]", error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
        future.exception()  # whoever asked may be gone
