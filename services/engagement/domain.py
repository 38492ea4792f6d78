"""Engagement as the log processor sees it: two kinds of keys, customers and representatives (domain.md, Engagement).

A customer's state is folded from its own facts and from tiering's decisions; its rows for `rep_weeks` are written with
it. What spans customers (cap, target, coverage) is put together by the views, when read (store.py).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic_core import from_json, to_json

from services.engagement.projection import customer_row, representative_row
from services.engagement.rules.concerns import Concerns
from services.engagement.rules.coverage import account_rows, visit_rows
from services.engagement.rules.customer import Customer, CustomerRules, Lapse, Resumption
from services.engagement.rules.days import BusinessTime, to_instant, to_micros
from services.engagement.rules.deciding import Standing, decide
from services.engagement.rules.fields import Fields
from services.engagement.rules.folding import CUSTOMER_FOLDS, fold
from services.engagement.rules.goals import Goals
from services.engagement.rules.owners import Owners
from services.engagement.rules.relationship import KeyPersons
from services.engagement.rules.representative import (
    REPRESENTATIVE_FOLDS,
    Absence,
    Registration,
    Representative,
    RepresentativeRules,
)
from services.engagement.rules.satisfaction import Answers
from services.engagement.rules.tiers import Tiers
from services.engagement.rules.visits import Visits
from shared.events.decisions import ConcernOverdue, ContactLapsed, ContactResumed, Decision, SatisfactionDropped
from shared.events.event import Event
from shared.events.registry import NAMES
from shared.fold.domain import Address, Row
from shared.policies.entitlements import Entitlements

State = Customer | Representative
CUSTOMERS = "engagement"
REPRESENTATIVES = "representatives"
_REPRESENTATIVE_KEY = "representative:"


class Engagement:
    """The domain of the log processor (shared/fold/domain.py). Nothing is decided about representatives."""

    service = "engagement"
    fold_version = 3
    """3: goals may have contacts, absences a part, registrations cleared fields. Reads 2; nothing needs a rebuild."""
    folds = CUSTOMER_FOLDS | REPRESENTATIVE_FOLDS
    decides = frozenset(NAMES[kind] for kind in (ContactLapsed, ContactResumed, SatisfactionDropped, ConcernOverdue))
    decides_history = False

    def __init__(self, entitlements: Entitlements, zone: ZoneInfo) -> None:
        self.time = BusinessTime(zone)
        self.customers = CustomerRules(entitlements, self.time)
        self.representatives = RepresentativeRules(self.time)

    @property
    def decides_by(self) -> object:
        """What the tiers are entitled to."""
        return self.customers.entitlements

    def collection(self, key: str) -> str:
        """Name, without the generation's suffix, of the collection that holds the documents of such keys."""
        return REPRESENTATIVES if key.startswith(_REPRESENTATIVE_KEY) else CUSTOMERS

    def initial(self, key: str) -> tuple[State, Standing]:
        """State and standing of a key that nothing is known of."""
        kind, _, subject = key.partition(":")
        return (Representative(subject) if kind == "representative" else Customer(subject)), Standing()

    def clock(self, state: State) -> datetime | None:
        """The clock of a state."""
        return None if state.clock is None else to_instant(state.clock)

    def advance(self, state: State, clock: datetime) -> None:
        """Move the clock; does nothing when `clock` is not later. Never decides."""
        if isinstance(state, Customer):
            self.customers.advance(state, to_micros(clock))
        else:
            self.representatives.advance(state, to_micros(clock))

    def accepts(self, state: State, event: Event) -> bool:
        """Whether a decision of tiering is the next one of its customer."""
        return isinstance(state, Customer) and state.tiers.is_next(event.data)

    def evolve(self, state: State, event: Event) -> State:
        """Fold one fact, or an accepted decision of tiering, to whose instant the clock has been advanced."""
        if isinstance(state, Customer):
            fold(self.customers, state, event)
        else:
            self.representatives.evolve(state, event)
        return state

    def accept(self, standing: Standing, decision: Decision, decision_id: str) -> Standing:
        """Fold one accepted decision of engagement."""
        return standing.accept(decision, decision_id)

    def version(self, standing: Standing) -> tuple[int, str | None]:
        """Version and id of the last decision in a standing: (0, None) at the start."""
        return standing.version, standing.last_id

    def next_due(self, state: State, standing: Standing) -> datetime | None:
        """The first instant after the clock at which time alone changes an input of a decision, or None."""
        del standing  # what is due depends on facts alone
        if isinstance(state, Representative):
            return None
        stop = self.customers.next_stop(state)
        return None if stop is None else to_instant(stop)

    def decide(self, state: State, standing: Standing, set_off_by: str | None) -> Sequence[Decision]:
        """The decisions due as of the clock, in order; each carries the next version and `after`."""
        del set_off_by  # an engagement decision names its reason, not the event
        return decide(state, standing, self.customers) if isinstance(state, Customer) else ()

    def document(self, state: State, standing: Standing) -> dict[str, Any]:
        """Public fields, and the private fold under "fold", in BSON's types, without `_id`."""
        if isinstance(state, Customer):
            return {**customer_row(state, self.customers), "fold": _dump_customer(state, standing)}
        return {**representative_row(state), "fold": _dump_representative(state)}

    def load(self, key: str, document: dict[str, Any]) -> tuple[State, Standing]:
        """State and standing from a stored document; the inverse of `document`."""
        kind, _, subject = key.partition(":")
        stored = document["fold"]
        if kind == "representative":
            return _load_representative(subject, stored), Standing()
        return _load_customer(subject, stored)

    def needs(self, state: State, events: Sequence[Event]) -> Sequence[Address]:  # noqa: ARG002 - the protocol's
        """A state is whole."""
        return ()

    def attach(self, state: State, pieces: Mapping[Address, dict[str, Any] | None]) -> None:
        """Nothing was asked for."""

    def size(self, state: State) -> int:  # noqa: ARG002 - the protocol's
        """A guess."""
        return 4_000

    def rows(self, state: State) -> Sequence[Row]:
        """The rows of visits and accounts that changed since the last call; the call forgets them."""
        if isinstance(state, Representative) or not (state.touched_visits or state.touched_accounts):
            return ()
        rows = visit_rows(state.id, state.touched_visits, state.visits, state.tiers, self.time)
        rows += account_rows(state.id, state.touched_accounts, state.owners, state.tiers, state.visits)
        state.touched_visits, state.touched_accounts = set(), set()
        return rows

    def history(self, key: str, event: Event) -> Row | None:
        """Decisions of engagement leave no document of their own: the log has them."""
        del key, event
        return None


