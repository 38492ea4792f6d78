"""The kinds of the events' fields, from their models, so that a mapping need not name them."""

from collections.abc import Iterator
from datetime import date
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel

from shared.events.registry import FACTS


def _types_of(annotation: Any) -> Iterator[Any]:
    """The plain types and models in an annotation, including those of list entries."""
    parts = get_args(annotation)
    if not parts:
        yield annotation
    for part in parts:
        yield from _types_of(part)


def _day_fields(model: type[BaseModel]) -> Iterator[str]:
    for name, info in model.model_fields.items():
        for found in _types_of(info.annotation):
            if found is date:
                yield name
            elif isinstance(found, type) and issubclass(found, BaseModel):
                yield from _day_fields(found)


DAY_FIELDS = frozenset(name for entry in FACTS.values() for name in _day_fields(entry.door))
"""Names of all event fields that contain a day, such as due_on."""

_KINDS: tuple[tuple[type, str], ...] = ((bool, "boolean"), (int, "integer"), (date, "day"))


@cache
def kind_of(type_name: str, path: str) -> str:
    """How to turn a column into the event field at a dotted path: as text unless the model says otherwise."""
    if path == "time":
        return "instant"
    if path == "revision":
        return "integer"
    entry = FACTS.get(type_name)
    if entry is None or not path.startswith("data."):
        return "text"
    held: set[Any] = {entry.door}
    for name in path.split(".")[1:]:
        if name == "*" or name.isdigit():
            continue
        models = [model for model in held if isinstance(model, type) and issubclass(model, BaseModel)]
        held = {
            found for model in models if name in model.model_fields
            for found in _types_of(model.model_fields[name].annotation)
        }  # fmt: skip
    return next((kind for plain, kind in _KINDS if plain in held), "text")
