"""The one codec of the log: wire <-> types. Upcasting of old versions happens here and nowhere else.

The wire is CloudEvents 1.0 JSON, structured mode. Two headers repeat what a reader needs before it decodes: `type`,
to pass over what it does not fold, and `position`, to pass over what it has folded (architecture.md, invariant 4).
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Protocol

from msgspec import Struct
from msgspec.json import Decoder, Encoder
from pydantic import BaseModel, ValidationError

from shared.errors import Malformed
from shared.events.decisions import Decision
from shared.events.event import Event, LogPosition, Position, Replaced
from shared.events.facts import Fact, RecordVoided
from shared.events.registry import FACT_OF_KIND, MODELS, NAMES

Headers = list[tuple[str, bytes]]
_TYPES = {name.encode(): name for name in MODELS}
CONTENT_TYPE = ("content-type", b"application/cloudevents+json; charset=utf-8")
TYPE_HEADER = "type"
POSITION_HEADER = "position"
TRACEPARENT_HEADER = "traceparent"
"""Repeats the event's, where OpenTelemetry's consumers look for it; nothing here reads it back."""


def format_instant(instant: datetime) -> str:
    """RFC 3339 in UTC with a Z; microseconds only where there are any."""
    return (instant if instant.tzinfo is UTC else instant.astimezone(UTC)).isoformat()[: -len("+00:00")] + "Z"


def dump_fact(fact: Fact, leave_out: frozenset[str] = frozenset()) -> dict[str, Any]:
    """JSON-ready data of a fact, canonical: absent fields left out, explicit nulls kept where null clears."""
    dump = fact.__pydantic_serializer__.to_python  # a third of what model_dump takes
    exclude = set(leave_out) if leave_out else None
    dumped: dict[str, Any]
    if fact.NULL_CLEARS:
        dumped = dump(fact, mode="json", exclude_unset=True, exclude=exclude)
    else:
        dumped = dump(fact, mode="json", exclude_none=True, exclude=exclude)
    return dumped


class Attributes(Protocol):
    """What a record of the log says beside its data: an `Event`, or what becomes one."""

    type: str
    id: str
    source: str
    subject: str
    time: datetime
    revision: int
    backfill: bool
    traceparent: str | None
    actor: str | None
    key_id: str | None


class _Document(Struct, omit_defaults=True, gc=False):
    """A record's value on the wire, in this order; the last five only where they say something."""

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: str
    datacontenttype: str
    data: dict[str, Any]
    revision: int = 1
    backfill: bool = False
    actor: str | None = None
    keyid: str | None = None
    traceparent: str | None = None


def encode(
    event: Event, position: Position | None = None, *, data: dict[str, Any] | None = None
) -> tuple[bytes, Headers]:
    """Value and headers of a log record. `data` spares a second dump where the caller has it; `recorded_at` and `log`
    of the event are the broker's to say and are not written.
    """
    if data is None:
        data = dump_fact(event.data) if isinstance(event.data, Fact) else dumped_decision(event)
    if event.replaces is not None:
        data = {**data, "replaces": dump_replaced(event.replaces)}
    return encode_data(event, data, position)


def encode_data(of: Attributes, data: dict[str, Any], position: Position | None = None) -> tuple[bytes, Headers]:
    """Value and headers of a log record with these data, JSON-ready."""
    traceparent = of.traceparent or None
    document = _Document(
        "1.0",
        of.id,
        of.source,
        of.type,
        of.subject,
        format_instant(of.time),
        "application/json",
        data,
        of.revision,
        of.backfill,
        of.actor or None,
        of.key_id or None,
        traceparent,
    )
    headers: Headers = [CONTENT_TYPE, (TYPE_HEADER, of.type.encode())]
    if traceparent is not None:
        headers.append((TRACEPARENT_HEADER, traceparent.encode()))
    if position is not None:
        headers.append((POSITION_HEADER, b"%d/%d/%d/%d" % position))
    return encode_json(document), headers


def decode(value: bytes, *, recorded_at: datetime, log: LogPosition, inbox: Position | None = None) -> Event:
    """The event of a log record of a known type; raises Malformed with what and where. `inbox` is of the record's
    headers, for who wants it.
    """
    try:
        document = decode_json(value)
        name = document["type"]
        model = MODELS[name]
        raw = document["data"]
        replaced = raw.get("replaces")
        data = model.model_validate(raw)
        return Event(
            type=name,
            id=document["id"],
            source=document["source"],
            subject=document["subject"],
            time=datetime.fromisoformat(document["time"]),
            data=data,
            recorded_at=recorded_at,
            log=log,
            revision=document.get("revision", 1),
            backfill=document.get("backfill", False),
            replaces=None if replaced is None else _load_replaced(replaced, data),
            traceparent=document.get("traceparent"),
            actor=document.get("actor"),
            key_id=document.get("keyid"),
            inbox=inbox,
        )
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Malformed(f"log record at {log}: data.{where}: {first['msg']}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Malformed(f"log record at {log}: {type(error).__name__}: {error}") from None


def type_and_position(headers: Sequence[tuple[str, bytes]]) -> tuple[str, Position | None]:
    """Type and inbox position from a log record's headers; raises Malformed where they are not ours."""
    name, position = "", None
    try:
        for key, value in headers:
            if key == TYPE_HEADER:
                name = _TYPES.get(value) or value.decode("ascii")
            elif key == POSITION_HEADER:
                position = Position(*map(int, value.split(b"/")))
    except (ValueError, TypeError, AttributeError) as error:
        raise Malformed(f"headers: {error}") from None
    if not name:
        raise Malformed("headers: no type")
    return name, position


def dump_replaced(replaced: Replaced) -> dict[str, Any]:
    """JSON-ready form of what a revision replaces."""
    fact = replaced.fact
    return {
        "revision": replaced.revision,
        "time": format_instant(replaced.time),
        "data": None if fact is None else dump_fact(fact, fact.UNDO_LEAVES_OUT),
    }


def _load_replaced(raw: dict[str, Any], data: BaseModel) -> Replaced:
    model = FACT_OF_KIND[data.kind].fact if isinstance(data, RecordVoided) else type(data)
    content = raw["data"]
    fact = None if content is None else model.model_validate(content)
    if fact is not None and not isinstance(fact, Fact):
        raise TypeError("replaces: not a fact")
    return Replaced(raw["revision"], datetime.fromisoformat(raw["time"]), fact)


def dump_decision(decision: Decision) -> dict[str, Any]:
    """JSON-ready data of a decision; nulls stay, they say "none" there."""
    return decision.model_dump(mode="json", by_alias=True)


def dumped_decision(event: Event) -> dict[str, Any]:
    """JSON-ready data of the decision that an event carries; not to be changed, as others may hold it too."""
    return dump_decision(event.data) if event.dumped is None else event.dumped


def decision_id(subject: str, decision: Decision, dumped: dict[str, Any] | None = None) -> str:
    """Content hash of a decision and of its `after`, so that ids chain (invariant 6); 32 hex digits. `dumped` spares a
    second dump where the caller has it.
    """
    data = dump_decision(decision) if dumped is None else dumped
    return content_hash((NAMES[type(decision)], subject, data)).hex()


def content_hash(parts: Iterable[Any]) -> bytes:
    """16 bytes that two contents share exactly when their canonical JSON is the same (keys sorted)."""
    return sha256(canonical_json(list(parts))).digest()[:16]


decode_json = Decoder().decode
encode_json = Encoder().encode
"""JSON as on the log and in stores: compact, UTF-8, members in their order."""
canonical_json = Encoder(order="sorted").encode
"""The same content is the same JSON: the members are sorted."""
