"""How many visits there were of each week's days, by kind and channel: a line a week, in two texts, so that a visit of
these days changes the short one.
"""

from collections.abc import Iterator, Sequence

from pydantic_core import from_json

from services.engagement.rules.days import monday_of
from shared.events.codec import encode_json

Counts = dict[int, int]
"""Visits by what `cell` gives."""
_RECENT_WEEKS = 8


def cell(day: int, kind: int, channel: int) -> int:
    """One number for the day's place in its week, kind and channel."""
    return (day - monday_of(day)) << 8 | kind << 4 | channel


def parts_of(one: int) -> tuple[int, int, int]:
    """Place in the week, kind and channel; the inverse of `cell`."""
    return one >> 8, one >> 4 & 15, one & 15


class WeekCounts:
    """The counts of every week of which a visit is kept; a week may be known with none that stands. `recent` holds the
    last 2 to 9 weeks, `before` those before them.
    """

    __slots__ = ("_recent_from", "before", "recent")

    def __init__(self, before: str = "", recent: str = "", today: int = 0) -> None:
        self.before, self.recent = before, recent
        self._recent_from = _recent_from(today)

    def __contains__(self, monday: int) -> bool:
        return f"\n{monday}[" in self._text(monday)

    def __bool__(self) -> bool:
        return bool(self.recent or self.before)

    def mondays(self) -> list[int]:
        """The weeks, ascending."""
        return [int(line.partition("[")[0]) for line in (self.before + self.recent).split("\n")[1:]]

    def first(self) -> int:
        """The first week; 0 where there is none."""
        text = self.before or self.recent
        return int(text[1 : text.index("[")]) if text else 0

    def last(self) -> int:
        """The last week; 0 where there is none."""
        text = self.recent or self.before
        at = text.rfind("\n") + 1
        return int(text[at : text.index("[", at)]) if text else 0

    def get(self, monday: int) -> Counts:
        """The counts of one week; empty where nothing is known of it."""
        text = self._text(monday)
        at = text.find(f"\n{monday}[")
        if at < 0:
            return {}
        end = text.find("\n", at + 1)
        flat = from_json(text[text.index("[", at) : end if end >= 0 else None])
        return dict(zip(flat[::2], flat[1::2], strict=True))

    def put(self, monday: int, counts: Counts | None) -> None:
        """Set the counts of one week; None takes it away."""
        text = self._text(monday)
        line = ""
        if counts is not None:
            flat = [number for one in sorted(counts) for number in (one, counts[one])]
            line = f"\n{monday}{encode_json(flat).decode()}"
        at = text.find(f"\n{monday}[")
        if at >= 0:
            end = text.find("\n", at + 1)
        else:
            at = end = _place(text, monday)
        text = text[:at] + line + (text[end:] if end >= 0 else "")
        if monday < self._recent_from:
            self.before = text
        else:
            self.recent = text

    def turn(self, today: int) -> None:
        """Weeks that are no longer recent on this day go over to those before."""
        begins = _recent_from(today)
        if begins == self._recent_from:
            return
        self._recent_from = begins
        at = _place(self.recent, begins)
        self.before, self.recent = self.before + self.recent[:at], self.recent[at:]

    def between(self, first: int, last: int) -> Iterator[tuple[int, int, int]]:
        """Kind, channel and number of what was counted from a day to another."""
        mondays: Sequence[int] = range(max(monday_of(first), self.first()), min(last, self.last()) + 1, 7)
        if len(mondays) > 2 * _RECENT_WEEKS:
            mondays = [monday for monday in self.mondays() if monday in mondays]
        for monday in mondays:
            for one, number in self.get(monday).items():
                place, kind, channel = parts_of(one)
                if first <= monday + place <= last:
                    yield kind, channel, number

    def _text(self, monday: int) -> str:
        return self.before if monday < self._recent_from else self.recent


def _recent_from(today: int) -> int:
    """The Monday before a block of eight weeks of the calendar, so that few days move weeks from text to text."""
    monday = monday_of(today) if today else 1
    return monday - 7 * ((monday // 7) % _RECENT_WEEKS) - 7


def _place(text: str, monday: int) -> int:
    """Where in a text the line of a week begins, or would begin."""
    at = text.rfind("\n")
    place = len(text)
    while at >= 0 and int(text[at + 1 : text.index("[", at)]) >= monday:
        place = at
        at = text.rfind("\n", 0, at)
    return place
