"""What the demo prints: headings, steps, and counts that update in place on a terminal and rarely in a file."""

import sys
import time
from collections.abc import Callable
from typing import TextIO, cast

from rich.console import Console

from guanxi.console import Shown

WIDTH = 100
_TERMINAL_EVERY_SECONDS = 0.1
_FILE_EVERY_SECONDS = 5.0
_CLEAR_LINE = "\r\x1b[2K"


def make_console(out: TextIO) -> Console:
    """A console for tables: at most 100 columns, exactly 100 without a terminal; no colours."""
    out = cast("TextIO", Shown(out))
    console = Console(file=out, highlight=False, no_color=True, emoji=False, markup=False)
    terminal_width = console.width if console.is_terminal else WIDTH
    return Console(
        file=out, highlight=False, no_color=True, emoji=False, markup=False, width=min(WIDTH, terminal_width)
    )


class Narrator:
    """Prints progress for a person. `clock` returns seconds since some start."""

    def __init__(self, out: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._out = out or sys.stdout
        self._clock = clock
        self._began = clock()
        self._moving = ""
        self._shown_at = -1e9
        self.console = make_console(self._out)

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return self._clock() - self._began

    def heading(self, text: str) -> None:
        """A new section, after an empty line."""
        self._settle()
        self._write(f"\n{text}\n{'-' * len(text)}\n")

    def say(self, text: str = "") -> None:
        """A line that stays."""
        self._settle()
        self._write(f"{text}\n")

    def step(self, text: str) -> None:
        """A line that stays, with the time since the start in front."""
        self.say(f"[{self.seconds:5.1f} s] {text}")

    def moving(self, text: str, *, last: bool = False) -> None:
        """A line that the next one replaces on a terminal; in a file, at most one every five seconds."""
        terminal = self.console.is_terminal
        every = _TERMINAL_EVERY_SECONDS if terminal else _FILE_EVERY_SECONDS
        if not last and self._clock() - self._shown_at < every:
            return
        self._shown_at = self._clock()
        line = f"[{self.seconds:5.1f} s] {text}"
        if not terminal:
            self._write(f"{line}\n")
            return
        self._moving = line
        self._write(_CLEAR_LINE + line[: self.console.width - 1])
        if last:
            self._settle()

    def _settle(self) -> None:
        if self._moving:
            self._moving = ""
            self._write("\n")

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()
