"""Invoices, what was paid of them and credited, brought together by (source, invoice_id) in any order, and their sums
by lateness.

An invoice counts from the day it is due: for 365 days, and for as long as something of it is unpaid. Each part that was
paid is as late as its own day, the rest as today. As days pass it moves from one class of lateness to the next; the
next such day of each invoice is kept in one sorted list, so that a day on which nothing moves costs nothing and an
event costs the same however many invoices there are.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from shared.facts.days import NEVER

LATE_FROM = (1, 31, 61, 91)
"""Days after due_on at which a class of lateness begins: on time, 1-30, 31-60, 61-90, more."""
STALE_CLASS = 3
"""Unpaid for more than 60 days: this class and the one above."""
YEAR = 365
KEPT_DAYS = 3653
"""A paid invoice is forgotten ten years after the last of its days, so that a state stays bounded; what amends or voids
something of it after that changes nothing. (Books are kept no longer in most countries.)"""
MAX_PARTS = 100
"""Payments in part and credits of one invoice, so that none makes a state large; more are flagged and not counted."""
CLASSES = len(LATE_FROM) + 1

Key = tuple[str, str]
"""(source, invoice_id)."""
Money = tuple[int, str, int]
"""Amount in minor units, currency, day: on which an invoice is due, a part was paid or credited."""
Place = tuple[Literal["issued", "paid", "part", "credit"], str]
"""Which record of an invoice: the invoice, its payment whole; or a part or credit and its id."""
ISSUED: Place = ("issued", "")
PAID: Place = ("paid", "")


@dataclass(slots=True)
class Half:
    """The contents of one record by revision. While revisions cross, several may stand, and one may have been undone
    before it came (`undone`); in the end one content or none is left.
    """

    contents: dict[int, Money | int] = field(default_factory=dict)
    undone: set[int] = field(default_factory=set)

    def put(self, revision: int, content: Money | int | None, replaced: int | None) -> None:
        """Take in a revision, None for a void; `replaced` is the revision with content that it undoes, if any."""
        if revision in self.undone:
            self.undone.discard(revision)
        elif content is not None:
            self.contents[revision] = content
        if replaced is not None:
            if replaced in self.contents:
                del self.contents[replaced]
            else:
                self.undone.add(replaced)

    @property
    def content(self) -> Money | int | None:
        """What stands: the content of the highest revision."""
        return self.contents[max(self.contents)] if self.contents else None

    def __len__(self) -> int:
        """How many contents stand or are still to be undone; 0 when nothing is known."""
        return len(self.contents) + len(self.undone)


class Counted(NamedTuple):
    """Where an invoice has been added: its currency, whether it was due over a year ago, and (class of lateness,
    amount, whether unpaid) of each piece of it that counts.
    """

    currency: str
    old: bool
    pieces: tuple[tuple[int, int, bool], ...]


@dataclass(slots=True)
class Pair:
    """An invoice and all that was paid of it: `paid` all that was left, `parts` and `credits` by their ids. `surplus`:
    there were more than MAX_PARTS. `counted` is where it counts today, if anywhere; `moves_on` the day on which that
    changes by itself.
    """

    issued: Half = field(default_factory=Half)
    paid: Half = field(default_factory=Half)
    parts: dict[str, Half] = field(default_factory=dict)
    credits: dict[str, Half] = field(default_factory=dict)
    surplus: bool = False
    counted: Counted | None = None
    moves_on: int = NEVER

    def half(self, place: Place) -> Half | None:
        """The record at a place, made if need be; None for one too many."""
        which, name = place
        if which == "issued":
            return self.issued
        if which == "paid":
            return self.paid
        halves = self.parts if which == "part" else self.credits
        if name not in halves:
            if len(self.parts) + len(self.credits) >= MAX_PARTS:
                self.surplus = True
                return None
            halves[name] = Half()
        return halves[name]

    def tidy(self, place: Place) -> None:
        """Forget a part or credit of which nothing is known any more."""
        which, name = place
        halves = {"part": self.parts, "credit": self.credits}.get(which)
        if halves is not None and name in halves and not halves[name]:
            del halves[name]

    def __bool__(self) -> bool:
        return bool(self.issued or self.paid or self.parts or self.credits)

    def days(self) -> Iterator[int]:
        """The days of all that stands."""
        for half in (self.issued, self.paid, *self.parts.values(), *self.credits.values()):
            content = half.content
            if content is not None:
                yield content if isinstance(content, int) else content[2]

    def is_uncounted(self) -> bool:
        """Whether something of it can't be counted: a part or credit in another currency, or one too many."""
        issue = self.issued.content
        if self.surplus or not isinstance(issue, tuple):
            return self.surplus
        contents = (half.content for half in (*self.parts.values(), *self.credits.values()))
        return any(isinstance(content, tuple) and content[1] != issue[1] for content in contents)


