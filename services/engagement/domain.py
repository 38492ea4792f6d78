"""Engagement as the log processor sees it: two kinds of keys, customers and representatives (domain.md, Engagement).

A customer's state is folded from its own facts and from tiering's decisions; its rows for `rep_weeks` are written with
it. What spans customers (cap, target, coverage) is put together by the views, when read (store.py).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from services.engagement import stored
from services.engagement.rows import customer_row, representative_row
from services.engagement.rules.coverage import account_rows, visit_rows
from services.engagement.rules.customer import Customer, CustomerRules
from services.engagement.rules.days import BusinessTime
from services.engagement.rules.deciding import Standing, decide
from services.engagement.rules.folding import FOLDED as OF_CUSTOMERS
from services.engagement.rules.folding import fold, weeks_needed
from services.engagement.rules.representative import FOLDED as OF_REPRESENTATIVES
from services.engagement.rules.representative import Representative, RepresentativeRules
from services.engagement.stored_visits import VISITS, attach_piece, piece_id, piece_rows
from shared.events.decisions import (
    ConcernOverdue,
    ContactLapsed,
    ContactResumed,
    Decision,
    RelationshipMeasured,
    SatisfactionDropped,
)
from shared.events.event import Event
from shared.events.registry import NAMES
from shared.facts.days import KNOWN_DAYS, to_instant, to_micros
from shared.fold.domain import Address, Row
from shared.policies.entitlements import Entitlements

State = Customer | Representative
CUSTOMERS = "engagement"
REPRESENTATIVES = "representatives"
_REPRESENTATIVE_KEY = "representative:"


class Engagement:
    """The domain of the log processor (shared/fold/domain.py). Nothing is decided about representatives."""

    service = "engagement"
    fold_version = stored.FOLD_VERSION
    folds = frozenset(NAMES[kind] for kind in OF_CUSTOMERS | OF_REPRESENTATIVES)
    decides = frozenset(
        NAMES[kind]
        for kind in (ContactLapsed, ContactResumed, SatisfactionDropped, ConcernOverdue, RelationshipMeasured)
    )
    decides_history = False
    counts_told = False

    def __init__(self, entitlements: Entitlements, zone: ZoneInfo) -> None:
        self.time = BusinessTime(zone)
        self.customers = CustomerRules(entitlements, self.time)
        self.representatives = RepresentativeRules(self.time)
        # A clock is asked for several times a record, and most customers are due at the same midnights.
        self._instant = lru_cache(KNOWN_DAYS)(to_instant)

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
        return None if state.clock is None else self._instant(state.clock)

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
        return None if stop is None else self._instant(stop)

    def decide(self, state: State, standing: Standing, set_off_by: str | None) -> Sequence[Decision]:
        """The decisions due as of the clock, in order; each carries the next version and `after`."""
        del set_off_by  # an engagement decision names its reason, not the event
        return decide(state, standing, self.customers) if isinstance(state, Customer) else ()

    def document(self, state: State, standing: Standing) -> dict[str, Any]:
        """Public fields, and the private fold under "fold", in BSON's types, without `_id`."""
        if isinstance(state, Customer):
            return {**customer_row(state, self.customers), **stored.dump_customer(state, standing)}
        return {**representative_row(state), "fold": stored.dump_representative(state)}

    def load(self, key: str, document: dict[str, Any]) -> tuple[State, Standing]:
        """State and standing from a stored document; the inverse of `document`."""
        kind, _, subject = key.partition(":")
        if kind == "representative":
            return stored.load_representative(subject, document["fold"]), Standing()
        return stored.load_customer(subject, document)

    def needs(self, state: State, events: Sequence[Event]) -> Sequence[Address]:
        """The weeks of visits, as (collection, id), that folding these facts and decisions in order may touch and that
        the state does not hold.
        """
        if isinstance(state, Representative):
            return ()
        mondays = weeks_needed(self.customers, state, events)
        return [(VISITS, piece_id(state.id, monday)) for monday in mondays]

    def attach(self, state: State, pieces: Mapping[Address, dict[str, Any] | None]) -> None:
        """Take the weeks that `needs` named, as they are stored. One that is missing fails the fold that touches it."""
        if isinstance(state, Customer):
            for piece in pieces.values():
                if piece is not None:
                    attach_piece(state.visits, piece)

    def keep(self, state: State) -> None:
        """Let go of what can be loaded again, of a state that has been stored and is kept for the next batch."""
        if isinstance(state, Customer):
            state.visits.keep_last()

    def size(self, state: State) -> int:
        """About how many bytes a state takes in memory."""
        return size_of(state) if isinstance(state, Customer) else _REPRESENTATIVE_BYTES

    def rows(self, state: State, standing: Standing) -> Sequence[Row]:
        """The rows of visits and accounts and the weeks of visits that changed since the last call; the call forgets
        them.
        """
        del standing  # rows are made of facts and tiers
        if isinstance(state, Representative):
            return ()
        visits = state.visits
        if visits.touched_owners:
            state.touch_accounts(key for key in state.named() if key[1] in visits.touched_owners)
        rows: list[Row] = []
        if visits.touched_weeks or visits.touched_rows:
            rows += piece_rows(state.id, visits)
            rows += visit_rows(state.id, visits.touched_rows, visits.held, state.tiers, self.time)
        rows += account_rows(state.id, state.touched_accounts, state.owners, state.tiers, visits.countable)
        visits.touched_weeks, visits.touched_rows, visits.touched_owners = {}, {}, set()
        state.touched_accounts = {}
        return rows

    def history(self, key: str, event: Event) -> Row | None:
        """Decisions of engagement leave no document of their own: the log has them."""
        del key, event
        return None


_CUSTOMER_BYTES, _REPRESENTATIVE_BYTES = 7_000, 4_000
_REVISION_BYTES, _NAMED_BYTES = 900, 150


def size_of(customer: Customer) -> int:
    """About how many bytes a customer takes in memory: what does not grow, texts, visits held, and names of all kinds
    with their days.
    """
    visits = customer.visits
    texts = len(customer.facts or "") * 3 + len(visits.weeks.before) + len(visits.weeks.recent)
    names = len(visits.persons) + len(visits.departments) + len(visits.seen) + len(visits.countable)
    names += len(visits.met_before) + len(visits.spread)
    held = sum(len(piece) for piece in visits.held.values())
    return _CUSTOMER_BYTES + texts + _NAMED_BYTES * names + _REVISION_BYTES * held
