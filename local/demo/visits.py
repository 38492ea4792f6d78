"""Simulated visits: each representative plans a week at a time, by habit."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import count
from random import Random
from typing import Any, Protocol

from local.demo.accounts import Account
from local.demo.cloudevents import CloudEvent, cloud_event
from local.demo.roster import Representative

_FRIENDS = 5
_KEY_ACCOUNTS = 12
_KEY_ACCOUNT_SHARE = 0.3
_TOO_MANY_IN_A_DAY = 8
_TOO_MANY_SHARE = 0.004
_EXECUTIVE_REACH = 60
"""Executives see the largest customers only."""

_KINDS = ("routine",) * 86 + ("technical_exchange",) * 5 + ("workshop",) * 3 + ("exhibition",) * 3 + (
    "reference_site",
) + ("company_tour",) * 2  # fmt: skip
_REMOTE_CHANNELS = ("video", "video", "phone", "phone", "chat")
_PERSONAL_CHANNELS = ("onsite", "onsite", "onsite", "onsite", "hosted")
_PURPOSES = (
    "range for next season", "order backlog", "季度回顾", "new contact at the customer",
    "terms and delivery",
)  # fmt: skip
_CONSENSUS = (
    "trial order of the new range", "deliveries every second week", "双方同意下季度增加陈列面积",
    "joint stand at the autumn fair", "returns to be credited this month",
    "samples wanted before the season",
)  # fmt: skip
_FOLLOW_UPS = ("send the price list", "寄送样品", "check the credit note", "agree a date with the warehouse")


class Clock(Protocol):
    """Gives instants of business days."""

    def at(self, day: date, minute: int) -> datetime: ...


@dataclass(slots=True)
class _Book:
    """What a representative owns, largest first."""

    accounts: list[Account] = field(default_factory=list)

    @property
    def friends(self) -> list[Account]:
        """Whom they like best: a few that are not large."""
        return self.accounts[_KEY_ACCOUNTS:][:_FRIENDS] or self.accounts[:_FRIENDS]


def visits(
    rng: Random,
    accounts: Sequence[Account],
    reps: Sequence[Representative],
    days: tuple[date, date],
    clock: Clock,
    source: str,
) -> Iterator[CloudEvent]:
    """All visits of a period, week by week."""
    first, last = days
    numbers = count(1)
    monday = first - timedelta(days=first.weekday())
    while monday <= last:
        books = _books(accounts, monday)
        for rep in reps:
            for planned in _week(rng, rep, books[rep.id], reps, monday):
                if first <= planned.day <= last:
                    yield planned.event(f"V-{next(numbers):06}", clock, source)
        monday += timedelta(days=7)


def _books(accounts: Sequence[Account], monday: date) -> defaultdict[str, _Book]:
    """Who owns what on that Monday; executives see the largest."""
    books: defaultdict[str, _Book] = defaultdict(_Book)
    for rank, account in enumerate(accounts):
        if account.known_on > monday:
            continue
        term = next((term for term in reversed(account.terms) if term.from_on <= monday), None)
        owners = () if term is None else (term.account_manager, term.product_manager)
        for owner in owners + (("EX01", "EX02")[rank % 2 :][:1] if rank < _EXECUTIVE_REACH else ()):
            books[owner].accounts.append(account)
    return books


@dataclass(frozen=True, slots=True)
class _Visit:
    """A visit as planned, before it has a number."""

    day: date
    minute: int
    subject: str
    data: dict[str, Any]

    def event(self, visit_id: str, clock: Clock, source: str) -> CloudEvent:
        at = clock.at(self.day, self.minute)
        data = {"visit_id": visit_id, **self.data}
        return cloud_event(source, visit_id, "visit.logged", self.subject, at, data)


def _week(
    rng: Random, rep: Representative, book: _Book, reps: Sequence[Representative], monday: date
) -> Iterator[_Visit]:
    working = [day for n in range(5) if rep.works_on(day := monday + timedelta(days=n)) and not _holiday(day)]
    if not working or not book.accounts:
        return
    if rep.role == "executive":
        if rng.random() < 0.5:
            yield _visit(rng, rep, rng.choice(book.accounts), rng.choice(working), (), kind="executive")
        return
    pace = rep.habits.visits_per_week * float(rep.fte) * len(working) / 5
    for _ in range(max(0, round(rng.gauss(pace, 1.2)))):
        yield _visit(rng, rep, _whom(rng, rep, book), rng.choice(working), reps)
    if rng.random() < _TOO_MANY_SHARE:
        day = rng.choice(working)
        for account in rng.sample(book.accounts, min(_TOO_MANY_IN_A_DAY, len(book.accounts))):
            yield _visit(rng, rep, account, day, ())


def _whom(rng: Random, rep: Representative, book: _Book) -> Account:
    """The same friends, one of the largest accounts, or any."""
    if rng.random() < rep.habits.same_friends:
        return rng.choice(book.friends)
    if rng.random() < _KEY_ACCOUNT_SHARE:
        return rng.choice(book.accounts[:_KEY_ACCOUNTS])
    return rng.choice(book.accounts)


def _holiday(day: date) -> bool:
    """The trade rests around Christmas."""
    return (day.month, day.day) >= (12, 24) or (day.month, day.day) == (1, 1)


def _visit(
    rng: Random,
    rep: Representative,
    account: Account,
    day: date,
    reps: Sequence[Representative],
    kind: str | None = None,
) -> _Visit:
    """reps: among whom a colleague may be found to come along; none for a visit alone."""
    habits = rep.habits
    participants = [rep]
    if reps and rng.random() < habits.joint:
        colleagues = [one for one in reps if one.role == rep.role and one is not rep and one.works_on(day)]
        if colleagues:  # the elder hand is listed first: for the other one the visit does not count
            participants = sorted((rep, rng.choice(colleagues)), key=lambda one: one.id)
    outcome = rng.random() >= habits.no_outcome
    remote = rng.random() < habits.remote
    met = rng.sample(account.people, rng.randint(1, len(account.people)))
    if rng.random() < 0.03:
        met = []
    data: dict[str, Any] = {
        "kind": kind or rng.choice(_KINDS),
        "channel": rng.choice(_REMOTE_CHANNELS if remote else _PERSONAL_CHANNELS),
        "participants": [{"rep_id": one.id, "role": one.role} for one in participants],
        "attendees": [_attendee(person.id, person.name, person.department) for person in met],
        "purpose": rng.choice(_PURPOSES),
    }
    if outcome:
        data["consensus"] = rng.choice(_CONSENSUS)
        if rng.random() < 0.4:
            due = day + timedelta(days=rng.choice((7, 14, 30)))
            data["follow_ups"] = [{"what": rng.choice(_FOLLOW_UPS), "owner": rep.id, "due_on": due.isoformat()}]
    return _Visit(day, rng.randint(9 * 60, 17 * 60), account.customer.id, data)


def _attendee(person_id: str | None, name: str, department: str) -> dict[str, str]:
    attendee = {"name": name, "department": department}
    return attendee if person_id is None else {"person_id": person_id, **attendee}
