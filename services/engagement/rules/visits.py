"""The visits of one customer, each with its revisions, whichever order those come in (domain.md, Identity)."""

from bisect import insort
from collections.abc import Iterator, Sequence
from operator import add, sub
from typing import Any, NamedTuple, get_args

from services.engagement.rules.days import BusinessTime, first_kept_day, known_at, monday_of, to_micros
from shared.events.event import Event
from shared.events.facts import Channel, RecordVoided, Role, VisitKind, VisitLogged

KINDS: tuple[str, ...] = get_args(VisitKind)
CHANNELS: tuple[str, ...] = get_args(Channel)
ROLES: tuple[str, ...] = get_args(Role)
VOID = -1
EXHIBITION = KINDS.index("exhibition")
_NO_CONTACT = frozenset({VOID, EXHIBITION})
EXECUTIVE = KINDS.index("executive")
COMPANY_TOUR = KINDS.index("company_tour")
IN_PERSON = frozenset({CHANNELS.index("onsite"), CHANNELS.index("hosted")})

MAX_NOTE_CHARS = 300
"""What was agreed and promised is kept for the contact plan, cut to this length ..."""
NOTES_KEPT_WEEKS = 57
"""... for this long (400 days): a lapsed general customer's last visit is 90 days back and more ..."""
MAX_NOTED_VISITS = 32
"""... and for so many last visits that have any: the last one is shown, the others are for when it is voided."""
MAX_FOLLOW_UPS_KEPT = 5
MAX_VISITS_KEPT = 10_000
"""Of one customer, the latest; 27 a day over a year. More would come near MongoDB's limit of a document's size."""
MAX_REVISIONS_KEPT = 20
"""Of one visit: the first and the last ones."""
MAX_MET_KEPT = 1_000
"""Persons whose last meeting lies in visits that were forgotten, the latest of them."""

Ref = tuple[str, str]
"""Source and visit id."""


def oldest_of_interest(today: int) -> int:
    """The day from which on visits are kept with their notes; earlier ones lose them, and at last are forgotten."""
    return monday_of(today) - 7 * NOTES_KEPT_WEEKS


class Revision(NamedTuple):
    """One revision of a visit, as stored. kind: index into KINDS, or VOID; known, time: microseconds; day: ordinal;
    participants: rep_id and index into ROLES in turn; attendees: person_id and department in turn; notes: consensus,
    then follow-ups.
    """

    revision: int
    known: int
    time: int
    day: int
    kind: int
    channel: int = 0
    outcome: bool = False
    backfill: bool = False
    participants: tuple[Any, ...] = ()
    attendees: tuple[str | None, ...] = ()
    notes: Sequence[str | None] = ()

    @property
    def stands(self) -> bool:
        """Whether this revision is no void."""
        return self.kind != VOID

    @property
    def by(self) -> Iterator[tuple[str, int]]:
        """The participants: representative, and the index into ROLES of the role they took."""
        return zip(self.participants[::2], self.participants[1::2], strict=True)

    @property
    def met(self) -> Iterator[tuple[str | None, str | None]]:
        """The attendees: person and department."""
        return zip(self.attendees[::2], self.attendees[1::2], strict=True)

    @property
    def is_contact(self) -> bool:
        """Any visit but an exhibition, through any channel."""
        return self.kind not in _NO_CONTACT


