"""Templates as people write them: YAML, checked with the line of each error."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from services.archives.rules.templates import CADENCE_DAYS, VENDORS_OWED, Item, Template, Templates
from shared.events.facts import MAX_PROFILE_ITEMS
from shared.events.types import MAX_TEXT_CHARS, ProfileKind, Section, Tier
from shared.policies.adoption import Adopted
from shared.yaml_lines import load

OWN = Path(__file__).parent / "templates"
"""guanxi's own, which hold before any other is adopted."""
MAX_VERSION = 2**31 - 1
_Name = Annotated[str, StringConstraints(strict=True, pattern=r"^[a-z][a-z0-9_-]{0,39}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ItemFile(_Strict):
    """One item. zh: its name for readers in Chinese."""

    item: _Name
    zh: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=40)] | None = None
    required_of: tuple[Tier, ...] = ()


class TemplateFile(_Strict):
    """A template's file."""

    name: _Name
    version: Annotated[int, Field(strict=True, ge=1, le=MAX_VERSION)]
    profile: ProfileKind
    effective_on: date
    min_chars: Annotated[int, Field(strict=True, ge=1, le=MAX_TEXT_CHARS)] = 10
    sections: dict[Section, tuple[ItemFile, ...]]

    @model_validator(mode="after")
    def _fits_its_profile(self) -> Self:
        items = [one for section in self.sections.values() for one in section]
        names = [one.item for one in items]
        if not 1 <= len(names) <= MAX_PROFILE_ITEMS:
            raise ValueError(f"a template has 1 to {MAX_PROFILE_ITEMS} items, since a revision has no more")
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"the item {twice!r} stands in it twice; names are unique in a template")
        may = CADENCE_DAYS if self.profile == "cp" else VENDORS_OWED
        other = next((tier for one in items for tier in one.required_of if tier not in may), None)
        if other is not None:
            raise ValueError(f"required_of: {self.profile} is required of {', '.join(may)} only, not of {other}")
        return self


def read_template(text: str, name: str) -> Template:
    """Raises Malformed with file and line."""
    document = load(text, name)
    try:
        file = TemplateFile.model_validate(document.value)
    except ValidationError as error:
        raise document.invalid(error) from None
    items = tuple(
        Item(one.item, section, frozenset(one.required_of)) for section, ones in file.sections.items() for one in ones
    )
    return Template(file.profile, file.name, file.version, file.effective_on.toordinal(), file.min_chars, items)


def own_templates() -> list[Template]:
    """guanxi's own."""
    return [read_template(text, name) for name, text in _own_texts()]


def own_adopted() -> list[Adopted]:
    """guanxi's own, as if somebody had adopted them."""
    read = [(read_template(text, name), text) for name, text in _own_texts()]
    return [Adopted(one.name, one.version, date.fromordinal(one.effective_on), text) for one, text in read]


def adopted_templates(adopted: Sequence[Adopted]) -> list[Template]:
    """Those that were adopted, each from the day for which it was. Raises Malformed."""
    return [replace(read_template(one.text, one.id), effective_on=one.effective_on.toordinal()) for one in adopted]


def _own_texts() -> list[tuple[str, str]]:
    return [(file.name, file.read_text(encoding="utf-8")) for file in sorted(OWN.glob("*.yaml"))]


def make_templates(adopted: Sequence[Template] = ()) -> Templates:
    """By kind of profile what rules from which day on: guanxi's own first, then those adopted. Of several from one day
    on the one of the highest version does.
    """
    every = sorted([*own_templates(), *adopted], key=lambda one: (one.effective_on, one.version))
    return {kind: tuple(one for one in every if one.profile == kind) for kind in ("cp", "vp")}
