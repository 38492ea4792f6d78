"""The two policies, typed in from the design's tables and not read from the policy files."""

from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction

FACTORS = ("strategic_fit", "purchase_volume", "market_standing", "growth", "margin", "payment", "share_of_wallet")
TIERS = ("potential", "general", "priority", "partner", "strategic")
Points = tuple[tuple[Fraction, Fraction], ...]


def points(*pairs: tuple[str, str]) -> Points:
    return tuple((Fraction(x), Fraction(y)) for x, y in pairs)


GROWTH = points(("-0.5", "0"), ("0", "5"), ("0.5", "10"))
MARGIN = points(("0", "0"), ("0.2", "5"), ("0.4", "10"))


@dataclass(frozen=True)
class Rank:
    """What one of the three tested tiers asks for."""

    enter: Fraction
    hold: Fraction
    gates: dict[str, Fraction] = field(default_factory=dict)
    approval: bool = False


@dataclass(frozen=True, eq=False)
class Policy:
    """One version. Equal to itself alone, so that what is worked out with it can be remembered."""

    name: str
    version: int
    effective_on: date
    currency: str
    rates: dict[str, Fraction]
    weights: dict[str, int]
    volume: Points
    growth_floor: Fraction
    ranks: dict[str, Rank]
    growth: Points = GROWTH
    margin: Points = MARGIN
    unknown: Fraction = Fraction(3)
    rated_without_approver: Fraction = Fraction(7)
    grace_days: int = 30


def default_cny(effective_on: date, version: int = 1) -> Policy:
    return Policy(
        name="default-cny",
        version=version,
        effective_on=effective_on,
        currency="CNY",
        rates={
            "USD": Fraction("7.10"),
            "EUR": Fraction("7.80"),
            "GBP": Fraction("9.20"),
            "HKD": Fraction("0.91"),
            "JPY": Fraction("0.047"),
        },
        weights=dict(zip(FACTORS, (25, 20, 15, 15, 10, 10, 5), strict=True)),
        volume=points(("1000", "0"), ("100000000", "10")),
        growth_floor=Fraction(100_000),
        ranks={
            "strategic": Rank(
                Fraction(80), Fraction(77), {"strategic_fit": Fraction(8), "payment": Fraction(5)}, approval=True
            ),
            "partner": Rank(Fraction(65), Fraction(62), {"strategic_fit": Fraction(6), "payment": Fraction(4)}),
            "priority": Rank(Fraction(45), Fraction(42), {"payment": Fraction(2)}),
        },
    )


def wholesale_gbp(effective_on: date, version: int = 1) -> Policy:
    return Policy(
        name="wholesale-gbp",
        version=version,
        effective_on=effective_on,
        currency="GBP",
        rates={"EUR": Fraction("0.85"), "USD": Fraction("0.77")},
        weights=dict(zip(FACTORS, (0, 80, 0, 20, 0, 0, 0), strict=True)),
        volume=points(("100", "0"), ("1000", "3"), ("10000", "6"), ("100000", "10")),
        growth_floor=Fraction(10_000),
        ranks={
            "strategic": Rank(Fraction(80), Fraction(77)),
            "partner": Rank(Fraction(65), Fraction(62)),
            "priority": Rank(Fraction(45), Fraction(42)),
        },
    )


def stricter(policy: Policy, effective_on: date, by: int) -> Policy:
    """The next version of a policy: every threshold moved up by so many points (down when below zero)."""
    ranks = {name: replace(rank, enter=rank.enter + by, hold=rank.hold + by) for name, rank in policy.ranks.items()}
    return replace(policy, version=policy.version + 1, effective_on=effective_on, ranks=ranks)


def in_force(policies: tuple[Policy, ...], on: date) -> Policy:
    """The policy of a day; before the first version, the first."""
    begun = [policy for policy in policies if policy.effective_on <= on]
    return begun[-1] if begun else policies[0]