class Visits:
    """All visits that state keeps: whole weeks of the last 800 days, and the latest contact before them; and of those
    forgotten, when each person was met last.
    """

    __slots__ = ("_contacts", "_order", "_records", "met_before")

    def __init__(
        self, records: dict[Ref, list[Revision]] | None = None, met_before: dict[str, int] | None = None
    ) -> None:
        self._records = records or {}
        self.met_before = met_before or {}
        self._contacts: list[int] | None = None
        self._order: list[tuple[Ref, list[Revision]]] | None = None

    def __len__(self) -> int:
        return len(self._records)

    def __bool__(self) -> bool:
        return bool(self._records or self.met_before)

    def records(self) -> list[tuple[Ref, list[Revision]]]:
        """Each visit known with its revisions, lowest first, void ones included; by day and time of the highest one."""
        if self._order is None:
            self._order = sorted(self._records.items(), key=_place)
        return self._order

    def revisions(self, ref: Ref) -> list[Revision]:
        """All known revisions of a visit, lowest first."""
        return self._records.get(ref, [])

    def standing(self) -> list[tuple[Ref, Revision]]:
        """The visits as they stand now, by day and time."""
        return [(ref, revisions[-1]) for ref, revisions in self.records() if revisions[-1].kind != VOID]

    def contacts(self) -> list[int]:
        """The days of all contacts, future ones included, ascending; one entry a visit."""
        if self._contacts is None:
            self._contacts = [
                revisions[-1].day for _, revisions in self.records() if revisions[-1].kind not in _NO_CONTACT
            ]
        return self._contacts

    def fold(self, event: Event, time: BusinessTime) -> bool:
        """Fold a VisitLogged or the void of one; whether anything changed."""
        fact = event.data
        if isinstance(fact, RecordVoided):
            ref, revision = (event.source, fact.record_id), _void(event, time)
        else:
            ref, revision = (event.source, fact.visit_id), _logged(event, fact, time)
        order, revisions = self.records(), self._records.setdefault(ref, [])
        if any(known.revision == revision.revision for known in revisions):
            return False
        if revisions:
            order.remove((ref, revisions))
        insort(revisions, revision, key=lambda known: known.revision)
        if len(revisions) > 1:
            revisions[:-1] = [known._replace(notes=()) if known.notes else known for known in revisions[:-1]]
            del revisions[1 : max(1, len(revisions) - MAX_REVISIONS_KEPT + 1)]
        insort(order, (ref, revisions), key=_place)
        self._contacts = None
        return True

    def prune(self, today: int) -> list[tuple[Ref, list[Revision]]]:
        """Forget what lies too far back; gives what was forgotten. Depends on the week of today only."""
        self._forget_notes(today)
        old = self._old(today)
        kept = next((ref for ref, (*_, visit) in reversed(old) if visit.is_contact), None)
        forgotten = [entry for entry in old if entry[0] != kept]
        for ref, (*_, visit) in forgotten:
            del self._records[ref]
            if visit.stands:
                self._note_met(visit)
        if forgotten:
            self._contacts = self._order = None
        return forgotten

    def _old(self, today: int) -> list[tuple[Ref, list[Revision]]]:
        """What lies before the first kept day with all its revisions, or is more than can be kept."""
        first, too_many = first_kept_day(today), len(self._records) - MAX_VISITS_KEPT
        old: list[tuple[Ref, list[Revision]]] = []
        for entry in self.records():
            if entry[1][-1].day >= first and len(old) >= too_many:
                break
            if len(old) < too_many or all(revision.day < first for revision in entry[1]):
                old.append(entry)
        return old

    def _forget_notes(self, today: int) -> None:
        notes_from, noted = oldest_of_interest(today), 0
        for _, revisions in reversed(self.records()):
            if revisions[-1].notes:
                noted += 1
                if noted > MAX_NOTED_VISITS or max(revision.day for revision in revisions) < notes_from:
                    revisions[-1] = revisions[-1]._replace(notes=())

    def _note_met(self, visit: Revision) -> None:
        for person, _ in visit.met:
            if person is not None and self.met_before.get(person, 0) < visit.day:
                self.met_before[person] = visit.day
        if len(self.met_before) > MAX_MET_KEPT:
            latest = sorted(self.met_before.items(), key=lambda entry: (-entry[1], entry[0]))
            self.met_before = dict(latest[:MAX_MET_KEPT])

    def dump(self) -> dict[str, Any]:
        """For storage: a column for each field, one entry a revision, so that packing and unpacking hundreds of visits
        with every event costs little. `known` counts from `time`, whose distance is short. Sources, participants and
        attendees repeat, so they stand in lists of their own and the columns point to them.
        """
        flat = [(source, name, *one) for (source, name), revisions in self.records() for one in revisions]
        columns = zip(*flat, strict=True) if flat else [()] * (2 + len(Revision._fields))
        sources, ids, revision, known, time, day, kind, channel, outcome, backfill, parts, met, notes = columns
        dumped: dict[str, Any] = {
            "ids": ids,
            "revision": revision,
            "known": list(map(sub, known, time)),
            "time": time,
            "day": day,
            "kind": kind,
            "channel": channel,
            "flags": [first + 2 * second for first, second in zip(outcome, backfill, strict=True)],
            "notes": [(index, noted) for index, noted in enumerate(notes) if noted],
        }
        for name, column in (("source", sources), ("participants", parts), ("attendees", met)):
            seen: dict[Any, int] = {}
            dumped[name] = [seen.setdefault(one, len(seen)) for one in column]
            dumped[f"{name}_seen"] = list(seen)
        if self.met_before:
            dumped["met_before"] = sorted(self.met_before.items())
        return dumped

    @classmethod
    def load(cls, stored: dict[str, Any]) -> "Visits":
        """The inverse of `dump`."""
        parts, met = (list(map(tuple, stored[f"{name}_seen"])) for name in ("participants", "attendees"))
        notes: list[Sequence[str | None]] = [()] * len(stored["ids"])
        for index, noted in stored["notes"]:
            notes[index] = noted
        columns = (
            stored["revision"],
            map(add, stored["known"], stored["time"]),
            stored["time"],
            stored["day"],
            stored["kind"],
            stored["channel"],
            map(_OUTCOME.__getitem__, stored["flags"]),
            map(_BACKFILL.__getitem__, stored["flags"]),
            map(parts.__getitem__, stored["participants"]),
            map(met.__getitem__, stored["attendees"]),
            notes,
        )
        records: dict[Ref, list[Revision]] = {}
        refs = zip(map(stored["source_seen"].__getitem__, stored["source"]), stored["ids"], strict=True)
        for ref, revision in zip(refs, map(Revision._make, zip(*columns, strict=True)), strict=True):
            if ref in records:
                records[ref].append(revision)
            else:
                records[ref] = [revision]
        visits = cls(records, dict(stored.get("met_before", ())))
        visits._order = list(records.items())  # as dumped
        return visits


