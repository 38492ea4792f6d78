"""The visits of one customer, each with its revisions, whichever order those come in (domain.md, Identity)."""

from bisect import insort
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, get_args

from services.engagement.rules.days import BusinessTime, first_kept_day, known_at, monday_of, to_micros
from shared.events.event import Event
from shared.events.facts import Channel, RecordVoided, Role, VisitKind, VisitLogged

KINDS: tuple[str, ...] = get_args(VisitKind)
CHANNELS: tuple[str, ...] = get_args(Channel)
ROLES: tuple[str, ...] = get_args(Role)
VOID = -1
EXHIBITION = KINDS.index("exhibition")
EXECUTIVE = KINDS.index("executive")
COMPANY_TOUR = KINDS.index("company_tour")
IN_PERSON = frozenset({CHANNELS.index("onsite"), CHANNELS.index("hosted")})

MAX_NOTE_CHARS = 300
"""What was agreed and promised is kept for the contact plan, cut to this length ..."""
NOTES_KEPT_WEEKS = 57
"""... and for this long (400 days): a lapsed general customer's last visit is 90 days back and more."""
MAX_FOLLOW_UPS_KEPT = 5

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
    participants: Sequence[Any] = ()
    attendees: Sequence[str | None] = ()
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
        return self.kind not in {VOID, EXHIBITION}


class Visits:
    """All visits that state keeps: whole weeks of the last 800 days, and the latest contact before them."""

    __slots__ = ("_contacts", "_records")

    def __init__(self, records: dict[Ref, list[Revision]] | None = None) -> None:
        self._records = records or {}
        self._contacts: list[int] | None = None

    def __len__(self) -> int:
        return len(self._records)

    def records(self) -> Iterable[tuple[Ref, list[Revision]]]:
        """Each visit known with its revisions, lowest first; void ones included."""
        return self._records.items()

    def revisions(self, ref: Ref) -> list[Revision]:
        """All known revisions of a visit, lowest first."""
        return self._records.get(ref, [])

    def standing(self) -> Iterator[tuple[Ref, Revision]]:
        """The visits as they stand now."""
        for ref, revisions in self._records.items():
            if revisions[-1].kind != VOID:
                yield ref, revisions[-1]

    def contacts(self) -> list[int]:
        """The days of all contacts, future ones included, ascending; one entry a visit."""
        if self._contacts is None:
            self._contacts = sorted(visit.day for _, visit in self.standing() if visit.is_contact)
        return self._contacts

    def fold(self, event: Event, time: BusinessTime) -> bool:
        """Fold a VisitLogged or the void of one; whether anything changed."""
        fact = event.data
        if isinstance(fact, RecordVoided):
            ref, revision = (event.source, fact.record_id), _void(event, time)
        else:
            ref, revision = (event.source, fact.visit_id), _logged(event, fact, time)
        revisions = self._records.setdefault(ref, [])
        if any(known.revision == revision.revision for known in revisions):
            return False
        insort(revisions, revision, key=lambda known: known.revision)
        self._contacts = None
        return True

    def prune(self, today: int) -> list[tuple[Ref, list[Revision]]]:
        """Forget what lies too far back; gives what was forgotten. Depends on the week of today only."""
        first, notes_from = first_kept_day(today), oldest_of_interest(today)
        old: list[Ref] = []
        for ref, revisions in self._records.items():
            last = max(revision.day for revision in revisions)
            if last < notes_from:
                if revisions[-1].notes:
                    revisions[-1] = revisions[-1]._replace(notes=[])
                if last < first:
                    old.append(ref)
        if not old:
            return []
        kept = max(
            ((self._records[ref][-1].day, self._records[ref][-1].time, *ref) for ref in old if self._stands(ref)),
            default=None,
        )
        forgotten = [(ref, self._records.pop(ref)) for ref in old if kept is None or ref != kept[2:]]
        self._contacts = None
        return forgotten

    def _stands(self, ref: Ref) -> bool:
        return self._records[ref][-1].is_contact

    def dump(self) -> list[list[Any]]:
        """For storage: one flat list a visit, by source and id."""
        return [[*ref, *map(_dump, self._records[ref])] for ref in sorted(self._records)]

    @classmethod
    def load(cls, stored: list[list[Any]]) -> "Visits":
        """The inverse of `dump`."""
        return cls({(source, id_): [Revision(*revision) for revision in kept] for source, id_, *kept in stored})


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
        participants=[part for one in fact.participants for part in (one.rep_id, ROLES.index(one.role))],
        attendees=[part for one in fact.attendees for part in (one.person_id, one.department)],
        notes=list(map(_cut, texts)) if any(texts) else [],
    )


def _cut(text: str | None) -> str | None:
    if text is None or len(text) <= MAX_NOTE_CHARS:
        return text
    return text[: MAX_NOTE_CHARS - 1] + "…"


def _dump(visit: Revision) -> list[Any]:
    return list(visit if visit.kind != VOID else visit[:5])
