"""YAML with the line of everything in it, so that an error can name it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from shared.errors import Malformed

Path = tuple[str | int, ...]
_MERGE_TAG = "tag:yaml.org,2002:merge"


@dataclass(slots=True)
class Document:
    """The value of a YAML text, and the line (from 1) of each of its parts by path."""

    name: str
    value: Any
    lines: dict[Path, int] = field(default_factory=dict)

    def line(self, path: Sequence[str | int]) -> int:
        """The line of a part, or of the nearest part around it."""
        known = tuple(path)
        while known and known not in self.lines:
            known = known[:-1]
        return self.lines.get(known, 1)

    def error(self, path: Sequence[str | int], what: str) -> Malformed:
        """An error that names the file and the line."""
        return Malformed(f"{self.name}, line {self.line(path)}: {what}")


def load(text: str, name: str) -> Document:
    """Read one YAML document. Raises Malformed with the line, also for a key that stands twice."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        value = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Malformed(f"{name}, line {line}: not YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise Malformed(f"{name}: not YAML: {' '.join(str(error).split())}") from None
    document = Document(name, value)
    if root is not None:
        _walk(root, (), document)
    return document


def _walk(node: yaml.Node, path: Path, document: Document) -> None:
    document.lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _walk(item, (*path, index), document)
    elif isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, item in node.value:
            name = str(getattr(key, "value", ""))
            here = (*path, name)
            if name in seen and key.tag != _MERGE_TAG:
                raise Malformed(f"{document.name}, line {key.start_mark.line + 1}: {name!r} stands twice")
            seen.add(name)
            document.lines[here] = key.start_mark.line + 1
            _walk(item, here, document)
