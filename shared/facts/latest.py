"""Facts that override one another: of each field, the greatest (time, id, source) wins, in whichever order they come.

A fact whose day is still to come waits beside the one that holds until then. What can win no more is dropped, so
that the content depends on the facts and on today alone, not on the order in which they came or on how the clock
moved.
"""

from bisect import insort
from dataclasses import dataclass
from typing import Any, NamedTuple

from shared.events.event import Event
from shared.facts.days import NEVER, to_micros


class Order(NamedTuple):
    """What decides which of two facts is the later one."""

    time: int
    id: str
    source: str


def order_of(event: Event) -> Order:
    """The order of the fact that an event is."""
    return Order(to_micros(event.time), event.id, event.source)


class Entry(NamedTuple):
    """One fact: its order, the business day from which it counts, and the fields that it still may win."""

    order: Order
    day: int
    fields: dict[str, Any]


ALWAYS = 0
"""The day of a fact that counts at once, whatever its own day is."""


@dataclass(frozen=True, slots=True)
class Latest:
    """The facts that hold or will hold, by ascending order."""

    entries: tuple[Entry, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.entries)

    def put(self, entry: Entry, today: int) -> "Latest":
        """With a fact more; a null among its fields clears, absent fields say nothing."""
        entries = [*self.entries]
        insort(entries, entry, key=_order)
        return Latest(tuple(entries)).settled(today)

    def settled(self, today: int) -> "Latest":
        """Without what can win no more: a field for which a later fact counts from no later a day. It stays so until
        `next_day`.
        """
        from_on: dict[str, int] = {}
        kept: list[Entry] = []
        for order, day, fields in reversed(self.entries):
            counts_from = max(day, today)
            wins = {name: value for name, value in fields.items() if counts_from < from_on.get(name, NEVER)}
            if wins:
                from_on |= dict.fromkeys(wins, counts_from)
                kept.append(Entry(order, day, wins))
        kept.reverse()
        return Latest(tuple(kept)) if kept else NOTHING

    def holding(self, field: str, today: int) -> Entry | None:
        """The fact that says the field today, or None when none has said it."""
        found = None
        for entry in self.entries:
            if entry.day <= today and field in entry.fields:
                found = entry
        return found

    def value(self, field: str, today: int) -> Any:
        """What the field is today; None when it is cleared or was never said."""
        entry = self.holding(field, today)
        return None if entry is None else entry.fields[field]

    def values(self, today: int) -> dict[str, Any]:
        """All fields that were said, as they are today; None where one is cleared. Not to be changed."""
        entries = self.entries
        if len(entries) == 1 and entries[0].day <= today:
            return entries[0].fields
        fields: dict[str, Any] = {}
        for entry in entries:
            if entry.day <= today:
                fields.update(entry.fields)
        return fields

    def next_day(self, today: int) -> int:
        """The next day from which a waiting fact counts."""
        return min((entry.day for entry in self.entries if entry.day > today), default=NEVER)


NOTHING = Latest()


def _order(entry: Entry) -> Order:
    return entry.order
