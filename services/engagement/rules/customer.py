"""What engagement knows of one customer, and how time passes over it.

The state depends on facts and the clock only, never on decisions made. What a decision needs to know of the past (that
the status was lapsed, that a trend had turned up in between, a goal's value on its last day) is noted in the state at
the instants on which time alone changes it, so that `advance` in one step or in many gives the same state.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial, reduce
from typing import Literal, NamedTuple

from services.engagement.rules.concerns import Concerns
from services.engagement.rules.contact import (
    NO_CONTACT,
    CadenceStep,
    Contact,
    adherence,
    cadence_steps,
    contact_as_of,
    first_cadence_day,
    status_days,
)
from services.engagement.rules.coverage import AccountKey
from services.engagement.rules.day_sets import Days, first_after, last_until, listed, with_day
from services.engagement.rules.days import BusinessTime, monday_of
from services.engagement.rules.goals import ADHERENCE, settled, settled_again
from services.engagement.rules.history import Visits
from services.engagement.rules.plans import Plans, days_of_measuring
from services.engagement.rules.relationship import KeyPersons, key_relationship
from services.engagement.rules.satisfaction import INSTRUMENTS, Answers
from services.engagement.rules.tiers import Tiers
from shared.facts.days import NEVER
from shared.facts.erased import NOBODY_ERASED, Erased
from shared.facts.goals import NO_GOALS, Goals, last_days
from shared.facts.latest import NOTHING, Latest
from shared.facts.owners import NOBODY, Owners
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


@dataclass(slots=True)
class KnownSteps:
    """The steps of the cadence as last worked out, and for which clocks and days they are the same."""

    entitlements: Entitlements
    tier_version: int
    clock: int
    until_clock: int
    until_day: int
    steps: list[CadenceStep]
    contact: tuple[int, int | None, Contact]
    """As of which day, from which last contact, and what it is."""


class KnownStop(NamedTuple):
    """The next stop as last worked out; it stays while no fact comes and time has not reached it."""

    entitlements: Entitlements
    tier_version: int
    stop: int | None


_NEVER_CLOCK = 1 << 62


@dataclass(slots=True)
class Customer:
    """All of one customer. `clock` in microseconds; `today` is its business day."""

    id: str
    clock: int | None = None
    today: int = 0
    profile: Latest = NOTHING
    tiers: Tiers = field(default_factory=Tiers)
    owners: Owners = NOBODY
    visits: Visits = field(default_factory=Visits)
    answers: Answers = field(default_factory=Answers)
    concerns: Concerns = field(default_factory=Concerns)
    persons: KeyPersons = field(default_factory=KeyPersons)
    erased: Erased = field(default_factory=lambda: NOBODY_ERASED)
    goals: Goals = field(default_factory=lambda: NO_GOALS)
    plans: Plans = field(default_factory=Plans)
    lapse: Lapse | None = None
    resumption: Resumption | None = None
    known_steps: KnownSteps | None = field(default=None, compare=False)
    known_stop: KnownStop | None = field(default=None, compare=False)
    facts: str | None = field(default=None, compare=False)
    """What is stored of all but visits and time; None when something of it has changed."""
    touched_accounts: dict[AccountKey, bool] = field(default_factory=dict)
    """The rows to be written again, and whether they stood before."""

    def named(self) -> set[AccountKey]:
        """All who were ever named an owner."""
        return {
            (role, representative)
            for one in self.owners.assignments
            for role, representative in one.roles.items()
            if representative is not None
        }

    def touch_accounts(self, keys: Iterable[AccountKey], *, stood: bool = True) -> None:
        """Their rows are to be written again."""
        for key in keys:
            self.touched_accounts.setdefault(key, stood)

    def changed(self) -> None:
        """A fact has come: what was worked out before holds no more."""
        self.known_stop = self.facts = None


class CustomerRules:
    """The rules over a customer's state, for one business time and one policy."""

    def __init__(self, entitlements: Entitlements, time: BusinessTime) -> None:
        self.entitlements, self.time = entitlements, time

    # ------------------------------------------------------------------------------------------------------- figures

    def contact(self, customer: Customer) -> Contact:
        """The contact as of the customer's clock."""
        clock, today, visits = customer.clock, customer.today, customer.visits
        if clock is None:
            return NO_CONTACT
        last_on = last_until(visits.contacts, today)
        known = self._steps(customer, clock)
        as_of, last, contact = known.contact
        if as_of != today or last != last_on:
            contact = contact_as_of(today, last_on, known.steps)
            known.contact = (today, last_on, contact)
        return contact

    def _steps(self, customer: Customer, clock: int) -> KnownSteps:
        """The steps of the cadence as of the clock: asked several times an event, and rarely others."""
        known, tiers, today = customer.known_steps, customer.tiers, customer.today
        if (
            known is None
            or known.tier_version != tiers.version
            or known.entitlements is not self.entitlements
            or not known.clock <= clock < known.until_clock
            or today >= known.until_day
        ):
            begins = (version.effective_on.toordinal() for version in self.entitlements.versions[1:])
            known = customer.known_steps = KnownSteps(
                self.entitlements,
                tiers.version,
                clock,
                min((step.at for step in tiers.steps if step.at > clock), default=_NEVER_CLOCK),
                min((day for day in begins if day > today), default=NEVER),
                cadence_steps(tiers.steps, self.entitlements, clock, today),
                (0, None, NO_CONTACT),
            )
        return known

    def measure(self, customer: Customer, metric: str, clock: int, today: int) -> Fraction | None:
        """A goal's metric as of a day; None for those that engagement does not know."""
        if metric in INSTRUMENTS:
            return customer.answers.years(metric, today)[0].value
        if metric == ADHERENCE:
            return self.adherence(self._steps_at(customer, clock, today), customer.visits.contacts, today)
        if metric == "kcr":
            return self.key_relationship(customer, today)
        if metric == "loop_rate":
            judged, closed = customer.concerns.loops(today, customer.tiers, self.entitlements, self.time)
            return Fraction(closed, judged) if judged else None
        return None

    def adherence_now(self, customer: Customer) -> Fraction | None:
        """The adherence as of the customer's clock."""
        if customer.clock is None:
            return None
        steps = self._steps(customer, customer.clock).steps
        return self.adherence(steps, customer.visits.contacts, customer.today)

    def _steps_at(self, customer: Customer, clock: int, today: int) -> Sequence[CadenceStep]:
        return cadence_steps(customer.tiers.steps, self.entitlements, clock, today)

    @staticmethod
    def adherence(steps: Sequence[CadenceStep], contacts: Days, today: int) -> Fraction | None:
        """How well the cadence was kept as of a day, by the days with a contact."""
        return adherence(today, contacts, first_cadence_day(steps), steps[-1].days if steps else None)

    def settle_again(self, customer: Customer, changed_on: int) -> None:
        """What came of goals whose last day has passed, now that a tier change of then is known (domain.md, Goals)."""
        if not customer.goals:
            return

        def adhered(day: int, contacts: Sequence[int]) -> Fraction | None:
            steps = self._steps_at(customer, self.time.start_of(day + 1) - 1, day)
            return self.adherence(steps, reduce(with_day, contacts, 0), day)

        customer.goals = settled_again(customer.goals, changed_on, adhered)

    def key_relationship(self, customer: Customer, today: int) -> Fraction | None:
        """KCR as of a day."""
        return key_relationship(customer.persons.present(today, lambda _: None, customer.erased))

    # ---------------------------------------------------------------------------------------------------------- time

    def next_stop(self, customer: Customer) -> int | None:
        """The first instant after the clock on which time alone changes a status, a decision or what is noted."""
        clock, known, tiers = customer.clock, customer.known_stop, customer.tiers
        if clock is None:
            # Nothing but tier changes can be known before the clock starts; fold version 2 had them move no clock.
            return min(step.at for step in tiers.steps) if tiers.steps else None
        if (
            known is None
            or known.entitlements is not self.entitlements
            or known.tier_version != tiers.version
            or (known.stop is not None and known.stop <= clock)
        ):
            stop = self._next_stop(customer, clock)
            known = customer.known_stop = KnownStop(self.entitlements, tiers.version, stop)
        return known.stop

    def _next_stop(self, customer: Customer, clock: int) -> int | None:
        today, steps = customer.today, customer.tiers.steps
        stops = [step.at for step in steps if step.at > clock]
        contact = self.contact(customer)
        if self._lapse(contact) != customer.lapse:
            stops.append(clock + MILLISECOND)  # fold version 2 noted tier changes when the clock came to them
        days = [*status_days(contact, today), *(begin for begin in customer.owners.begins() if begin > today)]
        if customer.answers:
            days += customer.answers.change_days(today)
        if customer.goals:
            days += [due_on + 1 for due_on in last_days(customer.goals, today)]
        contact_on = first_after(customer.visits.contacts, today)
        if contact_on is not None:
            days.append(contact_on)
        begins = (version.effective_on.toordinal() for version in self.entitlements.versions[1:])
        days += [day for day in begins if day > today]
        days += days_of_measuring(today, customer.tiers, customer.plans)
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
        if before == customer.today:
            return
        customer.visits.pass_time(before, customer.today)
        if monday_of(before) != monday_of(customer.today):
            self.prune(customer)

    def prune(self, customer: Customer) -> None:
        """Forget what lies too far back."""
        customer.visits.prune(customer.today)
        if customer.answers or customer.concerns:
            customer.answers.prune(customer.today)
            customer.concerns.prune(customer.today, self.time)
            customer.facts = None

    def _settle_goals(self, customer: Customer, new_day: int) -> None:
        """At the end of the last days of goals between the clock and a new day."""
        for day in last_days(customer.goals, customer.today, new_day):
            end, contacts = self.time.start_of(day + 1) - 1, listed(customer.visits.contacts)
            measure = partial(self.measure, customer, clock=end, today=day)
            customer.goals = settled(customer.goals, day, measure, contacts)
            customer.changed()

    def note(self, customer: Customer) -> None:
        """Note what the status and the trends are, where deciding will need to know it later."""
        if customer.answers:
            turns = dict(customer.answers.turns)
            customer.answers.watch(customer.today)
            if customer.answers.turns != turns:
                customer.facts = None
        contact = self.contact(customer)
        lapse = self._lapse(contact)
        if lapse != customer.lapse:
            customer.known_stop = None
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
