"""The fast path: a usual event, read from its bytes in one pass, with the result of `parse_json` and `admit` at a third
of their cost.

It returns either the same candidate, to the byte, or nothing; then the event takes the slow path, which writes
refusals. So nothing here refuses, and everything rare is left to the slow path: other types, unknown fields, nulls,
numbers that are not strings, ids with rare letters.

The rules for data are not repeated here. This module builds msgspec structs from the core schemas of the facts' models
when it is loaded, and the model's own validator judges numbers; a schema with anything unknown here stops the start, so
that no new limit or field is missed.

The law (tests/services/ingest/admit/test_quick.py): for any bytes, either nothing or the slow path's result.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, Union
from zoneinfo import ZoneInfo

from msgspec import UNSET, Meta, Struct, UnsetType, defstruct, field, to_builtins
from msgspec.json import Decoder
from pydantic_core import SchemaValidator

from services.ingest.admit.admit import identity_of
from services.ingest.admit.aside import said_of, split, take_texts
from services.ingest.admit.candidate import Candidate
from services.ingest.admit.content import FIRST_DAY, LAST_DAY, MAX_NUMBERS, canonical_amount, plain_number
from services.ingest.admit.envelope import MAX_REVISION, TRACEPARENT, read_instant, refuse_age
from services.ingest.admit.people import take_names
from services.ingest.admit.rules import refuse_day
from shared.events.codec import content_hash, encode_json, format_instant
from shared.events.facts import InvoiceIssued, PurchaseRecorded, PurchaseRefunded, VisitLogged
from shared.events.refusal import Refused
from shared.events.registry import FACTS, NAMES, FactType, record_of
from shared.events.types import Id, Name

USUAL = (PurchaseRecorded, PurchaseRefunded, VisitLogged, InvoiceIssued)
"""The facts that make up nearly all traffic: records of customers, without their own validators or rules."""

_LETTERS = "!-~À-ɏЀ-ԯぁ-ゖァ-ヺ一-鿿가-힣"


def _pattern(scalar: Any) -> str:
    return str(scalar.__metadata__[0].pattern)


_PATTERNS = {
    _pattern(Id): f"^[{_LETTERS}](?:[ {_LETTERS}]*[{_LETTERS}])?$",
    _pattern(Name): r"^[^\x00-\x1f\x7f-\x9f]+$",
}
"""For patterns by Unicode category, which only Rust's expressions have: a Python pattern that accepts no more than
they do."""

_PARTS: Mapping[str, set[str]] = {
    "model": {"cls", "schema", "config", "custom_init", "root_model"},
    "model-fields": {"fields", "model_name", "computed_fields"},
    "model-field": {"schema"},
    "default": {"schema", "default"},
    "nullable": {"schema"},
    "tuple": {"items_schema", "variadic_item_index", "min_length", "max_length"},
    "str": {"strict", "min_length", "max_length", "pattern"},
    "literal": {"expected"},
    "function-before": {"schema", "function", "json_schema_input_schema"},
    "date": set(),
}
"""What this module understands of each kind of core schema node."""
_SAY_NOTHING = {"type", "metadata", "ref"}
_CONFIG = {"title", "hide_input_in_errors", "extra_fields_behavior"}

Node = Mapping[str, Any]
Number = Callable[[str], str]
"""From a number as written to its canonical text; raises ValueError if the model would refuse it."""


class Shape(NamedTuple):
    """How to read data. struct: absent is UNSET; defaults: of absent fields; lists: of nested shapes."""

    struct: type[Struct]
    numbers: dict[str, Number]
    days: list[str]
    lists: dict[str, "Shape"]
    defaults: dict[str, Any]


class UnknownSchemaError(Exception):
    """A model has something that this module does not understand."""


def shape_of(node: Node) -> Shape:
    """The shape of a model's core schema. Raises UnknownSchemaError."""
    model, members = _node(node, "model"), _node(node["schema"], "model-fields")
    if model["custom_init"] or model["root_model"] or members["computed_fields"] or model["config"].keys() - _CONFIG:
        raise UnknownSchemaError(model["cls"])
    if model["config"]["extra_fields_behavior"] != "ignore":
        raise UnknownSchemaError(model["cls"])
    shape = Shape(Struct, {}, [], {}, {})
    fields = [_field(shape, name, _node(member, "model-field")["schema"]) for name, member in members["fields"].items()]
    struct = defstruct(model["cls"].__name__, fields, kw_only=True, forbid_unknown_fields=True, gc=False)
    return shape._replace(struct=struct)


