"""Money by day and currency, running sums over the windows that end today, and the days of purchases (domain.md, Time
and Tiering).

A book keeps the days of the last 730 and those still to come, in blocks. The windows' sums move with the clock: a
bucket crosses each border once, so that folding costs the same however many purchases lie in a window. Only the blocks
that a fact or a border meets are opened.
"""

from bisect import bisect_left, bisect_right
from operator import add

from services.tiering.rules.blocks import Blocks
from shared.facts.days import NEVER

BORDERS = (0, 90, 180, 365, 455, 730)
"""Ages in days at which a bucket enters or leaves a window: the day itself, then the ends of the segments."""
SEGMENTS = len(BORDERS) - 1
KEPT_DAYS = BORDERS[-1]
YEAR = 365
_SEGMENT_OF_AGE = bytes(segment for segment in range(SEGMENTS) for _ in range(BORDERS[segment], BORDERS[segment + 1]))
DECISIVE = (0, 3, 5)
"""Places of the borders of the windows that a tier depends on, 0, 365 and 730; the others are those of `at_risk`."""
_PLACES = tuple(enumerate(BORDERS))
GROSS, REFUNDS, RATED, MARGIN = range(1, 5)

Amounts = tuple[int, int, int, int]
"""Gross, refunds, rated (gross that carries a margin rate) in minor units, margin in millionths of them."""


class Book(Blocks):
    """One currency's money: the Amounts of each day.

    net: sums of gross less refunds by segment of age: 0-89, 90-179, 180-364, 365-454, 455-729 days. gross_365d,
    rated_365d, margin_365d: sums of the last 365 days. ahead: by border the first day with a bucket that has not passed
    it; due: the next day on which one does.
    """

    __slots__ = ("ahead", "due", "gross_365d", "margin_365d", "net", "rated_365d")

    DAYS = 32
    KINDS = 4

    def __init__(self) -> None:
        super().__init__()
        self.net: tuple[int, ...] = (0,) * SEGMENTS
        self.gross_365d = self.rated_365d = self.margin_365d = 0
        self.ahead: tuple[int, ...] = (NEVER,) * len(BORDERS)
        self.due = NEVER

    def add(self, today: int, day: int, amounts: Amounts) -> None:
        """Count amounts on a day; negative ones undo. A day outside every window forever changes nothing."""
        age = today - day
        if age >= KEPT_DAYS or not any(amounts):
            return
        change, _ = self.put(day, amounts)
        if change > 0:
            passed = bisect_right(BORDERS, age)
            self.ahead = (*self.ahead[:passed], *(min(first, day) for first in self.ahead[passed:]))
            self._find_due()
        elif change < 0 and day in self.ahead:
            following = self.next_day(day + 1) or NEVER
            self.ahead = tuple(following if first == day else first for first in self.ahead)
            self._find_due()
        if age < 0:
            return
        gross, refunds, rated, margin = amounts
        self._move(_SEGMENT_OF_AGE[age], gross - refunds)
        if age < YEAR:
            self.gross_365d += gross
            self.rated_365d += rated
            self.margin_365d += margin

    def _find_due(self) -> None:
        self.due = min(map(add, self.ahead, BORDERS))

    def next_decisive(self) -> int:
        """The next day on which a bucket enters or leaves a window that a tier depends on."""
        return min(self.ahead[place] + BORDERS[place] for place in DECISIVE)

    def advance(self, today: int) -> bool:
        """Move the windows to a later day; whether one moved that a tier depends on."""
        decisive = False
        for place, border in _PLACES:
            if self.ahead[place] + border <= today:
                self._cross(place, today - border)
                decisive = decisive or place in DECISIVE
        self.divide()
        self._find_due()
        return decisive

    def _cross(self, place: int, last: int) -> None:
        """Let the buckets up to the day `last` pass a border."""
        first, following = self.ahead[place], NEVER
        gross = refunds = rated = margin = 0
        index = bisect_left(self.numbers, first // self.span)
        while following == NEVER and index < len(self.numbers):
            begin = self.numbers[index] * self.span
            columns = self.read(index)
            places = columns[0]
            low, high = bisect_left(places, first - begin), bisect_right(places, last - begin)
            if high < len(places):
                following = begin + places[high]
            gross += sum(columns[GROSS][low:high])
            refunds += sum(columns[REFUNDS][low:high])
            rated += sum(columns[RATED][low:high])
            margin += sum(columns[MARGIN][low:high])
            if place < SEGMENTS or high == low or self._drop(index, columns, high):
                index += 1
        self.ahead = (*self.ahead[:place], following, *self.ahead[place + 1 :])
        if place < SEGMENTS:
            self._move(place, gross - refunds)
        if place:
            self._move(place - 1, refunds - gross)
        if BORDERS[place] in {0, YEAR}:
            sign = -1 if place else 1
            self.gross_365d += sign * gross
            self.rated_365d += sign * rated
            self.margin_365d += sign * margin

    def _move(self, segment: int, net: int) -> None:
        self.net = (*self.net[:segment], self.net[segment] + net, *self.net[segment + 1 :])

    def _drop(self, index: int, columns: list[list[int]], count: int) -> bool:
        """Forget the first buckets of a block; whether any is left."""
        self.count -= count
        places, *amounts = (column[count:] for column in columns)
        return self.write(index, [places, *(column if any(column) else [] for column in amounts)])

    def recount(self, today: int) -> None:
        """Set the sums from the blocks."""
        self.net = (0,) * SEGMENTS
        self.gross_365d = self.rated_365d = self.margin_365d = 0
        self.ahead = (self.next_day(0) or NEVER,) * len(BORDERS)
        self.advance(today)

    def has_begun(self, today: int) -> bool:
        """Whether a bucket of the last 730 days stands."""
        return self.ahead[SEGMENTS] <= today

    def copy(self) -> "Book":
        """A book of its own with the same content."""
        twin = super().copy()
        twin.net, twin.ahead, twin.due = self.net, self.ahead, self.due
        twin.gross_365d, twin.rated_365d, twin.margin_365d = self.gross_365d, self.rated_365d, self.margin_365d
        return twin


class Bought(Blocks):
    """How many purchases stand on each day, forever: voiding the first one makes the next one the first. Counts below
    zero stand while revisions cross.

    earliest, latest: of the days on which any stands; NEVER and 0 where there is none.
    """

    __slots__ = ("earliest", "latest")

    DAYS = 64
    KINDS = 1

    def __init__(self) -> None:
        super().__init__()
        self.earliest, self.latest = NEVER, 0

    def add(self, day: int, count: int) -> None:
        """Count purchases on a day; negative ones undo."""
        span = self.span
        change, (places, counts) = self.put(day, (count,))
        if change >= 0 and counts[bisect_left(places, day % span)] > 0:
            self.earliest, self.latest = min(self.earliest, day), max(self.latest, day)
        elif day in {self.earliest, self.latest}:
            self.recount()

    def recount(self) -> None:
        """Find the days of the first and of the last purchase."""
        self.earliest = next((day for day, count in self.from_first() if count > 0), NEVER)
        self.latest = next((day for day, count in self.from_last() if count > 0), 0)

    def first(self, today: int) -> int | None:
        """The earliest day, up to today, of a purchase that stands."""
        return self.earliest if self.earliest <= today else None

    def last(self, today: int) -> int | None:
        """The latest day, up to today, of a purchase that stands."""
        if self.latest <= today:
            return self.latest or None
        return next((day for day, count in self.from_last() if count > 0 and day <= today), None)
