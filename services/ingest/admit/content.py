"""The data of an event: checked by its type's model, made canonical, with unknown fields named.

Canonical means: the same content is the same JSON, so that repeats are known by value (domain.md, Identity). Amounts
have exactly their currency's decimals; other decimals have no trailing zeros; absent fields are left out.
"""

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from services.ingest.admit.envelope import ID_HINT
from shared.events.codec import dump_fact
from shared.events.facts import Fact, InvoicePaid
from shared.events.money import exponents, format_minor, parse_amount
from shared.events.refusal import Reason, Refused
from shared.events.registry import FactType
from shared.events.types import MAX_AMOUNT_DIGITS, MAX_NAME_CHARS

FIRST_DAY, LAST_DAY = "1900-01-01", "2199-12-31"
"""The range of days in data, so that folds can calculate from any of them without leaving the calendar."""
MAX_NAMED = 20
"""Unknown fields named in an answer; the rest are counted."""
MAX_PATH_CHARS = 200
MAX_NUMBERS = 4096
"""Size of the cache of canonical numbers: rates and points repeat."""

_OWN_HINT = {
    "missing": "is required",
    "string_type": "must be a string",
    "string_too_long": "is too long: at most {max_length} characters",
    "string_too_short": "must not be empty",
    "too_long": "has more than {max_length} entries",
    "too_short": "needs at least one entry",
    "tuple_type": "must be a list",
    "model_type": "must be an object",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "finite_number": "must be a finite number",
}


@dataclass(frozen=True, slots=True)
class _Shape:
    """What is known of a model beyond validation: which fields it has, and which of them are special."""

    fields: frozenset[str]
    decimals: tuple[str, ...]
    days: tuple[str, ...]
    lists: tuple[tuple[str, "_Shape"], ...]
    lists_with_days: tuple[tuple[str, "_Shape"], ...]
    lists_with_decimals: tuple[tuple[str, "_Shape"], ...]


@cache
def _shape(model: type[BaseModel]) -> _Shape:
    decimals, days, lists = [], [], []
    for name, field in model.model_fields.items():
        mentioned = _mentioned(field.annotation)
        if Decimal in mentioned:
            decimals.append(name)
        if date in mentioned:
            days.append(name)
        nested = next((part for part in mentioned if isinstance(part, type) and issubclass(part, BaseModel)), None)
        if nested is not None:
            lists.append((name, _shape(nested)))
    with_days = tuple((name, nested) for name, nested in lists if nested.days or nested.lists_with_days)
    with_decimals = tuple((name, nested) for name, nested in lists if nested.decimals or nested.lists_with_decimals)
    return _Shape(frozenset(model.model_fields), tuple(decimals), tuple(days), tuple(lists), with_days, with_decimals)


def _mentioned(annotation: Any) -> set[Any]:
    parts = get_args(annotation) if get_origin(annotation) is not None else ()
    return {annotation}.union(*(_mentioned(part) for part in parts if part is not None))


def read_data(entry: FactType, data: dict[str, Any]) -> tuple[Fact, dict[str, Any]] | Refused:
    """The fact in the door's shape, and its canonical JSON."""
    shape = _shape(entry.door)
    is_payment = entry.fact is InvoicePaid
    if "amount" in shape.fields and (not is_payment or _is_part(data)):
        canonical = _with_amount(data, part=is_payment)
        if isinstance(canonical, Refused):
            return canonical
        data = canonical
    elif "limit" in data and "limit" in shape.fields:
        data = {**data, "limit": _plain_limit(data["limit"])}
    try:
        fact = entry.door.model_validate(data)
    except ValidationError as error:
        return _refused(error)
    dumped = dump_fact(fact)
    _make_plain(shape, dumped)
    refused = _refuse_days(shape, dumped, "data")
    return (fact, dumped) if refused is None else refused


def _make_plain(shape: _Shape, dumped: dict[str, Any]) -> None:
    for name in shape.decimals:
        if dumped.get(name) is not None:
            dumped[name] = plain_number(dumped[name])
    for name, nested in shape.lists_with_decimals:
        for item in dumped.get(name) or ():
            _make_plain(nested, item)


def unknown_fields(entry: FactType, data: dict[str, Any]) -> list[str]:
    """Dotted paths of the fields of `data` that the type's model lacks; the first few only."""
    shape = _shape(entry.door)
    if not shape.lists and data.keys() <= shape.fields:
        return []
    found: list[str] = []
    _unknown(shape, data, "data", found)
    return found


def fields_beside(entry: FactType, path: str) -> frozenset[str]:
    """The fields that the type knows at the place of a dotted path such as data.attendees.0.nmae."""
    shape = _shape(entry.door)
    for part in path.split(".")[1:-1]:
        shape = dict(shape.lists).get(part, shape)
    return shape.fields


def bounded(paths: list[str]) -> tuple[str, ...]:
    """At most `MAX_NAMED` paths of bounded length; the last entry counts the rest."""
    named = tuple(path.encode(errors="backslashreplace").decode()[:MAX_PATH_CHARS] for path in paths[:MAX_NAMED])
    return named if len(paths) <= MAX_NAMED else (*named, f"... and {len(paths) - MAX_NAMED} more")


