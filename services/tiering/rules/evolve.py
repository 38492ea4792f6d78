"""How facts change a state. A revision undoes what it replaces, so that sums need no list of records."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from services.tiering.policy import RATED
from services.tiering.rules.factors import FIELDS, MILLION
from services.tiering.rules.invoices import ISSUED, PAID, Money, Place
from services.tiering.rules.rounding import hundredths
from services.tiering.rules.standing import RANKS
from services.tiering.rules.state import OWNERS_KEPT_DAYS, State
from shared.events.event import Event
from shared.events.facts import (
    MAX_OVERRIDE_DAYS,
    AccountAssigned,
    AccountRated,
    CreditRated,
    CustomerRegistered,
    CustomerReviewed,
    Fact,
    GoalSet,
    InvoiceCredited,
    InvoiceIssued,
    InvoicePaid,
    PurchaseRecorded,
    PurchaseRefunded,
    RecordVoided,
    TierApproved,
    TierDeclined,
    TierOverridden,
    TierOverrideLifted,
)
from shared.events.money import canonical_minor
from shared.facts import goals
from shared.facts.latest import Entry, order_of
from shared.facts.owners import OWNING_ROLES, assignment_of

MASTER_DATA = ("name", "industry", "country", "region", "group_id")
ROLES = OWNING_ROLES
GOALS = ("score", "net_365d")
"""The metrics that tiering alone knows. Which goal holds and how far it is, engagement says (its view `goals`); here is
only noted what was measured when the last day ended, since nobody can know that later.
"""


def evolve(state: State, event: Event) -> State:
    """Fold one fact, to whose instant the clock has been moved."""
    _FOLDS[type(event.data)](state, event)
    return state


def _money(state: State, event: Event) -> None:
    """Purchases, refunds and their voids: add what the fact says, take away what it replaces."""
    fact = event.data
    if not isinstance(fact, RecordVoided):
        _sell(state, fact, state.days.counts_on(fact, event.time), 1)
    replaced = event.replaces
    if replaced is not None and replaced.fact is not None:
        _sell(state, replaced.fact, state.days.counts_on(replaced.fact, replaced.time), -1)


def _sell(state: State, fact: Fact, day: int, sign: int) -> None:
    if isinstance(fact, PurchaseRecorded):
        amount = sign * canonical_minor(fact.amount, fact.currency)
        rate = fact.margin_rate
        if rate is None:
            state.sell(day, fact.currency, sign, (amount, 0, 0, 0))
        else:
            state.sell(day, fact.currency, sign, (amount, 0, amount, amount * int(rate * MILLION)))
    elif isinstance(fact, PurchaseRefunded):
        amount = sign * canonical_minor(fact.amount, fact.currency)
        counts_on = day if fact.purchased_on is None else fact.purchased_on.toordinal()
        state.sell(counts_on, fact.currency, 0, (0, amount, 0, 0))


def _invoiced(state: State, event: Event) -> None:
    """An invoice, what was paid of it or credited, and their voids."""
    fact, old = event.data, None
    replaced = event.replaces
    if replaced is not None and replaced.fact is not None:
        old = (replaced.revision, _of_invoice(replaced.fact)[2])
    if isinstance(fact, RecordVoided):
        invoice_id, place = fact.invoice_id or fact.record_id, (_VOIDED_OF_INVOICE[fact.kind], "")
        if fact.invoice_id is not None:
            place = (place[0], fact.record_id)
        content = None
    else:
        invoice_id, place, content = _of_invoice(fact)
    state.invoices.put(state.today, (event.source, invoice_id), place, event.revision, content, old)
    state.notice()


_VOIDED_OF_INVOICE: dict[str, Literal["issued", "paid", "part", "credit"]] = {
    "invoice": "issued",
    "payment": "paid",
    "payment_part": "part",
    "credit": "credit",
}


def _of_invoice(fact: Fact) -> tuple[str, Place, Money | int]:
    """The invoice, which record of it this is, and what it says."""
    if isinstance(fact, InvoiceIssued):
        return fact.invoice_id, ISSUED, _money_on(fact.amount, fact.currency, fact.due_on)
    if isinstance(fact, InvoiceCredited):
        return fact.invoice_id, ("credit", fact.credit_id), _money_on(fact.amount, fact.currency, fact.credited_on)
    assert isinstance(fact, InvoicePaid), "nothing else is about invoices"
    if fact.payment_id is None or fact.amount is None or fact.currency is None:
        return fact.invoice_id, PAID, fact.paid_on.toordinal()
    return fact.invoice_id, ("part", fact.payment_id), _money_on(fact.amount, fact.currency, fact.paid_on)


def _money_on(amount: str, currency: str, on: date) -> Money:
    return canonical_minor(amount, currency), currency, on.toordinal()


def _voided(state: State, event: Event) -> None:
    fold = _VOIDS.get(event.data.kind)
    if fold is not None:
        fold(state, event)


def _entry(state: State, event: Event, fields: dict[str, Any]) -> Entry:
    return Entry(order_of(event), state.days.counts_on(event.data, event.time), fields)


def _registered(state: State, event: Event) -> None:
    fact: CustomerRegistered = event.data
    said = {name: getattr(fact, name) for name in MASTER_DATA if name in fact.model_fields_set}
    state.registered = state.registered.put(_entry(state, event, said), state.today)
    state.hear()


def _assigned(state: State, event: Event) -> None:
    state.owners = state.owners.put(assignment_of(event)).settled(state.today - OWNERS_KEPT_DAYS)
    state.hear()


def _rated(state: State, event: Event) -> None:
    """Who rated, who approved and how long it is valid belong to the factors of the same event."""
    fact: AccountRated = event.data
    approved = fact.approved_by is not None and fact.approved_by != fact.rated_by
    valid_until = None if fact.valid_until is None else fact.valid_until.toordinal()
    said: dict[str, Any] = {}
    for factor in RATED:
        name = FIELDS[factor]
        if name in fact.model_fields_set:
            points: Decimal | None = getattr(fact, name)
            said[name] = None if points is None else [hundredths(points), approved, valid_until]
    state.ratings = state.ratings.put(_entry(state, event, said), state.today)
    state.notice()


def _credit(state: State, event: Event) -> None:
    fact: CreditRated = event.data
    valid_until = None if fact.valid_until is None else fact.valid_until.toordinal()
    said = {"grade": [hundredths(fact.grade), valid_until]}
    state.credit = state.credit.put(_entry(state, event, said), state.today)
    state.notice()


def _overridden(state: State, event: Event) -> None:
    fact: TierOverridden = event.data
    until = min(fact.expires_on.toordinal(), state.days.counts_on(fact, event.time) + MAX_OVERRIDE_DAYS)
    said = {"override": [RANKS[fact.tier], until]}
    state.override = state.override.put(_entry(state, event, said), state.today)
    state.notice()


def _lifted(state: State, event: Event) -> None:
    state.override = state.override.put(_entry(state, event, {"override": None}), state.today)
    state.notice()


def _approved(state: State, event: Event) -> None:
    """An approval by the account manager of its day counts for nothing, whoever is asked later."""
    fact: TierApproved = event.data
    given_on = state.days.counts_on(fact, event.time)
    counts = fact.approved_by != state.owners.on("account_manager", given_on)
    day = max(given_on, state.today)
    state.answers = state.answers.put(fact.proposal_version, day, approves=True, counts=counts)
    state.notice()


def _declined(state: State, event: Event) -> None:
    fact: TierDeclined = event.data
    day = max(state.days.counts_on(fact, event.time), state.today)
    state.answers = state.answers.put(fact.proposal_version, day, approves=False, counts=True)
    state.notice()


def _goal(state: State, event: Event) -> None:
    fact: GoalSet = event.data
    if fact.scope == "customer" and fact.metric in GOALS:
        state.goals = goals.put(state.goals, event, state.today)
        state.hear()


def _reviewed(state: State, event: Event) -> None:
    """A review moves the clock, which has been done."""


_VOIDS: dict[str, Callable[[State, Event], None]] = {
    "purchase": _money,
    "refund": _money,
    **dict.fromkeys(_VOIDED_OF_INVOICE, _invoiced),
}
_FOLDS: dict[type[Fact], Callable[[State, Event], None]] = {
    PurchaseRecorded: _money,
    PurchaseRefunded: _money,
    InvoiceIssued: _invoiced,
    InvoicePaid: _invoiced,
    InvoiceCredited: _invoiced,
    CustomerRegistered: _registered,
    AccountAssigned: _assigned,
    AccountRated: _rated,
    CreditRated: _credit,
    TierOverridden: _overridden,
    TierOverrideLifted: _lifted,
    TierApproved: _approved,
    TierDeclined: _declined,
    RecordVoided: _voided,
    GoalSet: _goal,
    CustomerReviewed: _reviewed,
}
FOLDED: frozenset[type[Fact]] = frozenset(_FOLDS)
"""The facts that tiering folds; the others say nothing about a tier, nor about what tiering measures."""
