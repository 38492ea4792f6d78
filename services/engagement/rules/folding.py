"""Folding one event into a customer's state."""

from collections.abc import Callable

from services.engagement.rules.coverage import visit_keys
from services.engagement.rules.customer import PROFILE_FIELDS, Customer, CustomerRules
from services.engagement.rules.fields import stamp_of
from services.engagement.rules.visits import oldest_of_interest
from shared.events.event import Event
from shared.events.facts import RecordVoided, VisitLogged

RATING_DAYS = 365
"""A rating counts through its day + 364 (domain.md, Tiering)."""


def fold(rules: CustomerRules, customer: Customer, event: Event) -> None:
    """Fold one fact, or a decision of tiering, to whose instant the clock has been advanced."""
    _FOLDS[event.type](rules, customer, event)
    rules.note(customer)


def _registered(_: CustomerRules, customer: Customer, event: Event) -> None:
    customer.profile.put(event, PROFILE_FIELDS)


def _rated(rules: CustomerRules, customer: Customer, event: Event) -> None:
    until = rules.time.day_of(event) + RATING_DAYS - 1
    if event.data.valid_until is not None:
        until = min(until, event.data.valid_until.toordinal())
    customer.profile.put_value(stamp_of(event), "rated_until", until)


def _assigned(rules: CustomerRules, customer: Customer, event: Event) -> None:
    customer.owners.fold(event, rules.time)
    customer.touch_accounts()


def _tier(rules: CustomerRules, customer: Customer, event: Event) -> None:
    if not customer.tiers.fold(event, rules.time):
        return
    changed_on = event.data.effective_on.toordinal()
    rules.settle_again(customer, changed_on)
    for _, revisions in customer.visits.records():
        if any(revision.day > changed_on for revision in revisions):
            customer.touched_visits |= visit_keys(revisions)
    customer.touch_accounts()


def _visit(rules: CustomerRules, customer: Customer, event: Event) -> None:
    fact: VisitLogged | RecordVoided = event.data
    ref = (event.source, fact.record_id if isinstance(fact, RecordVoided) else fact.visit_id)
    if not customer.visits.fold(event, rules.time):
        return
    customer.touched_visits |= visit_keys(customer.visits.revisions(ref))
    customer.touch_accounts()
    if customer.clock is not None and rules.time.day_of(event) < oldest_of_interest(customer.today):
        rules.prune(customer)


def _answer(rules: CustomerRules, customer: Customer, event: Event) -> None:
    customer.answers.fold(event, rules.time)
    if customer.clock is not None:
        customer.answers.prune(customer.today)


def _concern(rules: CustomerRules, customer: Customer, event: Event) -> None:
    customer.concerns.fold(event, rules.time)


def _person(rules: CustomerRules, customer: Customer, event: Event) -> None:
    customer.persons.fold(event, rules.time)


def _goal(_: CustomerRules, customer: Customer, event: Event) -> None:
    customer.goals.fold(event)
    if customer.clock is not None:
        customer.goals.settle(customer.today - 1, lambda _: None)


def _void(rules: CustomerRules, customer: Customer, event: Event) -> None:
    kinds = {"visit": _visit, "survey": _answer, "concern": _concern}
    if event.data.kind in kinds:
        kinds[event.data.kind](rules, customer, event)


def _review(_: CustomerRules, customer: Customer, event: Event) -> None:
    """A review moves the clock, nothing else."""


_FOLDS: dict[str, Callable[[CustomerRules, Customer, Event], None]] = {
    "guanxi.customer.registered.v1": _registered,
    "guanxi.account.rated.v1": _rated,
    "guanxi.account.assigned.v1": _assigned,
    "guanxi.visit.logged.v1": _visit,
    "guanxi.satisfaction.surveyed.v1": _answer,
    "guanxi.concern.raised.v1": _concern,
    "guanxi.concern.resolved.v1": _concern,
    "guanxi.concern.confirmed.v1": _concern,
    "guanxi.key_person.assessed.v1": _person,
    "guanxi.goal.set.v1": _goal,
    "guanxi.record.voided.v1": _void,
    "guanxi.tier.changed.v1": _tier,
    "guanxi.tier.proposed.v1": _tier,
    "guanxi.customer.reviewed.v1": _review,
}
CUSTOMER_FOLDS = frozenset(_FOLDS)
