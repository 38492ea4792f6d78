"""What is known of one customer from facts: money, ratings, invoices, master data, and the clock."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from services.tiering.rules.answers import Answers
from services.tiering.rules.days import NEVER, Days
from services.tiering.rules.goals import Goals
from services.tiering.rules.invoices import Invoices
from services.tiering.rules.latest import Latest
from services.tiering.rules.owners import Owners
from services.tiering.rules.sales import KEPT_DAYS, Book, Tally

RATING_DAYS = 365
"""A rating counts through its day + 364."""


class State:
    """The state of one customer.

    clock: the instant up to which time has passed, None before the first fact; today, tomorrow: its business day and
    the instant at which the next one begins. registered, ratings, credit, override: facts of which the latest holds.
    goals: those that tiering measures. terms, assessed, decided: worked out from the rest and thrown away when that
    changes; never stored.
    """

    __slots__ = (
        "answers",
        "assessed",
        "books",
        "bought",
        "clock",
        "credit",
        "customer",
        "days",
        "decided",
        "due_otherwise",
        "goals",
        "invoices",
        "override",
        "owners",
        "ratings",
        "registered",
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
        self.bought = Tally()
        self.registered = Latest()
        self.owners = Owners()
        self.ratings = Latest()
        self.credit = Latest()
        self.override = Latest()
        self.invoices = Invoices()
        self.answers = Answers()
        self.goals: Goals = {}
        self.due_otherwise = NEVER
        self.forget()

    def forget(self) -> None:
        """Facts other than money have changed, or a day has come that changes them: work everything out anew."""
        self.terms: Any = None
        self.assessed: Any = None
        self.decided: Any = None

    def advance(self, clock: datetime) -> None:
        """Move the clock; an earlier one does nothing."""
        if self.clock is not None and clock <= self.clock:
            return
        self.clock = clock
        if self.tomorrow is not None and clock < self.tomorrow:
            return
        today = self.today = self.days.day(clock)
        self.tomorrow = self.days.start(today + 1)
        empty = []
        for currency, book in self.books.items():
            if today >= book.due:
                if book.advance(today):
                    self.assessed = None
                if not book.days:
                    empty.append(currency)
        for currency in empty:
            del self.books[currency]
        if today >= self.due_otherwise:
            self.invoices.advance(today)
            self.notice()

    def notice(self) -> None:
        """Facts other than money have changed, or their day has come: forget what was worked out of them, and find
        the next day on which time alone changes one of them.
        """
        self.forget()
        self.due_otherwise = NEVER
        if (
            self.ratings.entries
            or self.credit.entries
            or self.override.entries
            or self.invoices.moves
            or self.answers.given
        ):
            self.due_otherwise = min((day for day in self._due_days() if day > self.today), default=NEVER)

    def _due_days(self) -> Iterable[int]:
        today = self.today
        yield self.invoices.due
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

    def sell(self, day: int, currency: str, count: int, amounts: tuple[int, int, int, int]) -> None:
        """Count `count` purchases and (gross, refund, rated, margin) amounts on a day; negative ones undo."""
        if count:
            self.bought.add(day, count)
        book = self.books.get(currency)
        if book is None:
            book = self.books[currency] = Book()
        book.add(self.today, day, *amounts)
        if not book.days:
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

    def copy(self) -> "State":
        """A state of its own with the same content, to let time pass in."""
        twin = State(self.customer, self.days)
        twin.clock, twin.today, twin.tomorrow = self.clock, self.today, self.tomorrow
        twin.books = {currency: book.copy() for currency, book in self.books.items()}
        twin.bought = self.bought  # only facts change it
        for name in ("registered", "owners", "ratings", "credit", "override", "answers"):
            setattr(twin, name, getattr(self, name).copy())
        twin.invoices = self.invoices.copy(self.today)
        twin.due_otherwise = self.due_otherwise
        return twin
