"""The visits of one customer: what rules ask of all of them, and the weeks in which they are stored.

The visits themselves, with all their revisions, are kept in a piece for each ISO week, of which no more is in memory
than has been asked for. What the row and the decisions ask of visits long past is kept besides, as sets of days and
counts by day: each is what the weeks' visits say, week by week, so that amending and voiding commute, and none grows
with the number of visits.
"""

from collections.abc import Container, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple

from services.engagement.rules import day_sets
from services.engagement.rules.coverage import VisitKey, first_listed, flaw
from services.engagement.rules.day_sets import Days
from services.engagement.rules.days import BusinessTime, first_kept_day, monday_of
from services.engagement.rules.tiers import GENERAL
from services.engagement.rules.visits import (
    CHANNELS,
    KINDS,
    Piece,
    Ref,
    Revision,
    day_of,
    in_order,
    ref_of,
    replaced_day,
    revision_of,
    with_revision,
)
from services.engagement.rules.week_counts import Counts, WeekCounts, cell, parts_of
from shared.events.event import Event
from shared.events.facts import VisitLogged
from shared.events.registry import NAMES

NOTES_SHOWN_WEEKS = 57
"""What was agreed is shown for so long (400 days): a lapsed general customer's last visit is 90 days back and more."""
MAX_VISITS_A_WEEK = 2_000
"""Of one customer, the latest of the week; more would come near MongoDB's limit of a document's size."""
MAX_MET_KEPT = 1_000
"""Persons whose last meeting lies in visits that were forgotten, the latest of them."""
SPANS = (365, 90)
"""Days over which visits are counted by kind and channel."""
_SUMS = len(KINDS) + len(CHANNELS)
_LOGGED = NAMES[VisitLogged]


class NotHeldError(AssertionError):
    """Something asked for visits of a week that were not loaded: a fault of `Visits.needs`."""


class Noted(NamedTuple):
    """A visit at which something was agreed or promised. notes: consensus, then follow-ups."""

    day: int
    time: int
    ref: Ref
    notes: list[str | None]


def notes_from(today: int) -> int:
    """The Monday from which on is shown what was agreed."""
    return monday_of(today) - 7 * NOTES_SHOWN_WEEKS


