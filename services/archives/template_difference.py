"""Where two templates differ. Pure."""

from typing import NamedTuple

from services.archives.rules.templates import Item, Template
from shared.events.types import TIERS

ABSENT = "-"


class Difference(NamedTuple):
    """A place such as `macro.economy`, and what each of the two says there; ABSENT if it says nothing."""

    place: str
    one: str
    other: str


def differences(one: Template, other: Template) -> list[Difference]:
    """The differences in the order of the first, then what only the second has."""
    first, second = _said(one), _said(other)
    places = [*first, *(place for place in second if place not in first)]
    pairs = (Difference(place, first.get(place, ABSENT), second.get(place, ABSENT)) for place in places)
    return [pair for pair in pairs if pair.one != pair.other]


def _said(template: Template) -> dict[str, str]:
    items = {f"{item.section}.{item.name}": _required(item) for item in template.items}
    return {"profile": template.profile, "min_chars": str(template.min_chars)} | items


def _required(item: Item) -> str:
    of = [tier for tier in reversed(TIERS) if tier in item.required_of]
    return f"required of {', '.join(of)}" if of else "required of none"