@dataclass(slots=True)
class Sums:
    """Amounts of one currency that count: all by class of lateness, the unpaid ones of these, and of the unpaid those
    that were due over a year ago. `count` is how many invoices they are.
    """

    by_class: list[int]
    unpaid: list[int]
    old_unpaid: int = 0
    count: int = 0

    @property
    def overdue(self) -> int:
        """What is unpaid and was due."""
        return sum(self.unpaid[1:])

    @property
    def stale(self) -> int:
        """What has been unpaid for more than 60 days."""
        return sum(self.unpaid[STALE_CLASS:])


Replaced = tuple[int, Money | int]
"""The revision with content that another one undoes, and its content."""


class Invoices:
    """All invoices of a customer and, per currency, what counts of them today."""

    __slots__ = ("moves", "pairs", "sums", "uncounted")

    def __init__(self) -> None:
        self.pairs: dict[Key, Pair] = {}
        self.sums: dict[str, Sums] = {}
        self.moves: list[tuple[int, Key]] = []
        self.uncounted: set[Key] = set()
        """Invoices of which a part or credit can't be counted."""

    @property
    def due(self) -> int:
        """The next day on which an invoice moves by itself."""
        return self.moves[0][0] if self.moves else NEVER

    def put(
        self, today: int, key: Key, place: Place, revision: int, content: Money | int | None, old: Replaced | None
    ) -> None:
        """Take in a revision of a record, None for a void; `old` is what it replaces, with its revision."""
        if old is not None and self._is_forgotten(key, today, old[1] if isinstance(old[1], int) else old[1][2]):
            return
        pair = self.pairs.get(key)
        if pair is None or is_settled(pair, today):
            pair = self.pairs[key] = Pair()
        half = pair.half(place)
        if half is not None:
            half.put(revision, content, None if old is None else old[0])
            pair.tidy(place)
        self._count(key, pair, today)
        if not pair:
            del self.pairs[key]

    def advance(self, today: int) -> bool:
        """Let days pass; whether anything moved."""
        if today < self.due:
            return False
        end = bisect_right(self.moves, today, key=_day)
        for _, key in self.moves[:end]:
            pair = self.pairs[key]
            pair.moves_on = NEVER
            self._count(key, pair, today)
        del self.moves[:end]
        return True

    def recount(self, today: int) -> None:
        """Set sums and moves from the pairs, as after loading them."""
        for key, pair in self.pairs.items():
            self._count(key, pair, today)

    def _is_forgotten(self, key: Key, today: int, day: int) -> bool:
        pair = self.pairs.get(key)
        return day + KEPT_DAYS < today and (pair is None or is_settled(pair, today))

    def _count(self, key: Key, pair: Pair, today: int) -> None:
        """Put the pair's amount where it belongs today, and note when that will change."""
        if pair.counted is not None:
            self._add(pair.counted, -1)
        if pair.moves_on != NEVER:
            del self.moves[bisect_left(self.moves, (pair.moves_on, key))]
        pair.counted, pair.moves_on = _place(pair, today)
        if pair.counted is not None:
            self._add(pair.counted, 1)
        if pair.moves_on != NEVER:
            insort(self.moves, (pair.moves_on, key))
        if pair.is_uncounted():
            self.uncounted.add(key)
        elif self.uncounted:
            self.uncounted.discard(key)

    def _add(self, counted: Counted, sign: int) -> None:
        sums = self.sums.get(counted.currency)
        if sums is None:
            sums = self.sums[counted.currency] = Sums([0] * CLASSES, [0] * CLASSES)
        sums.count += sign
        for late, amount, unpaid in counted.pieces:
            sums.by_class[late] += sign * amount
            if unpaid:
                sums.unpaid[late] += sign * amount
                if counted.old:
                    sums.old_unpaid += sign * amount
        if not sums.count:
            del self.sums[counted.currency]

    def copy(self, today: int) -> "Invoices":
        """One of its own with the same content; halves are shared, as only new facts change them."""
        twin = Invoices()
        twin.pairs = {
            key: Pair(pair.issued, pair.paid, pair.parts, pair.credits, pair.surplus)
            for key, pair in self.pairs.items()
        }
        twin.recount(today)
        return twin