def _dump_customer(customer: Customer, standing: Standing) -> str:
    """The private fold as JSON text, without its empty parts. No view reads it, and as one text it costs the driver
    and MongoDB a third of what lists cost.
    """
    parts = {name: part.dump() for name in _PARTS if (part := getattr(customer, name))}
    fold: dict[str, Any] = {"clock": customer.clock, "today": customer.today, **parts}
    if customer.lapse is not None:
        fold["lapse"] = customer.lapse
    if customer.resumption is not None:
        fold["resumption"] = customer.resumption
    if standing.version:
        fold["standing"] = standing.dump(customer)
    return to_json(fold).decode()


_PARTS = ("profile", "tiers", "owners", "visits", "answers", "concerns", "persons", "goals")


def _load_customer(subject: str, text: str) -> tuple[Customer, Standing]:
    stored = from_json(text)
    customer = Customer(subject, stored["clock"], stored["today"])
    for name, part in _LOADED:
        if name in stored:
            setattr(customer, name, part.load(stored[name]))
    if "lapse" in stored:
        customer.lapse = Lapse(*stored["lapse"])
    if "resumption" in stored:
        customer.resumption = Resumption(*stored["resumption"])
    return customer, Standing.load(stored["standing"]) if "standing" in stored else Standing()


_LOADED: tuple[tuple[str, Any], ...] = tuple(
    zip(_PARTS, (Fields, Tiers, Owners, Visits, Answers, Concerns, KeyPersons, Goals), strict=True)
)


def _dump_representative(representative: Representative) -> dict[str, Any]:
    return {
        "clock": representative.clock,
        "today": representative.today,
        "registrations": [
            [*entry[:5], [[name, entry.fields[name]] for name in sorted(entry.fields)]]
            for entry in representative.registrations
        ],
        "absences": [[*ref, *map(list, representative.absences[ref])] for ref in sorted(representative.absences)],
        "goals": representative.goals.dump(),
        # What rep_weeks reads (store.py).
        "spans": representative.spans(),
        "closed_spans": representative.spans(closed=True),
        "absence_spans": representative.absence_spans(),
    }


def _load_representative(subject: str, stored: dict[str, Any]) -> Representative:
    return Representative(
        id=subject,
        clock=stored["clock"],
        today=stored["today"],
        registrations=[
            Registration(at, id_, source, day, known_from, dict(fields))
            for at, id_, source, day, known_from, fields in stored["registrations"]
        ],
        absences={
            (source, id_): [Absence(*revision) for revision in revisions]
            for source, id_, *revisions in stored["absences"]
        },
        goals=Goals.load(stored["goals"]),
    )
