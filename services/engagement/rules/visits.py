"""A visit's revisions, as its facts on the log say them, and how the visits of one week are stored (domain.md,
Identity).
"""

from collections.abc import Iterator, Sequence
from operator import add, sub
from typing import Any, NamedTuple, get_args

from services.engagement.rules.days import BusinessTime, known_at, to_micros
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
"""What was agreed and promised is kept for the contact plan, cut to this length."""
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


def dump_piece(piece: Piece) -> dict[str, Any]:
    """For storage: a column for each field, one entry a revision, so that packing and unpacking many visits costs
    little. `known` counts from `time`, whose distance is short. Sources, participants and attendees repeat, so they
    stand in lists of their own and the columns point to them.
    """
    return _dump([(source, name, *one) for (source, name), revisions in in_order(piece) for one in revisions])


def _dump(flat: list[tuple[Any, ...]]) -> dict[str, Any]:
    columns = zip(*flat, strict=True)
    sources, ids, revision, known, time, day, kind, channel, outcome, backfill, parts, met, notes, follows = columns
    dumped: dict[str, Any] = {
        "ids": ids,
        "revision": revision,
        "known": list(map(sub, known, time)),
        "time": time,
        "day": day,
        "kind": kind,
        "channel": channel,
        "flags": [one + 2 * two + 4 * three for one, two, three in zip(outcome, backfill, follows, strict=True)],
        "notes": [(index, noted) for index, noted in enumerate(notes) if noted],
    }
    for name, column in (("source", sources), ("participants", parts), ("attendees", met)):
        seen: dict[Any, int] = {}
        dumped[name] = [seen.setdefault(one, len(seen)) for one in column]
        dumped[f"{name}_seen"] = list(seen)
    return dumped


def load_piece(stored: dict[str, Any]) -> Piece:
    """The inverse of `dump_piece`."""
    parts, met = (list(map(tuple, stored[f"{name}_seen"])) for name in ("participants", "attendees"))
    notes: list[Sequence[str | None]] = [()] * len(stored["ids"])
    for index, noted in stored["notes"]:
        notes[index] = noted
    flags = stored["flags"]
    columns = (
        stored["revision"],
        map(add, stored["known"], stored["time"]),
        stored["time"],
        stored["day"],
        stored["kind"],
        stored["channel"],
        (bool(flag & 1) for flag in flags),
        (bool(flag & 2) for flag in flags),
        map(parts.__getitem__, stored["participants"]),
        map(met.__getitem__, stored["attendees"]),
        notes,
        (bool(flag & 4) for flag in flags),
    )
    piece: Piece = {}
    refs = zip(map(stored["source_seen"].__getitem__, stored["source"]), stored["ids"], strict=True)
    for ref, revision in zip(refs, map(Revision._make, zip(*columns, strict=True)), strict=True):
        piece.setdefault(ref, []).append(revision)
    return piece


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
    on = replaced.fact.occurred_on
    return time.day_at(to_micros(replaced.time)) if on is None else on.toordinal()


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
        outcome=bool(fact.consensus and fact.consensus.strip()) or bool(fact.follow_ups),
        backfill=event.backfill,
        participants=tuple(part for one in fact.participants for part in (one.rep_id, ROLES.index(one.role))),
        attendees=tuple(part for one in fact.attendees for part in (one.person_id, one.department)),
        notes=list(map(_cut, texts)) if any(texts) else (),
        follows=follows,
    )


def _cut(text: str | None) -> str | None:
    if text is None or len(text) <= MAX_NOTE_CHARS:
        return text
    return text[: MAX_NOTE_CHARS - 1] + "…"
