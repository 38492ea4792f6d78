"""What the log alone tells of admission: what a claim must hold of a record, for claims that were lost; and the texts
that stand on logs from before texts left them.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from pydantic_core import from_json

from services.ingest.admit.admit import CLAIM_KEPT, identity_of, undo_of
from services.ingest.admit.aside import NOTHING, split, take_texts
from services.ingest.admit.candidate import WrittenText
from services.ingest.admit.claims import Claim, Entry
from shared.events.codec import content_hash, encode_json
from shared.events.event import Position
from shared.events.registry import FACT_OF_KIND, FACTS, VOIDED, record_of


class Claimed(NamedTuple):
    """One accepted revision, and the claim that it belongs to."""

    identity: bytes
    key: str
    entry: Entry
    expires_at: datetime | None


def claimed(key: bytes, value: bytes, name: str, position: Position) -> Claimed | None:
    """What admission claimed for a record of the log; None for what needs no claim.

    The content's hash is that of the event as sent. What its texts and names said can't be told from the log, so that
    an event with the same content is answered as a duplicate, whatever its texts and names. It does not count twice.
    """
    fact = FACTS.get(name)
    if fact is None or not fact.is_claimed or position.output:  # a claim is of the event, however many records it makes
        return None
    event = from_json(value)
    data = {field: part for field, part in event["data"].items() if field != "replaces"}
    record = record_of(fact, data)
    revision, instant = event.get("revision", 1), event["time"]
    undo = None
    if record is not None:
        undo = undo_of(revision, instant, data, fact.fact.UNDO_LEAVES_OUT, void=name == VOIDED)
    bare, aside = split(fact, data)
    content = content_hash((name, event["subject"], instant, bare))
    expires_at = None if record or event.get("backfill") else datetime.fromisoformat(instant) + CLAIM_KEPT
    identity = identity_of(event["source"], event["id"], record)
    entry = Entry(revision, position, content, undo, None if aside or fact.names_persons else NOTHING)
    return Claimed(identity, key.decode(), entry, expires_at)


def without_texts(key: bytes, value: bytes, name: str, person_key: bytes) -> tuple[bytes, tuple[WrittenText, ...]]:
    """A log record's value with references in place of texts, and the texts: the same that admission would make of the
    event now. Gives the same value where it has none.
    """
    fact = FACTS.get(name)
    if fact is None:
        return value, ()
    event = from_json(value)
    data, replaces = event["data"], event["data"].get("replaces")
    record = record_of(fact, data)
    identity, whose = identity_of(event["source"], event["id"], record), key.decode()
    plain, texts = take_texts(fact, whose, identity, event.get("revision", 1), data, person_key)
    if replaces is not None and replaces["data"] is not None:
        of = FACT_OF_KIND[data["kind"]] if name == VOIDED else fact
        former, more = take_texts(of, whose, identity, replaces["revision"], replaces["data"], person_key)
        plain, texts = {**plain, "replaces": {**replaces, "data": former}}, texts + more
    return (encode_json({**event, "data": plain}) if texts else value), texts


def restored(stored: Claim | None, found: Iterable[Claimed]) -> Claim | None:
    """The claim with every revision that is on the log; None when the stored one has them all. What is stored stays."""
    entries = {entry.position: entry for entry in stored.entries} if stored else {}
    missing = [one for one in found if one.entry.position not in entries]
    if not missing:
        return None
    entries |= {one.entry.position: one.entry for one in missing}
    ascending = tuple(sorted(entries.values(), key=lambda entry: entry.revision))
    latest = max(missing, key=lambda one: one.entry.revision)
    is_latest = ascending[-1] == latest.entry
    return Claim(
        latest.identity,
        latest.key if is_latest or stored is None else stored.key,
        ascending,
        latest.expires_at,
        stored.v if stored else 0,
    )
