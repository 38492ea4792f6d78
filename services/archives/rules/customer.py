"""What archives knows of one customer, and how facts and time change it.

The state depends on facts, tiering's decisions and the clock alone, never on decisions of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from services.archives.rules import grades, grants
from services.archives.rules.grants import Grants
from services.archives.rules.items import entry
from services.archives.rules.profiles import OWN, Key, Profile, Standing, profile_as_of
from services.archives.rules.templates import Templates, TierStep, regimes, tier_on
from shared.events.decisions import Decision, TierChanged, TierProposed
from shared.events.event import Event
from shared.events.facts import (
    AccessGranted,
    AccountAssigned,
    CustomerReviewed,
    OfProfile,
    PersonErased,
    ProfileReviewed,
    ProfileRevised,
    RecordVoided,
)
from shared.events.types import TIERS, Tier
from shared.facts import erased
from shared.facts.days import NEVER, Days
from shared.facts.erased import NOBODY_ERASED, Erased
from shared.facts.latest import Entry, order_of
from shared.facts.owners import NOBODY, OWNING_ROLES, Owners, assignment_of

MAX_VENDORS = 50
"""Profiles of vendors kept of a customer, those with the least ids, so that it does not matter which came first."""


class Known(NamedTuple):
    """What was worked out of the state; it stays while no fact comes, the day is the same and so are the templates."""

    templates: Templates
    today: int
    profiles: dict[Key, Standing]
    next_day: int


@dataclass(slots=True)
class Customer:
    """All of one customer. decided: version and id of tiering's last accepted decision."""

    id: str
    days: Days
    clock: datetime | None = None
    today: int = 0
    decided: tuple[int, str | None] = (0, None)
    steps: list[TierStep] = field(default_factory=list)
    profiles: dict[Key, Profile] = field(default_factory=dict)
    owners: Owners = NOBODY
    grants: Grants = field(default_factory=dict)
    erased: Erased = field(default_factory=lambda: NOBODY_ERASED)
    known: Known | None = field(default=None, compare=False)

    @property
    def tier(self) -> Tier:
        """The tier of the clock's day."""
        return tier_on(self.steps, self.today)

    @property
    def owned_by(self) -> list[str]:
        """Both owners of the clock's day."""
        return sorted({one for role in OWNING_ROLES if (one := self.owners.on(role, self.today)) is not None})

    def advance(self, clock: datetime) -> None:
        """Let time pass; never back."""
        if self.clock is None or clock > self.clock:
            self.clock, self.today = clock, self.days.day(clock)


def accepts(customer: Customer, decision: Decision) -> bool:
    """Whether a decision of tiering is the next one: the first on the log has won (architecture.md, invariant 6)."""
    version, last = customer.decided
    return decision.version == version + 1 and decision.after == last


def as_of_clock(customer: Customer, templates: Templates) -> dict[Key, Standing]:
    """The customer's own profile first, then the vendors' by id."""
    return _known(customer, templates).profiles


def next_day(customer: Customer, templates: Templates) -> int:
    """The next day on which time alone changes what is decided or shown."""
    return _known(customer, templates).next_day


def _known(customer: Customer, templates: Templates) -> Known:
    known, today = customer.known, customer.today
    if known is None or known.templates is not templates or known.today != today:
        ruling = {kind: regimes(versions, customer.steps) for kind, versions in templates.items()}
        found = {}
        for key in sorted({*customer.profiles, OWN}):
            made = profile_as_of(key, customer.profiles.get(key) or Profile(), ruling[key.kind], today, customer.erased)
            if made is not None:
                found[key] = made
        days = [one.next_day() for one in found.values()] + [one.next_day(today) for one in customer.profiles.values()]
        days += [regime.from_on for one in ruling.values() for regime in one if regime.from_on > today]
        days += [one.from_on for one in customer.owners.assignments if one.from_on > today]
        days += [day for day in customer.erased.values() if day > today]
        days += [grades.next_day(customer.steps, today), grants.next_day(customer.grants, today)]
        known = customer.known = Known(templates, today, found, min(days, default=NEVER))
    return known


def evolve(customer: Customer, event: Event) -> None:
    """Fold a fact or an accepted decision of tiering; the clock has been advanced to it."""
    customer.known = None
    _FOLDS[type(event.data)](customer, event)


def _profile(customer: Customer, fact: OfProfile, day: int) -> Profile | None:
    """The profile that a fact is about; None for one of too many vendors."""
    key = Key(fact.profile, fact.vendor_id or "")
    profile = customer.profiles.setdefault(key, Profile())
    vendors = [one for one in customer.profiles if one != OWN]
    if len(vendors) > MAX_VENDORS:
        del customer.profiles[max(vendors)]
    profile.there(day)
    return customer.profiles.get(key)


def _revised(customer: Customer, event: Event) -> None:
    fact: ProfileRevised = event.data
    day, order = customer.days.counts_on(fact, event.time), order_of(event)
    profile = _profile(customer, fact, day)
    if profile is None:
        return
    for item in fact.items:
        profile.write(item.item, entry(item, day, order))
    profile.named = profile.named.put(Entry(order, day, {"template": fact.template}), customer.today)
    profile.grades.set(fact, day, order, customer.today)


def _reviewed(customer: Customer, event: Event) -> None:
    fact: ProfileReviewed = event.data
    day = customer.days.counts_on(fact, event.time)
    profile = _profile(customer, fact, day)
    if profile is not None:
        profile.review(fact.sections, day)


def _granted(customer: Customer, event: Event) -> None:
    customer.grants = grants.put(customer.grants, event, customer.days, customer.today)


def _erased(customer: Customer, event: Event) -> None:
    customer.erased = erased.put(customer.erased, event, customer.days)


def _assigned(customer: Customer, event: Event) -> None:
    customer.owners = customer.owners.put(assignment_of(event)).settled(customer.today)


def _decided(customer: Customer, event: Event) -> None:
    decision: TierChanged | TierProposed = event.data
    customer.decided = (decision.version, event.id)
    if isinstance(decision, TierChanged) and decision.from_tier != decision.to_tier:
        rank = TIERS.index(decision.to_tier)
        customer.steps.append(TierStep(decision.version, decision.effective_on.toordinal(), rank))


def _passes(customer: Customer, event: Event) -> None:
    """Only time passes."""


_FOLDS: dict[type, Callable[[Customer, Any], None]] = {
    ProfileRevised: _revised,
    ProfileReviewed: _reviewed,
    AccessGranted: _granted,
    PersonErased: _erased,
    AccountAssigned: _assigned,
    RecordVoided: _granted,
    CustomerReviewed: _passes,
    TierChanged: _decided,
    TierProposed: _decided,
}
FOLDED = frozenset(_FOLDS)
"""What is folded; the rest is skipped unread."""
