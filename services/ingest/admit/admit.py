"""All rules of the doors for one event by itself, without earlier events."""

from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any
from zoneinfo import ZoneInfo

from services.ingest.admit.aside import said_of, split, take_texts
from services.ingest.admit.candidate import Candidate
from services.ingest.admit.content import bounded, read_data, unknown_fields
from services.ingest.admit.envelope import Envelope, ignored_attributes, read_envelope, refuse_age
from services.ingest.admit.hints import meant, without_specversion
from services.ingest.admit.people import take_names
from services.ingest.admit.rules import refuse_combination
from shared.events.codec import content_hash, format_instant
from shared.events.facts import Fact, RecordVoided
from shared.events.refusal import Reason, Refused
from shared.events.registry import record_of, subject_kind

CLAIM_KEPT = timedelta(days=800)
"""How long a fact without a business id is remembered after it happened: longer than the age limit, so that a
forgotten fact can't be sent again. Records are remembered forever, and so is history, which has no age limit."""

_OWN_KEYS = (b"customer:", b"representative:", b"group:", b"trail:")


def admit(
    document: object,
    *,
    now: datetime,
    zone: ZoneInfo,
    backfill: bool = False,
    internal: bool = False,
    person_key: bytes = b"",
) -> Candidate | Refused:
    """Turn an event into a candidate, or a refusal.

    document: as read by `doors.kafka.wire` or another strict JSON reader; now: the inbox's append time (at the HTTP
        door, which answers before that, the door's clock); zone: of business days; backfill: history, which has no age
        limit; internal: whether guanxi's own types are allowed (on the inbox, but not at the other doors);
    person_key: used for the ids of persons known by name and of texts, and to detect that a repeat says something
        else; only admission and the HTTP door need it.
    """
    envelope = read_envelope(document, internal=internal)
    if isinstance(envelope, Refused):
        return _in_words(envelope, document)
    refused = refuse_age(envelope.time, now, backfill=backfill)
    if refused is not None:
        return refused
    read = read_data(envelope.entry, envelope.data)
    if isinstance(read, Refused):
        return meant(read, envelope.entry, envelope.data)
    fact, data = read
    refused = refuse_combination(envelope, fact, zone)
    if refused is not None:
        return refused
    assert isinstance(document, dict), "an envelope comes from a dict"
    return _candidate(document, envelope, fact, data, backfill=backfill, person_key=person_key)


def _in_words(refused: Refused, document: object) -> Refused:
    """Add what the message looks like, or what an attribute was probably meant to be."""
    if not isinstance(document, dict):
        return refused
    if refused.field == "specversion":
        return Refused(refused.reason, refused.field, without_specversion(document))
    return meant(refused, None, document)


def refuse_key(key: bytes | None, candidate: Candidate) -> Refused | None:
    """Refuse a record whose Kafka key has our form but names another subject. Any other key is fine: the log sets its
    own key.
    """
    if key is None or not key.startswith(_OWN_KEYS) or key == candidate.key.encode():
        return None
    return Refused(Reason.KEY_MISMATCH, "subject", f"the record's key must be {candidate.key!r} or absent")


def _candidate(
    document: dict[str, Any],
    envelope: Envelope,
    fact: Fact,
    data: dict[str, Any],
    *,
    backfill: bool,
    person_key: bytes,
) -> Candidate:
    entry, subject, time = envelope.entry, envelope.subject, envelope.time
    key = f"{subject_kind(entry.name, fact)}:{subject}"
    bare, aside = split(entry, data)
    named, names = take_names(entry, key, subject, data, person_key)
    instant = format_instant(time)
    void = isinstance(fact, RecordVoided)
    record = record_of(entry, data)
    identity = identity_of(envelope.source, envelope.id, record)
    plain, texts = take_texts(entry, key, identity, envelope.revision, named, person_key)
    unknown = ignored_attributes(document, envelope) + unknown_fields(entry, envelope.data)
    undo: dict[str, Any] | None = None
    if record is not None:
        undo = undo_of(envelope.revision, instant, plain, fact.UNDO_LEAVES_OUT, void=void)
    return Candidate(
        type=entry.name,
        id=envelope.id,
        source=envelope.source,
        subject=subject,
        time=time,
        revision=envelope.revision,
        data=plain,
        traceparent=envelope.traceparent,
        actor=envelope.actor,
        backfill=backfill,
        key=key,
        identity=identity,
        content=content_hash((entry.name, subject, instant, bare)),
        said=said_of(aside, person_key),
        undo=undo,
        void=void,
        names=names,
        texts=texts,
        ignored=bounded(unknown) if unknown else (),
        expires_at=None if record or backfill or not entry.is_claimed else time + CLAIM_KEPT,
        claimed=entry.is_claimed,
        whole=(entry.name, subject, instant, data) if aside else None,
    )


def undo_of(
    revision: int, instant: str, data: dict[str, Any], leave_out: frozenset[str], *, void: bool
) -> dict[str, Any]:
    """What the log shows as `replaces` when a later revision arrives."""
    kept = {name: value for name, value in data.items() if name not in leave_out} if leave_out else data
    return {"revision": revision, "time": instant, "data": None if void else kept}


def identity_of(source: str, event_id: str, record: tuple[str, ...] | None) -> bytes:
    """16 bytes that all revisions of a record share (domain.md, Identity): of `record_of`, else the event's own id. Ids
    contain no null character, so it can separate them.
    """
    parts = ("fact", source, event_id) if record is None else ("record", source, *record)
    return blake2b("\0".join(parts).encode(), digest_size=16).digest()
