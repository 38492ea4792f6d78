"""How one field of an event is made from a row's cells; compiled once per file, run once per row."""

from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from string import Formatter

from guanxi.importer.mapping import Condition, Scalar, Value
from guanxi.importer.times import LocalTimes, read_day
from shared.events.codec import format_instant

Cells = Sequence[str]
Make = Callable[[Cells], object]
"""Gives the field's value, None when it is absent. Raises ValueError with what is wrong."""
Test = Callable[[Cells], bool]
"""Whether a condition holds. Raises ValueError when it can't be told."""

_TRUE = frozenset({"true", "yes", "y", "1"})
_FALSE = frozenset({"false", "no", "n", "0"})


def compile_value(path: str, value: Value | Scalar, index: dict[str, int], times: LocalTimes) -> Make:
    """How the field at `path` is made; `index` gives the place of each column."""
    if isinstance(value, Value):
        return _from_column(path, value, index[value.column], times)
    if isinstance(value, str):
        return _from_template(path, value, index, times)
    constant = str(value) if isinstance(value, Decimal) else value
    return lambda _: constant


def _from_template(path: str, template: str, index: dict[str, int], times: LocalTimes) -> Make:
    parts = [(text, None if name is None else index[name]) for text, name, _, _ in Formatter().parse(template)]
    if path == "time" and len(parts) == 1 and parts[0][1] is not None and not parts[0][0]:
        at = parts[0][1]
        return lambda cells: format_instant(times.instant(cells[at], None)) if cells[at] else None
    used = [at for _, at in parts if at is not None]

    def make(cells: Cells) -> object:
        if not all(cells[at] for at in used):
            return None
        return "".join(text if at is None else text + cells[at] for text, at in parts)

    return make


def _from_column(path: str, value: Value, at: int, times: LocalTimes) -> Make:
    kind = value.kind or ("instant" if path == "time" else "text")
    layout, words = value.format, value.values

    def make(cells: Cells) -> object:
        cell = cells[at]
        if not cell:
            return None
        if words is not None:
            if cell not in words:
                raise ValueError(f"column {value.column}: {cell[:60]!r} is none of {', '.join(words)}")
            word = words[cell]
            return str(word) if isinstance(word, Decimal) else word
        try:
            return _convert(cell, kind, layout, times, absolute=value.absolute)
        except (ValueError, OverflowError) as error:
            raise ValueError(f"column {value.column}: {error}") from None

    return make


def _convert(cell: str, kind: str, layout: str | None, times: LocalTimes, *, absolute: bool) -> object:
    if kind == "instant":
        return format_instant(times.instant(cell, layout))
    if kind == "day":
        return read_day(cell, layout).isoformat()
    if kind == "boolean":
        if cell.lower() in _TRUE:
            return True
        if cell.lower() in _FALSE:
            return False
        raise ValueError(f"{cell[:60]!r} is neither yes nor no")
    if kind == "text" and not absolute:
        return cell
    decimal = number(cell)
    if kind == "integer":
        if decimal != int(decimal):
            raise ValueError(f"{cell[:60]!r} is no whole number")
        return abs(int(decimal)) if absolute else int(decimal)
    return cell.removeprefix("-") if absolute else cell


def number(cell: str) -> Decimal:
    """A number as written in a cell: digits with a point at most. Raises ValueError."""
    try:
        decimal = Decimal(cell) if len(cell) <= 40 and "_" not in cell else Decimal("NaN")
    except InvalidOperation:
        decimal = Decimal("NaN")
    if not decimal.is_finite() or abs(decimal.adjusted()) > 40:
        raise ValueError(f"{cell[:60]!r} is no number")
    return decimal


def compile_condition(condition: Condition, index: dict[str, int]) -> Test:
    """How a condition is told from a row."""
    at, column = index[condition.column], condition.column
    below, above = condition.below, condition.above

    def test(cells: Cells) -> bool:
        cell = cells[at]
        if condition.empty is not None and condition.empty != (not cell):
            return False
        if condition.equals is not None and cell != condition.equals:
            return False
        if condition.one_of is not None and cell not in condition.one_of:
            return False
        if condition.begins_with is not None and not cell.startswith(condition.begins_with):
            return False
        if below is None and above is None:
            return True
        try:
            found = number(cell)
        except ValueError as error:
            raise ValueError(f"column {column}: {error}, so no rule can be chosen") from None
        return (below is None or found < below) and (above is None or found > above)

    return test
