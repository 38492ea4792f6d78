"""When an item of a profile is late: what happened to it day by day, under the tiers and templates of then.

All of it is worked out from the item's entries, whichever order they came in, so that a late fact corrects the past.
"""

from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from services.archives.rules.templates import CADENCE_DAYS, GRACE_DAYS, Regime
from shared.events.facts import ProfileItem
from shared.events.texts import chars
from shared.events.types import TextRef
from shared.facts.days import NEVER
from shared.facts.erased import Erased
from shared.facts.latest import Order

NONE_KNOWN = -1
"""Stands for `none_known` among numbers of characters."""
ERASED = "erased"
"""Stands for the id of a text that mentions who was erased: nobody reads it, though it may be there still."""
MAX_ENTRIES = 50
"""Kept of an item: its last entries. What was before them is forgotten, which changes no item that was filled since:
so a source that sends every profile every night costs fifty entries, not years of them."""


class Entry(NamedTuple):
    """What one revision says of an item: from which day it counts, how many characters its text has (0 clears), when
    it was seen, the ids of the persons whom the text names, and the text's id ("": none, or on a log from before texts
    left it).
    """

    day: int
    order: Order
    chars: int
    observed_on: int
    mentions: tuple[str, ...] = ()
    text_id: str = ""

    def fills(self, min_chars: int) -> bool:
        """Whether the item is filled by it."""
        return self.chars == NONE_KNOWN or self.chars >= min_chars


Entries = tuple[Entry, ...]
"""By ascending day and order; each later than all before it."""


def entry(item: ProfileItem, day: int, order: Order) -> Entry:
    """What an item of a revision says. It was seen on the revision's day at the latest."""
    length = NONE_KNOWN if item.none_known else chars(item.text)
    observed_on = day if item.observed_on is None else min(day, item.observed_on.toordinal())
    text_id = item.text.text_id if isinstance(item.text, TextRef) else ""
    return Entry(day, order, length, observed_on, tuple(sorted({*item.mentions})), text_id)


def put(entries: Entries, made: Entry) -> Entries:
    """With an entry more, without those that can hold on no day: a later one counts from no later a day on."""
    every = [*entries]
    insort(every, made)
    kept: list[Entry] = []
    for one in every:
        while kept and kept[-1].day == one.day:
            kept.pop()
        if not kept or kept[-1].order < one.order:
            kept.append(one)
    return tuple(kept[-MAX_ENTRIES:])


def without(entries: Entries, erased: Erased) -> Entries:
    """The entries as they are once persons were erased: a text that mentions one is gone from that day on, and one that
    came later was never there.
    """
    left: list[Entry] = []
    for place, one in enumerate(entries):
        gone = min((erased[name] for name in one.mentions if name in erased), default=NEVER)
        left.append(one if one.day < gone else one._replace(chars=0, text_id=ERASED))
        stays_until = entries[place + 1].day if place + 1 < len(entries) else NEVER
        if one.day < gone < stays_until:
            left.append(one._replace(day=gone, chars=0, text_id=ERASED))
    return tuple(left)


def text_on(entries: Entries, day: int) -> str:
    """The id of the text that holds on a day, or ERASED; "" for none."""
    return next((one.text_id for one in reversed(entries) if one.day <= day), "")


@dataclass(slots=True)
class Item:
    """An item as of a day. filled, and none_known; fresh_from: when it was last seen to be so; due_on: the first day on
    which it is late, None where it is not required.
    """

    required: bool = False
    filled: bool = False
    none_known: bool = False
    fresh_from: int = 0
    due_on: int | None = None

    def late(self, today: int) -> bool:
        """Whether it is late on a day."""
        return self.due_on is not None and self.due_on <= today


def item_as_of(
    name: str, entries: Entries, reviews: Sequence[int], begins: int, regimes: Sequence[Regime], today: int
) -> Item:
    """An item at the end of a day. reviews: the days on which its section was read again; begins: the day from which
    the profile is there (0 for the customer's own).
    """
    walk = _Walk(name, begins, regimes[0])
    days = {one.from_on for one in regimes} | {one.day for one in entries} | {*reviews, begins}
    rules, texts = {one.from_on: one for one in regimes}, {one.day: one for one in entries}
    for day in sorted(day for day in days if day <= today):
        if day in rules:
            walk.turn(day, rules[day])
        if day == begins:
            walk.begin(day)
        if day in texts:
            walk.write(day, texts[day])
        if day in reviews:
            walk.review(day)
    return walk.item


class _Walk:
    """What changes an item, in the order in which it happens on a day. floor: no due day lies before it, as nothing
    becomes late before a change of tier or template and its grace.
    """

    def __init__(self, name: str, begins: int, regime: Regime) -> None:
        self.name, self.begins, self.regime = name, begins, regime
        self.entry: Entry | None = None
        self.item, self.reviewed, self.floor = Item(), 0, 0

    @property
    def cadence(self) -> int:
        """Of the tier, which requires the item."""
        return CADENCE_DAYS[self.regime.tier]

    @property
    def grace(self) -> int:
        """Of the tier, which requires the item."""
        return GRACE_DAYS[self.regime.tier]

    def turn(self, day: int, regime: Regime) -> None:
        """The tier or the template changes: what is late stays late, the rest is due after the new grace at least."""
        item = self.item
        late = item.late(day - 1)
        self.regime = regime
        item.required = regime.template.requires(self.name, regime.tier) and self.begins <= day
        item.filled = self.entry is not None and self.entry.fills(regime.template.min_chars)
        self.floor = 0 if late else day + GRACE_DAYS.get(regime.tier, 0)
        stays = item.due_on if late and item.required else None
        item.due_on = self.floor if item.required else None
        self.renew()
        if stays is not None:
            item.due_on = stays

    def begin(self, day: int) -> None:
        """The profile is there from this day on, and with it its items are required."""
        if day and self.regime.template.requires(self.name, self.regime.tier):
            self.item.required, self.item.due_on = True, max(day + self.grace, self.floor)

    def write(self, day: int, entry: Entry) -> None:
        """A revision: a text, none known, or nothing any more."""
        item, was = self.item, self.item.filled
        self.entry, item.none_known = entry, entry.chars == NONE_KNOWN
        item.filled = entry.fills(self.regime.template.min_chars)
        self.renew()
        if was and not item.filled and item.due_on is not None:
            item.due_on = min(item.due_on, day + self.grace)

    def review(self, day: int) -> None:
        """The section was read again."""
        self.reviewed = day
        self.renew()

    def renew(self) -> None:
        """What is filled is as fresh as its text or the last review, and due a cadence later."""
        item = self.item
        if item.filled and self.entry is not None:
            item.fresh_from = max(self.entry.observed_on, self.reviewed)
            if item.required:
                item.due_on = max(item.fresh_from + self.cadence, self.floor)


def next_day(entries: Entries, reviews: Sequence[int], today: int) -> int:
    """The next day on which an entry or a review that has come already begins to count."""
    return min((day for day in (*(one.day for one in entries), *reviews) if day > today), default=NEVER)
