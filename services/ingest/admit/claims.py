"""Each record once: what is remembered of an identity, and the verdict on the next event with it.

One claim per identity, changed by compare-and-set. It keeps every accepted revision with its position on the inbox, so
that a position that is read again (after a crash, or by a second owner) gets the same verdict and output
(architecture.md, invariant 3).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from services.ingest.admit.candidate import Candidate
from services.ingest.admit.former import former_contents
from shared.events.event import Position
from shared.events.refusal import Reason, Refused

MAX_REVISIONS = 100
"""Revisions kept per record, so that a claim stays far below MongoDB's document limit. One void beyond it is
accepted."""


class Entry(NamedTuple):
    """One accepted revision: its position, the hash of its content, and what is needed to undo it. said: the keyed hash
    of its texts and names; None once any of them is erased or lost, so that a repeat is one whatever it says.
    """

    revision: int
    position: Position
    content: bytes
    undo: dict[str, Any] | None
    said: bytes | None = b""

    @property
    def is_void(self) -> bool:
        """Whether this revision voids the record."""
        return self.undo is not None and self.undo["data"] is None


@dataclass(frozen=True, slots=True)
class Claim:
    """Everything accepted under one identity. `entries` ascend by revision, which is the order of acceptance too.
    `v` counts writes for compare-and-set; 0 means not stored yet.
    """

    identity: bytes
    key: str
    entries: tuple[Entry, ...]
    expires_at: datetime | None = None
    v: int = 0


class Accepted(NamedTuple):
    """To write to the log, with `replaces` in its data. `claim` must be stored first; None when unchanged."""

    claim: Claim | None
    replaces: dict[str, Any] | None


class Duplicate(NamedTuple):
    """The same content again from another position: nothing to do."""

    revision: int


def judge(claim: Claim | None, candidate: Candidate, position: Position) -> Accepted | Duplicate | Refused:
    """The verdict on a candidate, given everything accepted under its identity so far."""
    if not candidate.claimed:
        return Accepted(None, None)
    if claim is None:
        entry = Entry(candidate.revision, position, candidate.content, candidate.undo, candidate.said)
        return Accepted(Claim(candidate.identity, candidate.key, (entry,), candidate.expires_at), None)
    return _against(claim, candidate, position)


def _against(claim: Claim, candidate: Candidate, position: Position) -> Accepted | Duplicate | Refused:
    replaces = None
    for entry in claim.entries:
        if entry.position == position:
            return Accepted(None, replaces)
        replaces = entry.undo
    revision = candidate.revision
    if any(entry.revision == revision and _says_the_same(entry, candidate) for entry in claim.entries):
        return Duplicate(revision)
    highest = claim.entries[-1]
    is_record = candidate.undo is not None
    starts_afresh = highest.is_void and revision > highest.revision and not candidate.void
    if is_record and claim.key != candidate.key and not starts_afresh:
        hint = (
            "this record belongs to another subject; to move it, void it there, then send a higher revision with "
            "this subject"
        )
        return Refused(Reason.SUBJECT_CHANGED, "subject", hint)
    for entry in claim.entries:
        if entry.revision == revision:
            hint = (
                f"revision {revision} of this record already exists with other content; amend it with a higher revision"
            )
            if not is_record:
                hint = "this source already sent this id with other content; give a new fact its own id"
            return Refused(Reason.CONFLICTING_REPEAT, "revision" if is_record else "id", hint)
    if revision < highest.revision:
        hint = f"revision {revision} is lower than the known revision {highest.revision} of this record"
        return Refused(Reason.SUPERSEDED, "revision", hint)
    full = MAX_REVISIONS + (1 if candidate.void else 0)
    if len(claim.entries) >= full:
        hint = f"this record has {MAX_REVISIONS} revisions already; void it and send a record with a new id"
        return Refused(Reason.TOO_MANY_REVISIONS, "revision", hint)
    entry = Entry(revision, position, candidate.content, candidate.undo, candidate.said)
    after = Claim(claim.identity, candidate.key, (*claim.entries, entry), claim.expires_at, claim.v)
    return Accepted(after, highest.undo)


def _says_the_same(entry: Entry, candidate: Candidate) -> bool:
    if entry.content == candidate.content and (candidate.said is None or entry.said in {None, candidate.said}):
        return True
    return entry.content in former_contents(candidate)
