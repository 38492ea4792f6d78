"""What engagement knows of one customer, and how time passes over it.

The state depends on facts and the clock only, never on decisions made. What a decision needs to know of the past (that
the status was lapsed, that a trend had turned up in between, a goal's value on its last day) is noted in the state at
the instants on which time alone changes it, so that `advance` in one step or in many gives the same state.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal, NamedTuple

from services.engagement.rules.concerns import Concerns
from services.engagement.rules.contact import (
    Contact,
    adherence,
    cadence_steps,
    contact_as_of,
    first_cadence_day,
    status_days,
)
from services.engagement.rules.coverage import AccountKey, VisitKey, visit_keys
from services.engagement.rules.days import BusinessTime, monday_of
from services.engagement.rules.fields import Fields
from services.engagement.rules.goals import ADHERENCE, Goals
from services.engagement.rules.owners import OWNING_ROLES, Owners
from services.engagement.rules.relationship import KeyPersons, key_relationship
from services.engagement.rules.satisfaction import INSTRUMENTS, Answers
from services.engagement.rules.tiers import Tiers
from services.engagement.rules.visits import Visits
from shared.policies.entitlements import Entitlements

MILLISECOND = 1000
"""In microseconds; the resolution of the broker's clock, so the next instant after an instant."""
PROFILE_FIELDS = ("name", "industry", "country", "region", "group_id")


class Lapse(NamedTuple):
    """The status is lapsed since this due day; `last_on` is the last contact then."""

    due_on: int
    last_on: int | None


class Resumption(NamedTuple):
    """The last time that the status left lapsed, and how often it has."""

    times: int
    cause: Literal["contact", "tier"]
    lapsed_due_on: int


class KnownContact(NamedTuple):
    """The contact as last worked out, and from what."""

    clock: int
    tier_version: int
    contacts: list[int]
    entitlements: Entitlements
    contact: Contact


@dataclass(slots=True)
class Customer:
    """All of one customer. `clock` in microseconds; `today` is its business day."""

    id: str
    clock: int | None = None
    today: int = 0
    profile: Fields = field(default_factory=Fields)
    tiers: Tiers = field(default_factory=Tiers)
    owners: Owners = field(default_factory=Owners)
    visits: Visits = field(default_factory=Visits)
    answers: Answers = field(default_factory=Answers)
    concerns: Concerns = field(default_factory=Concerns)
    persons: KeyPersons = field(default_factory=KeyPersons)
    goals: Goals = field(default_factory=Goals)
    lapse: Lapse | None = None
    resumption: Resumption | None = None
    known_contact: KnownContact | None = field(default=None, compare=False)
    touched_visits: set[VisitKey] = field(default_factory=set)
    touched_accounts: set[AccountKey] = field(default_factory=set)

    def touch_accounts(self) -> None:
        """The rows of all who were ever named an owner are to be written again."""
        self.touched_accounts |= {
            (role, representative) for role in OWNING_ROLES for representative in self.owners.named(role)
        }


