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
from services.engagement.rules.folding import CUSTOMER_FOLDS, fold, weeks_needed
from services.engagement.rules.goals import Goals
from services.engagement.rules.history import Visits
from services.engagement.rules.owners import OWNING_ROLES, Owners
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
from services.engagement.rules.visits import dump_piece, load_piece
from shared.events.decisions import ConcernOverdue, ContactLapsed, ContactResumed, Decision, SatisfactionDropped
from shared.events.event import Event
from shared.events.registry import NAMES
from shared.fold.domain import Address, Row
from shared.policies.entitlements import Entitlements

State = Customer | Representative
CUSTOMERS = "engagement"
REPRESENTATIVES = "representatives"
VISITS = "engagement_visits"
"""The visits of a customer and week, with all their revisions. Private, as `fold` is."""
_REPRESENTATIVE_KEY = "representative:"


class Engagement:
    """The domain of the log processor (shared/fold/domain.py). Nothing is decided about representatives."""

    service = "engagement"
    fold_version = 3
    """3: visits stored by week; goals may have contacts, absences a part, registrations cleared fields. Reads 2 as
    well; nothing needs a rebuild.
    """
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
            return {**customer_row(state, self.customers), **_dump_customer(state, standing)}
        return {**representative_row(state), "fold": _dump_representative(state)}

    def load(self, key: str, document: dict[str, Any]) -> tuple[State, Standing]:
        """State and standing from a stored document; the inverse of `document`."""
        kind, _, subject = key.partition(":")
        stored = document["fold"]
        if kind == "representative":
            return _load_representative(subject, stored), Standing()
        return _load_customer(subject, document)

    def needs(self, state: State, events: Sequence[Event]) -> Sequence[Address]:
        """The weeks of visits, as (collection, id), that folding these facts and decisions in order may touch and that
        the state does not hold.
        """
        if isinstance(state, Representative):
            return ()
        mondays = weeks_needed(self.customers, state, events)
        return [(VISITS, _piece_id(state.id, monday)) for monday in mondays]

    def attach(self, state: State, pieces: Mapping[Address, dict[str, Any] | None]) -> None:
        """Take the weeks that `needs` named, as they are stored. One that is missing fails the fold that touches it."""
        if isinstance(state, Customer):
            for piece in pieces.values():
                if piece is not None:
                    state.visits.attach(piece["monday"], from_json(piece["visits"]))

    def keep(self, state: State) -> None:
        """Let go of what can be loaded again, of a state that has been stored and is kept for the next batch."""
        if isinstance(state, Customer):
            state.visits.keep_last()

    def size(self, state: State) -> int:
        """About how many bytes a state takes in memory."""
        return size_of(state) if isinstance(state, Customer) else _REPRESENTATIVE_BYTES

    def rows(self, state: State) -> Sequence[Row]:
        """The rows of visits and accounts and the weeks of visits that changed since the last call; the call forgets
        them.
        """
        if isinstance(state, Representative):
            return ()
        visits = state.visits
        for representative in visits.touched_owners:
            state.touch_accounts(
                (role, representative) for role in OWNING_ROLES if representative in state.owners.named(role)
            )
        rows: list[Row] = []
        if visits.touched_weeks or visits.touched_rows:
            rows += _piece_rows(state.id, visits)
            rows += visit_rows(state.id, visits.touched_rows, visits.held, state.tiers, self.time)
        rows += account_rows(state.id, state.touched_accounts, state.owners, state.tiers, visits.countable)
        visits.touched_weeks, visits.touched_rows, visits.touched_owners = {}, {}, set()
        state.touched_accounts = {}
        return rows

    def history(self, key: str, event: Event) -> Row | None:
        """Decisions of engagement leave no document of their own: the log has them."""
        del key, event
        return None


def _piece_id(customer: str, monday: int) -> str:
    return f"{customer}/{monday}"


def _piece_rows(customer: str, visits: Visits) -> list[Row]:
    """The touched weeks, as one text each: no view reads them, and as one text they cost the driver and MongoDB a third
    of what lists cost.
    """
    rows = []
    for monday, stood in sorted(visits.touched_weeks.items()):
        name, piece = _piece_id(customer, monday), visits.held.get(monday)
        if piece:
            text = to_json(dump_piece(piece)).decode()
            rows.append(Row(VISITS, name, {"customer": customer, "monday": monday, "visits": text}, new=not stood))
        else:
            rows.append(Row(VISITS, name, None))
    return rows


def _dump_customer(customer: Customer, standing: Standing) -> dict[str, str]:
    """The private fold as JSON texts, without their empty parts: what moves with the clock, what is known besides
    visits, what is known of visits, and how many there were in each week. What has not changed is the same text.
    """
    fold: dict[str, Any] = {"clock": customer.clock, "today": customer.today}
    if customer.lapse is not None:
        fold["lapse"] = customer.lapse
    if customer.resumption is not None:
        fold["resumption"] = customer.resumption
    if standing.version:
        fold["standing"] = standing.dump(customer)
    if customer.facts is None:
        customer.facts = to_json({name: part.dump() for name in _PARTS if (part := getattr(customer, name))}).decode()
    dumped = {"fold": to_json(fold).decode(), "fold_facts": customer.facts}
    visits = customer.visits
    if visits:
        dumped["fold_visits"] = to_json(visits.dump(customer.today)).decode()
        if visits.weeks.recent:
            dumped["fold_weeks"] = visits.weeks.recent
        if visits.weeks.before:
            dumped["fold_weeks_before"] = visits.weeks.before
    return dumped


_PARTS = ("profile", "tiers", "owners", "answers", "concerns", "persons", "goals")


def _load_customer(subject: str, document: dict[str, Any]) -> tuple[Customer, Standing]:
    fold = from_json(document["fold"])
    customer = Customer(subject, fold["clock"], fold["today"])
    if "fold_facts" in document:
        customer.facts = document["fold_facts"]
        _load_parts(customer, from_json(customer.facts))
        if "fold_visits" in document:
            weeks = document.get("fold_weeks_before", ""), document.get("fold_weeks", "")
            customer.visits = Visits.load(from_json(document["fold_visits"]), *weeks, customer.today)
        else:
            customer.visits.weeks.turn(customer.today)
    else:
        _load_whole(customer, fold)
    if "lapse" in fold:
        customer.lapse = Lapse(*fold["lapse"])
    if "resumption" in fold:
        customer.resumption = Resumption(*fold["resumption"])
    return customer, Standing.load(fold["standing"]) if "standing" in fold else Standing()


def _load_whole(customer: Customer, fold: dict[str, Any]) -> None:
    """From fold version 2, which stored everything in one text; what it keeps of visits is stored anew at the next
    change.
    """
    _load_parts(customer, fold)
    visits = fold.get("visits")
    if visits is not None:
        met_before = dict(visits.get("met_before", ()))
        customer.visits = Visits.of_all(load_piece(visits), met_before, customer.today)
    else:
        customer.visits.weeks.turn(customer.today)


def _load_parts(customer: Customer, stored: dict[str, Any]) -> None:
    for name, part in _LOADED:
        if name in stored:
            setattr(customer, name, part.load(stored[name]))


_LOADED: tuple[tuple[str, Any], ...] = tuple(
    zip(_PARTS, (Fields, Tiers, Owners, Answers, Concerns, KeyPersons, Goals), strict=True)
)

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
