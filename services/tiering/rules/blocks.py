"""Days in blocks: each block is one text, in which it is stored and kept, and opened only when one of its days is met.
Few days lie in wide blocks, so that most customers' documents and states stay small; many in narrow ones, so that an
event costs the same however many there are.

JSON, lists side by side by ascending day: places in the block, then amounts of each. A list of nothing but zeros is
empty, and empty ones at the end are left out, so that a text is a function of what it says. Whole numbers of any size.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import ClassVar, Self

from pydantic_core import from_json, to_json

Columns = list[list[int]]
"""The lists of a block: places, and one for each kind of amount."""
UNDIVIDED = 32
"""So many days are in wide blocks."""
_WIDE = 4096
"""The span of the blocks of few days: eleven years, so that they are one or two."""


class Blocks:
    """Amounts by day. `numbers`, `texts`: the blocks side by side, ascending; none is without a day, and no day is
    without an amount. `count`: how many days there are; `span`: over how many days of the calendar a block goes.
    """

    __slots__ = ("count", "numbers", "span", "texts")

    DAYS: ClassVar[int]
    """The span of a block where there are many days. It is written whole, so a fact costs the days of one block; each
    is a field of its own, so a document costs the number of blocks."""
    KINDS: ClassVar[int]
    """How many amounts a day has."""

    def __init__(self) -> None:
        self.numbers: tuple[int, ...] = ()
        self.texts: tuple[str, ...] = ()
        self.count = 0
        self.span = _WIDE

    def put(self, day: int, amounts: Sequence[int]) -> tuple[int, Columns]:
        """Add amounts, not all of them zero, to a day; gives 1 when it was not there, -1 when nothing is left of it,
        else 0; and the block as it is now.
        """
        number, place = divmod(day, self.span)
        index = bisect_left(self.numbers, number)
        if index == len(self.numbers) or self.numbers[index] != number:
            columns = [[place], *([amount] if amount else [] for amount in amounts)]
            self.numbers = (*self.numbers[:index], number, *self.numbers[index:])
            self.texts = (*self.texts[:index], _text(columns), *self.texts[index:])
            change = 1
        else:
            columns = self.read(index)
            change = _put(columns, place, amounts)
            self.write(index, columns)
        if change:
            self.count += change
            self.divide()
        return change, columns

    def read(self, index: int) -> Columns:
        """The block at a place among the blocks."""
        columns: Columns = from_json(self.texts[index])
        return columns + [[] for _ in range(self.KINDS + 1 - len(columns))]

    def write(self, index: int, columns: Columns) -> bool:
        """Put a block back; False, and away with it, when it has no day."""
        if columns[0]:
            self.texts = (*self.texts[:index], _text(columns), *self.texts[index + 1 :])
            return True
        self.numbers = (*self.numbers[:index], *self.numbers[index + 1 :])
        self.texts = (*self.texts[:index], *self.texts[index + 1 :])
        return False

    def divide(self) -> None:
        """Lay few days into wide blocks, and many into narrow ones."""
        span = self.span_of(self.count)
        if span == self.span:
            return
        days: list[int] = []
        amounts: list[list[int]] = [[] for _ in range(self.KINDS)]
        for index, number in enumerate(self.numbers):
            places, *columns = self.read(index)
            days += [number * self.span + place for place in places]
            for whole, column in zip(amounts, columns, strict=True):
                whole.extend(column or [0] * len(places))
        numbers, texts = [], []
        low = 0
        while low < len(days):
            number = days[low] // span
            high = bisect_left(days, (number + 1) * span, low)
            parts = (whole[low:high] for whole in amounts)
            numbers.append(number)
            texts.append(_text([[day % span for day in days[low:high]], *(p if any(p) else [] for p in parts)]))
            low = high
        self.span, self.numbers, self.texts = span, tuple(numbers), tuple(texts)

    @classmethod
    def span_of(cls, count: int) -> int:
        """The span of the blocks of so many days."""
        return _WIDE if count <= UNDIVIDED else cls.DAYS

    def next_day(self, day: int) -> int | None:
        """The first day that there is, from a day on."""
        number, place = divmod(day, self.span)
        for index in range(bisect_left(self.numbers, number), len(self.numbers)):
            places = self.read(index)[0]
            at = bisect_left(places, place) if self.numbers[index] == number else 0
            if at < len(places):
                return self.numbers[index] * self.span + places[at]
        return None

    def from_first(self) -> Iterator[tuple[int, int]]:
        """Days with their first amount, where there is one, ascending."""
        for index, number in enumerate(self.numbers):
            places, amounts, *_ = self.read(index)
            for place, amount in zip(places, amounts, strict=False):
                yield number * self.span + place, amount

    def from_last(self) -> Iterator[tuple[int, int]]:
        """The same, descending."""
        for index in reversed(range(len(self.numbers))):
            places, amounts, *_ = self.read(index)
            for place, amount in zip(reversed(places), reversed(amounts), strict=False):
                yield self.numbers[index] * self.span + place, amount

    def copy(self) -> Self:
        """One of its own with the same days."""
        twin = type(self)()
        twin.numbers, twin.texts = self.numbers, self.texts
        twin.count, twin.span = self.count, self.span
        return twin


def _text(columns: Columns) -> str:
    width = len(columns)
    while not columns[width - 1]:
        width -= 1
    return to_json(columns[:width]).decode()


def _put(columns: Columns, place: int, amounts: Sequence[int]) -> int:
    places = columns[0]
    at = bisect_left(places, place)
    is_new = at == len(places) or places[at] != place
    if is_new:
        places.insert(at, place)
        for column in columns[1:]:
            if column:
                column.insert(at, 0)
    for kind, amount in enumerate(amounts, 1):
        if amount:
            column = columns[kind] or [0] * len(places)
            column[at] += amount
            columns[kind] = column if column[at] or any(column) else []
    if any(column and column[at] for column in columns[1:]):
        return 1 if is_new else 0
    for column in columns:
        if column:
            del column[at]
    return 0 if is_new else -1
