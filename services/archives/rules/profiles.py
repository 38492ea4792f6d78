"""A profile: its items, the reviews of its sections, its grade; how complete and how fresh it is."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from typing import NamedTuple

from services.archives.rules import items
from services.archives.rules.grades import Grades
from services.archives.rules.items import Entries, Entry, Item
from services.archives.rules.templates import Regime, Template
from shared.events.types import ProfileKind, Section
from shared.facts.days import NEVER
from shared.facts.erased import NOBODY_ERASED, Erased
from shared.facts.latest import NOTHING, Latest

MAX_ITEMS = 100
"""Items kept of a profile; a template has 40 at most, the rest are unknown ones. Those with the least names stay, so
that it does not matter in which order they came.
"""
MAX_REVIEWS = 50
"""Days kept on which a section was read again, the last ones."""
_CENT = Decimal("0.01")


class Key(NamedTuple):
    """Which profile of a customer: its own, or a vendor's."""

    kind: ProfileKind
    vendor_id: str = ""


OWN = Key("cp")


@dataclass(slots=True)
class Profile:
    """What was said of one profile. begins: the day from which it is there, None while nothing was said; named: the
    template that revisions name, and the grade set, as facts that override one another.
    """

    begins: int | None = None
    items: dict[str, Entries] = field(default_factory=dict)
    reviews: dict[Section, tuple[int, ...]] = field(default_factory=dict)
    named: Latest = NOTHING
    grades: Grades = field(default_factory=Grades)

    def there(self, day: int) -> None:
        """Something was said of it."""
        self.begins = day if self.begins is None else min(self.begins, day)

    def write(self, name: str, entry: Entry) -> None:
        """Put an entry to an item."""
        self.items[name] = items.put(self.items.get(name, ()), entry)
        if len(self.items) > MAX_ITEMS:
            del self.items[max(self.items)]

    def review(self, sections: Iterable[Section], day: int) -> None:
        """Sections were read again on a day."""
        for section in sections:
            days = {*self.reviews.get(section, ()), day}
            self.reviews[section] = tuple(sorted(days)[-MAX_REVIEWS:])

    def next_day(self, today: int) -> int:
        """The next day on which something said begins to count."""
        days = [items.next_day(entries, (), today) for entries in self.items.values()]
        days += [items.next_day((), reviews, today) for reviews in self.reviews.values()]
        if self.begins is not None and self.begins > today:
            days.append(self.begins)
        return min(*days, self.named.next_day(today), self.grades.next_day(today), NEVER)


@dataclass(frozen=True, slots=True)
class Standing:
    """A profile as of a day. items: those required, in the template's order, then other known ones that were written;
    unknown: items written that the template lacks.
    """

    template: Template
    items: Mapping[str, Item]
    unknown: tuple[str, ...]
    today: int

    @property
    def required(self) -> list[Item]:
        """The items required."""
        return [item for item in self.items.values() if item.required]

    @property
    def filled(self) -> int:
        """How many of the required are filled."""
        return sum(item.filled for item in self.required)

    @property
    def late(self) -> int:
        """How many of the required are late."""
        return sum(item.late(self.today) for item in self.required)

    @property
    def completeness(self) -> Decimal | None:
        """Filled of required, in per cent; None where nothing is required."""
        return _percent(self.filled, len(self.required))

    @property
    def freshness(self) -> Decimal | None:
        """Filled and not late of required, in per cent; None where nothing is required."""
        fresh = sum(item.filled and not item.late(self.today) for item in self.required)
        return _percent(fresh, len(self.required))

    @property
    def due_on(self) -> int | None:
        """The least due day; the profile is lapsed from it on."""
        return min((item.due_on for item in self.required if item.due_on is not None), default=None)

    @property
    def lapsed(self) -> bool:
        """Whether an item is late."""
        return self.due_on is not None and self.due_on <= self.today

    def next_day(self) -> int:
        """The next day on which an item becomes late."""
        due = (item.due_on for item in self.required if item.due_on is not None and item.due_on > self.today)
        return min(due, default=NEVER)


def profile_as_of(
    key: Key, profile: Profile, regimes: Sequence[Regime], today: int, erased: Erased = NOBODY_ERASED
) -> Standing | None:
    """A profile at the end of a day, without the texts that mention who was erased; None for a vendor's that is not
    there yet.
    """
    begins = 0 if key == OWN else profile.begins
    if begins is None or begins > today:
        return None
    _, template, tier = next(one for one in reversed(regimes) if one.from_on <= today)
    found = {}
    for item in template.items:
        entries = profile.items.get(item.name, ())
        if not entries and tier not in item.required_of:
            continue  # whatever was before: neither required nor filled
        if erased:
            entries = items.without(entries, erased)
        reviews = profile.reviews.get(item.section, ())
        made = items.item_as_of(item.name, entries, reviews, begins, regimes, today)
        if made.required or made.filled:
            found[item.name] = made
    unknown = tuple(sorted(profile.items.keys() - template.by_name.keys()))
    return Standing(template, found, unknown, today)


def _percent(part: int, whole: int) -> Decimal | None:
    if not whole:
        return None
    return (Decimal(100 * part) / whole).quantize(_CENT, ROUND_HALF_EVEN)
