"""Rows of a CSV file. A row that can't be read is refused by itself, and reading goes on with the next
line.
"""

import csv
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from guanxi.importer.lines import Line, LineSource
from shared.errors import Malformed
from shared.events.refusal import Reason, Refused


@dataclass(frozen=True, slots=True)
class Row:
    """A row: the number of its first line, and its cells as they are in the file."""

    line: int
    cells: list[str]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A line that is no row, and why; `raw` is its text, unreadable bytes escaped."""

    line: int
    raw: str
    refused: Refused


class CsvRows:
    """The header and the rows of a file; usable once. Raises Malformed where the file as a whole can't be
    used.

    Quotes are strict: a quote that is never closed would swallow what follows. So when a row fails, its first
    line alone is refused, and the lines that it had swallowed are read again.
    """

    def __init__(self, path: Path, encoding: str, delimiter: str) -> None:
        self.source = LineSource(path)
        self._encoding, self._delimiter = encoding, delimiter
        self._lines = iter(self.source)
        self._again: deque[Line] = deque()
        self._taken: list[Line] = []
        self._rows = self._read()
        self.header = self._header()

    def __iter__(self) -> Iterator[Row | BadRow]:
        """The rows below the header."""
        width = len(self.header)
        for row in self._rows:
            if isinstance(row, Row) and len(row.cells) != width:
                yield self._bad(f"it has {len(row.cells)} cells, the header has {width}")
            else:
                yield row

    def _header(self) -> list[str]:
        path = self.source.path
        row = next(self._rows, None)
        if row is None:
            raise Malformed(f"{path}: the file is empty; a line with the names of the columns is expected")
        if isinstance(row, BadRow):
            raise Malformed(f"{path}, line {row.line}: {row.refused.hint}")
        names = [cell.strip() for cell in row.cells]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise Malformed(f"{path}, line {row.line}: the column {twice!r} stands twice")
        return names

    def _read(self) -> Iterator[Row | BadRow]:
        while True:
            reader = csv.reader(self._feed(), delimiter=self._delimiter, strict=True)
            try:
                for cells in reader:
                    bad = self._undecodable()
                    if bad is not None:
                        yield bad
                    elif cells:
                        yield Row(self._taken[0].number, cells)
                    self._taken.clear()
            except csv.Error as error:
                self._again.extendleft(reversed(self._taken[1:]))
                swallowed = len(self._taken) > 1
                del self._taken[1:]
                yield self._bad(_explained(str(error), swallowed=swallowed))
                self._taken.clear()
            else:
                return

    def _feed(self) -> Iterator[str]:
        while True:
            line = self._again.popleft() if self._again else next(self._lines, None)
            if line is None:
                return
            self._taken.append(line)
            # A line end in a quoted cell belongs to it; the reader passes over the one after a row.
            yield line.raw.decode(self._encoding, "backslashreplace") + "\n"

    def _undecodable(self) -> BadRow | None:
        for line in self._taken:
            if line.too_long:
                return self._bad("the line is longer than any row")
            try:
                line.raw.decode(self._encoding)
            except UnicodeDecodeError as error:
                found = (
                    f"line {line.number}, byte {error.start + 1}: 0x{line.raw[error.start]:02X} is not {self._encoding}"
                )
                return self._bad(f"{found}; name the file's encoding in the mapping", Reason.NOT_UTF8)
        return None

    def _bad(self, hint: str, reason: Reason = Reason.INVALID_FIELD) -> BadRow:
        if not self._taken[-1].terminated:
            hint += "; the last line has no line end, so the file may be cut off"
        raw = b"\n".join(line.raw for line in self._taken).decode(self._encoding, "backslashreplace")
        return BadRow(self._taken[0].number, raw, Refused(reason, "", hint))


def _explained(error: str, *, swallowed: bool) -> str:
    """The parser's own words say too little of two errors; `swallowed`: the row took further lines in."""
    if "end of data" in error or ("limit" in error and swallowed):
        return "a quote is not closed"
    return "a cell is longer than any row" if "limit" in error else error