def _field(shape: Shape, name: str, node: Node) -> tuple[str, Any, Any]:
    default: Any = UNSET
    required = node["type"] != "default"
    if not required:
        default, node = _node(node, "default")["default"], node["schema"]
    if node["type"] == "nullable":
        node = _node(node, "nullable")["schema"]
    type_: Any
    if node["type"] == "tuple":
        shape.lists[name] = items = shape_of(_node(node, "tuple")["items_schema"][0])
        if items.numbers or items.defaults:
            raise UnknownSchemaError(name)
        type_ = _limited(list[items.struct], node)  # type: ignore[name-defined]
    elif node["type"] == "function-before" and node["schema"]["type"] == "decimal":
        type_, shape.numbers[name] = str, _number(node)
    elif node["type"] == "function-before":
        _node(_node(node, "function-before")["schema"], "date")
        type_ = date
        shape.days.append(name)
    elif node["type"] == "literal":
        type_ = Literal[tuple(_node(node, "literal")["expected"])]
    else:
        type_ = _limited(str, _node(node, "str"))
    if required:
        return name, type_, field()
    if default is not None:
        shape.defaults[name] = list(default) if type(default) is tuple else default
    return name, Union[type_, UnsetType], field(default=UNSET)  # noqa: UP007 - types of msgspec know no `|`


def _node(node: Node, *kinds: str) -> Node:
    if node["type"] not in kinds or node.keys() - _PARTS[node["type"]] - _SAY_NOTHING:
        raise UnknownSchemaError(node["type"])
    return node


def _limited(type_: Any, node: Node) -> Any:
    limits = {name: node[name] for name in ("min_length", "max_length") if name in node}
    pattern = node.get("pattern")
    if pattern is not None:
        known = _PATTERNS.get(pattern) or pattern
        if "\\p" in known.lower() or not known.endswith("$"):
            raise UnknownSchemaError(pattern)
        limits["pattern"] = known[:-1] + r"\Z"  # Python's $ lets a line's end follow
    return Annotated[type_, Meta(**limits)]


def _number(node: Node) -> Number:
    validate = SchemaValidator(node).validate_python

    @lru_cache(maxsize=MAX_NUMBERS)
    def canonical(text: str) -> str:
        return plain_number(str(validate(text)))

    return canonical


class Usual(NamedTuple):
    """A type of `USUAL`. left_out: fields that undoing does not need."""

    entry: FactType
    shape: Shape
    left_out: frozenset[str]


_canonical_instant = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z").fullmatch
if TYPE_CHECKING:
    _Id = str
else:
    _Id = _limited(str, Id.__metadata__[0].__dict__)
_Traceparent = Annotated[str, Meta(pattern=rf"^{TRACEPARENT}\Z")]


class Attributes(Struct, tag_field="type", kw_only=True, forbid_unknown_fields=True, gc=False):
    """The attributes of an event; each usual type has its own struct of them with its `data`."""

    specversion: Literal["1.0"]
    id: _Id
    source: _Id
    subject: _Id
    time: str
    datacontenttype: Literal["application/json"] | UnsetType = UNSET
    revision: Annotated[int, Meta(ge=1, le=MAX_REVISION)] | UnsetType = UNSET
    actor: _Id | UnsetType = UNSET
    traceparent: _Traceparent | UnsetType = UNSET


