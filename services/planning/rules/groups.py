"""Groups of customers (集团): what was said of each, and how the figures of members are rolled up (domain.md, Groups).

They are rolled up when read, and nowhere kept, so that a customer or a group that moves leaves nothing behind.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, NamedTuple

from shared.events.event import Event
from shared.events.facts import GroupRegistered
from shared.events.types import TIERS
from shared.facts.latest import ALWAYS, NOTHING, Entry, Latest, order_of

MAX_LEVELS = 5
"""Groups so far below a group count to it."""
_PLACES = Decimal("0.01")
_FIELDS = ("name", "parent_group_id")

Json = dict[str, Any]


@dataclass(slots=True)
class Group:
    """What is known of one group; of each field the latest holds."""

    id: str
    clock: datetime | None = None
    said: Latest = NOTHING

    def advance(self, clock: datetime) -> None:
        """Let time pass; never back."""
        if self.clock is None or clock > self.clock:
            self.clock = clock

    def registered(self, event: Event) -> None:
        """Fold a GroupRegistered; null clears."""
        fact: GroupRegistered = event.data
        fields = {name: getattr(fact, name) for name in _FIELDS if name in fact.model_fields_set}
        self.said = self.said.put(Entry(order_of(event), ALWAYS, fields), ALWAYS)

    def row(self) -> Json:
        """What readers see."""
        said = self.said.values(ALWAYS)
        return {"as_of": self.clock, **{name: said.get(name) for name in _FIELDS}}


Parents = Mapping[str, str | None]
"""Of each registered group the one above it."""


class Tree(NamedTuple):
    """A group with those below it, itself first, level by level; and the groups of the cycle that it is on, if any."""

    groups: Sequence[str]
    cycle: Sequence[str]


def cycle_of(group: str, parents: Parents) -> list[str]:
    """The groups of the cycle of parents that a group is on, sorted; empty where it is on none."""
    chain, above = [group], parents.get(group)
    while above is not None and above not in chain:
        chain.append(above)
        above = parents.get(above)
    return sorted(chain) if above == group else []


def tree(group: str, parents: Parents) -> Tree:
    """A group and those below it, MAX_LEVELS at most. A group on a cycle has no parent; who hangs below a cycle and is
    not on it keeps theirs. parents: of those above the group, and of those below.
    """
    cycle = cycle_of(group, parents)
    found, level = [group], [group]
    for _ in range(MAX_LEVELS):
        level = sorted(one for one, above in parents.items() if above in level and one not in cycle)
        found += level
    return Tree(found, cycle)


class Member(NamedTuple):
    """A customer of a group as its rows show it. net: exact, of 365 days; kcr: None where it is unknown; as_of: the
    least of its rows; incomplete: a row of it is.
    """

    customer: str
    group_id: str
    name: str | None
    tier: str
    net: Decimal
    currency: str
    at_risk: bool
    concerns_open: int
    concerns_overdue: int
    kcr: Decimal | None
    plan_lapsed: bool
    as_of: datetime | None
    incomplete: bool


def roll_up(members: Iterable[Member]) -> Json:
    """The figures of a group over all its members. net_365d: by currency."""
    found = sorted(members, key=lambda one: (-TIERS.index(one.tier), one.customer))
    tiers = Counter(one.tier for one in found)
    net: dict[str, Decimal] = {}
    for one in found:
        net[one.currency] = net.get(one.currency, Decimal(0)) + one.net
    kcr = [one.kcr for one in found if one.kcr is not None]
    mean = None if not kcr else (sum(kcr, Decimal(0)) / len(kcr)).quantize(_PLACES, ROUND_HALF_EVEN)
    return {
        "members": len(found),
        "tiers": {tier: tiers[tier] for tier in reversed(TIERS) if tiers[tier]},
        "net_365d": {currency: str(net[currency]) for currency in sorted(net)},
        "at_risk": sum(one.at_risk for one in found),
        "concerns_open": sum(one.concerns_open for one in found),
        "concerns_overdue": sum(one.concerns_overdue for one in found),
        "kcr_mean": None if mean is None else str(mean),
        "kcr_least": None if not kcr else str(min(kcr).quantize(_PLACES, ROUND_HALF_EVEN)),
        "plans_lapsed": sum(one.plan_lapsed for one in found),
        "as_of": min((one.as_of for one in found if one.as_of is not None), default=None),
        "incomplete": [one.customer for one in found if one.incomplete],
        "customers": [
            {
                "customer": one.customer,
                "name": one.name,
                "group_id": one.group_id,
                "tier": one.tier,
                "net_365d": str(one.net),
                "currency": one.currency,
            }
            for one in found
        ],
    }
