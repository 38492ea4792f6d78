"""Rows as a file: CSV for spreadsheets, NDJSON, Parquet. Each takes rows as they come and holds a few of them.

In Parquet money is decimal128 and days are date32; what is nested is JSON.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from types import TracebackType
from typing import IO, Any, NamedTuple, Protocol, Self

from pydantic_core import to_json

from services.query.api.columns import CSV_TYPE, Column, Document, Type, csv_head, csv_lines

ROWS_AT_ONCE = 5_000
"""Of a Parquet row group: some 10 MB of the widest rows. All of them are in memory until it is written."""
MONEY_DIGITS, MONEY_PLACES = 38, 4
"""As many as decimal128 has; four places hold every currency of ISO 4217."""


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


class Csv(_Plain):
    """RFC 4180, UTF-8."""

    def __enter__(self) -> Self:
        self._file.write(csv_head(self._columns))
        return self

    def write(self, rows: Sequence[Document]) -> None:
        """The next rows."""
        self._file.write(csv_lines(self._columns, rows))


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
    "csv": FileFormat(Csv, CSV_TYPE),
    "ndjson": FileFormat(NdJson, "application/x-ndjson"),
    "parquet": FileFormat(Parquet, "application/vnd.apache.parquet"),
}
