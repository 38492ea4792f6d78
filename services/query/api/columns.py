"""Rows as columns: of which type each is, and lines of CSV.

CSV begins with a byte order mark, so that Excel reads Chinese; a text that a spreadsheet would take for a formula gets
an apostrophe in front (OWASP, CSV Injection). What is nested is JSON in its cell.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import to_json

from services.query.api.rows import Money, Row
from shared.spreadsheet import safe_cell

BOM = "\ufeff"
CSV = ".csv"
"""Behind the path of a list: all of it as CSV."""
CSV_TYPE = "text/csv; charset=utf-8; header=present"
Type = Literal["text", "money", "integer", "number", "boolean", "day", "instant", "json"]
Document = Mapping[str, Any]


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


def csv_head(columns: Sequence[Column]) -> bytes:
    """The first line: names."""
    return (BOM + _lines([[column.name for column in columns]])).encode()


def csv_lines(columns: Sequence[Column], rows: Sequence[Document]) -> bytes:
    """A line for each row, RFC 4180."""
    return _lines([[cell(row.get(column.name)) for column in columns] for row in rows]).encode()


def _lines(rows: Sequence[Sequence[str]]) -> str:
    made = io.StringIO(newline="")
    csv.writer(made).writerows(rows)
    return made.getvalue()


def cell(value: Any) -> str:
    """A value in a cell of a spreadsheet, never taken for a formula."""
    if value is None:
        return ""
    if isinstance(value, str):
        return safe_cell(value)
    text = to_json(value).decode()
    return text[1:-1] if isinstance(value, date) else text
