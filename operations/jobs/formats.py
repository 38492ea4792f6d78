"""Rows as a file: CSV for spreadsheets, NDJSON, Parquet. Each takes rows as they come and holds a few of them.

CSV begins with a byte order mark, so that Excel reads Chinese; a text that a spreadsheet would take for a formula gets
an apostrophe in front (OWASP, CSV Injection). What is nested is JSON in its cell. In Parquet money is decimal128 and
days are date32; what is nested is JSON.
"""

import csv
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from types import NoneType, TracebackType, UnionType
from typing import IO, Annotated, Any, Literal, NamedTuple, Protocol, Self, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import to_json

from services.query.api.rows import Money, Row

BOM = "\ufeff"
ROWS_AT_ONCE = 5_000
"""Of a Parquet row group: some 10 MB of the widest rows. All of them are in memory until it is written."""
MONEY_DIGITS, MONEY_PLACES = 38, 4
"""As many as decimal128 has; four places hold every currency of ISO 4217."""
Type = Literal["text", "money", "integer", "number", "boolean", "day", "instant", "json"]
Document = Mapping[str, Any]
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)


class Column(NamedTuple):
    """One field of a row: its name outside, and what its values are."""

    name: str
    type: Type


def columns_of(row: type[Row], fields: Sequence[str]) -> tuple[Column, ...]:
    """The columns of some fields of a row."""
    by_name = {one.alias or name: one for name, one in row.model_fields.items()}
    return tuple(Column(name, _type(by_name[name])) for name in fields)


def _type(field: FieldInfo) -> Type:
    found = [one for one in _parts(field.annotation, field.metadata) if one[0] is not NoneType]
    if len(found) != 1:
        return "json"
    kind, metadata = found[0]
    if any(_pattern(one) == _MONEY_PATTERN for one in metadata):
        return "money"
    return "text" if get_origin(kind) is Literal else _SIMPLE.get(kind, "json")


def _parts(annotation: Any, metadata: Sequence[Any]) -> list[tuple[Any, Sequence[Any]]]:
    """The types of a union, each with what is said of it."""
    if get_origin(annotation) is Annotated:
        kind, *more = get_args(annotation)
        return _parts(kind, [*metadata, *more])
    if get_origin(annotation) in {Union, UnionType}:
        return [part for one in get_args(annotation) for part in _parts(one, metadata)]
    return [(annotation, metadata)]


def _pattern(metadata: Any) -> str | None:
    of = metadata.metadata if isinstance(metadata, FieldInfo) else [metadata]
    return next((found for one in of if (found := getattr(one, "pattern", None))), None)


_SIMPLE: Mapping[Any, Type] = {
    str: "text",
    int: "integer",
    float: "number",
    bool: "boolean",
    date: "day",
    datetime: "instant",
}
_MONEY_PATTERN = _pattern(get_args(Money)[1])


class Writer(Protocol):
    """Writes rows to a file that it does not close; what is between its beginning and its end is the whole file."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""

    def write(self, rows: Sequence[Document]) -> None:
        """The next rows."""


class _Plain:
    """A writer that holds nothing back."""

    def __init__(self, file: IO[bytes], columns: Sequence[Column]) -> None:
        self._file, self._columns = file, columns

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.flush()


class _Lines:
    """What csv writes a line to."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, line: str) -> int:
        return self._file.write(line.encode())


class Csv(_Plain):
    """RFC 4180, UTF-8."""

    def __enter__(self) -> Self:
        lines = _Lines(self._file)
        lines.write(BOM)
        self._csv = csv.writer(lines)
        self._csv.writerow([column.name for column in self._columns])
        return self

    def write(self, rows: Sequence[Document]) -> None:
        """The next rows."""
        names = [column.name for column in self._columns]
        self._csv.writerows([[cell(row.get(name)) for name in names] for row in rows])


def cell(value: Any) -> str:
    """A value in a cell of a spreadsheet, never taken for a formula."""
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if value.lstrip(" ").startswith(_FORMULA) and not _NUMBER.fullmatch(value) else value
    text = to_json(value).decode()
    return text[1:-1] if isinstance(value, date) else text


class NdJson(_Plain):
    """A JSON document a line, the same as in a page of the list."""

    def write(self, rows: Sequence[Document]) -> None:
        """The next rows."""
        names = [column.name for column in self._columns]
        self._file.writelines(to_json({name: row.get(name) for name in names}) + b"\n" for row in rows)


class Parquet:
    """A Parquet file, in groups of rows."""

    def __init__(self, file: IO[bytes], columns: Sequence[Column]) -> None:
        # The extra `export`: only the worker has it.
        import pyarrow as pa  # noqa: PLC0415
        from pyarrow import parquet  # noqa: PLC0415

        types: dict[Type, Any] = {
            "text": pa.string(),
            "money": pa.decimal128(MONEY_DIGITS, MONEY_PLACES),
            "integer": pa.int64(),
            "number": pa.float64(),
            "boolean": pa.bool_(),
            "day": pa.date32(),
            "instant": pa.timestamp("ms", tz="UTC"),
            "json": pa.string(),
        }
        self._columns = columns
        self._schema = pa.schema([(column.name, types[column.type]) for column in columns])
        self._table = pa.Table.from_pydict
        self._writer = parquet.ParquetWriter(file, self._schema, compression="zstd")
        self._waiting: list[Document] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._flush()
        self._writer.close()

    def write(self, rows: Sequence[Document]) -> None:
        """The next rows."""
        self._waiting += rows
        if len(self._waiting) >= ROWS_AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        if not self._waiting:
            return
        rows, self._waiting = self._waiting, []
        found = {
            name: [None if row.get(name) is None else _TYPED[kind](row[name]) for row in rows]
            for name, kind in self._columns
        }
        self._writer.write_table(self._table(found, schema=self._schema))


def _same(value: Any) -> Any:
    return value


_TYPED: Mapping[Type, Callable[[Any], Any]] = {
    "text": str,
    "money": Decimal,
    "integer": _same,
    "number": float,
    "boolean": _same,
    "day": lambda value: value if isinstance(value, date) else date.fromisoformat(value),
    "instant": _same,
    "json": lambda value: to_json(value).decode(),
}


class FileFormat(NamedTuple):
    """One way to write rows."""

    writer: Callable[[IO[bytes], Sequence[Column]], Writer]
    media_type: str


FORMATS: Mapping[str, FileFormat] = {
    "csv": FileFormat(Csv, "text/csv; charset=utf-8; header=present"),
    "ndjson": FileFormat(NdJson, "application/x-ndjson"),
    "parquet": FileFormat(Parquet, "application/vnd.apache.parquet"),
}
