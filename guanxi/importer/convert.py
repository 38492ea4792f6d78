"""From a row to an event, by the rules of a mapping."""

from collections.abc import Mapping as AbstractMapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from guanxi.importer.mapping import Mapping, Rule
from guanxi.importer.times import LocalTimes
from guanxi.importer.values import Cells, Make, Test, compile_condition, compile_value
from shared.errors import Malformed
from shared.events.refusal import Reason, Refused


@dataclass(frozen=True, slots=True)
class Skipped:
    """A row that a rule passes over, and the rule's reason."""

    why: str


@dataclass(slots=True)
class _Compiled:
    tests: list[Test]
    fields: list[tuple[str, list[str], Make]]
    skip: str | None
    has_lists: bool


class Converter:
    """Makes events of the rows of one file. Raises Malformed when the file lacks columns that the mapping
    names.
    """

    def __init__(self, mapping: Mapping, header: Sequence[str], times: LocalTimes, file_name: str) -> None:
        index = {name: place for place, name in enumerate(header)}
        missing = [name for name in mapping.columns() if name not in index]
        if missing:
            found = ", ".join(header)
            raise Malformed(f"{file_name}: no column {', '.join(map(repr, missing))}; it has {found[:500]}")
        self._rules = [_compile(mapping, rule, index, times) for rule in mapping.rules]

    def __call__(self, cells: Cells) -> dict[str, Any] | Skipped | Refused:
        """The event of a row as a JSON-ready document; empty columns are absent fields."""
        try:
            rule = next((rule for rule in self._rules if all(test(cells) for test in rule.tests)), None)
        except ValueError as error:
            return Refused(Reason.INVALID_FIELD, "", str(error))
        if rule is None:
            return Refused(Reason.INVALID_FIELD, "", "no rule of the mapping takes this row")
        if rule.skip is not None:
            return Skipped(rule.skip)
        document: dict[str, Any] = {"specversion": "1.0"}
        for path, parts, make in rule.fields:
            try:
                value = make(cells)
            except ValueError as error:
                return Refused(Reason.INVALID_TIME if path == "time" else Reason.INVALID_FIELD, path, str(error))
            if value is not None:
                _put(document, parts, value)
        document.setdefault("data", {})
        return _with_lists(document) if rule.has_lists else document


def _compile(mapping: Mapping, rule: Rule, index: AbstractMapping[str, int], times: LocalTimes) -> _Compiled:
    places = dict(index)
    event = {} if rule.skip is not None else {**mapping.event, **rule.event}
    fields = [(path, path.split("."), compile_value(path, value, places, times)) for path, value in event.items()]
    return _Compiled(
        tests=[compile_condition(condition, places) for condition in rule.when],
        fields=fields,
        skip=rule.skip,
        has_lists=any(part.isdigit() for _, parts, _ in fields for part in parts),
    )


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
