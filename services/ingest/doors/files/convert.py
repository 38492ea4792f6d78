"""From a row to events, by the rules of a mapping; and from several rows to one event."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from services.ingest.doors.files.columns import Cells, Column, compile_columns
from services.ingest.doors.files.field_kinds import kind_of
from services.ingest.doors.files.formats.cells import text_of
from services.ingest.doors.files.formats.table import index_of
from services.ingest.doors.files.ids import is_id
from services.ingest.doors.files.mapping import Fields, Mapping, Record, Rule, Scalar, Value
from services.ingest.doors.files.numbers import number_as_text
from services.ingest.doors.files.times import LocalTimes
from services.ingest.doors.files.values import Instant, Make, Test, compile_condition, compile_value
from shared.events.refusal import Reason, Refused

OCCURRED_ON = "data.occurred_on"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A row that a rule skips, and the rule's reason."""

    why: str


class Piece(NamedTuple):
    """One row's part of one record. key: rows with the same key are one record; None: the row is a record by itself;
    made: the values of the record's fields, in their order.
    """

    recipe: int
    key: tuple[str, ...] | None
    made: list[object]


@dataclass(slots=True)
class _Field:
    """holder: "" for an attribute, "data" for a field of data, None for what lies deeper."""

    place: int
    path: str
    parts: list[str]
    name: str
    holder: str | None
    make: Make
    take: str
    absolute: bool
    kind: str


@dataclass(slots=True)
class _Recipe:
    """How one event is made."""

    number: int
    tests: list[Test]
    fields: list[_Field]
    has_lists: bool


@dataclass(slots=True)
class _Rule:
    tests: list[Test]
    skip: str | None
    recipes: list[_Recipe]


class Converter:
    """Turns the rows of one file into events. Raises Malformed when the file lacks columns that the mapping names."""

    def __init__(self, mapping: Mapping, header: Sequence[str], times: LocalTimes, path: Path) -> None:
        columns = compile_columns(index_of(path, header, mapping.used), mapping.columns, mapping.ids)
        self._recipes: list[_Recipe] = []
        self._rules = [self._compile(mapping, rule, columns, times) for rule in mapping.rules]
        self._key = [columns[name].at for name in mapping.group_by]

    def skipped(self, cells: Cells) -> Skipped | None:
        """Whether a rule skips a row, for rows that can't be read otherwise."""
        try:
            rule = self._rule_of(cells)
        except ValueError:
            return None
        return Skipped(rule.skip) if rule and rule.skip is not None else None

    def pieces(self, cells: Cells) -> Iterator[Piece | Skipped | Refused]:
        """A row's piece of each of its events, or why it has none."""
        try:
            rule = self._rule_of(cells)
            if rule is None:
                yield Refused(Reason.INVALID_FIELD, "", "no rule of the mapping matches this row")
                return
            recipes = [one for one in rule.recipes if all(test(cells) for test in one.tests)]
        except ValueError as error:
            yield Refused(Reason.INVALID_FIELD, "", str(error))
            return
        if rule.skip is not None:
            yield Skipped(rule.skip)
        elif not recipes:
            yield Skipped("no record of the rule matches this row")
        for recipe in recipes:
            made = _made(recipe, cells)
            yield made if isinstance(made, Refused) else Piece(recipe.number, self._key_of(cells), made)

    def document(self, recipe: int, rows: Sequence[Sequence[object]]) -> dict[str, Any] | Refused:
        """The event of a record's rows as a JSON-ready document; empty cells are absent fields."""
        how = self._recipes[recipe]
        made = rows[0] if len(rows) == 1 else _joined(how, rows)
        if isinstance(made, Refused):
            return made
        data: dict[str, Any] = {}
        document: dict[str, Any] = {"specversion": "1.0", "data": data}
        day: str | None = None
        for one, value in zip(how.fields, made, strict=True):
            if value is None:
                continue
            if one.take == "each":
                _put_each(document, one.parts, [row[one.place] for row in rows])
            elif isinstance(value, Instant):
                document[one.path], day = value
            elif isinstance(value, Decimal):
                total = abs(value) if one.absolute else value
                if one.kind == "integer" and total != int(total):
                    return Refused(Reason.INVALID_FIELD, one.path, f"the sum {total} is not a whole number")
                _put(document, one.parts, int(total) if one.kind == "integer" else number_as_text(total))
            elif one.holder is None:
                _put(document, one.parts, value)
            else:
                (data if one.holder == "data" else document)[one.name] = value
        if day is not None:
            data.setdefault("occurred_on", day)
        return _with_lists(document) if how.has_lists else document

    def _rule_of(self, cells: Cells) -> _Rule | None:
        return next((rule for rule in self._rules if all(test(cells) for test in rule.tests)), None)

    def _key_of(self, cells: Cells) -> tuple[str, ...] | None:
        key = tuple(text_of(cells[at]) for at in self._key)
        return key if any(key) else None

    def _compile(self, mapping: Mapping, rule: Rule, columns: dict[str, Column], times: LocalTimes) -> _Rule:
        return _Rule(
            tests=[compile_condition(condition, columns) for condition in rule.when],
            skip=rule.skip,
            recipes=[self._recipe(mapping.fields_of(one), one, columns, times) for one in rule.made],
        )

    def _recipe(self, event: Fields, record: Record, columns: dict[str, Column], times: LocalTimes) -> _Recipe:
        name = event.get("type")
        fields = [
            _field(place, path, value, name if isinstance(name, str) else "", columns, times)
            for place, (path, value) in enumerate(event.items())
        ]
        recipe = _Recipe(
            number=len(self._recipes),
            tests=[compile_condition(condition, columns) for condition in record.when],
            fields=fields,
            has_lists=any(part.isdigit() or part == "*" for one in fields for part in one.parts),
        )
        self._recipes.append(recipe)
        return recipe


