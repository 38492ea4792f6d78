"""A visit's revisions, as its facts on the log say them (domain.md, Identity)."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, get_args

from services.engagement.rules.days import BusinessTime, known_at
from shared.events.event import Event
from shared.events.facts import Channel, RecordVoided, Role, VisitKind, VisitLogged
from shared.events.texts import chars, kept_of
from shared.facts.days import to_micros

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
"""What was agreed and promised is shown in the contact plan, cut to this length."""
MAX_FOLLOW_UPS_KEPT = 5
MAX_REVISIONS_KEPT = 20
"""Of one visit: the first and the last ones."""

Ref = tuple[str, str]
"""Source and visit id."""


class Revision(NamedTuple):
    """One revision of a visit, as stored. kind: index into KINDS, or VOID; known, time: microseconds; day: ordinal;
    participants: rep_id and index into ROLES in turn; attendees: person_id and department in turn; notes: consensus,
    then follow-ups; follows: whether another revision stood before it, so that it is not the record's first.
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
    follows: bool = False

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


Piece = dict[Ref, list[Revision]]
"""The visits of one week: each that has any revision in it, with all of its revisions, lowest first."""


def in_order(piece: Piece) -> list[tuple[Ref, list[Revision]]]:
    """By day and time of the highest revision."""
    return sorted(piece.items(), key=_place)


def with_revision(revisions: Sequence[Revision], revision: Revision) -> list[Revision]:
    """The revisions of a visit and one more. What was agreed is kept of the highest one alone."""
    several = sorted([*revisions, revision], key=lambda known: known.revision)
    several[:-1] = [known._replace(notes=()) if known.notes else known for known in several[:-1]]
    del several[1 : max(1, len(several) - MAX_REVISIONS_KEPT + 1)]
    return several


def _place(entry: tuple[Ref, list[Revision]]) -> tuple[int, int, Ref]:
    ref, (*_, visit) = entry
    return visit.day, visit.time, ref


def ref_of(event: Event) -> Ref:
    """Which visit a VisitLogged or the void of one is about."""
    fact: VisitLogged | RecordVoided = event.data
    return event.source, fact.record_id if isinstance(fact, RecordVoided) else fact.visit_id


def replaced_day(event: Event, time: BusinessTime) -> int | None:
    """The day of the revision that an event replaces; None where it replaces none, or a void."""
    replaced = event.replaces
    if replaced is None or replaced.fact is None:
        return None
    return time.counts_on(replaced.fact, replaced.time)


def day_of(event: Event, time: BusinessTime) -> int:
    """The day of the revision that an event is. A void has the day of what it voids."""
    replaced = replaced_day(event, time) if isinstance(event.data, RecordVoided) else None
    return time.day_of(event) if replaced is None else replaced


def revision_of(event: Event, time: BusinessTime) -> Revision:
    """The revision that a VisitLogged or the void of a visit is."""
    fact: VisitLogged | RecordVoided = event.data
    follows, at, day = event.replaces is not None, to_micros(event.time), day_of(event, time)
    if isinstance(fact, RecordVoided):
        return Revision(event.revision, known_at(event), at, day, VOID, follows=follows)
    texts = [fact.consensus, *(follow_up.what for follow_up in fact.follow_ups[:MAX_FOLLOW_UPS_KEPT])]
    return Revision(
        event.revision,
        known_at(event),
        at,
        day,
        KINDS.index(fact.kind),
        CHANNELS.index(fact.channel),
        outcome=chars(fact.consensus) > 0 or bool(fact.follow_ups),
        backfill=event.backfill,
        participants=tuple(part for one in fact.participants for part in (one.rep_id, ROLES.index(one.role))),
        attendees=tuple(part for one in fact.attendees for part in (one.person_id, one.department)),
        notes=[kept_of(text, MAX_NOTE_CHARS) for text in texts] if any(texts) else (),
        follows=follows,
    )
