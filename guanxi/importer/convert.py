"""From a row to events, by the rules of a mapping; and from several rows to one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from guanxi.importer.columns import Cells, Column, compile_columns
from guanxi.importer.field_kinds import kind_of
from guanxi.importer.files.cells import text_of
from guanxi.importer.files.table import index_of
from guanxi.importer.ids import is_id
from guanxi.importer.mapping import Fields, Mapping, Record, Rule, Scalar, Value
from guanxi.importer.numbers import number_as_text
from guanxi.importer.times import LocalTimes
from guanxi.importer.values import Instant, Make, Test, as_integer, compile_condition, compile_value
from shared.events.refusal import Reason, Refused

OCCURRED_ON = "data.occurred_on"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A row that a rule passes over, and the rule's reason."""

    why: str


class Piece(NamedTuple):
    """What one row gives to one record. key: rows of the same key are one record, None for a record of this row alone;
    made: the values of the record's fields, in their order.
    """

    recipe: int
    key: tuple[str, ...] | None
    made: list[object]


@dataclass(slots=True)
class _Field:
    path: str
    parts: list[str]
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
    """Makes events of the rows of one file. Raises Malformed when the file lacks columns that the mapping
    names.
    """

    def __init__(self, mapping: Mapping, header: Sequence[str], times: LocalTimes, path: Path) -> None:
        columns = compile_columns(index_of(path, header, mapping.used), mapping.columns, mapping.ids)
        self._recipes: list[_Recipe] = []
        self._rules = [self._compile(mapping, rule, columns, times) for rule in mapping.rules]
        self._key = [columns[name].at for name in mapping.group_by]

    def skipped(self, cells: Cells) -> Skipped | None:
        """Whether a rule passes over a row, for rows that can't be read otherwise."""
        try:
            rule = self._rule_of(cells)
        except ValueError:
            return None
        return Skipped(rule.skip) if rule and rule.skip is not None else None

    def pieces(self, cells: Cells) -> Iterator[Piece | Skipped | Refused]:
        """What a row gives: a piece of each of its events, or why it gives none."""
        try:
            rule = self._rule_of(cells)
            if rule is None:
                yield Refused(Reason.INVALID_FIELD, "", "no rule of the mapping takes this row")
                return
            recipes = [one for one in rule.recipes if all(test(cells) for test in one.tests)]
        except ValueError as error:
            yield Refused(Reason.INVALID_FIELD, "", str(error))
            return
        if rule.skip is not None:
            yield Skipped(rule.skip)
        elif not recipes:
            yield Skipped("no record of the rule takes this row")
        for recipe in recipes:
            made = _made(recipe, cells)
            yield made if isinstance(made, Refused) else Piece(recipe.number, self._key_of(cells), made)

    def document(self, recipe: int, rows: Sequence[Sequence[object]]) -> dict[str, Any] | Refused:
        """The event of a record's rows as a JSON-ready document; empty columns are absent fields."""
        how = self._recipes[recipe]
        document: dict[str, Any] = {"specversion": "1.0"}
        days: set[str | None] = set()
        for place, one in enumerate(how.fields):
            try:
                value = rows[0][place] if len(rows) == 1 else _taken([row[place] for row in rows], one)
            except ValueError as error:
                return Refused(Reason.INVALID_FIELD, one.path, str(error))
            if one.take == "each":
                for number, entry in enumerate(row[place] for row in rows):
                    if entry is not None:
                        _put(document, [str(number) if part == "*" else part for part in one.parts], entry)
                continue
            if value is None:
                continue
            if isinstance(value, Instant):
                days.add(value.day)
                value = value.text
            elif isinstance(value, Decimal):
                value = abs(value) if one.absolute else value
                value = as_integer(value, str(value)) if one.kind == "integer" else number_as_text(value)
            _put(document, one.parts, value)
        data = document.setdefault("data", {})
        for day in days:
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
            recipes=[self._recipe({**mapping.event, **one.event}, one, columns, times) for one in rule.made],
        )

    def _recipe(self, event: Fields, record: Record, columns: dict[str, Column], times: LocalTimes) -> _Recipe:
        name = event.get("type")
        fields = [_field(path, value, name if isinstance(name, str) else "", columns, times)
                  for path, value in event.items()]
        recipe = _Recipe(
            number=len(self._recipes),
            tests=[compile_condition(condition, columns) for condition in record.when],
            fields=fields,
            has_lists=any(part.isdigit() or part == "*" for one in fields for part in one.parts),
        )
        self._recipes.append(recipe)
        return recipe


def _field(
    path: str, value: Value | Scalar, type_name: str, columns: dict[str, Column], times: LocalTimes
) -> _Field:
    parts = path.split(".")
    said = value if isinstance(value, Value) else None
    return _Field(
        path=path,
        parts=parts,
        make=compile_value(path, value, type_name, columns, times),
        take="each" if "*" in parts else (said and said.take) or "same",
        absolute=bool(said and said.absolute),
        kind=(said and said.kind) or kind_of(type_name, path),
    )


def _made(recipe: _Recipe, cells: Cells) -> list[object] | Refused:
    values = []
    for one in recipe.fields:
        try:
            values.append(one.make(cells))
        except ValueError as error:
            reason = Reason.INVALID_FIELD
            if one.path == "time":
                reason = Reason.INVALID_TIME
            elif is_id(one.path):
                reason = Reason.INVALID_ID
            return Refused(reason, one.path, str(error))
    return values


def _taken(values: Sequence[object], one: _Field) -> object:
    """One value of several rows. Raises ValueError where they should be the same and are not."""
    if one.take == "each":
        return None
    given = [value for value in values if value is not None]
    if not given:
        return None
    if one.take in {"first", "last"}:
        return given[-1 if one.take == "last" else 0]
    if one.take == "sum":
        return sum((value for value in given if isinstance(value, Decimal)), Decimal(0))
    if any(value != given[0] for value in given):
        other = next(value for value in given if value != given[0])
        found = f"{_shown(given[0])} and {_shown(other)}"
        raise ValueError(f"the rows of this record differ: {found}; say `take` (sum, first, last), or group by it too")
    return given[0]


def _shown(value: object) -> str:
    return repr(value.text if isinstance(value, Instant) else value)[:60]


def _put(document: dict[str, Any], parts: Sequence[str], value: object) -> None:
    for part in parts[:-1]:
        document = document.setdefault(part, {})
    document[parts[-1]] = value


def _with_lists(value: Any) -> Any:
    """Objects whose keys are numbers become lists, in their order; places that stayed empty close up."""
    if not isinstance(value, dict):
        return value
    if value and all(key.isdigit() for key in value):
        return [_with_lists(value[key]) for key in sorted(value, key=int)]
    return {key: _with_lists(item) for key, item in value.items()}