_USUAL: dict[type[Struct], Usual] = {}
for _fact in USUAL:
    _entry = FACTS[NAMES[_fact]]
    _shape = shape_of(_entry.door.__pydantic_core_schema__)
    _event = defstruct(_fact.__name__, [("data", _shape.struct)], bases=(Attributes,), tag=_entry.name)
    _USUAL[_event] = Usual(_entry, _shape, _fact.UNDO_LEAVES_OUT)
_decode = Decoder(Union[tuple(_USUAL)]).decode  # noqa: UP007 - of any number


def read_quickly(
    raw: bytes, *, now: datetime, zone: ZoneInfo, backfill: bool = False, person_key: bytes = b""
) -> Candidate | None:
    """Turn an event into a candidate, or None; parameters as for `admit`."""
    try:
        event: Any = _decode(raw)
        entry, shape, left_out = _USUAL[type(event)]
        data, instant = event.data, event.time
        canonical = _canonical_instant(instant)
        time = datetime.fromisoformat(instant) if canonical else read_instant(instant)
        if isinstance(time, Refused) or refuse_age(time, now, backfill=backfill) or not _as_it_stands(raw, event):
            return None
        if not _make_canonical(shape, data) or (data.occurred_on and refuse_day(data.occurred_on, time, zone)):
            return None
    except ValueError:
        return None
    subject, source, name = event.subject, event.source, entry.name
    if not canonical:
        instant = format_instant(time)
    told: dict[str, Any] = to_builtins(data)
    key = f"{entry.subject}:{subject}"
    revision = event.revision or 1
    identity = identity_of(source, event.id, record_of(entry, told))
    bare, aside = split(entry, told)
    named, names = take_names(entry, key, subject, told, person_key)
    plain, texts = take_texts(entry, key, identity, revision, named, person_key)
    kept = {field: value for field, value in plain.items() if field not in left_out} if left_out else plain
    return Candidate(
        name,
        event.id,
        source,
        subject,
        time,
        revision,
        plain,
        event.traceparent or None,
        backfill,
        key,
        identity,
        content_hash((name, subject, instant, bare)),
        said_of(aside, person_key),
        {"revision": revision, "time": instant, "data": kept},
        False,
        names,
        texts,
        (),
        None,
        True,
        event.actor or None,
        None,
        (name, subject, instant, told) if aside else None,
    )


def _as_it_stands(raw: bytes, event: Struct) -> bool:
    """Whether no key is repeated: msgspec would take the last one. Compares the number of quotes in the bytes and in
    the event written again: a dropped key takes its quotes with it. A quote inside a string counts once in both, unless
    it is written as a unicode escape.
    """
    return raw.count(b'"') == encode_json(event).count(b'"') and b"u0022" not in raw


def _make_canonical(shape: Shape, data: Any) -> bool:
    """Raises ValueError or returns False for what the slow path must judge."""
    if not _days_fit(shape, data):
        return False
    for name, default in shape.defaults.items():
        if getattr(data, name) is UNSET:
            setattr(data, name, default)
    for name, canonical in shape.numbers.items():
        text = getattr(data, name)
        if text is not UNSET:
            setattr(data, name, canonical(text))
    if "amount" in shape.struct.__struct_fields__:
        amount = canonical_amount(data.amount, data.currency)
        if isinstance(amount, Refused):
            return False
        data.amount = amount
    return True


def _days_fit(shape: Shape, data: Any) -> bool:
    for name in shape.days:
        day = getattr(data, name)
        if day is not UNSET and not FIRST_DAY <= day.isoformat() <= LAST_DAY:
            return False
    for name, inner in shape.lists.items():
        items = getattr(data, name)
        if inner.days and items is not UNSET and not all(_days_fit(inner, item) for item in items):
            return False
    return True
