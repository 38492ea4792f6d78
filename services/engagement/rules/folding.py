"""Folding one event into a customer's state."""

from collections.abc import Callable, Iterable

from services.engagement.rules.coverage import visit_keys
from services.engagement.rules.customer import PROFILE_FIELDS, Customer, CustomerRules
from services.engagement.rules.fields import stamp_of
from shared.events.decisions import TierChanged
from shared.events.event import Event
from shared.events.facts import RecordVoided, VisitLogged

RATING_DAYS = 365
"""A rating counts through its day + 364 (domain.md, Tiering)."""


def fold(rules: CustomerRules, customer: Customer, event: Event) -> None:
    """Fold one fact, or a decision of tiering, to whose instant the clock has been advanced."""
    _FOLDS[event.type](rules, customer, event)
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
    wanted.update(visits.needs(about_visits, rules.time, customer.today))
    return sorted(wanted)


def _registered(_: CustomerRules, customer: Customer, event: Event) -> None:
    customer.profile.put(event, PROFILE_FIELDS)
    customer.changed()


def _rated(rules: CustomerRules, customer: Customer, event: Event) -> None:
    until = rules.time.day_of(event) + RATING_DAYS - 1
    if event.data.valid_until is not None:
        until = min(until, event.data.valid_until.toordinal())
    customer.profile.put_value(stamp_of(event), "rated_until", until)
    customer.changed()


def _assigned(rules: CustomerRules, customer: Customer, event: Event) -> None:
    named = customer.named()
    customer.owners.fold(event, rules.time)
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


def _goal(_: CustomerRules, customer: Customer, event: Event) -> None:
    customer.goals.fold(event)
    if customer.clock is not None:
        customer.goals.settle(customer.today - 1, lambda _: None)
    customer.changed()


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