def _unknown(shape: _Shape, data: dict[str, Any], path: str, found: list[str]) -> None:
    found.extend(f"{path}.{name}" for name in data if name not in shape.fields)
    for name, nested in shape.lists:
        for index, item in enumerate(data.get(name) or ()):
            if isinstance(item, dict) and not item.keys() <= nested.fields:
                _unknown(nested, item, f"{path}.{name}.{index}", found)


_cents = re.compile(r"[1-9][0-9]{0,11}\.[0-9]{2}", re.ASCII).fullmatch
_PART = ("payment_id", "amount", "currency")


def _is_part(data: dict[str, Any]) -> bool:
    """Whether a payment has any field of a part; then it must have all of them (domain.md, Payment parts and
    credits).
    """
    return any(data.get(name) is not None for name in _PART)


def _with_amount(data: dict[str, Any], *, part: bool = False) -> dict[str, Any] | Refused:
    for name in _PART if part else _PART[1:]:
        if data.get(name) is None:
            hint = f"{name} is required"
            if part:
                hint = (
                    "send payment_id, amount and currency together, or none of them if this payment settles the invoice"
                )
            return Refused(Reason.MISSING_FIELD, f"data.{name}", hint)
    currency = data["currency"]
    if not isinstance(currency, str):
        return Refused(Reason.INVALID_FIELD, "data.currency", "currency must be a string such as CNY")
    amount = canonical_amount(data["amount"], currency)
    return amount if isinstance(amount, Refused) else {**data, "amount": amount}


def canonical_amount(amount: object, currency: str) -> str | Refused:
    """With exactly its currency's decimals."""
    if isinstance(amount, str) and _cents(amount) and exponents().get(currency) == 2:
        return amount  # it has, as nearly all have
    minor = parse_amount(amount, currency)
    return minor if isinstance(minor, Refused) else format_minor(minor, currency)


def _plain_limit(value: object) -> object:
    """A credit limit has no currency: keep it as written, in plain digits; the model refuses anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return value
    if isinstance(value, str):
        return plain_number(value) if value.isascii() and value.replace(".", "", 1).isdigit() else value
    number = Decimal(value)
    small = number.is_finite() and abs(number.adjusted()) < MAX_AMOUNT_DIGITS
    return plain_number(str(number)) if small else str(number)


@lru_cache(maxsize=MAX_NUMBERS)
def plain_number(text: str) -> str:
    """A decimal without exponent, leading or trailing zeros."""
    plain = format(Decimal(text), "f")
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    return "0" if plain in {"-0", ""} else plain


def _refuse_days(shape: _Shape, dumped: dict[str, Any], path: str) -> Refused | None:
    for name in shape.days:
        day = dumped.get(name)
        if day is not None and not FIRST_DAY <= day <= LAST_DAY:
            hint = f"a day must be from {FIRST_DAY} to {LAST_DAY}; omit a day that never comes"
            return Refused(Reason.INVALID_FIELD, f"{path}.{name}", hint)
    for name, nested in shape.lists_with_days:
        for index, item in enumerate(dumped.get(name) or ()):
            refused = _refuse_days(nested, item, f"{path}.{name}.{index}")
            if refused is not None:
                return refused
    return None


def _refused(error: ValidationError) -> Refused:
    """The first error, in our words, and where the others are."""
    first, *others = error.errors(include_url=False)
    field = ".".join(("data", *map(str, first["loc"])))
    kind, context = first["type"], first.get("ctx") or {}
    name = first["loc"][-1] if first["loc"] else "data"
    if first["input"] is None and first["loc"]:
        kind = "missing"  # null is the same as absent (domain.md, Identity)
    reason = Reason.MISSING_FIELD if kind == "missing" else Reason.INVALID_FIELD
    if kind.startswith("string_") and _is_id(str(name)) and kind != "string_type":
        reason, hint = Reason.INVALID_ID, f"{name} must be a string of {ID_HINT}"
    elif name == "limit":
        reason, hint = Reason.INVALID_AMOUNT, 'limit must be a decimal such as "50000.00", with at most 4 decimals'
    elif kind == "string_pattern_mismatch":
        hint = f"{name} contains characters that are not allowed: control characters, or line breaks in a one-line text"
    elif kind == "value_error":
        hint = str(context.get("error", "is not valid"))
        hint = hint if not first["loc"] else f"{name}: {hint}"
    elif kind in _OWN_HINT:
        hint = f"{name} " + _OWN_HINT[kind].format_map({"max_length": MAX_NAME_CHARS, **context})
    else:
        hint = f"{name}: {first['msg'][:1].lower()}{first['msg'][1:]}"
    if others:
        hint += "; see also " + ", ".join(".".join(("data", *map(str, e["loc"]))) for e in others[:3])
    return Refused(reason, field[:MAX_PATH_CHARS], hint)


def _is_id(name: str) -> bool:
    return name.endswith(("_id", "_by")) or name in {
        "account_manager",
        "product_manager",
        "manager",
        "owner",
        "grantee",
    }
