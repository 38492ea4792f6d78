"""From files to drafts: events with where they came from, not judged yet."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from pydantic_core import to_json

from guanxi.importer.convert import Converter, Skipped
from guanxi.importer.csv_rows import BadRow, CsvRows
from guanxi.importer.lines import LineSource
from guanxi.importer.mapping import Mapping
from guanxi.importer.shift import Shift, event_time
from guanxi.importer.times import LocalTimes
from services.ingest.wire import MAX_EVENT_BYTES, from_kafka
from shared.events.refusal import Reason, Refused

EVENT_SUFFIXES = (".ndjson", ".jsonl", ".ndjson.gz", ".jsonl.gz")
NO_TIME = datetime.min.replace(tzinfo=UTC)
"""Of an event without a readable time: before all others."""


class Origin(NamedTuple):
    """Where a row stands: index of the file in the order given, line, and what is there: a row's cells or a
    text.
    """

    file: int
    line: int
    row: list[str] | str


class Draft(NamedTuple):
    """An event as it would go to the inbox. `time` and `subject` are for sorting; an event without a readable
    time, which the door will refuse, sorts first.
    """

    origin: Origin
    value: bytes
    time: datetime
    subject: str


class RefusedRow(NamedTuple):
    """A row that is refused."""

    origin: Origin
    refused: Refused


Item = Draft | RefusedRow | Skipped


class Source(Protocol):
    """One file, usable once."""

    @property
    def done_bytes(self) -> int:
        """How much of the stored file has been read."""
        ...

    def items(self, shift: Shift | None) -> Iterator[Item]:
        """What its rows are, in order; moved by `shift`. Raises Malformed when the file can't be read on."""
        ...


class CsvSource:
    """A CSV file with a mapping. Raises Malformed when columns are missing."""

    def __init__(self, path: Path, file: int, mapping: Mapping, times: LocalTimes) -> None:
        self._rows = CsvRows(path, mapping.encoding, mapping.delimiter)
        self.header = self._rows.header
        self._file = file
        self._convert = Converter(mapping, self.header, times, str(path))

    @property
    def done_bytes(self) -> int:
        return self._rows.source.done_bytes

    def items(self, shift: Shift | None) -> Iterator[Item]:
        for row in self._rows:
            if isinstance(row, BadRow):
                yield RefusedRow(Origin(self._file, row.line, row.raw), row.refused)
                continue
            origin = Origin(self._file, row.line, row.cells)
            document = self._convert([cell.strip() for cell in row.cells])
            if isinstance(document, Refused):
                yield RefusedRow(origin, document)
            elif isinstance(document, Skipped):
                yield document
            else:
                yield _draft(origin, shift(document) if shift else document)


class EventsSource:
    """An NDJSON file of events. They go to the inbox as the file has them, unless they are moved."""

    def __init__(self, path: Path, file: int) -> None:
        self._lines = LineSource(path)
        self._file = file

    @property
    def done_bytes(self) -> int:
        return self._lines.done_bytes

    def items(self, shift: Shift | None) -> Iterator[Item]:
        for line in self._lines:
            raw = line.raw.strip()
            if not raw:
                continue
            origin = Origin(self._file, line.number, raw.decode("utf-8", "backslashreplace"))
            refused: Refused | None = None
            if len(raw) > MAX_EVENT_BYTES:
                refused = Refused(Reason.TOO_LARGE, "", f"over {MAX_EVENT_BYTES} bytes; no event is as large")
            document = refused or from_kafka(raw, ())
            if not isinstance(document, Refused):
                yield _draft(origin, shift(document)) if shift else _draft(origin, document, raw)
                continue
            if not line.terminated and document.reason is Reason.NOT_JSON:
                hint = f"{document.hint}; the last line has no line end, so the file may be cut off"
                document = Refused(document.reason, document.field, hint)
            yield RefusedRow(origin, document)


def _draft(origin: Origin, document: dict[str, Any], value: bytes | None = None) -> Draft:
    subject = document.get("subject")
    return Draft(
        origin,
        to_json(document) if value is None else value,
        event_time(document) or NO_TIME,
        subject if isinstance(subject, str) else "",
    )


def is_events_file(path: Path) -> bool:
    """Whether a file holds events already, by its name."""
    return path.name.lower().endswith(EVENT_SUFFIXES)


def open_source(path: Path, file: int, mapping: Mapping | None, times: LocalTimes) -> CsvSource | EventsSource:
    """The source of a file; `mapping` is None for files of events. Raises Malformed."""
    return EventsSource(path, file) if mapping is None else CsvSource(path, file, mapping, times)
