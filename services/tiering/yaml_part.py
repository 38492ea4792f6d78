"""Parts of a YAML file that know their line. A problem is noted and reading goes on, so that all are told at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

import yaml

from shared.errors import Malformed
from shared.yaml_lines import Document, Path, load

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
        document = load(text, problems.file)
    except Malformed as error:
        problems.found.append(str(error))
        return None
    top = Part(problems, document, ())
    if not isinstance(document.value, dict):
        top.problem("expected a mapping of names to values")
        return None
    return top


class Part:
    """A place in a document, whether or not anything stands there."""

    def __init__(self, problems: Problems, document: Document, path: Path) -> None:
        self._problems, self._document, self._path = problems, document, path
        self._node = document.nodes.get(path)

    @property
    def exists(self) -> bool:
        """Whether it stands in the file."""
        return self._node is not None

    def problem(self, what: str) -> None:
        """Note a problem of this part."""
        name = ".".join(part for part in self._path if isinstance(part, str)) or "the file"
        line = self._document.line(self._path)
        self._problems.found.append(f"{self._problems.file}, line {line}: {name}: {what}")

    def _names(self) -> Sequence[str]:
        return [str(key.value) for key, _ in self._node.value] if isinstance(self._node, yaml.MappingNode) else ()

    def part(self, name: str, *, required: bool = True) -> "Part":
        """A part by name; one that does not exist when it is missing."""
        found = Part(self._problems, self._document, (*self._path, name))
        if required and self.exists and not found.exists:
            found.problem("is missing")
        return found

    def mapping(self, name: str) -> "Part":
        """A part that has parts of its own."""
        found = self.part(name)
        if found.exists and not isinstance(found._node, yaml.MappingNode):  # noqa: SLF001 - of its own kind
            found.problem("expected a mapping of names to values")
        return found

    def only(self, names: set[str]) -> None:
        """Note parts that are not expected."""
        for name, child in self.items():
            if name not in names:
                child.problem(f"unknown; known are {', '.join(sorted(names))}")

    def items(self) -> Iterator[tuple[str, "Part"]]:
        """All parts by name."""
        for name in self._names():
            yield name, self.part(name)

    def sequence(self) -> list["Part"]:
        """The items of a list."""
        if not isinstance(self._node, yaml.SequenceNode):
            if self.exists:
                self.problem("expected a list")
            return []
        return [Part(self._problems, self._document, (*self._path, at)) for at in range(len(self._node.value))]

    def scalar(self) -> str:
        """The value as it is written."""
        if isinstance(self._node, yaml.ScalarNode) and self._node.value:
            return str(self._node.value)
        if self.exists:
            self.problem("expected a single value")
        return ""

    def value(self) -> Any:
        """The value as YAML understands it."""
        value: Any = self._document.value if self.exists else None
        for step in self._path if self.exists else ():
            value = value[step]
        return value

    def decimal(self, low: Decimal, high: Decimal, *, places: int = 2) -> Decimal:
        """An exact number within limits, with so many decimals at most."""
        text = self.scalar()
        try:
            number = Decimal(text)
        except InvalidOperation:
            if text:
                self.problem(f"expected a number, not {text!r}")
            return low
        if not number.is_finite() or not low <= number <= high:
            self.problem(f"{text} is not between {low:f} and {high:f}")
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
            part.problem(f"expected true or false, not {text!r}")
        return text == "true"

    def day(self, name: str) -> date:
        """A day by name."""
        part = self.part(name)
        text = part.scalar()
        try:
            return date.fromisoformat(text)
        except ValueError:
            if text:
                part.problem(f'expected a day such as "2026-01-31", not {text!r}')
            return _NOWHERE
