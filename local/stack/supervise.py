"""Keeps the processes of a local stack running: reports which one ended, and restarts it a few times."""

import asyncio
import signal
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from local.stack.errors import StackError

MAX_RESTARTS = 5
WITHIN_SECONDS = 600.0
"""More restarts of one process in this time, and it is no accident: the stack ends and shows the log."""
FIRST_PAUSE_SECONDS = 1.0
MAX_PAUSE_SECONDS = 20.0


class Part(Protocol):
    """A process that can be started again."""

    @property
    def name(self) -> str: ...

    async def ended(self) -> int | None:
        """Waits for its end; its exit code as `Process.exit_code` gives it."""
        ...

    def why_not_again(self, code: int | None) -> str | None:
        """Why it makes no sense to start it again; None where it does."""
        ...

    async def start(self) -> None:
        """Starts it as it was, and waits until it is ready. Raises StackError."""
        ...

    def failure(self, what: str) -> StackError:
        """`what`, with the last lines of its log."""
        ...


@dataclass(slots=True)
class Restarts:
    """The latest restarts of one process."""

    at_seconds: deque[float] = field(default_factory=lambda: deque(maxlen=MAX_RESTARTS))

    def pause_seconds(self, now_seconds: float) -> float | None:
        """How long to wait before the next one, None when there were enough."""
        recent = sum(now_seconds - at < WITHIN_SECONDS for at in self.at_seconds)
        if recent >= MAX_RESTARTS:
            return None
        self.at_seconds.append(now_seconds)
        pause: float = FIRST_PAUSE_SECONDS * 2**recent
        return min(pause, MAX_PAUSE_SECONDS)


async def keep_running(
    parts: Sequence[Part],
    say: Callable[[str], None],
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> StackError:
    """Starts again whichever ends, until one of them can't be kept running: that is the answer."""
    keeping = [asyncio.create_task(_keep(part, say, sleep)) for part in parts]
    if not keeping:
        await asyncio.get_running_loop().create_future()
    try:
        done, _ = await asyncio.wait(keeping, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in keeping:
            task.cancel()
    return next(iter(done)).result()


async def _keep(part: Part, say: Callable[[str], None], sleep: Callable[[float], Awaitable[None]]) -> StackError:
    restarts, loop = Restarts(), asyncio.get_running_loop()
    while True:
        code = await part.ended()
        what = f"{part.name} {in_words(code)}"
        why_not = part.why_not_again(code)
        if why_not is not None:
            return part.failure(f"{what}; not restarted: {why_not}")
        pause = restarts.pause_seconds(loop.time())
        if pause is None:
            often = f"{MAX_RESTARTS} times in {WITHIN_SECONDS / 60:.0f} minutes"
            return part.failure(f"{what}; already restarted {often}")
        say(f"{what}; restarting it in {pause:.0f} s, the others keep running")
        await sleep(pause)
        try:
            await part.start()
        except StackError as error:
            say(f"{part.name} did not start: {error}")


def in_words(code: int | None) -> str:
    """How a process ended."""
    if code is None:
        return "was killed with its guard"
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
