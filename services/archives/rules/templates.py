"""Templates: the items that a profile has, and of which tiers each is required (domain.md, Templates)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from shared.events.types import TIERS, ProfileKind, Section, Tier

CADENCE_DAYS: Mapping[Tier, int] = {"strategic": 90, "partner": 180, "priority": 365}
"""How long after it was seen a filled item is due again."""
GRACE_DAYS: Mapping[Tier, int] = {"strategic": 30, "partner": 30, "priority": 60}
"""How long after it became required an unfilled item is due."""
VENDORS_OWED: Mapping[Tier, int] = {"strategic": 2, "partner": 1}
"""Profiles of vendors that a customer of a tier shall have; what is missing is shown and decides nothing."""


class Item(NamedTuple):
    """One item: its name, unique in the template, its section, and the tiers that require it."""

    name: str
    section: Section
    required_of: frozenset[Tier]


@dataclass(frozen=True)
class Template:
    """One version of a template, in force from a day (an ordinal) on; the first also applies before.

    min_chars: from how many characters on, trimmed and folded, a text fills its item.
    """

    profile: ProfileKind
    name: str
    version: int
    effective_on: int
    min_chars: int
    items: tuple[Item, ...]

    @property
    def id(self) -> str:
        """Name and version, as events name it."""
        return f"{self.name}/{self.version}"

    @cached_property
    def by_name(self) -> dict[str, Item]:
        """The items by name."""
        return {item.name: item for item in self.items}

    def requires(self, item: str, tier: Tier) -> bool:
        """Whether an item is required of a tier; never one that the template lacks."""
        found = self.by_name.get(item)
        return found is not None and tier in found.required_of


Templates = Mapping[ProfileKind, Sequence[Template]]
"""Of each kind of profile the adopted versions, in the order in which they take effect; one at least."""


def in_force(versions: Sequence[Template], day: int) -> Template:
    """The version of a day."""
    return next((one for one in reversed(versions) if one.effective_on <= day), versions[0])


class Regime(NamedTuple):
    """From a day on, this template and this tier rule."""

    from_on: int
    template: Template
    tier: Tier


class TierStep(NamedTuple):
    """A TierChanged that changed the tier shown. It is of its day already (engagement's is of the next)."""

    version: int
    effective_on: int
    rank: int


def tier_on(steps: Sequence[TierStep], day: int) -> Tier:
    """The tier of a day: the highest version effective by then; potential before any."""
    return TIERS[next((step.rank for step in reversed(steps) if step.effective_on <= day), 0)]


def regimes(versions: Sequence[Template], steps: Sequence[TierStep]) -> list[Regime]:
    """What ruled from which day on, ascending, each unlike the one before; the first begins before every day."""
    days = sorted({*(step.effective_on for step in steps), *(one.effective_on for one in versions[1:])})
    found = [Regime(0, versions[0], TIERS[0])]
    for day in days:
        template, tier = in_force(versions, day), tier_on(steps, day)
        if (template, tier) != found[-1][1:]:
            found.append(Regime(day, template, tier))
    return found
