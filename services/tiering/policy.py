"""What a policy says, as values; and, worked out once per version, the forms in which the rules use it.

Points are hundredths and scores tenths, as integers. Money is scaled: integers of `unit` parts of one unit of the
base currency, chosen so that every currency's minor unit converts to a whole number (domain.md: sums convert
unrounded).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cached_property

from services.tiering.rules.lines import Line, Steps, line, log_steps
from services.tiering.rules.rounding import half_even
from shared.events.money import exponents, format_minor
from shared.policies.entitlements import Entitlement

FACTORS = (
    "strategic_fit",
    "purchase_volume",
    "market_standing",
    "growth",
    "margin",
    "payment",
    "share_of_wallet",
)
FIT, VOLUME, STANDING, GROWTH, MARGIN, PAYMENT, SHARE = range(7)
RATED = (FIT, STANDING, SHARE)
"""The factors that people rate."""
POTENTIAL, GENERAL, PRIORITY, PARTNER, STRATEGIC = range(5)
"""Ranks: positions in shared.events.types.TIERS."""


@dataclass(frozen=True, slots=True)
class Rung:
    """What a scored tier asks for: scores in tenths, gates as (factor, least hundredths)."""

    rank: int
    enter: int
    hold: int
    gates: tuple[tuple[int, int], ...]
    approval: bool


@dataclass(frozen=True)
class Policy:
    """One version of a policy.

    rates: what one unit of a currency is in the base currency; weights, by factor, sum to 100; `unknown` and all
    other points in hundredths; volume: amounts in the base currency, straight in log10 between them; payment: points
    on time, up to 30, 60, 90 days late, and later; ladder: the scored tiers, highest first; entitlements: by rank.
    """

    name: str
    version: int
    effective_on: date
    base_currency: str
    rates: Mapping[str, Decimal]
    unknown: int
    weights: tuple[int, ...]
    unapproved_at_most: int
    volume: tuple[tuple[Decimal, int], ...]
    growth_floor: Decimal
    growth: tuple[tuple[Decimal, int], ...]
    margin: tuple[tuple[Decimal, int], ...]
    payment: tuple[int, int, int, int, int]
    unpaid_over: Decimal
    unpaid_at_most: int
    ladder: tuple[Rung, ...]
    entitlements: tuple[Entitlement, ...]

    @cached_property
    def effective_day(self) -> int:
        """`effective_on` as an ordinal."""
        return self.effective_on.toordinal()

    @cached_property
    def unit(self) -> int:
        """How many scaled parts one unit of the base currency has."""
        amounts = (self.growth_floor, *(x for x, _ in self.volume))
        decimals = [_decimals(amount) for amount in amounts]
        decimals += [exponents()[currency] + _decimals(rate) for currency, rate in self._all_rates.items()]
        return int(10 ** max(decimals))

    @cached_property
    def scaled_minor(self) -> dict[str, int]:
        """Scaled parts of one minor unit, by currency; a currency that is not in it cannot be converted."""
        return {
            currency: int(rate * self.unit) // 10 ** exponents()[currency] for currency, rate in self._all_rates.items()
        }

    @cached_property
    def volume_steps(self) -> Steps:
        """Points of scaled money."""
        return log_steps(tuple((int(x * self.unit), y) for x, y in self.volume))

    @cached_property
    def growth_line(self) -> Line:
        """Points of a growth."""
        return line(tuple((Fraction(x), y) for x, y in self.growth))

    @cached_property
    def margin_line(self) -> Line:
        """Points of a margin rate."""
        return line(tuple((Fraction(x), y) for x, y in self.margin))

    @cached_property
    def scaled_floor(self) -> int:
        """The growth's floor as scaled money."""
        return int(self.growth_floor * self.unit)

    @cached_property
    def unpaid_share(self) -> tuple[int, int]:
        """`unpaid_over` as numerator and denominator."""
        return self.unpaid_over.as_integer_ratio()

    @cached_property
    def rungs(self) -> dict[int, Rung]:
        """The scored tiers by rank."""
        return {rung.rank: rung for rung in self.ladder}

    @property
    def _all_rates(self) -> dict[str, Decimal]:
        return {**self.rates, self.base_currency: Decimal(1)}

    def money(self, scaled: int) -> str:
        """Scaled money as a decimal string of the base currency, rounded half-even to its minor unit for show; exact
        where nothing had to be converted.
        """
        per_minor = self.scaled_minor[self.base_currency]
        minor, rest = divmod(scaled, per_minor)
        return format_minor(half_even(scaled, per_minor) if rest else minor, self.base_currency)


Policies = tuple[Policy, ...]
"""The versions in the order in which they take effect; at least one."""


def in_force(policies: Policies, day: int) -> Policy:
    """The version of a day; before the first one, the first."""
    for place in range(len(policies) - 1, 0, -1):
        if policies[place].effective_day <= day:
            return policies[place]
    return policies[0]


def next_effective(policies: Policies, day: int) -> int | None:
    """The first day after `day` on which another version begins."""
    if policies[-1].effective_day <= day:
        return None
    return min((p.effective_day for p in policies[1:] if p.effective_day > day), default=None)


def _decimals(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
