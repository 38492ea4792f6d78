"""An event loop without a clock, a thread or a socket: what runs next is decided by virtual time alone.

Code under test runs on it unchanged. Each process of the simulated system is a `Process`; the loop knows from a
handle's context whose it is, so that a process can be killed between any two steps, or stopped for a while, without
its code having a say, as by SIGKILL and SIGSTOP.
"""

import asyncio
import contextlib
import heapq
import itertools
import warnings
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Hold:
    """What becomes of one request: seconds before it leaves and before its answer is seen; whether request or answer
    is lost, or it never leaves because who asks has died.
    """

    before: float = 0.0
    after: float = 0.0
    lost: Literal["", "request", "answer"] = ""
    never: bool = False


class Process:
    """A simulated process: its tasks run in a context that carries it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True
        self.stopped_until = 0.0
        self.trap: Callable[[str], Hold | None] | None = None
        """Called with the operation whenever this process asks a server for something; it may kill or stop it."""
        self.context = copy_context()
        self.context.run(PROCESS.set, self)

    def __repr__(self) -> str:
        return self.name


PROCESS: ContextVar[Process | None] = ContextVar("PROCESS", default=None)


class OutOfStepsError(Exception):
    """The simulated system does not come to rest."""


class SimLoop(asyncio.AbstractEventLoop):
    """Runs handles in the order of their virtual time, ties in the order in which they were made."""

    def __init__(self) -> None:
        self._now = 0.0
        self._ready: deque[asyncio.Handle] = deque()
        self._timers: list[tuple[float, int, asyncio.Handle]] = []
        self._number = itertools.count()
        self._tasks: list[asyncio.Task[Any]] = []
        self._end = False
        self.steps = 0
        self.wall_ms: Callable[[], int] = lambda: 0
        """The wall clock of the machines, where a planted bug wants to look at it."""
        self.crashes: list[dict[str, Any]] = []
        """Exceptions that no code took care of."""

    def time(self) -> float:
        return self._now

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._number), handle))
        return handle

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]
        self, coro: Coroutine[Any, Any, Any], *, name: str | None = None, context: Context | None = None
    ) -> asyncio.Task[Any]:
        task = asyncio.Task(coro, loop=self, name=name, context=context)
        self._tasks.append(task)
        return task

    def start(self, process: Process, coro: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run a coroutine as a task of a process."""
        return self.create_task(coro, context=process.context.copy())

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return not self._end

    def is_closed(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if not self._end:
            self.crashes.append(context)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Cancelled timers are passed over when their time comes."""

    def run(self, main: asyncio.Future[Any], max_steps: int) -> None:
        """Run until `main` is done; raises OutOfStepsError when that takes too many steps."""
        asyncio.events._set_running_loop(self)
        try:
            while not main.done():
                if not self._ready:
                    if not self._timers:
                        raise OutOfStepsError("nothing is left to run")
                    when, _, timer = heapq.heappop(self._timers)
                    self._now = max(self._now, when)
                    self._ready.append(timer)
                self._step(self._ready.popleft())
                if self.steps > max_steps:
                    raise OutOfStepsError(f"not at rest after {max_steps} steps")
        finally:
            asyncio.events._set_running_loop(None)
        main.result()

    def _step(self, handle: asyncio.Handle) -> None:
        if handle.cancelled():
            return
        process = handle._context.get(PROCESS)  # type: ignore[attr-defined]
        if process is not None:
            if not process.alive:
                return
            if process.stopped_until > self._now:
                heapq.heappush(self._timers, (process.stopped_until, next(self._number), handle))
                return
        self.steps += 1
        handle._run()

    def dispose(self) -> None:
        """Put away what has not ended, quietly: killed processes leave coroutines in the middle of things."""
        self._end = True
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for task in self._tasks:
                if not task.done():
                    task._log_destroy_pending = False  # type: ignore[attr-defined]
                    coro = task.get_coro()
                    with contextlib.suppress(BaseException):
                        coro.close()
            self._tasks.clear()
            self._ready.clear()
            self._timers.clear()
