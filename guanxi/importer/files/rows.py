"""Rows of a table, whatever it is stored in."""

from dataclasses import dataclass

from guanxi.importer.files.cells import Cell
from shared.events.refusal import Refused


@dataclass(frozen=True, slots=True)
class Row:
    """A row: the number of its first line (of a sheet: its row), and its cells as they are there."""

    line: int
    cells: list[Cell]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A line that is no row, and why; `raw` is its text, unreadable bytes escaped."""

    line: int
    raw: str
    refused: Refused
