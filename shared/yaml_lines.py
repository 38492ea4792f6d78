"""YAML with line numbers, so that an error can give the line. Size, nesting and aliases are bounded."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

import yaml
from pydantic import ValidationError

from shared.errors import Malformed

MAX_BYTES = 256 * 1024
"""Largest file, as people write them by hand."""
MAX_PARTS = 20_000
"""Most keys, values and entries, counting aliased ones each time: a few lines of aliases can expand to billions."""
MAX_DEPTH = 50
"""Parts within parts; a policy has six."""
MAX_DIGITS = 100
"""Of a whole number; Python neither reads nor writes one of thousands."""
Path = tuple[str | int, ...]
_INTEGER_TAG = "tag:yaml.org,2002:int"
_MERGE_TAG = "tag:yaml.org,2002:merge"


@dataclass(slots=True)
class Document:
    """The value of a YAML text, and by path the line (from 1) and the node of each of its parts."""

    name: str
    value: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    nodes: dict[Path, yaml.Node] = field(default_factory=dict)
    parts: int = 0

    def line(self, path: Sequence[str | int]) -> int:
        """The line of a part, or of the nearest part around it."""
        known = tuple(path)
        while known and known not in self.lines:
            known = known[:-1]
        return self.lines.get(known, 1)

    def error(self, path: Sequence[str | int], what: str) -> Malformed:
        """An error with file and line."""
        return Malformed(f"{self.name}, line {self.line(path)}: {what}")

    def invalid(self, error: ValidationError) -> Malformed:
        """The first error of a model, without what pydantic adds."""
        return self.all_invalid(error)[0]

    def all_invalid(self, error: ValidationError) -> list[Malformed]:
        """All errors of a model, so."""
        found: list[Malformed] = []
        for one in error.errors(include_input=False, include_url=False):
            path: list[str | int] = []
            for part in one["loc"]:
                if (*path, part) in self.lines:
                    path.append(part)
            if one["type"] == "missing":
                path.append(one["loc"][-1])
            what = one["msg"].removeprefix("Value error, ")
            found.append(self.error(path, f"{'.'.join(map(str, path))}: {what}".removeprefix(": ")))
        return found


def read_text(path: FilePath, max_bytes: int = MAX_BYTES) -> str:
    """The text of a YAML file. Raises Malformed."""
    try:
        with path.open("rb") as file:
            raw = file.read(max_bytes + 1)
    except OSError as error:
        raise Malformed(f"{path}: {error.strerror}") from None
    if len(raw) > max_bytes:
        raise Malformed(f"{path}: larger than {max_bytes} bytes, so not a file of settings")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise Malformed(f"{path.name}, line {line}: not UTF-8") from None


def load(
    text: str, name: str, max_parts: int = MAX_PARTS, max_bytes: int = MAX_BYTES, *, as_written: bool = False
) -> Document:
    """Read one YAML document: whatever YAML guanxi reads comes through here. Raises Malformed with the line, also for a
    repeated key. as_written: every value is a text.
    """
    document = Document(name)
    if len(text) > max_bytes:
        raise Malformed(f"{name}: larger than {max_bytes} bytes, so not a file of settings")
    try:
        loader = (yaml.BaseLoader if as_written else yaml.SafeLoader)(text)
        root = loader.get_single_node()
        if root is not None:
            _walk(root, (), document, max_parts)
            document.value = loader.construct_document(root)
    except RecursionError:
        raise Malformed(f"{name}: nested too deeply, or an alias contains itself") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Malformed(f"{name}, line {line}: not YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise Malformed(f"{name}: not YAML: {' '.join(str(error).split())}") from None
    return document


def _walk(node: yaml.Node, path: Path, document: Document, max_parts: int) -> None:
    document.parts += 1
    if document.parts > max_parts:
        raise Malformed(f"{document.name}: more than {max_parts} parts, so not a file of settings")
    document.lines.setdefault(path, node.start_mark.line + 1)
    document.nodes[path] = node
    where = f"{document.name}, line {node.start_mark.line + 1}"
    if len(path) > MAX_DEPTH:
        raise Malformed(f"{where}: nested too deeply, or an alias contains itself")
    if node.tag == _INTEGER_TAG and len(node.value) > MAX_DIGITS:
        raise Malformed(f"{where}: a number of more than {MAX_DIGITS} digits")
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _walk(item, (*path, index), document, max_parts)
    elif isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, item in node.value:
            name = str(getattr(key, "value", ""))
            here = (*path, name)
            if name in seen and key.tag != _MERGE_TAG:
                raise Malformed(f"{document.name}, line {key.start_mark.line + 1}: {name!r} is repeated")
            seen.add(name)
            document.lines[here] = key.start_mark.line + 1
            _walk(item, here, document, max_parts)
