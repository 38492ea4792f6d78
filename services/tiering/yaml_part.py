"""Parts of a YAML file that know their line. A problem is noted and reading goes on, so that all are told at once."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

import yaml

MAX_PLACES = 6
_NOWHERE = date(2000, 1, 1)


@dataclass(slots=True)
class Problems:
    """What is wrong with a file, each as "file, line: what"."""

    file: str
    found: list[str] = field(default_factory=list)


def parse(text: str, problems: Problems) -> "Part | None":
    """The top of a file that is one mapping."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problems.found.append(f"{problems.file}, line {line}: not YAML: {error.problem}")
        return None
    except yaml.YAMLError as error:
        problems.found.append(f"{problems.file}: not YAML: {' '.join(str(error).split())}")
        return None
    part = Part(problems, "the file", node, 1)
    if not isinstance(node, yaml.MappingNode):
        part.problem("a mapping of names to values is expected")
        return None
    return part


class Part:
    """A node, or the place where one is missing."""

    def __init__(self, problems: Problems, name: str, node: yaml.Node | None, line: int) -> None:
        self._problems, self._name, self._node, self._line = problems, name, node, line
        self._children: dict[str, Part] = {}
        if isinstance(node, yaml.MappingNode):
            self._read_children(node)

    @property
    def exists(self) -> bool:
        """Whether it stands in the file."""
        return self._node is not None

    def problem(self, what: str) -> None:
        """Note a problem of this part."""
        self._problems.found.append(f"{self._problems.file}, line {self._line}: {self._name}: {what}")

    def _read_children(self, node: yaml.MappingNode) -> None:
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            child = Part(self._problems, name if self._name == "the file" else f"{self._name}.{name}", value, line)
            if name in self._children:
                child.problem("stands twice")
            self._children[name] = child

    def part(self, name: str, *, required: bool = True) -> "Part":
        """A part by name; one that does not exist when it is missing."""
        found = self._children.get(name)
        if found is None:
            path = name if self._name == "the file" else f"{self._name}.{name}"
            found = Part(self._problems, path, None, self._line)
            if required and self.exists:
                found.problem("is missing")
        return found

    def mapping(self, name: str) -> "Part":
        """A part that has parts of its own."""
        found = self.part(name)
        if found.exists and not isinstance(found._node, yaml.MappingNode):  # noqa: SLF001 - of its own kind
            found.problem("a mapping of names to values is expected")
        return found

    def only(self, names: set[str]) -> None:
        """Note parts that are not expected."""
        for name, child in self._children.items():
            if name not in names:
                child.problem(f"unknown; known are {', '.join(sorted(names))}")

    def items(self) -> Iterator[tuple[str, "Part"]]:
        """All parts by name."""
        yield from self._children.items()

    def sequence(self) -> list["Part"]:
        """The items of a list."""
        if not isinstance(self._node, yaml.SequenceNode):
            if self.exists:
                self.problem("a list is expected")
            return []
        return [Part(self._problems, self._name, item, item.start_mark.line + 1) for item in self._node.value]

    def scalar(self) -> str:
        """The value as it is written."""
        if isinstance(self._node, yaml.ScalarNode) and self._node.value:
            return str(self._node.value)
        if self.exists:
            self.problem("a single value is expected")
        return ""

    def value(self) -> Any:
        """The value as YAML understands it."""
        return yaml.safe_load(yaml.serialize(self._node)) if self._node is not None else None

    def decimal(self, low: Decimal, high: Decimal, *, places: int = 2) -> Decimal:
        """An exact number within limits, with so many decimals at most."""
        text = self.scalar()
        try:
            number = Decimal(text)
        except InvalidOperation:
            if text:
                self.problem(f"a number is expected, not {text!r}")
            return low
        if not number.is_finite() or not low <= number <= high:
            self.problem(f"{text} does not lie from {low:f} to {high:f}")
            return low
        if number != round(number, places):
            self.problem(f"{text} has more than {places} decimals")
            return low
        return number

    def number(self, name: str, low: Decimal, high: Decimal, *, default: Decimal) -> Decimal:
        """A number by name; the default only where this part itself is missing."""
        return self.part(name).decimal(low, high, places=MAX_PLACES) if self.exists else default

    def whole(self, name: str, low: int, high: int, *, default: int = 0) -> int:
        """A whole number by name."""
        return int(self.part(name).decimal(Decimal(low), Decimal(high), places=0)) if self.exists else default

    def points_value(self) -> int:
        """Points from 0 to 10, as hundredths."""
        return int(self.decimal(Decimal(0), Decimal(10)) * 100)

    def points(self, name: str, *, default: Decimal | None = None) -> int:
        """Points by name, as hundredths."""
        part = self.part(name, required=default is None)
        return int(default * 100) if not part.exists and default is not None else part.points_value()

    def score(self, name: str) -> int:
        """A score from 0 to 100 by name, as tenths."""
        return int(self.part(name).decimal(Decimal(0), Decimal(100), places=1) * 10)

    def text(self, name: str) -> str:
        """A text by name."""
        return self.part(name).scalar()

    def flag(self, name: str, *, default: bool) -> bool:
        """true or false, by name."""
        part = self.part(name, required=False)
        if not part.exists:
            return default
        text = part.scalar()
        if text not in {"true", "false"}:
            part.problem(f"true or false is expected, not {text!r}")
        return text == "true"

    def day(self, name: str) -> date:
        """A day by name."""
        part = self.part(name)
        text = part.scalar()
        try:
            return date.fromisoformat(text)
        except ValueError:
            if text:
                part.problem(f'a day such as "2026-01-31" is expected, not {text!r}')
            return _NOWHERE