class Visits:
    """Whole weeks of the last 800 days, and the latest one before them with a contact; of those forgotten, when each
    person was met last.

    weeks: the weeks that are known, with their counts.
    contacts, noted: the days of contacts, and of visits at which something was agreed.
    persons, departments: the days on which each was met.
    countable: by representative and role first listed in, the days of visits that count if the customer is general.
    seen: by representative, the days of all revisions that name them: where they have a row.
    spread: the weeks of visits that a later fact may not name: with revisions in several weeks, a void among them, or
    none that is the record's first.
    shown: of visits at which something was agreed the last up to today, and those after today.
    sums: visits by kind, then by channel, over each of SPANS up to the day `summed_on`, which follows when asked.
    touched_weeks, touched_rows, touched_owners: what was changed since rows were written last, and whether the
    documents of the first two stood then.
    """

    __slots__ = (
        "contacts",
        "countable",
        "departments",
        "held",
        "met_before",
        "noted",
        "persons",
        "seen",
        "shown",
        "spread",
        "summed_on",
        "sums",
        "touched_owners",
        "touched_rows",
        "touched_weeks",
        "weeks",
    )

    def __init__(self) -> None:
        self.weeks = WeekCounts()
        self.contacts: Days = 0
        self.noted: Days = 0
        self.persons: dict[str, Days] = {}
        self.departments: dict[str, Days] = {}
        self.countable: dict[tuple[str, int], Days] = {}
        self.seen: dict[str, Days] = {}
        self.spread: dict[Ref, tuple[int, ...]] = {}
        self.met_before: dict[str, int] = {}
        self.shown: tuple[Noted, ...] = ()
        self.sums: list[int] = [0] * _SUMS * len(SPANS)
        self.summed_on = 0
        self.held: dict[int, Piece] = {}
        self.touched_weeks: dict[int, bool] = {}
        self.touched_rows: dict[VisitKey, bool] = {}
        self.touched_owners: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self.weeks or self.met_before)

    # ----------------------------------------------------------------------------------------------------- questions

    def counts(self, span: int, today: int) -> tuple[list[int], list[int]]:
        """Visits by kind and by channel over one of SPANS, given by its place."""
        if self.summed_on != today:
            self.sum_up(today)
        at = span * _SUMS
        return self.sums[at : at + len(KINDS)], self.sums[at + len(KINDS) : at + _SUMS]

    def last_met(self, person: str, today: int) -> int | None:
        """The last day up to today on which a person attended a visit."""
        last = day_sets.last_until(self.persons.get(person, 0), today)
        before = self.met_before.get(person)
        return before if last is None else last if before is None else max(last, before)

    def persons_met(self, first: int, today: int, erased: Container[str] = ()) -> int:
        """How many persons were met from a day up to today, those erased aside."""
        met = sum(
            day_sets.bits(days, first, today) != 0 and person not in erased for person, days in self.persons.items()
        )
        return met + sum(
            day >= first and person not in erased and not day_sets.bits(self.persons.get(person, 0), first, today)
            for person, day in self.met_before.items()
        )

    def departments_met(self, first: int, today: int) -> list[str]:
        """Which departments were met from a day up to today."""
        return sorted(name for name, days in self.departments.items() if day_sets.bits(days, first, today))

    # -------------------------------------------------------------------------------------------------------- pieces

    def piece(self, monday: int) -> Piece:
        """The visits of a week that is known. Raises NotHeldError when they are not in memory."""
        piece = self.held.get(monday)
        if piece is None:
            raise NotHeldError(f"the visits of the week of day {monday} are not loaded")
        return piece

    def needs(self, events: Iterable[Event], time: BusinessTime, today: int) -> list[int]:
        """The weeks that are known and not in memory, and that folding these facts about visits may touch."""
        wanted: set[int] = set()
        amended = False
        for event in events:
            ref, replaced = ref_of(event), replaced_day(event, time)
            wanted |= self._weeks_of(ref, day_of(event, time), replaced)
            amended |= event.replaces is not None or event.type != _LOGGED or ref in self.spread
        if amended:
            wanted |= self._shown_instead(wanted, today)
        return self.not_held(wanted)

    def not_held(self, mondays: Iterable[int]) -> list[int]:
        """Which of some weeks are known and not in memory."""
        return sorted(monday for monday in mondays if monday not in self.held and monday in self.weeks)

    def after(self, day: int) -> list[int]:
        """The weeks that are known with a day after this one."""
        return [monday for monday in self.weeks.mondays() if monday + 6 > day]

    def attach(self, monday: int, piece: Piece) -> None:
        """Take the visits of a week."""
        self.held[monday] = piece

    def keep_last(self) -> None:
        """Let go of all weeks but the last one held. To be called when everything has been stored."""
        if len(self.held) > 1:
            last = max(self.held)
            self.held = {last: self.held[last]}

    def _weeks_of(self, ref: Ref, day: int, replaced: int | None) -> set[int]:
        """The weeks in which the revisions of a visit may be. What replaces nothing is its record's first revision, or
        follows its void, else admission would not let it in.
        """
        weeks = {monday_of(day), *self.spread.get(ref, ())}
        if replaced is not None:
            weeks.add(monday_of(replaced))
        return weeks

    def _shown_instead(self, changed: set[int], today: int) -> set[int]:
        """The weeks whose visits may be shown when what is shown of the changed weeks is voided."""
        weeks: set[int] = set()
        for day in reversed(day_sets.listed(self.noted)):
            monday = monday_of(day)
            if monday not in changed:
                weeks.add(monday)
                if day <= today:
                    break
        return weeks

    # ------------------------------------------------------------------------------------------------------- folding

    def fold(self, event: Event, time: BusinessTime, today: int) -> bool:
        """Fold a VisitLogged or the void of one; whether anything changed."""
        ref, revision = ref_of(event), revision_of(event, time)
        looked = self._weeks_of(ref, revision.day, replaced_day(event, time))
        copies = {m: piece[ref] for m in looked if m in self.weeks and ref in (piece := self.piece(m))}
        known = {one.revision: one for copy in copies.values() for one in copy}
        if revision.revision in known:
            return False
        first, monday = first_kept_day(today), monday_of(revision.day)
        superseded = max(known, default=0) > revision.revision
        if monday < first and monday not in self.weeks and (superseded or not revision.stands):
            return False  # forgotten before it came
        if not self.weeks:
            self.summed_on = today  # of none: then the visit is added, and not looked for in a year of weeks
        revisions = with_revision(list(known.values()), revision)
        weeks = {week for one in revisions if (week := monday_of(one.day)) in looked}
        self._put(ref, revisions, copies, weeks)
        if known:
            for week in sorted(weeks | copies.keys()):
                self._recount(week, today)
        else:
            self._count_one(ref, revision, today)
        self._index(ref, revisions, weeks)
        self._bound(monday, today)
        if min(weeks | copies.keys()) < first:
            self.prune(today)
        return True

    def touch_rows(self, keys: Iterable[VisitKey]) -> None:
        """These rows are to be written again."""
        for key in keys:
            if key not in self.touched_rows:
                name, monday = key
                self.touched_rows[key] = bool(day_sets.bits(self.seen.get(name, 0), monday, monday + 6))

    def pass_time(self, before: int, today: int) -> None:
        """Days go by: visits of the days to come have been."""
        if self.shown and self.shown[-1].day > before:
            self._show(self.shown, today)

    def prune(self, today: int) -> None:
        """Forget what lies too far back. Depends on the week of today only."""
        self.weeks.turn(today)
        if not self.weeks:
            return
        notes = notes_from(today)
        self.noted = day_sets.since(self.noted, notes)
        self.shown = tuple(noted for noted in self.shown if noted.day >= notes)
        first = first_kept_day(today)
        if self.weeks.first() >= first:
            return
        old = [monday for monday in self.weeks.mondays() if monday < first]
        self.sum_up(today)
        with_contact = [monday for monday in old if day_sets.bits(self.contacts, monday, monday + 6)]
        for monday in old:
            if monday not in with_contact[-1:]:
                self._forget(monday)

    def _put(self, ref: Ref, revisions: list[Revision], copies: Mapping[int, list[Revision]], weeks: set[int]) -> None:
        """Put a visit's revisions into its weeks, and out of those where none is left."""
        touched = weeks | copies.keys()
        for one in chain(revisions, *copies.values()):
            if (monday := monday_of(one.day)) in touched:
                self.touch_rows((name, monday) for name in one.participants[::2])
        for monday in touched:
            stood = monday in self.weeks
            self.touched_weeks.setdefault(monday, stood)
            if not stood:
                self.held[monday] = {}
                self.weeks.put(monday, {})
            if monday in weeks:
                self.held[monday][ref] = revisions
            else:
                del self.held[monday][ref]

    def _count_one(self, ref: Ref, visit: Revision, today: int) -> None:
        """Count the only revision of a new visit."""
        day, monday = visit.day, monday_of(visit.day)
        for name in visit.participants[::2]:
            self.seen[name] = day_sets.with_day(self.seen.get(name, 0), day)
        if not visit.stands:
            return
        counts = self.weeks.get(monday)
        one = cell(day, visit.kind, visit.channel)
        counts[one] = counts.get(one, 0) + 1
        self.weeks.put(monday, counts)
        self._sum_cell(monday, one, 1)
        if visit.is_contact:
            self.contacts = day_sets.with_day(self.contacts, day)
        for person, department in visit.met:
            if person is not None:
                self.persons[person] = day_sets.with_day(self.persons.get(person, 0), day)
            if department is not None:
                self.departments[department] = day_sets.with_day(self.departments.get(department, 0), day)
        for key in _countable(visit):
            self.touched_owners.add(key[0])
            self.countable[key] = day_sets.with_day(self.countable.get(key, 0), day)
        if any(visit.notes) and day >= notes_from(today):
            self.noted = day_sets.with_day(self.noted, day)
            self._show([*self.shown, _noted(ref, visit)], today)

    def _recount(self, monday: int, today: int) -> None:
        """Make everything that is known of a week from its visits."""
        piece = self.piece(monday)
        counted = _Counted()
        for ref, revisions in piece.items():
            counted.add(ref, revisions, monday)
        for one, number in self.weeks.get(monday).items():
            self._sum_cell(monday, one, -number)
        for one, number in counted.cells.items():
            self._sum_cell(monday, one, number)
        self.weeks.put(monday, counted.cells if piece else None)
        self.touched_owners |= self._set_week(monday, counted)
        shown = counted.noted if monday >= notes_from(today) else []
        self.noted = day_sets.with_week(self.noted, monday, _week_of(monday, (noted.day for noted in shown)))
        self._show([noted for noted in self.shown if monday_of(noted.day) != monday] + shown, today)
        if not piece:
            del self.held[monday]

    def _set_week(self, monday: int, counted: "_Counted") -> set[str]:
        """Set one week in all sets of days; gives the representatives whose countable days changed."""
        self.contacts = day_sets.with_week(self.contacts, monday, _week_of(monday, counted.contacts))
        for sets, days_of in (
            (self.persons, counted.persons),
            (self.departments, counted.departments),
            (self.seen, counted.seen),
        ):
            _set_weeks(sets, monday, days_of)
        return {name for name, _ in _set_weeks(self.countable, monday, counted.countable)}

    def sum_up(self, today: int) -> None:
        """Other visits lie in the spans than on the day of the sums."""
        before, weeks = self.summed_on, self.weeks
        self.summed_on = today
        if not weeks:
            return
        first, last = weeks.first(), weeks.last()
        for span, days in enumerate(SPANS):
            if first <= today - days:
                self._sum(span, before - days + 1, min(before, today - days), -1)
            if last + 6 > before:
                self._sum(span, max(before + 1, today - days + 1), today, 1)

    def _sum_cell(self, monday: int, one: int, number: int) -> None:
        place, kind, channel = parts_of(one)
        back = self.summed_on - monday - place
        for span, days in enumerate(SPANS):
            if 0 <= back < days:
                self._add(span, kind, channel, number)

    def _sum(self, span: int, first: int, last: int, sign: int) -> None:
        for kind, channel, number in self.weeks.between(first, last):
            self._add(span, kind, channel, sign * number)

    def _add(self, span: int, kind: int, channel: int, number: int) -> None:
        self.sums[span * _SUMS + kind] += number
        self.sums[span * _SUMS + len(KINDS) + channel] += number

    def _show(self, noted: Iterable[Noted], today: int) -> None:
        """Choose what is shown from visits among which it is, unless the last one up to today lies in a week that has
        not changed.
        """
        last = day_sets.last_until(self.noted, today)
        past = [one for one in noted if one.day == last]
        if last is not None and not past:
            monday = monday_of(last)
            past = [one for one in _noted_of(self.piece(monday), monday) if one.day == last]
        later = sorted(one for one in noted if one.day > today)
        self.shown = (*([max(past)] if past else ()), *later)

    def _index(self, ref: Ref, revisions: list[Revision], weeks: set[int]) -> None:
        follows = all(one.follows for one in revisions)
        if len(weeks) > 1 or follows or not all(one.stands for one in revisions):
            self.spread[ref] = tuple(sorted(weeks))
        else:
            self.spread.pop(ref, None)

    def _bound(self, monday: int, today: int) -> None:
        piece = self.held.get(monday, {})
        if len(piece) > MAX_VISITS_A_WEEK:
            ref, revisions = in_order(piece)[0]
            for one in revisions:
                if monday_of(one.day) == monday:
                    self.touch_rows((name, monday) for name in one.participants[::2])
            del piece[ref]
            self._recount(monday, today)
            self._unspread(monday, {ref} & self.spread.keys())

    def _forget(self, monday: int) -> None:
        """Forget a week; the day on which each person was met last stays."""
        self.touch_rows((name, monday) for name, days in self.seen.items() if day_sets.bits(days, monday, monday + 6))
        self.touched_weeks.setdefault(monday, True)
        for person, days in self.persons.items():
            if day_sets.bits(days, monday, monday + 6):
                last = day_sets.last_until(days, monday + 6) or 0
                self.met_before[person] = max(self.met_before.get(person, 0), last)
        if len(self.met_before) > MAX_MET_KEPT:
            latest = sorted(self.met_before.items(), key=lambda entry: (-entry[1], entry[0]))
            self.met_before = dict(latest[:MAX_MET_KEPT])
        self.touched_owners |= self._set_week(monday, _Counted())
        self.weeks.put(monday, None)
        self.held.pop(monday, None)
        self._unspread(monday, {ref for ref, weeks in self.spread.items() if monday in weeks})

    def _unspread(self, monday: int, refs: Iterable[Ref]) -> None:
        for ref in refs:
            weeks = tuple(one for one in self.spread[ref] if one != monday)
            if weeks:
                self.spread[ref] = weeks
            else:
                del self.spread[ref]

    # ------------------------------------------------------------------------------------------------------- storing

    @classmethod
    def of_all(cls, whole: Piece, met_before: dict[str, int], today: int) -> "Visits":
        """Of all visits, each with its revisions, as fold version 2 stored them in one text: no piece stands yet, the
        rows do.
        """
        visits = cls()
        visits.weeks, visits.summed_on = WeekCounts(today=today), today
        visits.met_before = met_before
        for ref, revisions in whole.items():
            follows = [one._replace(follows=place > 0) for place, one in enumerate(revisions)]
            weeks = {monday_of(one.day) for one in follows}
            visits._put(ref, follows, {}, weeks)
            visits._index(ref, follows, weeks)
        for monday in visits.weeks.mondays():
            visits._recount(monday, today)
        visits.touched_rows.clear()
        visits.touched_owners.clear()
        visits.prune(today)
        return visits


