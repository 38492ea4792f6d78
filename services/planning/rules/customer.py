"""What planning knows of one customer, and how facts and time change it.

The state depends on facts, tiering's decisions and the clock alone, never on decisions of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from services.planning.rules import catalogue, objectives, owing, persons, progress, tiers
from services.planning.rules.catalogue import Catalogues, Delivery
from services.planning.rules.objectives import Measures
from services.planning.rules.owing import Owing
from services.planning.rules.persons import Persons
from services.planning.rules.plans import Plans, Ref
from services.planning.rules.progress import Progress
from services.planning.rules.tiers import TierStep
from shared.events.decisions import (
    ConcernOverdue,
    ContactLapsed,
    ContactResumed,
    Decision,
    RelationshipMeasured,
    SatisfactionDropped,
    TierChanged,
    TierProposed,
)
from shared.events.event import Event
from shared.events.facts import (
    AccountAssigned,
    ConcernRaised,
    CustomerReviewed,
    GroupPlanAgreed,
    KeyPersonAssessed,
    PersonErased,
    PlanCovered,
    PlanReviewed,
    PlanStepDone,
    RecordVoided,
    ServiceDelivered,
)
from shared.events.types import TIERS, Tier
from shared.facts import erased
from shared.facts.days import NEVER, Days, to_micros
from shared.facts.erased import NOBODY_ERASED, Erased
from shared.facts.owners import NOBODY, OWNING_ROLES, Owners, assignment_of


class Standing(NamedTuple):
    """A plan as of a day. review_due: None while it does not hold the day or none is owed."""

    progress: Progress
    reviewed_on: int | None
    review_due: int | None


class Known(NamedTuple):
    """What was worked out of the state; it stays while no fact comes, the day is the same and so is the catalogue."""

    catalogues: Catalogues
    today: int
    owing: Owing
    holding: Ref | None
    plans: dict[Ref, Standing]
    next_day: int


@dataclass(slots=True)
class Customer:
    """All of one customer. decided, cared: version and id of the last accepted decision of tiering and of engagement;
    difficulties: the day on which each was raised.
    """

    id: str
    days: Days
    clock: datetime | None = None
    today: int = 0
    decided: tuple[int, str | None] = (0, None)
    cared: tuple[int, str | None] = (0, None)
    steps: list[TierStep] = field(default_factory=list)
    plans: Plans = field(default_factory=Plans)
    deliveries: dict[Ref, Delivery] = field(default_factory=dict)
    difficulties: dict[Ref, int] = field(default_factory=dict)
    persons: Persons = field(default_factory=dict)
    measures: Measures = field(default_factory=dict)
    erased: Erased = field(default_factory=lambda: NOBODY_ERASED)
    owners: Owners = NOBODY
    known: Known | None = field(default=None, compare=False)

    @property
    def tier(self) -> Tier:
        """The tier of the clock's day."""
        return TIERS[tiers.tier_on(self.steps, self.today)]

    @property
    def owned_by(self) -> list[str]:
        """Both owners of the clock's day."""
        return sorted({one for role in OWNING_ROLES if (one := self.owners.on(role, self.today)) is not None})

    def advance(self, clock: datetime) -> None:
        """Let time pass; never back."""
        if self.clock is None or clock > self.clock:
            self.clock, self.today = clock, self.days.day(clock)


def accepts(customer: Customer, decision: Decision) -> bool:
    """Whether a decision of a service before this one is its next: the first on the log has won (architecture.md,
    invariant 6).
    """
    version, last = customer.decided if isinstance(decision, TierChanged | TierProposed) else customer.cared
    return decision.version == version + 1 and decision.after == last


def as_of_clock(customer: Customer, catalogues: Catalogues) -> Known:
    """What is owed and how far each plan is."""
    known, today = customer.known, customer.today
    if known is None or known.catalogues is not catalogues or known.today != today:
        owes = owing.owing(customer.steps, customer.plans, today)
        holding = customer.plans.holding(today)
        found, days = {}, _next_days(customer, catalogues)
        if owes.due_on is not None:
            days.append(owes.due_on)
        if owes.owed or customer.plans:
            days += persons.next_days(customer.persons)
        for ref, plan in customer.plans.standing():
            done = customer.plans.done_on(ref)
            last = customer.plans.reviewed_on(ref, today)
            due = owing.review_due(customer.steps, plan, last, today) if ref == holding else None
            found[ref] = Standing(progress.progress(plan, done, today), last, due)
            days += progress.next_days(plan, done)
            if due is not None:
                days.append(due)
        for one in customer.plans.covering.values():
            days += (one.from_on, one.to_on + 1)
        days = [day for day in days if day > today]
        known = customer.known = Known(catalogues, today, owes, holding, found, min(days, default=NEVER))
    return known


