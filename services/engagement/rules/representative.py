"""What engagement knows of one representative: registrations, absences, goals (domain.md, Per representative and ISO
week). Nothing is decided about representatives.
"""

from bisect import insort
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Any, NamedTuple

from services.engagement.rules.days import BusinessTime, first_kept_day, monday_of
from shared.events.event import Event
from shared.events.facts import (
    Fact,
    GoalSet,
    PersonErased,
    RecordVoided,
    RepresentativeAbsent,
    RepresentativeRegistered,
)
from shared.facts import goals
from shared.facts.days import NEVER
from shared.facts.goals import NO_GOALS, Goals
from shared.facts.latest import order_of

FIELDS = ("role", "team", "manager", "fte", "active_from", "active_until")
WHOLE = 100
"""A whole day, and full time, in hundredths."""
Ref = tuple[str, str]
"""Source and absence id."""


class Registration(NamedTuple):
    """One RepresentativeRegistered; ordered as it overrides. `fields` are those given, None where null clears; fte in
    hundredths, days as ordinals. Weeks from `known_from` (a Monday) know it when they close.
    """

    time: int
    id: str
    source: str
    day: int
    known_from: int
    fields: dict[str, Any]


class Absence(NamedTuple):
    """One revision of an absence, both days included; without days it is a void. `part` of each day, in hundredths."""

    revision: int
    known_from: int
    from_on: int | None
    to_on: int | None
    part: int = WHOLE


class Stay(NamedTuple):
    """Days in active service, both included."""

    from_on: int
    until_on: int


@dataclass(slots=True)
class Representative:
    """All of one representative. `clock` in microseconds."""

    id: str
    clock: int | None = None
    today: int = 0
    registrations: list[Registration] = field(default_factory=list)
    absences: dict[Ref, list[Absence]] = field(default_factory=dict)
    goals: Goals = field(default_factory=lambda: NO_GOALS)

    def as_of(self, day: int, *, known_by: int = NEVER) -> dict[str, Any]:
        """The registered fields as of a day: of each the latest, None where it was cleared. `known_by`: by what the
        week of that Monday knew when it closed.
        """
        fields: dict[str, Any] = {}
        for entry in self.registrations:
            if entry.day <= day and entry.known_from <= known_by:
                fields.update(entry.fields)
        return fields

    def stays(self, known_by: int = NEVER) -> list[Stay]:
        """When they are in active service as far as is known, whatever the days of the registrations. One that begins
        after the last one ended is another; else it corrects it. An end before the beginning is an earlier stay's.
        """
        stays: list[Stay] = []
        fields: dict[str, Any] = {}
        for entry in self.registrations:
            if entry.known_from > known_by:
                continue
            fields.update(entry.fields)
            from_on, until_on = fields["active_from"], fields.get("active_until") or NEVER
            stay = Stay(from_on, NEVER if until_on < from_on else until_on)
            stays = [*(before for before in stays if before.until_on < from_on), stay]
        return stays

    def week(self, monday: int, *, closed: bool = False) -> dict[str, Any] | None:
        """What a week needs of the registrations: role and fte as on its reference day, and the days of active service.
        The reference day is Monday, for one who joins later in the week the first active day, and for one registered
        with a later day than that, that day. None where nobody was registered by Sunday or in service on any day.
        """
        known_by = monday if closed else NEVER
        registered = min((e.day for e in self.registrations if e.known_from <= known_by), default=NEVER)
        stays = [s for s in self.stays(known_by) if s.from_on <= monday + 6 and s.until_on >= monday]
        if registered > monday + 6 or not stays:
            return None
        stay = stays[-1]
        reference = max(monday, min(s.from_on for s in stays), registered)
        fields = self.as_of(reference, known_by=known_by)
        return {
            "role": fields["role"],
            "fte_hundredths": fields.get("fte") or WHOLE,
            "active_from": stay.from_on,
            "active_until": stay.until_on,
            "reference": reference,
        }

    def spans(self, *, closed: bool = False) -> list[dict[str, Any]]:
        """What weeks need, by the Mondays from and until (without) which it holds. A joiner's week stands by itself."""
        changes = {entry.day for entry in self.registrations}
        if closed:
            changes |= {entry.known_from for entry in self.registrations}
        known = [NEVER, *(entry.known_from for entry in self.registrations)] if closed else [NEVER]
        for known_by in known:
            changes |= {day for stay in self.stays(known_by) for day in stay if day < NEVER}
        mondays = sorted({monday_of(day) + after for day in changes for after in (0, 7)})
        spans: list[dict[str, Any]] = []
        for start, end in pairwise([*mondays, NEVER]):
            week = self.week(start, closed=closed)
            if week is None:
                continue
            if week["reference"] == start:
                week["reference"] = None
            before = spans[-1] if spans else None
            if before is not None and before["weeks_until"] == start and before == {**before, **week}:
                before["weeks_until"] = before["until_on"] = end
            else:
                spans.append({"from_on": start, "until_on": end, "weeks_from": start, "weeks_until": end, **week})
        return spans

    def absence_spans(self) -> list[dict[str, Any]]:
        """All absences as they stand (`now`), and as weeks knew them that closed from `known_from` up to, not
        including, `known_until`.
        """
        spans = []
        for ref in sorted(self.absences):
            revisions = self.absences[ref]
            for revision, later in zip(revisions, [*revisions[1:], None], strict=True):
                if revision.from_on is not None:
                    spans.append(
                        {
                            "from_on": revision.from_on,
                            "to_on": revision.to_on,
                            "part": revision.part,
                            "now": later is None,
                            "known_from": revision.known_from,
                            "known_until": NEVER if later is None else later.known_from,
                        }
                    )
        return spans


