"""The differences of two policies, field by field. Pure."""

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from shared.yaml_lines import load

ABSENT = "-"


class Difference(NamedTuple):
    """A field such as `tiers.partner.enter` and its two values as written; ABSENT if there is none."""

    place: str
    one: str
    other: str


def differences(one: str, other: str) -> list[Difference]:
    """The differences of two policy texts, in the order of the first; numbers are compared by value."""
    before, after = dict(_flat("", _load(one))), dict(_flat("", _load(other)))
    places = [*before, *(place for place in after if place not in before)]
    pairs = ((place, before.get(place, ABSENT), after.get(place, ABSENT)) for place in places)
    return [Difference(*pair) for pair in pairs if not _is_same(pair[1], pair[2])]


def _load(text: str) -> Any:
    return load(text, "policy", as_written=True).value


def _flat(place: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        for name, part in value.items():
            yield from _flat(f"{place}.{name}" if place else str(name), part)
    else:
        yield place, _written(value)


def _written(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    return str(value)


def _is_same(one: str, other: str) -> bool:
    return one == other or _values(one) == _values(other)


def _values(written: str) -> list[Decimal | str]:
    return [_value(part.strip(" []")) for part in written.split(",")]


def _value(text: str) -> Decimal | str:
    try:
        return Decimal(text)
    except InvalidOperation:
        return text