def _next_days(customer: Customer, catalogues: Catalogues) -> list[int]:
    days = tiers.next_day(customer.steps, customer.today)
    days += [one.day for one in customer.plans.reviews.values()]
    days += catalogue.next_days(catalogues, customer.deliveries, customer.difficulties)
    return days + customer.owners.begins()


def evolve(customer: Customer, event: Event) -> None:
    """Fold a fact or an accepted decision of tiering or engagement; the clock has been advanced to it."""
    customer.known = None
    _FOLDS[type(event.data)](customer, event)


def _agreed(customer: Customer, event: Event) -> None:
    customer.plans.agreed(event)


def _covered(customer: Customer, event: Event) -> None:
    customer.plans.covered(event)


def _step_done(customer: Customer, event: Event) -> None:
    customer.plans.step_done(event)


def _reviewed(customer: Customer, event: Event) -> None:
    customer.plans.reviewed(event, customer.days)


def _delivered(customer: Customer, event: Event) -> None:
    fact: ServiceDelivered = event.data
    day = customer.days.counts_on(fact, event.time)
    made = Delivery(day, to_micros(event.time), fact.service, fact.quantity, fact.concern_id)
    customer.deliveries[event.source, fact.delivery_id] = made
    first = customer.today - catalogue.KEPT_DAYS
    for ref in [ref for ref, one in customer.deliveries.items() if one.day < first]:
        del customer.deliveries[ref]
    if len(customer.deliveries) > catalogue.MAX_DELIVERIES:
        oldest = min(customer.deliveries, key=lambda one: (customer.deliveries[one][:2], one))
        del customer.deliveries[oldest]


def _raised(customer: Customer, event: Event) -> None:
    fact: ConcernRaised = event.data
    ref, day = (event.source, fact.concern_id), customer.days.counts_on(fact, event.time)
    customer.difficulties.pop(ref, None)
    if fact.kind == "difficulty":
        customer.difficulties[ref] = day
    first = customer.today - catalogue.WINDOW_DAYS
    for one in [one for one, day in customer.difficulties.items() if day < first]:
        del customer.difficulties[one]
    if len(customer.difficulties) > catalogue.MAX_DIFFICULTIES:
        del customer.difficulties[min(customer.difficulties, key=lambda one: (customer.difficulties[one], one))]


def _assessed(customer: Customer, event: Event) -> None:
    customer.persons = persons.put(customer.persons, event, customer.days)


def _erased(customer: Customer, event: Event) -> None:
    customer.erased = erased.put(customer.erased, event, customer.days)


def _assigned(customer: Customer, event: Event) -> None:
    customer.owners = customer.owners.put(assignment_of(event)).settled(customer.today)


def _voided(customer: Customer, event: Event) -> None:
    fact: RecordVoided = event.data
    ref = (event.source, fact.record_id)
    if fact.kind == "delivery":
        customer.deliveries.pop(ref, None)
    elif fact.kind == "concern":
        customer.difficulties.pop(ref, None)
    else:
        customer.plans.voided(fact.kind, ref)


def _decided(customer: Customer, event: Event) -> None:
    decision: TierChanged | TierProposed = event.data
    customer.decided = (decision.version, event.id)
    if isinstance(decision, TierChanged):
        customer.steps = tiers.put(customer.steps, tiers.step_of(decision))


def _cared(customer: Customer, event: Event) -> None:
    """What engagement decides besides is followed for its versions alone."""
    decision: Decision = event.data
    customer.cared = (decision.version, event.id)
    if isinstance(decision, RelationshipMeasured):
        customer.measures = objectives.put(customer.measures, decision, customer.plans)


def _passes(customer: Customer, event: Event) -> None:
    """Only time passes."""


_FOLDS: dict[type, Callable[[Customer, Any], None]] = {
    GroupPlanAgreed: _agreed,
    PlanCovered: _covered,
    PlanStepDone: _step_done,
    PlanReviewed: _reviewed,
    ServiceDelivered: _delivered,
    ConcernRaised: _raised,
    KeyPersonAssessed: _assessed,
    PersonErased: _erased,
    AccountAssigned: _assigned,
    RecordVoided: _voided,
    CustomerReviewed: _passes,
    TierChanged: _decided,
    TierProposed: _decided,
    **dict.fromkeys((ContactLapsed, ContactResumed, SatisfactionDropped, ConcernOverdue, RelationshipMeasured), _cared),
}
FOLDED = frozenset(_FOLDS)
"""What is folded; the rest is skipped unread."""
