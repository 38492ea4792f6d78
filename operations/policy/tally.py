"""The result of a policy trial: who would move, what that is worth, what it costs in visits. Pure."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from heapq import heappush, heappushpop
from typing import Any, NamedTuple

from operations.policy.replay import End
from services.tiering.policy import Policy
from services.tiering.rules.rounding import score_text
from shared.events.types import TIERS
from shared.policies.entitlements import Entitlement

LISTED = 20
"""Moves shown to a person, those with the largest net; a file gets all."""
VISITS_A_WEEK = 5
"""Visits per week that a full-time representative owes (domain.md, What each tier owes and gets); the view
`staffing` counts the same way."""


class Move(NamedTuple):
    """A customer that would have another tier.

    net_365d: in the currency of the policy tried; `awaits`: whether it would await approval to become strategic.
    """

    customer: str
    name: str | None
    account_manager: str | None
    from_tier: str
    to_tier: str
    score: str
    new_score: str
    net_365d: str
    currency: str
    awaits: bool


@dataclass
class Tally:
    """Counts by tier as ranks. net_moved: scaled money by (from, to); representatives and fte: of the roster as of the
    same day.
    """

    customers: int = 0
    before: Counter[int] = field(default_factory=Counter)
    after: Counter[int] = field(default_factory=Counter)
    moved: Counter[tuple[int, int]] = field(default_factory=Counter)
    net_moved: Counter[tuple[int, int]] = field(default_factory=Counter)
    awaiting: int = 0
    unreadable: int = 0
    unconverted: Counter[str] = field(default_factory=Counter)
    representatives: int = 0
    fte: Fraction = Fraction(0)
    largest: list[tuple[int, str, Move]] = field(default_factory=list)

    def count(self, customer: str, end: End, name: str | None, manager: str | None) -> Move | None:
        """Add a customer; returns its move, if any."""
        policy, net = end.tried.policy, end.tried.money.net
        before, after = end.real.rank, end.trial.rank
        self.customers += 1
        self.before[before] += 1
        self.after[after] += 1
        awaits = end.trial.proposal is not None
        self.awaiting += awaits
        for currency in end.state.books:
            if currency not in policy.scaled_minor:
                self.unconverted[currency] += 1
        if before == after:
            return None
        self.moved[before, after] += 1
        self.net_moved[before, after] += net
        move = Move(
            customer,
            name,
            manager,
            TIERS[before],
            TIERS[after],
            score_text(end.real_score),
            score_text(end.tried.score),
            policy.money(net),
            policy.base_currency,
            awaits,
        )
        entry = (net, customer, move)
        if len(self.largest) < LISTED:
            heappush(self.largest, entry)
        else:
            heappushpop(self.largest, entry)
        return move

    def add(self, other: "Tally") -> None:
        """Add the tally of other customers."""
        for name in ("before", "after", "moved", "net_moved", "unconverted"):
            getattr(self, name).update(getattr(other, name))
        for name in ("customers", "awaiting", "unreadable", "representatives", "fte"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.largest = sorted([*self.largest, *other.largest], reverse=True)[:LISTED]

    @property
    def moves(self) -> int:
        """How many customers would move."""
        return sum(self.moved.values())


def asked_per_week(customers: Counter[int], entitlements: tuple[Entitlement, ...]) -> Fraction:
    """The visits per week that the cadences of these customers, counted by rank, require."""
    cadences = [given.cadence_days for given in entitlements]
    return sum((Fraction(7 * n, days) for rank, n in customers.items() if (days := cadences[rank])), Fraction(0))


@dataclass(frozen=True, slots=True)
class Visits:
    """Visits per week: required before and after, and the capacity of the representatives."""

    before: Fraction
    after: Fraction
    capacity: Fraction

    @property
    def short(self) -> Fraction:
        """The missing capacity."""
        return max(Fraction(0), self.after - self.capacity)


def visits(tally: Tally, adopted: Policy, tried: Policy) -> Visits:
    """Required by the policy in force and by the one tried."""
    before, after = asked_per_week(tally.before, adopted.entitlements), asked_per_week(tally.after, tried.entitlements)
    return Visits(before, after, VISITS_A_WEEK * tally.fte)


def summary(tally: Tally, adopted: Policy, tried: Policy, as_of: str) -> dict[str, Any]:
    """For machines: money as decimal strings in the currency of the policy tried, visits a week to two places."""
    week = visits(tally, adopted, tried)
    pairs = sorted(tally.moved, reverse=True)
    return {
        "policy": tried.name,
        "version": tried.version,
        "compared_with": {"policy": adopted.name, "version": adopted.version},
        "as_of": as_of,
        "customers": tally.customers,
        "moved": tally.moves,
        "awaiting_approval": tally.awaiting,
        "unreadable": tally.unreadable,
        "tiers": [
            {"tier": tier, "before": tally.before[rank], "after": tally.after[rank]}
            for rank, tier in reversed(list(enumerate(TIERS)))
        ],
        "matrix": [
            {
                "from": TIERS[pair[0]],
                "to": TIERS[pair[1]],
                "customers": tally.moved[pair],
                "net_365d": tried.money(tally.net_moved[pair]),
            }
            for pair in pairs
        ],
        "currency": tried.base_currency,
        "unconverted": dict(sorted(tally.unconverted.items())),
        "visits_per_week": {
            "asked_before": _places(week.before),
            "asked_after": _places(week.after),
            "capacity": _places(week.capacity),
            "short": _places(week.short),
            "representatives": tally.representatives,
            "fte": _places(tally.fte),
        },
    }


def _places(value: Fraction) -> str:
    return f"{round(Decimal(value.numerator) / Decimal(value.denominator), 2):.2f}"


def json_parts(summary: dict[str, Any], moves: Iterable[Move]) -> Iterator[str]:
    """One JSON document, in pieces: the summary's fields, then `moves`, possibly many."""
    yield json.dumps(summary, ensure_ascii=False, indent=2)[:-2] + ',\n  "moves": ['
    first = True
    for move in moves:
        yield ("" if first else ",") + "\n    " + json.dumps(move._asdict(), ensure_ascii=False)
        first = False
    yield ("" if first else "\n  ") + "]\n}\n"