_OUTCOME = (False, True, False, True)
_BACKFILL = (False, False, True, True)
"""By the flags of a stored revision."""


def _place(entry: tuple[Ref, list[Revision]]) -> tuple[int, int, Ref]:
    ref, (*_, visit) = entry
    return visit.day, visit.time, ref


def _void(event: Event, time: BusinessTime) -> Revision:
    replaced = event.replaces.fact if event.replaces is not None else None
    if replaced is None or event.replaces is None:
        day = time.day_of(event)
    elif replaced.occurred_on is not None:
        day = replaced.occurred_on.toordinal()
    else:
        day = time.day_at(to_micros(event.replaces.time))
    return Revision(event.revision, known_at(event), to_micros(event.time), day, VOID)


def _logged(event: Event, fact: VisitLogged, time: BusinessTime) -> Revision:
    texts = [fact.consensus, *(follow_up.what for follow_up in fact.follow_ups[:MAX_FOLLOW_UPS_KEPT])]
    return Revision(
        event.revision,
        known_at(event),
        to_micros(event.time),
        time.day_of(event),
        KINDS.index(fact.kind),
        CHANNELS.index(fact.channel),
        outcome=bool(fact.consensus and fact.consensus.strip()) or bool(fact.follow_ups),
        backfill=event.backfill,
        participants=tuple(part for one in fact.participants for part in (one.rep_id, ROLES.index(one.role))),
        attendees=tuple(part for one in fact.attendees for part in (one.person_id, one.department)),
        notes=list(map(_cut, texts)) if any(texts) else (),
    )


def _cut(text: str | None) -> str | None:
    if text is None or len(text) <= MAX_NOTE_CHARS:
        return text
    return text[: MAX_NOTE_CHARS - 1] + "…"