class _Counted:
    """What the visits of one week say."""

    __slots__ = ("cells", "contacts", "countable", "departments", "noted", "persons", "seen")

    def __init__(self) -> None:
        self.cells: Counts = {}
        self.contacts: set[int] = set()
        self.persons: dict[str, set[int]] = {}
        self.departments: dict[str, set[int]] = {}
        self.countable: dict[tuple[str, int], set[int]] = {}
        self.seen: dict[str, set[int]] = {}
        self.noted: list[Noted] = []

    def add(self, ref: Ref, revisions: list[Revision], monday: int) -> None:
        """Add a visit that has a revision in the week."""
        for one in revisions:
            if monday_of(one.day) == monday:
                for name in one.participants[::2]:
                    self.seen.setdefault(name, set()).add(one.day)
        visit = revisions[-1]
        if visit.stands and monday_of(visit.day) == monday:
            self._add(ref, visit)

    def _add(self, ref: Ref, visit: Revision) -> None:
        day = visit.day
        one_cell = cell(day, visit.kind, visit.channel)
        self.cells[one_cell] = self.cells.get(one_cell, 0) + 1
        if visit.is_contact:
            self.contacts.add(day)
        for person, department in visit.met:
            if person is not None:
                self.persons.setdefault(person, set()).add(day)
            if department is not None:
                self.departments.setdefault(department, set()).add(day)
        for key in _countable(visit):
            self.countable.setdefault(key, set()).add(day)
        if any(visit.notes):
            self.noted.append(_noted(ref, visit))


