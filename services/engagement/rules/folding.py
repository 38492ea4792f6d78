"""Folding one event into a customer's state."""

from collections.abc import Callable, Iterable
from typing import Any

from services.engagement.rules.coverage import visit_keys
from services.engagement.rules.customer import PROFILE_FIELDS, Customer, CustomerRules
from shared.events.decisions import Decision, TierChanged, TierProposed
from shared.events.event import Event
from shared.events.facts import (
    AccountAssigned,
    AccountRated,
    ConcernConfirmed,
    ConcernRaised,
    ConcernResolved,
    CustomerRegistered,
    CustomerReviewed,
    Fact,
    GoalSet,
    GroupPlanAgreed,
    KeyPersonAssessed,
    PersonErased,
    PlanReviewed,
    RecordVoided,
    SatisfactionSurveyed,
    VisitLogged,
)
from shared.facts import erased, goals
from shared.facts.latest import ALWAYS, Entry, order_of
from shared.facts.owners import assignment_of

RATING_DAYS = 365
"""A rating counts through its day + 364 (domain.md, Tiering)."""


def fold(rules: CustomerRules, customer: Customer, event: Event) -> None:
    """Fold one fact, or a decision of tiering, to whose instant the clock has been advanced."""
    _FOLDS[type(event.data)](rules, customer, event)
    rules.note(customer)


def weeks_needed(rules: CustomerRules, customer: Customer, events: Iterable[Event]) -> list[int]:
    """The weeks of visits (`Visits.needs`) that folding these facts and decisions in order may touch, and that are not
    in memory.
    """
    visits, wanted, about_visits = customer.visits, set[int](), []
    for event in events:
        data = event.data
        if isinstance(data, TierChanged):
            wanted.update(visits.not_held(visits.after(data.effective_on.toordinal())))
        elif isinstance(data, VisitLogged) or (isinstance(data, RecordVoided) and data.kind == "visit"):
            about_visits.append(event)
    if about_visits:
        wanted.update(visits.needs(about_visits, rules.time, customer.today))
    return sorted(wanted)


def _registered(_: CustomerRules, customer: Customer, event: Event) -> None:
    fact: CustomerRegistered = event.data
    _say(customer, event, {name: getattr(fact, name) for name in PROFILE_FIELDS if name in fact.model_fields_set})


def _rated(rules: CustomerRules, customer: Customer, event: Event) -> None:
    until = rules.time.day_of(event) + RATING_DAYS - 1
    if event.data.valid_until is not None:
        until = min(until, event.data.valid_until.toordinal())
    _say(customer, event, {"rated_until": until})


def _say(customer: Customer, event: Event, fields: dict[str, Any]) -> None:
    customer.profile = customer.profile.put(Entry(order_of(event), ALWAYS, fields), ALWAYS)
    customer.changed()


def _assigned(rules: CustomerRules, customer: Customer, event: Event) -> None:
    named = customer.named()
    customer.owners = customer.owners.put(assignment_of(event, rules.time.known_from(event)))
    customer.touch_accounts(named)
    customer.touch_accounts(customer.named() - named, stood=False)
    customer.changed()


def _tier(rules: CustomerRules, customer: Customer, event: Event) -> None:
    visits = customer.visits
    changes = customer.tiers.fold(event, rules.time)
    customer.changed()
    if not changes:
        return
    changed_on = event.data.effective_on.toordinal()
    rules.settle_again(customer, changed_on)
    for monday in visits.after(changed_on):
        visits.touch_rows(visit_keys(visits.piece(monday), monday))
    customer.touch_accounts(customer.named())


def _visit(rules: CustomerRules, customer: Customer, event: Event) -> None:
    if customer.visits.fold(event, rules.time, customer.today):
        customer.known_stop = None


def _answer(rules: CustomerRules, customer: Customer, event: Event) -> None:
    customer.answers.fold(event, rules.time)
    if customer.clock is not None:
        customer.answers.prune(customer.today)
    customer.changed()


def _concern(rules: CustomerRules, customer: Customer, event: Event) -> None:
    customer.concerns.fold(event, rules.time)
    customer.changed()


def _person(rules: CustomerRules, customer: Customer, event: Event) -> None:
    customer.persons.fold(event, rules.time)
    customer.changed()


def _erased(rules: CustomerRules, customer: Customer, event: Event) -> None:
    customer.erased = erased.put(customer.erased, event, rules.time)
    customer.changed()


def _goal(_: CustomerRules, customer: Customer, event: Event) -> None:
    customer.goals = goals.put(customer.goals, event, customer.today)
    customer.changed()


def _agreed(_: CustomerRules, customer: Customer, event: Event) -> None:
    customer.plans.agreed(event)
    customer.changed()


def _plan_reviewed(rules: CustomerRules, customer: Customer, event: Event) -> None:
    customer.plans.reviewed(event, rules.time, customer.today)
    customer.changed()


def _plan_voided(_: CustomerRules, customer: Customer, event: Event) -> None:
    customer.plans.voided(event.data.kind, (event.source, event.data.record_id))
    customer.changed()


def _void(rules: CustomerRules, customer: Customer, event: Event) -> None:
    fold_void = _VOIDS.get(event.data.kind)
    if fold_void is not None:
        fold_void(rules, customer, event)


def _review(_: CustomerRules, customer: Customer, event: Event) -> None:
    """A review moves the clock, nothing else."""


_VOIDS: dict[str, Callable[[CustomerRules, Customer, Event], None]] = {
    "visit": _visit,
    "survey": _answer,
    "concern": _concern,
    "plan": _plan_voided,
    "plan_review": _plan_voided,
}
_FOLDS: dict[type[Fact | Decision], Callable[[CustomerRules, Customer, Event], None]] = {
    CustomerRegistered: _registered,
    AccountRated: _rated,
    AccountAssigned: _assigned,
    VisitLogged: _visit,
    SatisfactionSurveyed: _answer,
    ConcernRaised: _concern,
    ConcernResolved: _concern,
    ConcernConfirmed: _concern,
    KeyPersonAssessed: _person,
    PersonErased: _erased,
    GoalSet: _goal,
    GroupPlanAgreed: _agreed,
    PlanReviewed: _plan_reviewed,
    RecordVoided: _void,
    TierChanged: _tier,
    TierProposed: _tier,
    CustomerReviewed: _review,
}
FOLDED: frozenset[type[Fact | Decision]] = frozenset(_FOLDS)
"""The facts that engagement folds of customers, and the decisions of tiering."""
