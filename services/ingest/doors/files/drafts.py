"""From files to drafts: events with their origin, not judged yet."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from pydantic_core import to_json

from services.ingest.doors.files.convert import Converter, Piece, Skipped
from services.ingest.doors.files.formats.cells import Cell, stripped
from services.ingest.doors.files.formats.lines import LineSource
from services.ingest.doors.files.formats.packed import Stored
from services.ingest.doors.files.formats.row import CUT_OFF, BadRow
from services.ingest.doors.files.formats.table import Ragged, Table, index_of
from services.ingest.doors.files.mapping import Mapping
from services.ingest.doors.files.shift import Shift
from services.ingest.doors.files.times import LocalTimes
from services.ingest.doors.kafka.wire import MAX_EVENT_BYTES, from_kafka
from shared.errors import Malformed
from shared.events.refusal import Reason, Refused

EVENT_SUFFIXES = (".ndjson", ".jsonl")
PACKED_SUFFIXES = (".gz", ".zip")


class Origin(NamedTuple):
    """Where an event comes from: index of the file in the given order, line, and its content: a row's cells, or a text.
    `more`: the other rows, if several rows make one record.
    """

    file: int
    line: int
    row: list[Cell] | str
    more: tuple["Origin", ...] = ()


class Draft(NamedTuple):
    """An event as it would go to the inbox. mapped: whether a mapping made it, and so may have dropped what
    distinguishes two rows.
    """

    origin: Origin
    document: dict[str, Any]
    value: bytes
    mapped: bool


class RefusedRow(NamedTuple):
    """A refused row."""

    origin: Origin
    refused: Refused


class RowPiece(NamedTuple):
    """A row's part of a record of several rows."""

    origin: Origin
    piece: Piece


Item = Draft | RefusedRow | Skipped | RowPiece


class Source(Protocol):
    """One file, usable once."""

    @property
    def done_bytes(self) -> int:
        """How much of the stored file has been read."""
        ...

    @property
    def said(self) -> str:
        """What was detected in the file, "" if nothing."""
        ...

    def rows(self, shift: Shift | None) -> Iterator[list[Item]]:
        """The result of each row, in order, moved by `shift`. Raises Malformed when the rest of the file can't be
        read.
        """
        ...


class TableSource:
    """A file with columns, and a mapping. Raises Malformed when columns are missing."""

    def __init__(self, path: Path, file: int, mapping: Mapping, times: LocalTimes) -> None:
        self._table = Table(path, mapping.layout, mapping.used)
        self.header = self._table.header
        self._file, self._mapping = file, mapping
        self.converter = Converter(mapping, self.header, times, path)
        self._fill = _FillDown(mapping, self.header, path)
        self._empty = frozenset(mapping.empty)

    @property
    def done_bytes(self) -> int:
        return self._table.done_bytes

    @property
    def said(self) -> str:
        return self._table.said

    def rows(self, shift: Shift | None) -> Iterator[list[Item]]:
        grouped = bool(self._mapping.group_by)
        for row in self._table:
            if isinstance(row, BadRow):
                yield [RefusedRow(Origin(self._file, row.line, row.raw), row.refused)]
                continue
            if isinstance(row, Ragged):
                yield [self._ragged(row)]
                continue
            cells = self._fill(self._plain(row.cells))
            if not any(cell != "" for cell in cells):
                continue
            origin = Origin(self._file, row.line, row.cells)
            items: list[Item] = []
            for piece in self.converter.pieces(cells):
                if isinstance(piece, Refused):
                    items.append(RefusedRow(origin, piece))
                elif isinstance(piece, Skipped):
                    items.append(piece)
                elif grouped and piece.key is not None:
                    items.append(RowPiece(origin, piece))
                else:
                    items.append(draft_of(self.converter, origin, piece.recipe, [piece.made], shift))
            yield items

    def _plain(self, cells: list[Cell]) -> list[Cell]:
        cells = stripped(cells)
        return ["" if cell in self._empty else cell for cell in cells] if self._empty else cells

    def _ragged(self, ragged: Ragged) -> Item:
        skipped = self.converter.skipped(self._plain(ragged.cells))
        if skipped is not None:
            return skipped
        raw = self._table.text_of(ragged.row.cells)
        return RefusedRow(Origin(self._file, ragged.row.line, raw), Refused(Reason.INVALID_FIELD, "", ragged.hint))


def draft_of(
    converter: Converter, origin: Origin, recipe: int, rows: Sequence[Sequence[object]], shift: Shift | None
) -> Draft | RefusedRow:
    """The event made from the rows of one record."""
    document = converter.document(recipe, rows)
    if isinstance(document, Refused):
        return RefusedRow(origin, document)
    document = shift(document) if shift else document
    return Draft(origin, document, to_json(document), mapped=True)


class _FillDown:
    """Rows in which certain cells are all empty continue the row above and take its values."""

    def __init__(self, mapping: Mapping, header: Sequence[str], path: Path) -> None:
        self._places = list(index_of(path, header, mapping.fill_down).values())
        self._above: list[Cell] | None = None

    def __call__(self, cells: list[Cell]) -> list[Cell]:
        if not self._places:
            return cells
        if self._above is not None and not any(cells[place] != "" for place in self._places):
            for place in self._places:
                cells[place] = self._above[place]
        self._above = cells
        return cells


class EventsSource:
    """An NDJSON file of events. They go to the inbox unchanged, unless they are moved."""

    said = ""

    def __init__(self, path: Path, file: int) -> None:
        stored = Stored(path)
        if stored.what.kind != "text":
            raise Malformed(f"{path} is {stored.what.name}, despite its name; give a mapping with --map")
        self._lines = LineSource(stored)
        self._file = file

    @property
    def done_bytes(self) -> int:
        return self._lines.stored.done_bytes

    def rows(self, shift: Shift | None) -> Iterator[list[Item]]:
        for line in self._lines:
            raw = line.raw.strip()
            if not raw:
                continue
            origin = Origin(self._file, line.number, raw.decode("utf-8", "backslashreplace"))
            refused: Refused | None = None
            if len(raw) > MAX_EVENT_BYTES:
                refused = Refused(Reason.TOO_LARGE, "", f"larger than {MAX_EVENT_BYTES} bytes, the limit of an event")
            document = refused or from_kafka(raw, ())
            if not isinstance(document, Refused):
                if shift:
                    document = shift(document)
                    raw = to_json(document)
                yield [Draft(origin, document, raw, mapped=False)]
                continue
            if not line.terminated and document.reason is Reason.NOT_JSON:
                document = Refused(document.reason, document.field, document.hint + CUT_OFF)
            yield [RefusedRow(origin, document)]


def is_events_file(path: Path) -> bool:
    """Whether a file holds events already, by its name."""
    name = path.name.lower()
    for packed in PACKED_SUFFIXES:
        name = name.removesuffix(packed)
    return name.endswith(EVENT_SUFFIXES)


def open_source(path: Path, file: int, mapping: Mapping | None, times: LocalTimes) -> TableSource | EventsSource:
    """The source of a file; `mapping` is None for files of events. Raises Malformed."""
    return EventsSource(path, file) if mapping is None else TableSource(path, file, mapping, times)
