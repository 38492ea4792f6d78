"""How to make one field of an event from a row's cells; compiled once per file, run once per row."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from string import Formatter
from typing import NamedTuple

from services.ingest.doors.files.columns import Cells, Column
from services.ingest.doors.files.field_kinds import kind_of
from services.ingest.doors.files.formats.cells import Cell, text_of
from services.ingest.doors.files.ids import is_id
from services.ingest.doors.files.mapping import Condition, Scalar, Value
from services.ingest.doors.files.numbers import ReadNumber, number_as_text, plain_number, unambiguous
from services.ingest.doors.files.times import LocalTimes, ReadMoment, compile_moment
from shared.events.codec import format_instant

Make = Callable[[Cells], object]
"""Returns the field's value, None if absent. Raises ValueError with what is wrong."""
Test = Callable[[Cells], bool]
"""Whether a condition holds. Raises ValueError if that is unclear."""
Convert = Callable[[Cell], object]

_TRUE = frozenset({"true", "yes", "y", "1", "是", "ja", "wahr"})
_FALSE = frozenset({"false", "no", "n", "0", "否", "nein", "falsch"})
_AS_IS = Value(text="")


class Instant(NamedTuple):
    """A `time`, and its day if the file has no time of day."""

    text: str
    day: str | None


def compile_value(
    path: str, value: Value | Scalar, type_name: str, columns: Mapping[str, Column], times: LocalTimes
) -> Make:
    """How to make the field at `path` of an event type. With `take: sum`, each row's part is a Decimal."""
    if not isinstance(value, Value | str):
        constant = _json(value)
        return lambda _: constant
    said = value if isinstance(value, Value) else _AS_IS
    template = value if isinstance(value, str) else value.template
    parts = [(text, None if name is None else columns[name]) for text, name, _, _ in Formatter().parse(template)]
    kind = said.kind or kind_of(type_name, path)
    if len(parts) == 1 and parts[0][1] is not None and not parts[0][0]:
        return _of_column(path, parts[0][1], kind, said, times)
    return _of_text(path, parts, kind, said, times)


def _of_column(path: str, column: Column, kind: str, said: Value, times: LocalTimes) -> Make:
    convert = _converter(path, column, kind, said, times)
    at, name, default = column.at, column.name, _json(said.default)

    def make(cells: Cells) -> object:
        cell = cells[at]
        if cell == "":
            return default
        try:
            return convert(cell)
        except (ValueError, OverflowError) as error:
            raise ValueError(f"column {name}: {error}") from None

    return make


def _of_text(path: str, parts: list[tuple[str, Column | None]], kind: str, said: Value, times: LocalTimes) -> Make:
    checked = is_id(path)
    pieces = [
        (text, None if column is None else (column.at, column.id_text if checked else column.text))
        for text, column in parts
    ]
    names = ", ".join(column.name for _, column in parts if column)
    convert = None if kind == "text" and said is _AS_IS else _converter(path, None, kind, said, times)
    default = _json(said.default)

    def make(cells: Cells) -> object:
        found = ""
        for text, of in pieces:
            found += text
            if of is None:
                continue
            at, read = of
            cell = cells[at]
            if cell == "":
                return default
            try:
                found += read(cell)
            except (ValueError, OverflowError) as error:
                raise ValueError(f"column {names}: {error}") from None
        try:
            return found if convert is None else convert(found)
        except (ValueError, OverflowError) as error:
            raise ValueError(f"column {names}: {error}" if names else str(error)) from None

    return make


def _converter(path: str, column: Column | None, kind: str, said: Value, times: LocalTimes) -> Convert:
    """Convert a non-empty cell; `column` is None for a composed text."""
    if said.values is not None:
        return _by_words(column.text if column else text_of, said.values)
    if kind in {"instant", "day"}:
        moment = compile_moment(said.format, said.century_from) if said.format else column and column.moment
        return _to_moment(moment or compile_moment(None), kind, times, with_day=path == "time")
    if said.take == "sum":
        return (column and column.number) or unambiguous
    if kind in {"number", "integer"} or said.absolute:
        return _to_number(column.number if column else None, kind, absolute=said.absolute)
    if kind == "boolean":
        return _to_boolean
    return (column.id_text if is_id(path) else column.text) if column else text_of


def _by_words(text: Callable[[Cell], str], words: Mapping[str, Scalar]) -> Convert:
    def convert(cell: Cell) -> object:
        word = text(cell)
        if word not in words:
            raise ValueError(f"{word[:60]!r} is not one of {', '.join(words)}")
        return _json(words[word])

    return convert


def _to_moment(read: ReadMoment, kind: str, times: LocalTimes, *, with_day: bool) -> Convert:
    if kind == "day":
        return lambda cell: read(cell).at.date().isoformat()

    def convert(cell: Cell) -> object:
        moment = read(cell)
        text = format_instant(times.instant(moment))
        if not with_day:
            return text
        return Instant(text, None if moment.clock else moment.at.date().isoformat())

    return convert


def _to_number(read: ReadNumber | None, kind: str, *, absolute: bool) -> Convert:
    def convert(cell: Cell) -> object:
        number = (read or plain_number)(cell)
        if kind == "integer":
            return _as_integer(abs(number) if absolute else number, cell)
        if read is None and isinstance(cell, str):
            # As it was written: whether 12.000 is twelve is the doors' question.
            return cell.removeprefix("-") if absolute else cell
        return number_as_text(abs(number) if absolute else number)

    return convert


def _as_integer(number: Decimal, cell: Cell) -> int:
    """A whole number. Raises ValueError."""
    if number != int(number):
        raise ValueError(f"{text_of(cell)[:60]!r} is not a whole number")
    return int(number)


def _to_boolean(cell: Cell) -> bool:
    word = text_of(cell).lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise ValueError(f"{word[:60]!r} is not a yes or no")


def _json(value: Scalar | None) -> Scalar | None:
    return str(value) if isinstance(value, Decimal) else value


def compile_condition(condition: Condition, columns: Mapping[str, Column]) -> Test:
    """How to evaluate a condition on a row. Words are compared with the unchanged cell, numbers as read by the column's
    form.
    """
    column = columns[condition.column]
    at, below, above = column.at, condition.below, condition.above
    number = column.number or (unambiguous if below or above else plain_number)

    def test(cells: Cells) -> bool:
        cell = cells[at]
        if condition.empty is not None and condition.empty != (cell == ""):
            return False
        text = text_of(cell)
        if condition.equals is not None and text != condition.equals:
            return False
        if condition.one_of is not None and text not in condition.one_of:
            return False
        if condition.begins_with is not None and not text.startswith(condition.begins_with):
            return False
        if below is None and above is None:
            return True
        try:
            found = number(cell)
        except ValueError as error:
            raise ValueError(f"column {column.name}: {error}, so no rule could be chosen") from None
        return (below is None or found < below) and (above is None or found > above)

    return test
