"""What a rule of a mapping must have, by the models of the events: checked when the mapping is read, not row by row."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from shared.errors import Malformed
from shared.events.registry import FACTS
from shared.yaml_lines import Document

_REQUIRED = ("id", "source", "type", "subject", "time")


def wrong_in_rule(fields: Mapping[str, Any], where: Sequence[str | int], document: Document) -> Iterator[Malformed]:
    """Each with the rule's line: what an event with these fields would lack, and fields of `data` that its type does
    not know. A type from a column can't be checked.
    """
    for required in _REQUIRED:
        if required not in fields:
            yield document.error(where, f"this rule's events lack {required}")
    for path in fields:
        inner = next((other for other in fields if other.startswith(f"{path}.")), None)
        if inner is not None:
            yield document.error(_line_of(where, inner, document), f"{inner}: {path} already has a value")
    name: Any = fields.get("type")
    if not isinstance(name, str) or "{" in name:
        return
    entry = FACTS.get(name)
    if entry is None or entry.internal:
        yield document.error(_line_of(where, "type", document), f"type: {name!r} is not an event type that can be sent")
        return
    given = {path.split(".")[1] for path in fields if path.startswith("data.")}
    known = entry.door.model_fields
    for field in sorted(given - set(known)):
        path = next(path for path in fields if path.split(".")[:2] == ["data", field])
        hint = f"{path}: {name} has no such field; it has {', '.join(known)}"
        yield document.error(_line_of(where, path, document), hint)
    for field, info in known.items():
        if info.is_required() and field not in given:
            yield document.error(where, f"this rule's events lack data.{field}, required by {name}")


def _line_of(where: Sequence[str | int], path: str, document: Document) -> Sequence[str | int]:
    """A rule's own field, else the common one."""
    own = (*where, "event", path)
    return own if own in document.lines else ("event", path)
