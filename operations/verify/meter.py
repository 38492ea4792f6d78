"""Progress of a check on standard error: a line that updates on a terminal, else one every five seconds."""

import sys
import time
from collections.abc import Callable
from typing import TextIO

_TERMINAL_EVERY_SECONDS = 0.2
_FILE_EVERY_SECONDS = 5.0
_CLEAR_LINE = "\r\x1b[2K"


class Meter:
    """Counts records. `clock` returns seconds since some start; `out` None is silent."""

    def __init__(self, out: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._out, self._clock = out, clock
        self._what, self._total, self._done = "", 0, 0
        self._began = self._shown = 0.0
        self._every = _TERMINAL_EVERY_SECONDS if out is not None and out.isatty() else _FILE_EVERY_SECONDS
        self.records = 0
        """Of all tasks so far."""
        self.seconds = 0.0

    def begin(self, what: str, total: int) -> None:
        """A new task of so many records."""
        self.end()
        self._what, self._total, self._done = what, total, 0
        self._began = self._shown = self._clock()

    def add(self, records: int) -> None:
        """So many more are done."""
        self._done += records
        now = self._clock()
        if now - self._shown >= self._every:
            self._shown = now
            self._show(now)

    def end(self) -> None:
        """The task is over."""
        if not self._what:
            return
        self.records += self._done
        self.seconds += self._clock() - self._began
        if self._out is not None and self._out.isatty():
            self._out.write(_CLEAR_LINE)
            self._out.flush()
        self._what = ""

    def _show(self, now: float) -> None:
        if self._out is None:
            return
        rate = self._done / max(now - self._began, 1e-9)
        left = max(0, self._total - self._done)
        line = f"{self._what}: {self._done:,} of {max(self._total, self._done):,} records, {rate:,.0f}/s"
        if rate > 0:
            line += f", {_duration(left / rate)} left"
        self._out.write(_CLEAR_LINE + line if self._out.isatty() else line + "\n")
        self._out.flush()


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def standard_error() -> Meter:
    """For commands."""
    return Meter(sys.stderr)
