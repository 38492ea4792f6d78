"""Invoices and payments, paired by (source, invoice_id) in either order, and their sums by lateness.

An invoice counts from the day it is due: for 365 days, and for as long as it is unpaid. As days pass it moves from
one class of lateness to the next; the next such day of each invoice is kept in one sorted list, so that a day on
which nothing moves costs nothing and an event costs the same however many invoices there are.
"""

from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass, field

from services.tiering.rules.days import NEVER

LATE_FROM = (1, 31, 61, 91)
"""Days after due_on at which a class of lateness begins: on time, 1-30, 31-60, 61-90, more."""
STALE_CLASS = 3
"""Unpaid for more than 60 days: this class and the one above."""
YEAR = 365
KEPT_DAYS = 3653
"""A paid invoice is forgotten ten years after the later of due_on and paid_on, so that a state stays bounded; what
amends or voids one of its halves after that changes nothing. (Books are kept no longer in most countries.)"""
CLASSES = len(LATE_FROM) + 1

Key = tuple[str, str]
"""(source, invoice_id)."""
Issue = tuple[int, str, int]
"""Amount in minor units, currency, due day."""


@dataclass(slots=True)
class Half:
    """The contents of one record by revision. While revisions cross, several may stand, and one may have been undone
    before it came (`undone`); in the end one content or none is left.
    """

    contents: dict[int, Issue | int] = field(default_factory=dict)
    undone: set[int] = field(default_factory=set)

    def put(self, revision: int, content: Issue | int | None, replaced: int | None) -> None:
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
    def content(self) -> Issue | int | None:
        """What stands: the content of the highest revision."""
        return self.contents[max(self.contents)] if self.contents else None

    def __len__(self) -> int:
        """How many contents stand or are still to be undone; 0 when nothing is known."""
        return len(self.contents) + len(self.undone)


@dataclass(slots=True)
class Pair:
    """An invoice and its payment. `counted` is where its amount has been added: (currency, class of lateness, whether
    unpaid, whether due over a year ago), or None; `moves_on` the day on which that changes by itself.
    """

    issued: Half = field(default_factory=Half)
    paid: Half = field(default_factory=Half)
    counted: tuple[str, int, bool, bool] | None = None
    amount: int = 0
    moves_on: int = NEVER


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
    def stale(self) -> int:
        """What has been unpaid for more than 60 days."""
        return sum(self.unpaid[STALE_CLASS:])


class Invoices:
    """All invoices of a customer and, per currency, what counts of them today."""

    __slots__ = ("moves", "pairs", "sums")

    def __init__(self) -> None:
        self.pairs: dict[Key, Pair] = {}
        self.sums: dict[str, Sums] = {}
        self.moves: list[tuple[int, Key]] = []

    @property
    def due(self) -> int:
        """The next day on which an invoice moves by itself."""
        return self.moves[0][0] if self.moves else NEVER

    def issue(self, today: int, key: Key, revision: int, issue: Issue | None, old: tuple[int, Issue] | None) -> None:
        """Take in a revision of an invoice, None for a void; `old` is what it replaces, with its revision."""
        if old is not None and self._is_forgotten(key, today, old[1][2]):
            return
        pair = self._open(key, today)
        pair.issued.put(revision, issue, None if old is None else old[0])
        self._close(key, pair, today)

    def pay(self, today: int, key: Key, revision: int, paid_on: int | None, old: tuple[int, int] | None) -> None:
        """Take in a revision of a payment, None for a void; `old` is the day that it replaces, with its revision."""
        if old is not None and self._is_forgotten(key, today, old[1]):
            return
        pair = self._open(key, today)
        pair.paid.put(revision, paid_on, None if old is None else old[0])
        self._close(key, pair, today)

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

    def _open(self, key: Key, today: int) -> Pair:
        pair = self.pairs.get(key)
        if pair is None or is_settled(pair, today):
            pair = self.pairs[key] = Pair()
        return pair

    def _close(self, key: Key, pair: Pair, today: int) -> None:
        self._count(key, pair, today)
        if not pair.issued and not pair.paid:
            del self.pairs[key]

    def _count(self, key: Key, pair: Pair, today: int) -> None:
        """Put the pair's amount where it belongs today, and note when that will change."""
        if pair.counted is not None:
            self._add(pair.counted, -pair.amount, -1)
        if pair.moves_on != NEVER:
            del self.moves[bisect_left(self.moves, (pair.moves_on, key))]
        pair.counted, pair.moves_on = _place(pair, today)
        if pair.counted is not None:
            issue = pair.issued.content
            assert isinstance(issue, tuple), "only an issued invoice counts"
            pair.amount = issue[0]
            self._add(pair.counted, pair.amount, 1)
        if pair.moves_on != NEVER:
            insort(self.moves, (pair.moves_on, key))

    def _add(self, counted: tuple[str, int, bool, bool], amount: int, count: int) -> None:
        currency, late, unpaid, old = counted
        sums = self.sums.get(currency)
        if sums is None:
            sums = self.sums[currency] = Sums([0] * CLASSES, [0] * CLASSES)
        sums.by_class[late] += amount
        sums.count += count
        if unpaid:
            sums.unpaid[late] += amount
            if old:
                sums.old_unpaid += amount
        if not sums.count:
            del self.sums[currency]

    def copy(self, today: int) -> "Invoices":
        """One of its own with the same content; halves are shared, as only new facts change them."""
        twin = Invoices()
        twin.pairs = {key: Pair(pair.issued, pair.paid) for key, pair in self.pairs.items()}
        twin.recount(today)
        return twin


def is_settled(pair: Pair, today: int) -> bool:
    """Whether a pair is old enough to be forgotten; a half that waits for its other one never is."""
    issue, paid_on = pair.issued.content, pair.paid.content
    if not isinstance(issue, tuple) or not isinstance(paid_on, int):
        return False
    return max(paid_on, issue[2]) + KEPT_DAYS < today


def _place(pair: Pair, today: int) -> tuple[tuple[str, int, bool, bool] | None, int]:
    """Where a pair counts today, and the next day on which that changes."""
    issue, paid_on = pair.issued.content, pair.paid.content
    if not isinstance(issue, tuple):
        return None, NEVER
    _, currency, due_on = issue
    if due_on > today:
        return None, due_on
    is_paid = isinstance(paid_on, int) and paid_on <= today
    old = today >= due_on + YEAR
    if is_paid and old:
        return None, NEVER
    late = bisect_right(LATE_FROM, (paid_on if is_paid and isinstance(paid_on, int) else today) - due_on)
    moves = [due_on + YEAR]
    if not is_paid:
        moves += [due_on + days for days in LATE_FROM]
        if isinstance(paid_on, int):
            moves.append(paid_on)
    return (currency, late, not is_paid, old), min((day for day in moves if day > today), default=NEVER)


def _day(move: tuple[int, Key]) -> int:
    return move[0]