class RepresentativeRules:
    """The rules over a representative's state."""

    def __init__(self, time: BusinessTime) -> None:
        self.time = time

    def advance(self, representative: Representative, clock: int) -> None:
        """Move the clock; absences long over are forgotten."""
        if representative.clock is not None and clock <= representative.clock:
            return
        before, today = representative.today, self.time.day_at(clock)
        representative.clock, representative.today = clock, today
        if monday_of(before) != monday_of(today):
            _prune(representative)

    def evolve(self, representative: Representative, event: Event) -> None:
        """Fold one fact."""
        _FOLDS[type(event.data)](self, representative, event)


def _prune(representative: Representative) -> None:
    first = first_kept_day(representative.today)
    for ref, revisions in list(representative.absences.items()):
        if all(revision.to_on is None or revision.to_on < first for revision in revisions):
            del representative.absences[ref]


def _registered(rules: RepresentativeRules, representative: Representative, event: Event) -> None:
    fact = event.data
    fields: dict[str, Any] = {}
    for name in FIELDS:
        if name not in fact.model_fields_set:
            continue
        value = getattr(fact, name)
        if isinstance(value, Decimal):
            value = int(value.scaleb(2))
        elif isinstance(value, date):
            value = value.toordinal()
        fields[name] = value
    entry = Registration(
        *order_of(event), day=rules.time.day_of(event), known_from=rules.time.known_from(event), fields=fields
    )
    insort(representative.registrations, entry, key=lambda registration: registration[:3])


def _absent(rules: RepresentativeRules, representative: Representative, event: Event) -> None:
    fact = event.data
    known_from = rules.time.known_from(event)
    if isinstance(fact, RecordVoided):
        ref, absence = (event.source, fact.record_id), Absence(event.revision, known_from, None, None)
    else:
        ref = (event.source, fact.absence_id)
        part = WHOLE if fact.part is None else int(fact.part.scaleb(2))
        absence = Absence(event.revision, known_from, fact.from_on.toordinal(), fact.to_on.toordinal(), part)
    revisions = representative.absences.setdefault(ref, [])
    if all(known.revision != absence.revision for known in revisions):
        insort(revisions, absence, key=lambda known: known.revision)
    if representative.clock is not None:
        _prune(representative)


def _goal(_: RepresentativeRules, representative: Representative, event: Event) -> None:
    """What comes of it, the view `goals` reads from the weeks."""
    representative.goals = goals.put(representative.goals, event, 0)


def _void(rules: RepresentativeRules, representative: Representative, event: Event) -> None:
    if event.data.kind == "absence":
        _absent(rules, representative, event)


def _erased(rules: RepresentativeRules, representative: Representative, event: Event) -> None:
    """Their name is in `people` alone; what they did stays."""


_FOLDS: dict[type[Fact], Callable[[RepresentativeRules, Representative, Event], None]] = {
    RepresentativeRegistered: _registered,
    RepresentativeAbsent: _absent,
    GoalSet: _goal,
    PersonErased: _erased,
    RecordVoided: _void,
}
FOLDED: frozenset[type[Fact]] = frozenset(_FOLDS)
"""The facts that engagement folds of representatives."""
