"""The HTTP door's answer for each event of a request: the same rules that admission applies, a moment earlier."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

from services.ingest.admit import (
    Candidate,
    Claim,
    Duplicate,
    admit,
    by_headers,
    judge,
    known_as,
    read_quickly,
    refuse_sender,
)
from services.ingest.doors.http.vouching import vouch
from services.ingest.doors.kafka.wire import MAX_EVENT_BYTES, from_kafka, is_plain
from services.ingest.inbox import Appended, InboxRecord, SeenClaims
from shared.errors import Transient
from shared.events.codec import TRACEPARENT_HEADER
from shared.events.event import Position
from shared.events.refusal import Reason, Refused
from shared.events.registry import FACTS
from shared.keys import ApiKey, Scope
from shared.metrics import UNREAD
from shared.positions import Mark, Of, encode

_NOT_ON_THE_INBOX = Position(-1, -1, -1)
_YIELD_EVERY_EVENTS = 50
"""Judging takes tens of microseconds an event, during which other requests and admission's heartbeat wait."""
_MAX_ECHOED_ID_CHARS = 200


MAX_LOOKED_UP = 20
"""Unknown names per request that are compared with known ones: each may cost a tenth of a millisecond."""
_BINARY_HINT = "over HTTP, send attributes in the JSON, beside data (structured mode)"
ACCEPTED_NOTE = (
    "accepted: Kafka has stored it. Admission may still refuse an event that contradicts an earlier one; it is then "
    "in the topic guanxi.rejected with the reason, and in 'guanxi rejected list'."
)


class EventAnswer(BaseModel):
    """The answer to one event."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    index: Annotated[int, Field(ge=0, description="position in the request, from 0, not counting blank lines")]
    id: Annotated[str | None, Field(description="the event's id; null if it could not be read")]
    status: Annotated[
        Literal["accepted", "duplicate", "refused"],
        Field(
            description=(
                "accepted: on the inbox and acknowledged by Kafka, though admission may still refuse it (see "
                "note); duplicate: already known with the same content, nothing to do; refused: not accepted, see code"
            )
        ),
    ]
    code: Annotated[Reason | None, Field(description="why it was refused, else null")] = None
    field: Annotated[
        str | None, Field(description=("dotted path of the wrong field; empty for the event as a whole"))
    ] = None
    hint: Annotated[str | None, Field(description="what is wrong and what to do, in one sentence")] = None
    ignored: Annotated[list[str], Field(description="unknown attributes and data fields, which are left out")] = []
    did_you_mean: Annotated[
        dict[str, str], Field(description="for ignored names similar to a known one: the known name")
    ] = {}


class Answer(BaseModel):
    """The answer to a readable request."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    accepted: Annotated[int, Field(ge=0)]
    duplicate: Annotated[int, Field(ge=0)]
    refused: Annotated[int, Field(ge=0)]
    position: Annotated[
        str | None,
        Field(
            description=(
                "opaque: the position on the inbox of the accepted and already known events; a query with it "
                "returns their outcome. Null if there are none, or until the service first reaches MongoDB after its "
                "start"
            )
        ),
    ] = None
    note: Annotated[str | None, Field(description="what accepted means, if an event was accepted")] = None
    events: list[EventAnswer]


@dataclass(slots=True)
class Judged:
    """One event of a request, while it is processed. `candidate` is None once it is refused."""

    raw: bytes
    answer: EventAnswer
    candidate: Candidate | None = None
    type: str = UNREAD
    known_at: Position | None = None
    """The position of a duplicate on the inbox."""

    def refuse(self, refused: Refused) -> None:
        """Turn the answer into a refusal."""
        self.candidate = None
        self.answer.status = "refused"
        self.answer.code, self.answer.field, self.answer.hint = refused.reason, refused.field, refused.hint

    def record(self, traceparent: str | None, key_id: str, secret: bytes) -> InboxRecord:
        """The record for the inbox: the event's bytes as sent, with the request's traceparent if it has none, and the
        header that vouches for the key.
        """
        if self.candidate is None:
            raise AssertionError
        value = self.raw
        if traceparent and self.candidate.traceparent is None:
            traced = b'{"traceparent":"%s",%s' % (traceparent.encode(), value[1:])
            value = traced if len(traced) <= MAX_EVENT_BYTES else value
        given = self.candidate.traceparent or traceparent
        headers = [(TRACEPARENT_HEADER, given.encode())] if given else []
        headers += vouch(key_id, value, secret)
        return InboxRecord(self.candidate.key.encode(), value, headers)