class CustomerRules:
    """The rules over a customer's state, for one business time and one policy."""

    def __init__(self, entitlements: Entitlements, time: BusinessTime) -> None:
        self.entitlements, self.time = entitlements, time

    # ------------------------------------------------------------------------------------------------------- figures

    def contact(self, customer: Customer) -> Contact:
        """The contact as of the customer's clock."""
        clock, contacts = customer.clock, customer.visits.contacts()
        if clock is None:
            return Contact(None, None, None, None)
        # Asked several times an event; a list of contacts that has changed is another list.
        known = customer.known_contact
        if (
            known is not None
            and (known.clock, known.tier_version) == (clock, customer.tiers.version)
            and known.contacts is contacts
            and known.entitlements is self.entitlements
        ):
            return known.contact
        steps = cadence_steps(customer.tiers.steps, self.entitlements, clock, customer.today)
        last_on = next((day for day in reversed(contacts) if day <= customer.today), None)
        contact = contact_as_of(customer.today, last_on, steps)
        customer.known_contact = KnownContact(clock, customer.tiers.version, contacts, self.entitlements, contact)
        return contact

    def measure(self, customer: Customer, metric: str, clock: int, today: int) -> Fraction | None:
        """A goal's metric as of a day; None for those that engagement does not know."""
        if metric in INSTRUMENTS:
            return customer.answers.years(metric, today)[0].value
        if metric == ADHERENCE:
            return self.adherence(customer, clock, today, customer.visits.contacts())
        if metric == "kcr":
            return self.key_relationship(customer, today)
        if metric == "loop_rate":
            judged, closed = customer.concerns.loops(today, customer.tiers, self.entitlements, self.time)
            return Fraction(closed, judged) if judged else None
        return None

    def adherence(self, customer: Customer, clock: int, today: int, contacts: Sequence[int]) -> Fraction | None:
        """How well the cadence was kept as of a day, by days with a contact, ascending."""
        steps = cadence_steps(customer.tiers.steps, self.entitlements, clock, today)
        cadence = steps[-1].days if steps else None
        return adherence(today, contacts, first_cadence_day(steps), cadence)

    def settle_again(self, customer: Customer, changed_on: int) -> None:
        """What came of goals whose last day has passed, now that a tier change of then is known (domain.md, Goals)."""
        customer.goals.settle_again(
            changed_on,
            lambda day, contacts: self.adherence(customer, self.time.start_of(day + 1) - 1, day, contacts),
        )

    def key_relationship(self, customer: Customer, today: int) -> Fraction | None:
        """KCR as of a day."""
        return key_relationship(customer.persons.present(today, {}))

    # ---------------------------------------------------------------------------------------------------------- time

    def next_stop(self, customer: Customer) -> int | None:
        """The first instant after the clock on which time alone changes a status, a decision or what is noted."""
        clock, today = customer.clock, customer.today
        steps = customer.tiers.steps
        if clock is None:
            # Nothing but tier changes can be known before the clock starts; fold version 2 had them move no clock.
            return min(step.at for step in steps) if steps else None
        stops = [step.at for step in steps if step.at > clock]
        contact = self.contact(customer)
        if self._lapse(contact) != customer.lapse:
            stops.append(clock + MILLISECOND)  # fold version 2 noted tier changes when the clock came to them
        days = customer.answers.change_days(today)
        days.update(status_days(contact, today))
        days.update(due_on + 1 for due_on in customer.goals.due_days(today))
        contacts = customer.visits.contacts()
        days.update(contacts[bisect_right(contacts, today) :])
        days.update(
            day for version in self.entitlements.versions[1:] if (day := version.effective_on.toordinal()) > today
        )
        days.update(customer.owners.begins_after(today))
        if days:
            stops.append(self.time.start_of(min(days)))
        if customer.concerns:
            for _, _, _, loop in customer.concerns.standing(customer.tiers, self.entitlements):
                waiting = loop.open_round
                if waiting is not None and waiting.deadline is not None and waiting.deadline >= clock:
                    stops.append(waiting.deadline + MILLISECOND)
        return min(stops, default=None)

    def advance(self, customer: Customer, clock: int) -> None:
        """Move the clock, noting on the way what changes by time alone."""
        if customer.clock is not None and clock <= customer.clock:
            return
        while (stop := self.next_stop(customer)) is not None and stop <= clock:
            if customer.clock is not None:
                self._settle_goals(customer, self.time.day_at(stop))
            self._set_clock(customer, stop)
            self.note(customer)
        self._set_clock(customer, clock)

    def _set_clock(self, customer: Customer, clock: int) -> None:
        before = customer.today
        customer.clock, customer.today = clock, self.time.day_at(clock)
        if monday_of(before) != monday_of(customer.today):
            self.prune(customer)

    def prune(self, customer: Customer) -> None:
        """Forget what lies too far back."""
        forgotten = customer.visits.prune(customer.today)
        for _, revisions in forgotten:
            customer.touched_visits |= visit_keys(revisions)
        if forgotten:
            customer.touch_accounts()
        customer.answers.prune(customer.today)
        customer.concerns.prune(customer.today, self.time)

    def _settle_goals(self, customer: Customer, new_day: int) -> None:
        """At the end of the last days of goals between the clock and a new day."""
        for day in sorted(customer.goals.due_days(customer.today)):
            if day < new_day:
                end = self.time.start_of(day + 1) - 1
                customer.goals.settle(
                    day,
                    lambda metric: self.measure(customer, metric, end, day),  # noqa: B023
                    customer.visits.contacts(),
                )

    def note(self, customer: Customer) -> None:
        """Note what the status and the trends are, where deciding will need to know it later."""
        customer.answers.watch(customer.today)
        contact = self.contact(customer)
        lapse = self._lapse(contact)
        if lapse is None and customer.lapse is not None:
            times = 0 if customer.resumption is None else customer.resumption.times
            by_contact = contact.last_on != customer.lapse.last_on
            customer.resumption = Resumption(times + 1, "contact" if by_contact else "tier", customer.lapse.due_on)
        customer.lapse = lapse

    @staticmethod
    def _lapse(contact: Contact) -> Lapse | None:
        if contact.status != "lapsed" or contact.due_on is None:
            return None
        return Lapse(contact.due_on, contact.last_on)
