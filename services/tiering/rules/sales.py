"""Money by day and currency, and running sums over the windows that end today (domain.md, Time and Tiering).

A book keeps the days of the last 730 and those still to come. The windows' sums move with the clock: a bucket crosses
each border once, so that folding costs the same however many purchases lie in a window. Nothing here loops over all
buckets.
"""

from bisect import bisect_left, bisect_right, insort

from services.tiering.rules.days import NEVER

BORDERS = (0, 90, 180, 365, 455, 730)
"""Ages in days at which a bucket enters or leaves a window: the day itself, then the ends of the segments."""
SEGMENTS = len(BORDERS) - 1
KEPT_DAYS = BORDERS[-1]
YEAR = 365
_SEGMENT_OF_AGE = bytes(segment for segment in range(SEGMENTS) for _ in range(BORDERS[segment], BORDERS[segment + 1]))
DECISIVE = (0, 3, 5)
"""Places of the borders of the windows that a tier depends on, 0, 365 and 730; the others are those of `at_risk`."""
_PLACES = tuple(enumerate(BORDERS))
_LISTS = ("days", "gross", "refunds", "rated", "margin")


class Book:
    """One currency's money, in minor units, margins in millionths of them.

    days, gross, refunds, rated (gross that carries a margin rate), margin: lists side by side, by ascending day.
    net: sums of gross less refunds by segment of age: 0-89, 90-179, 180-364, 365-454, 455-729 days.
    gross_365d, rated_365d, margin_365d: sums of the last 365 days. passed: how many buckets have passed each border;
    due: the next day on which one does.
    """

    __slots__ = (*_LISTS, "due", "gross_365d", "margin_365d", "net", "passed", "rated_365d")

    def __init__(self) -> None:
        self.days: list[int] = []
        self.gross: list[int] = []
        self.refunds: list[int] = []
        self.rated: list[int] = []
        self.margin: list[int] = []
        self.net = [0] * SEGMENTS
        self.gross_365d = self.rated_365d = self.margin_365d = 0
        self.passed = [0] * len(BORDERS)
        self.due = NEVER

    def add(self, today: int, day: int, gross: int, refund: int, rated: int, margin: int) -> None:
        """Count amounts on a day; negative ones undo. A day outside every window for ever changes nothing."""
        age = today - day
        if age >= KEPT_DAYS:
            return
        days = self.days
        index = len(days) - 1
        if index < 0 or days[index] != day:
            index = bisect_left(days, day)
            if index == len(days) or days[index] != day:
                self._insert(index, today, day)
        self.gross[index] += gross
        self.refunds[index] += refund
        self.rated[index] += rated
        self.margin[index] += margin
        if not (self.gross[index] or self.refunds[index] or self.rated[index] or self.margin[index]):
            self._remove(index, today)
        if age < 0:
            return
        self.net[_SEGMENT_OF_AGE[age]] += gross - refund
        if age < YEAR:
            self.gross_365d += gross
            self.rated_365d += rated
            self.margin_365d += margin

    def _insert(self, index: int, today: int, day: int) -> None:
        self.days.insert(index, day)
        for amounts in (self.gross, self.refunds, self.rated, self.margin):
            amounts.insert(index, 0)
        borders = bisect_right(BORDERS, today - day)
        for border in range(borders):
            self.passed[border] += 1
        self.due = min(self.due, day + BORDERS[borders])

    def _remove(self, index: int, today: int) -> None:
        for border in range(bisect_right(BORDERS, today - self.days[index])):
            self.passed[border] -= 1
        for amounts in (self.days, self.gross, self.refunds, self.rated, self.margin):
            del amounts[index]
        self.due = min((self._next(place) for place in range(len(BORDERS))), default=NEVER)

    def _next(self, place: int) -> int:
        """The next day on which a bucket passes a border."""
        index = self.passed[place]
        return self.days[index] + BORDERS[place] if index < len(self.days) else NEVER

    def next_decisive(self) -> int:
        """The next day on which a bucket enters or leaves a window that a tier depends on."""
        return min(self._next(place) for place in DECISIVE)

    def advance(self, today: int) -> bool:
        """Move the windows to a later day; whether one moved that a tier depends on."""
        days, passed, due, decisive = self.days, self.passed, NEVER, False
        for place, border in _PLACES:
            index = passed[place]
            if index == len(days):
                continue
            crossing = days[index] + border
            if crossing <= today:
                self._cross(place, today - border)
                decisive = decisive or place in DECISIVE
                crossing = self._next(place)
            due = min(due, crossing)
        self.due = due
        if passed[-1]:
            self._drop(passed[-1])
        return decisive

    def _cross(self, place: int, last: int) -> None:
        """Let the buckets up to the day `last` pass a border."""
        low = self.passed[place]
        high = self.passed[place] = bisect_right(self.days, last, low)
        moved = sum(self.gross[low:high]) - sum(self.refunds[low:high])
        if place < SEGMENTS:
            self.net[place] += moved
        if place:
            self.net[place - 1] -= moved
        if BORDERS[place] in {0, YEAR}:
            sign = -1 if place else 1
            self.gross_365d += sign * sum(self.gross[low:high])
            self.rated_365d += sign * sum(self.rated[low:high])
            self.margin_365d += sign * sum(self.margin[low:high])

    def _drop(self, count: int) -> None:
        for amounts in (self.days, self.gross, self.refunds, self.rated, self.margin):
            del amounts[:count]
        self.passed = [passed - count for passed in self.passed]

    def recount(self, today: int) -> None:
        """Set the sums from the lists, as after loading them."""
        self.passed = [0] * len(BORDERS)
        self.net = [0] * SEGMENTS
        self.gross_365d = self.rated_365d = self.margin_365d = 0
        self.advance(today)

    def has_begun(self, today: int) -> bool:
        """Whether a bucket of the last 730 days stands."""
        return bool(self.days) and self.days[0] <= today

    def copy(self) -> "Book":
        """A book of its own with the same content."""
        twin = Book()
        for name in _LISTS:
            setattr(twin, name, getattr(self, name).copy())
        twin.net, twin.passed = self.net.copy(), self.passed.copy()
        twin.gross_365d, twin.rated_365d, twin.margin_365d = self.gross_365d, self.rated_365d, self.margin_365d
        twin.due = self.due
        return twin


class Tally:
    """How many purchases stand on each day, for ever: voiding the first one makes the next one the first."""

    __slots__ = ("counts", "days")

    def __init__(self, counts: dict[int, int] | None = None) -> None:
        self.counts = counts or {}
        self.days = sorted(self.counts)

    def add(self, day: int, count: int) -> None:
        """Count purchases on a day; negative ones undo. Counts below zero stand while revisions cross."""
        before = self.counts.get(day, 0)
        after = before + count
        if after:
            self.counts[day] = after
            if not before:
                insort(self.days, day)
        elif before:
            del self.counts[day]
            del self.days[bisect_left(self.days, day)]

    def first(self, today: int) -> int | None:
        """The earliest day, up to today, of a purchase that stands."""
        for day in self.days:
            if day > today:
                return None
            if self.counts[day] > 0:
                return day
        return None

    def last(self, today: int) -> int | None:
        """The latest day, up to today, of a purchase that stands."""
        for index in range(bisect_right(self.days, today) - 1, -1, -1):
            if self.counts[self.days[index]] > 0:
                return self.days[index]
        return None

    def copy(self) -> "Tally":
        """A tally of its own with the same content."""
        twin = Tally()
        twin.counts, twin.days = self.counts.copy(), self.days.copy()
        return twin
