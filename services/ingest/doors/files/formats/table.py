"""A file as a table: opened, its header found, its rows padded or trimmed to the header's width."""

import csv
import io
import itertools
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from services.ingest.doors.files.formats.cells import Cell, text_of
from services.ingest.doors.files.formats.csv_rows import CsvRows, said_delimiter
from services.ingest.doors.files.formats.header import find_header, has_all, names_of, place_of
from services.ingest.doors.files.formats.lines import LineSource
from services.ingest.doors.files.formats.packed import Stored
from services.ingest.doors.files.formats.row import CUT_OFF, BadRow, Row
from services.ingest.doors.files.formats.workbook import Workbook
from services.ingest.doors.files.refused_columns import REASONS
from shared.errors import Malformed

MAX_HEADER_ROWS = 100
"""Rows searched for the header: above it are at most a title and a few lines about the report."""
DELIMITERS = (",", ";", "\t", "|")
_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}

Rows = CsvRows | Iterable[Row | BadRow]


@dataclass(frozen=True, slots=True)
class Layout:
    """The layout of a file, as far as its mapping sets it; None: detected.

    header: its line number, or "none". sheet: a name, or a number from 1.
    """

    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | int | None = None
    header: int | Literal["none"] | None = None


@dataclass(frozen=True, slots=True)
class Ragged:
    """A row with more or fewer cells than the header: its cells at the header's width, and what is wrong."""

    row: Row
    cells: list[Cell]
    hint: str


