"""Free text of facts: which fields have it, and the variants of the facts that the doors take.

The one list of free text is the type `Written` of a field: whatever has it is taken off an event before the log
(domain.md, Texts), wherever a fact nests it.
"""

from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, NamedTuple, TypeVar, Union, get_args, get_origin
from unicodedata import normalize

from pydantic import BaseModel, create_model

from shared.events.types import TextRef

Data = dict[str, Any]
Model = TypeVar("Model", bound=BaseModel)


class Fields(NamedTuple):
    """Where a model has free text: in its own fields, and in those of the entries of its lists."""

    own: tuple[str, ...]
    lists: tuple[tuple[str, "Fields"], ...]


PREFIX = "text:"
"""Begins the ids of texts."""
NO_TEXT = Fields((), ())


@cache
def text_fields(model: type[BaseModel]) -> Fields:
    """The fields of a model, or of its entries, that hold free text."""
    own, lists = [], []
    for name, field in model.model_fields.items():
        if TextRef in _parts(field.annotation):
            own.append(name)
        elif (nested := _nested(field.annotation)) is not None and (inner := text_fields(nested)) != NO_TEXT:
            lists.append((name, inner))
    return Fields(tuple(own), tuple(lists))


def as_sent(model: type[Model]) -> type[Model]:
    """The variant that the doors take: with the text itself where the log has a reference, which nobody may send."""
    fields = text_fields(model)
    if fields == NO_TEXT:
        return model
    changed: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        sent: Any
        if name in fields.own:
            sent = Union[tuple(part for part in get_args(field.annotation) if part is not TextRef)]  # noqa: UP007
        elif name in dict(fields.lists):
            nested = _nested(field.annotation)
            assert nested is not None, "a list of texts has entries"
            sent = tuple[as_sent(nested), ...]  # type: ignore[misc]
        else:
            continue
        for limit in field.metadata:
            sent = Annotated[sent, limit]
        changed[name] = (sent, ... if field.is_required() else field.default)
    made: type[Model] = create_model(
        model.__name__, __base__=model, __doc__=model.__doc__, __module__=model.__module__, **changed
    )
    return made


def chars_of(text: str) -> int:
    """Code points of a text, NFKC-folded and trimmed."""
    return len(normalize("NFKC", text).strip())


def chars(written: TextRef | str | None) -> int:
    """The same of a fact's field, wherever its text is."""
    if isinstance(written, TextRef):
        return written.chars
    return 0 if written is None else chars_of(written)


def kept_of(written: TextRef | str | None, max_chars: int) -> str | None:
    """What a row keeps of a fact's text: the id; of an old log's the text, cut as `cut` does."""
    return written.text_id if isinstance(written, TextRef) else cut(written, max_chars)


def cut(text: str | None, max_chars: int) -> str | None:
    """A text as it is shown, an ellipsis for what is over."""
    return text if text is None or len(text) <= max_chars else text[: max_chars - 1] + "…"


def with_texts(data: Data, fields: Fields, take: Callable[[str, str], Any], path: str = "") -> Data:
    """The data with each text, empty ones left alone, changed to what `take` gives for its path and itself. Does not
    change `data`; gives it where it has no text.
    """
    changed: Data = {}
    for name in fields.own:
        text = data.get(name)
        if isinstance(text, str) and text:
            changed[name] = take(path + name, text)
    for name, inner in fields.lists:
        if entries := data.get(name):
            changed[name] = [with_texts(one, inner, take, f"{path}{name}/{n}/") for n, one in enumerate(entries)]
    return {**data, **changed} if changed else data


def _parts(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) is not tuple else ()


def _nested(annotation: Any) -> type[BaseModel] | None:
    if get_origin(annotation) is tuple:
        entry = get_args(annotation)[0]
        if isinstance(entry, type) and issubclass(entry, BaseModel):
            return entry
    return None
