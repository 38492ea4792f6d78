"""What a rule of a mapping must have, by the models of the events: found when the mapping is read, not row by
row.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from guanxi.importer.yaml_lines import Document
from shared.events.registry import FACTS

_REQUIRED = ("id", "source", "type", "subject", "time")


def check_rule(fields: Mapping[str, Any], where: Sequence[str | int], document: Document) -> None:
    """Raises Malformed, naming the rule's line, when an event of these fields would lack something, or when
    `data` has a field that its type does not know. A type that comes from a column can't be looked at.
    """
    for name in _REQUIRED:
        if name not in fields:
            raise document.error(where, f"this rule's events lack {name}")
    for path in fields:
        inner = next((other for other in fields if other.startswith(f"{path}.")), None)
        if inner is not None:
            raise document.error(_line_of(where, inner, document), f"{inner}: {path} is given a value of its own")
    name = fields["type"]
    if not isinstance(name, str) or "{" in name:
        return
    entry = FACTS.get(name)
    if entry is None or entry.internal:
        raise document.error(_line_of(where, "type", document), f"type: {name!r} is no type of event that can be sent")
    given = {path.split(".")[1] for path in fields if path.startswith("data.")}
    known = entry.door.model_fields
    for field in sorted(given - set(known)):
        path = next(path for path in fields if path.split(".")[:2] == ["data", field])
        hint = f"{path}: {name} has no such field; it has {', '.join(known)}"
        raise document.error(_line_of(where, path, document), hint)
    for field, info in known.items():
        if info.is_required() and field not in given:
            raise document.error(where, f"this rule's events lack data.{field}, which {name} requires")


def _line_of(where: Sequence[str | int], path: str, document: Document) -> Sequence[str | int]:
    """A rule's own field, else the one that it has from the common part."""
    own = (*where, "event", path)
    return own if own in document.lines else ("event", path)
