"""What is known of one customer from facts: money, ratings, invoices, master data, and the clock."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.tiering.rules.answers import UNANSWERED, Answers
from services.tiering.rules.invoices import Invoices, Sums
from services.tiering.rules.sales import KEPT_DAYS, Amounts, Book, Bought
from services.tiering.rules.standing import Standing
from shared.facts.days import NEVER, Days
from shared.facts.goals import NO_GOALS, Goals
from shared.facts.latest import NOTHING, Latest
from shared.facts.owners import NOBODY, Owners

RATING_DAYS = 365
"""A rating counts through its day + 364."""
OWNERS_KEPT_DAYS = 800
"""How far back an owner can be asked for; an approval is no older than the age limit of facts, 760 days."""

_EMPTY_BYTES, _BOOK_BYTES, _BLOCK_BYTES, _SUMS_BYTES, _PAIR_BYTES, _SAID_BYTES = 1000, 800, 100, 700, 1500, 8
"""A state without anything; a book, a block without its text; sums of invoices in a currency, an open invoice; a byte
of other facts, which stand as text, in full, and as they are shown."""


@dataclass(frozen=True, slots=True)
class Closed:
    """Invoices as they are stored, until one of them is asked for.

    sums: what counts of them today; due: the next day on which one moves by itself; until: the day from which the text
    may be another by time alone; read: gives them, as of a day.
    """

    text: str
    sums: Mapping[str, Sums]
    due: int
    until: int
    read: Callable[[str, int], Invoices]


NO_INVOICES = Closed("", {}, NEVER, NEVER, lambda _text, _today: Invoices())


class State:
    """The state of one customer.

    clock: the instant up to which time has passed, None before the first fact; today, tomorrow: its business day and
    the instant at which the next one begins. registered, ratings, credit, override: facts of which the latest holds.
    goals: those that tiering measures. closed, opened: the invoices, as text or in full. terms, assessed, decided:
    worked out from the rest and thrown away when that changes; never stored. facts_text, shown: what is stored and
    shown of facts other than money and invoices, made again when they change, or from the day `settles_on`;
    standing, standing_text: the one that was stored last, and as what. listed: what stands of it among the few that are
    listed (rows.py), None while that is not known.
    """

    __slots__ = (
        "answers",
        "assessed",
        "books",
        "bought",
        "clock",
        "closed",
        "credit",
        "customer",
        "days",
        "decided",
        "due_otherwise",
        "facts_text",
        "goals",
        "listed",
        "opened",
        "override",
        "owners",
        "ratings",
        "registered",
        "settles_on",
        "shown",
        "standing",
        "standing_text",
        "terms",
        "today",
        "tomorrow",
    )  # fmt: skip

    def __init__(self, customer: str, days: Days) -> None:
        self.customer = customer
        self.days = days
        self.clock: datetime | None = None
        self.today = 0
        self.tomorrow: datetime | None = None
        self.books: dict[str, Book] = {}
        self.bought = Bought()
        self.registered: Latest = NOTHING
        self.owners: Owners = NOBODY
        self.ratings: Latest = NOTHING
        self.credit: Latest = NOTHING
        self.override: Latest = NOTHING
        self.closed: Closed | None = NO_INVOICES
        self.opened: Invoices | None = None
        self.answers: Answers = UNANSWERED
        self.goals: Goals = NO_GOALS
        self.due_otherwise = self.settles_on = NEVER
        self.facts_text: str | None = None
        self.shown: dict[str, Any] | None = None
        self.standing: Standing | None = None
        self.standing_text = ""
        self.listed: Mapping[str, Any] | None = None
        self.forget()

    def forget(self) -> None:
        """Facts other than money have changed, or a day has come that changes them: compute everything again."""
        self.terms: Any = None
        self.assessed: Any = None
        self.decided: Any = None

    @property
    def invoices(self) -> Invoices:
        """All invoices, to be asked for one or to be changed; `invoice_sums` and `invoices_due` cost less."""
        if self.opened is None:
            assert self.closed is not None, "invoices are open or closed"
            self.opened = self.closed.read(self.closed.text, self.today)
        self.closed = None
        return self.opened

    @property
    def invoice_sums(self) -> Mapping[str, Sums]:
        """By currency, what counts of the invoices today."""
        return self.invoices.sums if self.closed is None else self.closed.sums

    @property
    def invoices_due(self) -> int:
        """The next day on which an invoice moves by itself."""
        return self.invoices.due if self.closed is None else self.closed.due

    def advance(self, clock: datetime) -> None:
        """Move the clock; an earlier one does nothing."""
        if self.clock is not None and clock <= self.clock:
            return
        self.clock = clock
        if self.tomorrow is not None and clock < self.tomorrow:
            return
        today = self.today = self.days.day(clock)
        self.tomorrow = self.days.start(today + 1)
        self._move_windows()
        if today >= self.settles_on:
            self._settle()
        if today >= self.due_otherwise:
            if today >= self.invoices_due:
                self.invoices.advance(today)
            self.notice()

    def _move_windows(self) -> None:
        due = [currency for currency, book in self.books.items() if self.today >= book.due]
        for currency in due:
            if self.books[currency].advance(self.today):
                self.assessed = None
            if not self.books[currency].numbers:
                del self.books[currency]

    def _settle(self) -> None:
        today = self.today
        self.registered, self.ratings = self.registered.settled(today), self.ratings.settled(today)
        self.credit, self.override = self.credit.settled(today), self.override.settled(today)
        self.owners = self.owners.settled(today - OWNERS_KEPT_DAYS)
        self.hear()

    def hear(self) -> None:
        """Facts other than money and invoices have changed, or their day has come: what is stored and shown of them is
        made again.
        """
        self.facts_text = self.shown = None
        today = self.today
        self.settles_on = self._owners_settle_on() if self.owners.assignments else NEVER
        for latest in (self.registered, self.ratings, self.credit, self.override):
            if latest.entries:
                self.settles_on = min(self.settles_on, latest.next_day(today))

    def _owners_settle_on(self) -> int:
        """The next day on which the owner may be another one, or an assignment be dropped."""
        begins = self.owners.begins()
        days = [*begins, *(begin + OWNERS_KEPT_DAYS for begin in begins[1:])]
        return min((day for day in days if day > self.today), default=NEVER)

    def notice(self) -> None:
        """Facts that a tier depends on have changed, money aside, or their day has come: forget what was worked out of
        them, and find the next day on which time alone changes one of them.
        """
        self.forget()
        self.hear()
        self.due_otherwise = NEVER
        if (
            self.ratings.entries
            or self.credit.entries
            or self.override.entries
            or self.answers.given
            or self.invoices_due != NEVER
        ):
            self.due_otherwise = min((day for day in self._due_days() if day > self.today), default=NEVER)

    def _due_days(self) -> Iterable[int]:
        today = self.today
        yield self.invoices_due
        yield self.answers.next_day(today)
        for latest in (self.ratings, self.credit, self.override):
            yield latest.next_day(today)
        for entry in self.ratings.entries:
            yield entry.day + RATING_DAYS
            for rating in entry.fields.values():
                if rating is not None and rating[2] is not None:
                    yield rating[2] + 1
        for entry in (*self.credit.entries, *self.override.entries):
            for said in entry.fields.values():
                if said is not None and said[1] is not None:
                    yield said[1] + 1

    def next_due(self) -> int:
        """The next day on which time alone changes what is known."""
        due = self.due_otherwise
        for book in self.books.values():
            due = min(due, book.due)
        return due

    def next_decisive(self) -> int:
        """The next day on which time alone changes what a tier is computed from."""
        return min(self.due_otherwise, *(book.next_decisive() for book in self.books.values()), NEVER)

    def sell(self, day: int, currency: str, count: int, amounts: Amounts) -> None:
        """Count `count` purchases and amounts on a day; negative ones undo."""
        if count:
            self.bought.add(day, count)
        book = self.books.get(currency)
        if book is None:
            book = self.books[currency] = Book()
        book.add(self.today, day, amounts)
        if not book.numbers:
            del self.books[currency]
        self.assessed = None

    def override_rank(self) -> int | None:
        """The tier that an override in force sets, as a rank."""
        said = self.override.value("override", self.today) if self.override.entries else None
        return said[0] if said is not None and self.today <= said[1] else None

    def has_grown_up(self) -> bool:
        """Whether the first purchase is 730 days old."""
        first = self.bought.first(self.today)
        return first is not None and first <= self.today - KEPT_DAYS

    def slim(self) -> None:
        """Throw away what is quickly worked out again and most events need anew: so more states can be kept."""
        self.assessed = self.decided = None
        if not self.ratings.entries:
            self.terms = None

    def size(self) -> int:
        """About how many bytes this takes in memory, what others share aside; measured by a test."""
        size = _EMPTY_BYTES + _SAID_BYTES * len(self.facts_text or "")
        for book in self.books.values():
            size += _BOOK_BYTES + sum(map(len, book.texts)) + _BLOCK_BYTES * len(book.texts)
        size += sum(map(len, self.bought.texts)) + _BLOCK_BYTES * len(self.bought.texts)
        if self.closed is not None:
            return size + len(self.closed.text) + _SUMS_BYTES * len(self.closed.sums)
        return size + _PAIR_BYTES * len(self.invoices.pairs)

    def copy(self) -> "State":
        """A state of its own with the same content, to let time pass in; days of purchases, which only facts change,
        are shared.
        """
        twin = State.__new__(State)
        for name in _SHARED:
            setattr(twin, name, getattr(self, name))
        twin.books = {currency: book.copy() for currency, book in self.books.items()}
        twin.opened = None if self.opened is None else self.opened.copy(self.today)
        twin.forget()
        return twin


_SHARED = tuple(name for name in State.__slots__ if name not in {"books", "opened", "terms", "assessed", "decided"})
