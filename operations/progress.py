"""Progress of a long run: a bar with rate and time left on a terminal, else a line every few seconds."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

LINE_EVERY_SECONDS = 5.0


class Steps:
    """One run of several steps, each with a count. `say` shows a line."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        console = Console()
        self._bars: Progress | None = None
        if console.is_terminal:
            rate = TextColumn("{task.fields[rate]}")
            self._bars = Progress(
                TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn()
            )

    def __enter__(self) -> Self:
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def step(self, what: str, total: int) -> "Step":
        """Begin a step of `total` units."""
        return Step(self._bars, self._say, what, total)


class Step:
    """Counts, and shows it."""

    def __init__(self, bars: Progress | None, say: Callable[[str], None], what: str, total: int) -> None:
        self._bars, self._say, self._what, self.total = bars, say, what, total
        self._task = None if bars is None else bars.add_task(what, total=total, rate="")
        self._began = self._said = time.monotonic()
        self.done = 0

    def add(self, count: int) -> None:
        """Add to what is done."""
        self.done += count
        if self._bars is not None and self._task is not None:
            self._bars.update(self._task, completed=self.done, total=self.total, rate=f"{self.rate():,.0f}/s")
        elif time.monotonic() - self._said > LINE_EVERY_SECONDS:
            self._said = time.monotonic()
            self._say(f"{self._what}: {self.done:,} of {self.total:,}, {self.rate():,.0f}/s, {self._left()} left")

    def rate(self) -> float:
        """Units per second since the step began."""
        return self.done / max(time.monotonic() - self._began, 1e-3)

    def seconds(self) -> float:
        """Seconds since the step began."""
        return time.monotonic() - self._began

    def _left(self) -> str:
        seconds = int(max(self.total - self.done, 0) / max(self.rate(), 1e-3))
        return f"{seconds // 60} min {seconds % 60} s" if seconds >= 60 else f"{seconds} s"
