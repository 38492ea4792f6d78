"""What each tier is entitled to, by version of the policy (domain.md, Entitlements).

Tiering shows it, engagement works with the cadence, the executive meetings and the answer time. Pure: reading the file
is the caller's business.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

from shared.errors import Malformed
from shared.events.types import TIERS, Tier

MAX_CADENCE_DAYS = 365
MAX_ANSWER_HOURS = 24 * 365


@dataclass(frozen=True, slots=True)
class Entitlement:
    """What one tier gets. `cadence_days` and `answer_hours` are None where nothing is promised."""

    cadence_days: int | None = None
    executive_meetings: int = 0
    answer_hours: int | None = None
    discount_band: str | None = None
    credit_days: int = 0
    allocation_priority: int | None = None


DEFAULTS: dict[Tier, Entitlement] = {
    "strategic": Entitlement(7, 4, 24, "A", 90, 1),
    "partner": Entitlement(14, 2, 48, "B", 60, 2),
    "priority": Entitlement(30, 0, 72, "C", 30, 3),
    "general": Entitlement(90, 0, 120, None, 0, 4),
    "potential": Entitlement(),
}
"""The defaults (domain.md, Entitlements), for policies without their own."""


@dataclass(frozen=True, slots=True)
class EntitlementVersion:
    """The entitlements from a day on, by rank (the position in TIERS: 0 is potential)."""

    effective_on: date
    by_rank: tuple[Entitlement, ...]


@dataclass(frozen=True, slots=True)
class Entitlements:
    """All versions, oldest first."""

    versions: tuple[EntitlementVersion, ...]

    def __post_init__(self) -> None:
        days = [version.effective_on for version in self.versions]
        if not days or any(later <= earlier for earlier, later in pairwise(days)):
            raise ValueError("versions ascend by effective_on, and there is at least one")

    def at(self, day: date) -> tuple[Entitlement, ...]:
        """Those in force on a day, by rank; before the first version, the first."""
        index = bisect_right(self.versions, day, key=lambda version: version.effective_on)
        return self.versions[max(index - 1, 0)].by_rank


def read_entitlements(section: Mapping[str, Any] | None) -> tuple[Entitlement, ...]:
    """The `entitlements` section of a policy file: tier -> field -> value. What it leaves out is the default's; raises
    Malformed with the place of what it should not hold.
    """
    given = {} if section is None else section
    if not isinstance(given, Mapping):
        raise Malformed("entitlements: expected a mapping from tiers to entitlements")
    unknown = sorted(str(tier) for tier in given if tier not in TIERS)
    if unknown:
        raise Malformed(f"entitlements.{unknown[0]}: not a tier; tiers are {', '.join(TIERS)}")
    return tuple(_read_tier(tier, given.get(tier)) for tier in TIERS)


def make_entitlements(versions: Sequence[tuple[date, Mapping[str, Any] | None]]) -> Entitlements:
    """From (effective_on, section) of each version of a policy, in the order of adoption: of those that begin on one
    day the last one holds.
    """
    by_day = dict(versions)
    return Entitlements(tuple(EntitlementVersion(day, read_entitlements(by_day[day])) for day in sorted(by_day)))


_LIMITS = {
    "cadence_days": (1, MAX_CADENCE_DAYS, True),
    "executive_meetings": (0, 365, False),
    "answer_hours": (1, MAX_ANSWER_HOURS, True),
    "credit_days": (0, 3650, False),
    "allocation_priority": (1, 100, True),
}


def _read_tier(tier: Tier, given: Any) -> Entitlement:
    default = DEFAULTS[tier]
    if given is None:
        return default
    if not isinstance(given, Mapping):
        raise Malformed(f"entitlements.{tier}: expected a mapping")
    values = {name: getattr(default, name) for name in (*_LIMITS, "discount_band")}
    for name, value in given.items():
        where = f"entitlements.{tier}.{name}"
        if name not in values:
            raise Malformed(f"{where}: unknown; known are {', '.join(sorted(values))}")
        if name == "discount_band":
            if value is not None and not isinstance(value, str):
                raise Malformed(f"{where}: expected a text or null")
        else:
            low, high, optional = _LIMITS[name]
            if not (value is None and optional) and not (type(value) is int and low <= value <= high):
                raise Malformed(f"{where}: expected a whole number from {low} to {high}, not {value!r}")
        values[name] = value
    return Entitlement(**values)