async def judge_events(
    events: Sequence[bytes],
    key: ApiKey,
    *,
    now: datetime,
    zone: ZoneInfo,
    headers: Sequence[str] = (),
    person_key: bytes = b"",
) -> list[Judged]:
    """Judge each event by itself: strict JSON, the rules of `admit`, and whether this key may send its source. headers:
    the names of the request's headers; person_key: to see that a repeat says something else.
    """
    judged = []
    rules = partial(admit, now=now, zone=zone, person_key=person_key)
    names = _Names()
    for index, raw in enumerate(events):
        if index % _YIELD_EVERY_EVENTS == _YIELD_EVERY_EVENTS - 1:
            await asyncio.sleep(0)
        one = Judged(raw, EventAnswer(index=index, id=None, status="accepted"))
        judged.append(one)
        candidate = None
        if is_plain(raw, ()):
            candidate = read_quickly(raw, now=now, zone=zone, person_key=person_key)
        if candidate is None:
            _judge(one, key, rules, headers, names)
            continue
        one.answer.id = candidate.id
        if key.may_send(candidate.source):
            one.candidate, one.type = candidate, candidate.type
        else:
            one.refuse(_not_allowed(candidate.source))
    return judged


def _judge(
    one: Judged, key: ApiKey, rules: Callable[[object], Candidate | Refused], headers: Sequence[str], names: "_Names"
) -> None:
    """The slow path: unusual events and refusals."""
    document = from_kafka(one.raw, ())
    if isinstance(document, Refused):
        one.refuse(document)
        return
    name, source = document.get("id"), document.get("source")
    one.answer.id = name[:_MAX_ECHOED_ID_CHARS] if isinstance(name, str) else None
    if isinstance(source, str) and not key.may_send(source):
        one.refuse(_not_allowed(source))
        return
    candidate = rules(document)
    if isinstance(candidate, Refused):
        one.refuse(by_headers(candidate, headers, binary=_BINARY_HINT))
        return
    refused = refuse_sender(candidate.type, candidate.data, by_steward=key.may(Scope.ACCESS_GRANT))
    if refused is not None:
        one.refuse(refused)
        return
    one.candidate, one.type = candidate, candidate.type
    one.answer.ignored = list(candidate.ignored)
    one.answer.did_you_mean = names.known_as(candidate)


def _not_allowed(source: str) -> Refused:
    hint = f"this API key may not send events of source {source[:100]!r}"
    return Refused(Reason.SOURCE_NOT_ALLOWED, "source", hint)


async def look_at_claims(judged: Sequence[Judged], seen: SeenClaims | None, *, seconds: float) -> None:
    """Mark known events as duplicate or refused. If the claims can't be read in time, everything stays accepted;
    admission has the last word either way.
    """
    waiting = [(one, one.candidate) for one in judged if one.candidate is not None and one.candidate.claimed]
    if seen is None or not waiting:
        return
    try:
        async with asyncio.timeout(seconds):
            claims: Mapping[bytes, Claim] = await seen.find([candidate.identity for _, candidate in waiting])
    except (TimeoutError, Transient):
        return
    for one, candidate in waiting:
        claim = claims.get(candidate.identity)
        if claim is None:
            continue
        verdict = judge(claim, candidate, _NOT_ON_THE_INBOX)
        if isinstance(verdict, Duplicate):
            one.candidate, one.answer.status = None, "duplicate"
            one.known_at = next(entry.position for entry in claim.entries if entry.revision == verdict.revision)
        elif isinstance(verdict, Refused):
            one.refuse(verdict)


def records_of(judged: Sequence[Judged], traceparent: str | None, key_id: str, secret: bytes) -> list[InboxRecord]:
    """The inbox records of the accepted events. Those of one business record go to one partition, whatever their
    subjects: so a void and the record for another customer, sent together, are admitted in order.
    """
    first: dict[bytes, bytes] = {}
    records = []
    for one in judged:
        if one.candidate is not None:
            record = one.record(traceparent, key_id, secret)
            beside = first.setdefault(one.candidate.identity, record.key)
            records.append(record if beside == record.key else record._replace(beside=beside))
    return records


def position_of(judged: Sequence[Judged], appended: Sequence[Appended], generation: int | None) -> str | None:
    """The token for the position of a request's events on the inbox. Those of an earlier generation were admitted
    before this one began.
    """
    if generation is None:
        return None
    stands = [(one.partition, one.offset) for one in appended]
    known = (one.known_at for one in judged if one.known_at is not None and one.known_at.generation == generation)
    stands += [(one.partition, one.offset) for one in known]
    ends: dict[int, int] = {}
    for partition, offset in stands:
        ends[partition] = max(ends.get(partition, 0), offset + 1)
    return encode(Mark(Of.INBOX, generation, ends)) if ends else None


class _Names:
    """What a request's unknown names were probably meant to be: the first few, each looked up once."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], str | None] = {}

    def known_as(self, candidate: Candidate) -> dict[str, str]:
        found = {path: self._one(candidate.type, path) for path in candidate.ignored}
        return {path: name for path, name in found.items() if name is not None}

    def _one(self, type_: str, path: str) -> str | None:
        key = (type_, path)
        if key not in self._found and len(self._found) < MAX_LOOKED_UP:
            self._found[key] = known_as(FACTS[type_], path)
        return self._found.get(key)