def is_settled(pair: Pair, today: int) -> bool:
    """Whether an invoice is old enough to be forgotten; one that awaits a payment never is, nor what awaits its
    invoice.
    """
    issue = pair.issued.content
    if not isinstance(issue, tuple) or max(pair.days()) + KEPT_DAYS >= today:
        return False
    return isinstance(pair.paid.content, int) or not _pieces(pair, issue, today)[1]


def _pieces(pair: Pair, issue: Money, today: int) -> tuple[list[tuple[int, int]], int]:
    """What has been paid of an invoice up to today, as (day, amount), and what is left. A credit lowers what is owed as
    a revision of the invoice would; payments follow one another by day and id, the whole one last of its day.
    """
    amount, currency, _ = issue
    if not pair.parts and not pair.credits:
        paid_on = pair.paid.content
        return ([(paid_on, amount)], 0) if isinstance(paid_on, int) and paid_on <= today else ([], amount)
    left = max(0, amount - sum(credited for credited, _, _ in _standing(pair.credits, currency, today)))
    payments = [(day, 0, name, part) for part, day, name in _standing(pair.parts, currency, today)]
    if isinstance(pair.paid.content, int) and pair.paid.content <= today:
        payments.append((pair.paid.content, 1, "", left))
    pieces = []
    for day, _, _, paid in sorted(payments):
        taken = min(paid, left)
        left -= taken
        if taken:
            pieces.append((day, taken))
    return pieces, left


def _standing(halves: dict[str, Half], currency: str, today: int) -> Iterator[tuple[int, int, str]]:
    """(amount, day, id) of the parts or credits of a currency up to today."""
    for name, half in halves.items():
        content = half.content
        if isinstance(content, tuple) and content[1] == currency and content[2] <= today:
            yield content[0], content[2], name


def _place(pair: Pair, today: int) -> tuple[Counted | None, int]:
    """Where an invoice counts today, and the next day on which that changes."""
    issue = pair.issued.content
    if not isinstance(issue, tuple):
        return None, NEVER
    _, currency, due_on = issue
    if due_on > today:
        return None, due_on
    old = today >= due_on + YEAR
    paid, left = _pieces(pair, issue, today)
    pieces = [] if old else [(bisect_right(LATE_FROM, day - due_on), amount, False) for day, amount in paid]
    moves = [due_on + YEAR]
    if left:
        pieces.append((bisect_right(LATE_FROM, today - due_on), left, True))
        moves += [due_on + days for days in LATE_FROM]
    if left or paid:
        moves += pair.days()
    counted = Counted(currency, old, tuple(pieces)) if pieces else None
    return counted, min((day for day in moves if day > today), default=NEVER)


def _day(move: tuple[int, Key]) -> int:
    return move[0]
