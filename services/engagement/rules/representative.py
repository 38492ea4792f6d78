"""What engagement knows of one representative: registrations, absences, goals (domain.md, Per representative and ISO
week). Nothing is decided about representatives.
"""

from bisect import insort
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

from services.engagement.rules.days import NEVER, BusinessTime, first_kept_day, known_at, monday_of, to_micros
from services.engagement.rules.goals import Goals
from shared.events.event import Event
from shared.events.facts import RecordVoided

FIELDS = ("role", "team", "manager", "fte", "active_from", "active_until")
Ref = tuple[str, str]
"""Source and absence id."""


class Registration(NamedTuple):
    """One RepresentativeRegistered; ordered as it overrides. `fields` are those given; fte in hundredths, days as
    ordinals. Weeks from `known_from` (a Monday) know it when they close.
    """

    time: int
    id: str
    source: str
    day: int
    known_from: int
    fields: dict[str, Any]


class Absence(NamedTuple):
    """One revision of an absence, both days included; without days it is a void."""

    revision: int
    known_from: int
    from_on: int | None
    to_on: int | None


@dataclass(slots=True)
class Representative:
    """All of one representative. `clock` in microseconds."""

    id: str
    clock: int | None = None
    today: int = 0
    registrations: list[Registration] = field(default_factory=list)
    absences: dict[Ref, list[Absence]] = field(default_factory=dict)
    goals: Goals = field(default_factory=Goals)

    def as_of(self, day: int, *, closed: bool = False) -> dict[str, Any]:
        """The registered fields as of a day: of each the latest. `closed`: as of a Monday, by what its week knew."""
        fields: dict[str, Any] = {}
        for entry in self.registrations:
            if entry.day <= day and (not closed or entry.known_from <= day):
                fields.update(entry.fields)
        return fields

    def spans(self, *, closed: bool = False) -> list[dict[str, Any]]:
        """The registered fields by the days on which they hold, and by the days whose weeks they hold for: those of the
        Mondays among them.
        """
        starts = {max(entry.day, entry.known_from) if closed else entry.day for entry in self.registrations}
        points = sorted(starts)
        return [
            {
                "from_on": start,
                "until_on": end,
                "weeks_from": _next_monday(start),
                "weeks_until": _next_monday(end),
                **_working(self.as_of(start, closed=closed)),
            }
            for start, end in pairwise([*points, NEVER])
        ]

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
                            "now": later is None,
                            "known_from": revision.known_from,
                            "known_until": NEVER if later is None else later.known_from,
                        }
                    )
        return spans


def _next_monday(day: int) -> int:
    """The first Monday from a day on."""
    return monday_of(day + 6)


def _working(fields: dict[str, Any]) -> dict[str, Any]:
    """What a week needs of the fields. An end before the beginning is that of an earlier stay."""
    active_until = fields.get("active_until")
    if active_until is None or active_until < fields["active_from"]:
        active_until = NEVER
    return {
        "role": fields["role"],
        "fte_hundredths": fields["fte"],
        "active_from": fields["active_from"],
        "active_until": active_until,
    }


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
            self._prune(representative)

    @staticmethod
    def _prune(representative: Representative) -> None:
        first = first_kept_day(representative.today)
        for ref, revisions in list(representative.absences.items()):
            if all(revision.to_on is None or revision.to_on < first for revision in revisions):
                del representative.absences[ref]

    def evolve(self, representative: Representative, event: Event) -> None:
        """Fold one fact."""
        name = event.type
        if name == "guanxi.representative.registered.v1":
            self._fold_registered(representative, event)
        elif name == "guanxi.representative.absent.v1" or (
            isinstance(event.data, RecordVoided) and event.data.kind == "absence"
        ):
            self._fold_absent(representative, event)
        elif name == "guanxi.goal.set.v1":
            representative.goals.fold(event)

    def _fold_registered(self, representative: Representative, event: Event) -> None:
        fact = event.data
        fields: dict[str, Any] = {}
        for name in FIELDS:
            value = getattr(fact, name)
            if value is None:
                continue  # absent, as everywhere where null does not clear
            if name == "fte":
                value = int(value.scaleb(2))
            elif name.startswith("active_"):
                value = value.toordinal()
            fields[name] = value
        entry = Registration(
            to_micros(event.time),
            event.id,
            event.source,
            self.time.day_of(event),
            self.time.open_week(known_at(event)),
            fields,
        )
        insort(representative.registrations, entry, key=lambda registration: registration[:3])

    def _fold_absent(self, representative: Representative, event: Event) -> None:
        fact = event.data
        known_from = self.time.open_week(known_at(event))
        if isinstance(fact, RecordVoided):
            ref, absence = (event.source, fact.record_id), Absence(event.revision, known_from, None, None)
        else:
            ref = (event.source, fact.absence_id)
            absence = Absence(event.revision, known_from, fact.from_on.toordinal(), fact.to_on.toordinal())
        revisions = representative.absences.setdefault(ref, [])
        if all(known.revision != absence.revision for known in revisions):
            insort(revisions, absence, key=lambda known: known.revision)
        if representative.clock is not None:
            self._prune(representative)


REPRESENTATIVE_FOLDS = frozenset(
    {
        "guanxi.representative.registered.v1",
        "guanxi.representative.absent.v1",
        "guanxi.goal.set.v1",
        "guanxi.record.voided.v1",
    }
)
