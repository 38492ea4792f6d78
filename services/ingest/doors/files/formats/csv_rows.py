"""Rows of a CSV file. A row that can't be read is refused by itself, and reading continues with the next line."""

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator
from typing import cast

from services.ingest.doors.files.formats.cells import Cell
from services.ingest.doors.files.formats.lines import Line, LineSource
from services.ingest.doors.files.formats.row import CUT_OFF, BadRow, Row
from shared.events.refusal import Reason, Refused

_SEP = re.compile(rb'"?sep=(.)"?\r?', re.IGNORECASE)


class CsvRows:
    """The rows of a file, with as many cells as each row has; can be read repeatedly.

    Quotes are strict: a quote that is never closed would swallow the following lines. So when a row fails, only its
    first line is refused, and the lines it swallowed are read again. A first line such as `sep=;`, which only Excel
    knows, is skipped.
    """

    def __init__(self, source: LineSource, delimiter: str) -> None:
        self._source, self._delimiter = source, delimiter

    def __iter__(self) -> Iterator[Row | BadRow]:
        return _Reading(self._source, self._source.encoding, self._delimiter).rows()


def said_delimiter(source: LineSource) -> str | None:
    """The delimiter that the first line names for Excel."""
    first = next(iter(source), None)
    match = _SEP.fullmatch(first.raw) if first else None
    return match[1].decode("ascii", "replace") if match else None


class _Reading:
    def __init__(self, lines: Iterable[Line], encoding: str, delimiter: str) -> None:
        self._encoding, self._delimiter = encoding, delimiter
        self._lines = iter(lines)
        self._again: deque[Line] = deque()
        self._taken: list[Line] = []

    def rows(self) -> Iterator[Row | BadRow]:
        while True:
            reader = csv.reader(self._feed(), delimiter=self._delimiter, strict=True)
            try:
                for cells in reader:
                    bad = self._undecodable()
                    if bad is not None:
                        yield bad
                    elif cells:
                        yield Row(self._taken[0].number, cast("list[Cell]", cells), not self._taken[-1].terminated)
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
            if line.number == 1 and _SEP.fullmatch(line.raw):
                continue
            self._taken.append(line)
            # A line end in a quoted cell belongs to it; the reader passes over the one after a row.
            yield line.raw.decode(self._encoding, "backslashreplace") + "\n"

    def _undecodable(self) -> BadRow | None:
        for line in self._taken:
            if line.too_long:
                return self._bad("the line is too long for a row")
            try:
                line.raw.decode(self._encoding)
            except UnicodeDecodeError as error:
                found = (
                    f"line {line.number}, byte {error.start + 1}: 0x{line.raw[error.start]:02X} is not {self._encoding}"
                )
                return self._bad(f"{found}; set the file's `encoding` in the mapping", Reason.NOT_UTF8)
        return None

    def _bad(self, hint: str, reason: Reason = Reason.INVALID_FIELD) -> BadRow:
        if not self._taken[-1].terminated:
            hint += CUT_OFF
        raw = b"\n".join(line.raw for line in self._taken).decode(self._encoding, "backslashreplace")
        return BadRow(self._taken[0].number, raw, Refused(reason, "", hint))


def _explained(error: str, *, swallowed: bool) -> str:
    """Clearer words for two of the parser's errors; `swallowed`: the row included following lines."""
    if "end of data" in error or ("limit" in error and swallowed):
        return "a quote is not closed"
    return "a cell is too long for a row" if "limit" in error else error