class Table:
    """A file with columns; can be read once. Raises Malformed if the file as a whole can't be used.

    wanted: the required columns, by which header, delimiter and sheet are found; best: if no columns are required, how
    likely a row's texts are a header, by which a sheet is found. `said` describes what was detected.
    """

    def __init__(
        self,
        path: Path,
        layout: Layout,
        wanted: Collection[str],
        *,
        best: Callable[[list[str]], int] | None = None,
    ) -> None:
        self.path, self._wanted, self._best = path, wanted, best
        self.stored = Stored(path)
        self._found: list[str] = []
        rows: Iterable[Row | BadRow]
        if self.stored.what.kind == "workbook":
            rows = self._of_workbook(layout)
        else:
            rows, layout = self._of_text(layout)
        self._rows = iter(rows)
        self._top, self._damage = _top(self._rows)
        self.header = self._take_header(layout.header)
        named = [place for place, name in enumerate(self.header) if name]
        self._needed = named[-1] + 1 if named else 0

    @property
    def said(self) -> str:
        """What was detected, "" if everything was given or is as usual."""
        return ", ".join(self._found)

    @property
    def done_bytes(self) -> int:
        """How much of the stored file has been read."""
        return self.stored.done_bytes

    def __iter__(self) -> Iterator[Row | BadRow | Ragged]:
        """The rows below the header."""
        width = len(self.header)
        for row in itertools.chain(self._top, self._rows):
            if isinstance(row, BadRow) or len(row.cells) == width:
                yield row
            else:
                yield self._to_width(row, width)
        if self._damage is not None:
            raise self._damage

    def text_of(self, cells: Sequence[Cell]) -> str:
        """A row as text, for rows that do not fit the header."""
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="").writerow([text_of(cell) for cell in cells])
        return buffer.getvalue()

    def _to_width(self, row: Row, width: int) -> Row | Ragged:
        """Surplus empty cells are fine, and so are missing ones in nameless columns."""
        found = len(row.cells)
        cells = row.cells[:width] + [""] * (width - found)
        if found >= self._needed and not any(map(_filled, row.cells[width:])):
            return Row(row.line, cells)
        hint = f"the row has {found} cells, the header has {width}"
        return Ragged(row, cells, hint + CUT_OFF if row.cut else hint)

    def _of_workbook(self, layout: Layout) -> Iterable[Row]:
        book = Workbook(self.stored)
        if layout.sheet is not None:
            return book.rows(book.name_of(layout.sheet))
        if self._best is not None:
            return self._likeliest(book, self._best)
        for sheet in book.sheets:
            rows = book.rows(sheet)
            header = find_header(list(itertools.islice(rows, MAX_HEADER_ROWS)), self._wanted)
            if header is not None and (has_all(names_of(header), self._wanted) or len(book.sheets) == 1):
                if len(book.sheets) > 1:
                    self._found.append(f"sheet {sheet}")
                return rows
        if len(book.sheets) > 1 and self._wanted:
            shown = ", ".join(sorted(self._wanted))[:200]
            hint = f"no sheet has the columns {shown}; set `sheet` to one of: {', '.join(book.sheets)}"
            raise Malformed(f"{self.path}: {hint}")
        return book.rows(book.sheets[0])

    def _likeliest(self, book: Workbook, best: Callable[[list[str]], int]) -> Iterable[Row]:
        def likelihood(sheet: str) -> int:
            top = itertools.islice(book.rows(sheet), MAX_HEADER_ROWS)
            return max((best(names_of(row)) for row in top), default=-1)

        sheet = max(book.sheets, key=likelihood)
        if len(book.sheets) > 1:
            self._found.append(f"sheet {sheet}")
        return book.rows(sheet)

    def _of_text(self, layout: Layout) -> tuple[Iterable[Row | BadRow], Layout]:
        source = LineSource(self.stored, layout.encoding)
        if self._is_of_refused(source):
            return CsvRows(source, ","), Layout("utf-8", ",", None, 1)
        if source.said:
            self._found.append(source.said)
        delimiter = layout.delimiter or said_delimiter(source) or self._find_delimiter(source)
        if layout.delimiter is None and delimiter != ",":
            self._found.append(f"cells separated by {_NAMES.get(delimiter, repr(delimiter))}")
        return CsvRows(source, delimiter), layout

    @staticmethod
    def _is_of_refused(source: LineSource) -> bool:
        """Whether it is a file of refused rows, which guanxi writes in its own format regardless of the mapping."""
        first = next(iter(source), None)
        return first is not None and first.raw.decode("utf-8", "replace").endswith(",".join(REASONS))

    def _find_delimiter(self, source: LineSource) -> str:
        """The delimiter that finds most wanted columns; if equal, the one that splits rows most evenly."""

        def fitness(delimiter: str) -> tuple[int, int]:
            top = [row for row in _top(iter(CsvRows(source, delimiter)))[0] if isinstance(row, Row)]
            header = find_header(top, self._wanted)
            names = names_of(header) if header else []
            widths = Counter(len(row.cells) for row in top if len(row.cells) > 1)
            found = sum(isinstance(place_of(name, names), int) for name in self._wanted)
            return found, max(((width - 1) * count for width, count in widths.items()), default=0)

        return max(DELIMITERS, key=fitness)

    def _take_header(self, header: int | Literal["none"] | None) -> list[str]:
        """The header's names; rows above it are dropped, rows below it stay in `_top`."""
        rows = [row for row in self._top if isinstance(row, Row)]
        if header == "none":
            width = max((len(row.cells) for row in rows), default=0)
            return [""] * width
        if header is not None:
            row = next((row for row in rows if row.line == header), None)
            if row is None:
                raise Malformed(
                    f"{self.path}: line {header} should be the header, but is not among the first {MAX_HEADER_ROWS} "
                    "rows"
                )
        else:
            row = find_header(rows, self._wanted)
            complete = row is not None and has_all(names_of(row), self._wanted)
            if not complete and self._top and isinstance(bad := self._top[0], BadRow):
                raise Malformed(f"{self.path}, line {bad.line}: {bad.refused.hint}")
            if row is None:
                raise Malformed(f"{self.path}: the file is empty; expected a line with column names")
            if rows[0] is not row:
                self._found.append(f"header on line {row.line}")
        self._top = self._top[self._top.index(row) + 1 :]
        return names_of(row)


def _top(rows: Iterator[Row | BadRow]) -> tuple[list[Row | BadRow], Malformed | None]:
    """The first rows, and the damage that ended them: rows before it are good."""
    top: list[Row | BadRow] = []
    try:
        for row in itertools.islice(rows, MAX_HEADER_ROWS):
            top.append(row)  # noqa: PERF402 - what was read before the damage is kept
    except Malformed as error:
        if not top:
            raise
        return top, error
    return top, None


def _filled(cell: Cell) -> bool:
    return not isinstance(cell, str) or bool(cell.strip())


def index_of(path: Path, header: Sequence[str], wanted: Iterable[str]) -> dict[str, int]:
    """The index of each wanted column. Raises Malformed with everything that is wrong."""
    places = {name: place_of(name, header) for name in wanted}
    missing = [repr(name) for name, place in places.items() if isinstance(place, str) and place.startswith("no column")]
    if missing:
        raise Malformed(f"{path}: no column {', '.join(missing)}; it has {', '.join(filter(None, header))[:500]}")
    wrong = [place for place in places.values() if isinstance(place, str)]
    if wrong:
        raise Malformed(f"{path}: {'; '.join(wrong)}")
    return {name: place for name, place in places.items() if isinstance(place, int)}
