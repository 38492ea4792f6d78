"""Rows of a table, whatever it is stored in."""

from dataclasses import dataclass

from guanxi.importer.files.cells import Cell
from shared.events.refusal import Refused

CUT_OFF = "; the last line has no line end, so the file may be cut off"


@dataclass(frozen=True, slots=True)
class Row:
    """A row: the number of its first line (of a sheet: its row), and its cells as they are there. cut: whether it is
    the last line and has no line end.
    """

    line: int
    cells: list[Cell]
    cut: bool = False


@dataclass(frozen=True, slots=True)
class BadRow:
    """A line that is no row, and why; `raw` is its text, unreadable bytes escaped."""

    line: int
    raw: str
    refused: Refused
