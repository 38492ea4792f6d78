"""Rows of a table in any format."""

from dataclasses import dataclass

from services.ingest.doors.files.formats.cells import Cell
from shared.events.refusal import Refused

CUT_OFF = "; the last line has no line end, so the file may be truncated"


@dataclass(frozen=True, slots=True)
class Row:
    """A row: the number of its first line (in a sheet: of the row), and its cells unchanged. cut: whether it is the
    last line and has no line end.
    """

    line: int
    cells: list[Cell]
    cut: bool = False


@dataclass(frozen=True, slots=True)
class BadRow:
    """A line that is not a row, and why; `raw` is its text, with unreadable bytes escaped."""

    line: int
    raw: str
    refused: Refused