def _field(
    place: int, path: str, value: Value | Scalar, type_name: str, columns: dict[str, Column], times: LocalTimes
) -> _Field:
    parts = path.split(".")
    said = value if isinstance(value, Value) else None
    simple = len(parts) <= 2 and not parts[-1].isdigit() and parts[-1] != "*"
    return _Field(
        place=place,
        path=path,
        parts=parts,
        name=parts[-1],
        holder=("data" if len(parts) > 1 else "") if simple else None,
        make=compile_value(path, value, type_name, columns, times),
        take="each" if "*" in parts else (said and said.take) or "same",
        absolute=bool(said and said.absolute),
        kind=(said and said.kind) or kind_of(type_name, path),
    )


def _made(recipe: _Recipe, cells: Cells) -> list[object] | Refused:
    values: list[object] = []
    try:
        for one in recipe.fields:
            values.append(one.make(cells))  # noqa: PERF401 - which field it was is told by how many there are
    except ValueError as error:
        return _refused(recipe.fields[len(values)], error)
    return values


def _refused(field: _Field, error: ValueError) -> Refused:
    reason = Reason.INVALID_TIME if field.path == "time" else Reason.INVALID_FIELD
    return Refused(Reason.INVALID_ID if is_id(field.path) else reason, field.path, str(error))


def _joined(recipe: _Recipe, rows: Sequence[Sequence[object]]) -> list[object] | Refused:
    """Combine the values of a record's rows."""
    values: list[object] = []
    for one in recipe.fields:
        given = [row[one.place] for row in rows if row[one.place] is not None]
        try:
            values.append(_taken(given, one) if given else None)
        except ValueError as error:
            return Refused(Reason.INVALID_FIELD, one.path, str(error))
    return values


def _taken(given: Sequence[object], one: _Field) -> object:
    """Combine several values into one. Raises ValueError if they should be equal and are not."""
    if one.take in {"first", "each"}:
        return given[0]
    if one.take == "last":
        return given[-1]
    if one.take == "sum":
        return sum((value for value in given if isinstance(value, Decimal)), Decimal(0))
    other = next((value for value in given if value != given[0]), None)
    if other is not None:
        found = f"{_shown(given[0])} and {_shown(other)}"
        raise ValueError(
            f"the rows of this record differ: {found}; set `take` (sum, first, last), or add the column to group_by"
        )
    return given[0]


def _put_each(document: dict[str, Any], parts: Sequence[str], values: Sequence[object]) -> None:
    """A list with one entry per row."""
    for number, value in enumerate(values):
        if value is not None:
            _put(document, [str(number) if part == "*" else part for part in parts], value)


def _shown(value: object) -> str:
    return repr(value.text if isinstance(value, Instant) else value)[:60]


def _put(document: dict[str, Any], parts: Sequence[str], value: object) -> None:
    for part in parts[:-1]:
        document = document.setdefault(part, {})
    document[parts[-1]] = value


def _with_lists(value: Any) -> Any:
    """Turn objects whose keys are numbers into lists, in order, without gaps."""
    if not isinstance(value, dict):
        return value
    if value and all(key.isdigit() for key in value):
        return [_with_lists(value[key]) for key in sorted(value, key=int)]
    return {key: _with_lists(item) for key, item in value.items()}