def _countable(visit: Revision) -> list[tuple[str, int]]:
    """Representative and role for which the visit counts if the customer is general."""
    if flaw(visit, GENERAL) is not None:
        return []
    return [(name, role) for role, name in first_listed(visit).items()]


def _noted(ref: Ref, visit: Revision) -> Noted:
    return Noted(visit.day, visit.time, ref, list(visit.notes))


def _noted_of(piece: Piece, monday: int) -> Iterator[Noted]:
    for ref, (*_, visit) in piece.items():
        if any(visit.notes) and monday_of(visit.day) == monday:
            yield _noted(ref, visit)


def _week_of(monday: int, days: Iterable[int]) -> int:
    week = 0
    for day in days:
        week |= 1 << (day - monday)
    return week


def _set_weeks(sets: dict[Any, Days], monday: int, days_of: Mapping[Any, set[int]]) -> set[Any]:
    """Set one week in sets of days by name; gives the names of those that changed."""
    changed = set()
    for name in [*sets, *(name for name in days_of if name not in sets)]:
        days = sets.get(name, 0)
        week = _week_of(monday, days_of.get(name, ()))
        if week != day_sets.bits(days, monday, monday + 6):
            changed.add(name)
            days = day_sets.with_week(days, monday, week)
            if days:
                sets[name] = days
            else:
                del sets[name]
    return changed
