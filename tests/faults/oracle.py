"""One thread, no faults: what the documents of the services must be, byte for byte, by folding the log in its order;
and which decisions the facts alone call for.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import bson

from shared.errors import Malformed
from shared.events.codec import decode, type_and_position
from shared.events.event import Event, LogPosition
from shared.fold.domain import Domain
from shared.fold.entity import Entity, new_entity
from tests.faults.anomalies.observed import Record, folded
from tests.oracle.facts import Json

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FRESHNESS = ("projected_at", "generation", "review_at")
"""What differs between two foldings of the same log."""
Documents = dict[tuple[str, str], bytes]
"""By collection and id, as BSON with sorted names."""


@dataclass
class Expected:
    """What a service must have made of a log. `decided` are the ids of the decisions that its own fold calls for,
    `accepted` those that the log accepts, both by key in their order; `frozen` are keys with records that can't be
    folded.
    """

    documents: Documents = field(default_factory=dict)
    decided: dict[str, list[str]] = field(default_factory=dict)
    accepted: dict[str, list[str]] = field(default_factory=dict)
    frozen: set[str] = field(default_factory=set)


def expected(domain: Domain[Any, Any], log: Sequence[Sequence[Record]]) -> Expected:
    """Fold a log, deciding as the service does, and taking from the log which decisions count."""
    result = Expected()
    for records in log:
        entities: dict[str, Entity[Any, Any]] = {}
        for record, _ in folded(records):
            _fold(domain, record, entities, result)
        for key, entity in entities.items():
            if key not in result.frozen:
                document = {"_id": entity.subject, **entity.document(), **_place(entity)}
                result.documents[domain.collection(key), entity.subject] = canonical(document)
    return result


def _fold(domain: Domain[Any, Any], record: Record, entities: dict[str, Entity[Any, Any]], result: Expected) -> None:
    assert record.key is not None, "the log is keyed"
    key = record.key.decode()
    if type_and_position(record.headers)[0] not in domain.folds | domain.decides or key in result.frozen:
        return
    entity = entities.setdefault(key, new_entity(domain, key))
    try:
        event = _event(record)
        made = list(entity.fold(event, deciding=True))
    except (Malformed, ValueError, ArithmeticError, LookupError, TypeError):
        result.frozen.add(key)
        return
    result.decided.setdefault(key, []).extend(one.id for one in made)
    result.accepted.setdefault(key, []).extend(one.id for one in entity.accepted)
    entity.accepted.clear()
    for row in (*domain.rows(entity.state, entity.standing), *entity.history):
        name = (row.collection, str(row.id))
        if row.document is None:
            result.documents.pop(name, None)
        else:
            result.documents[name] = canonical({"_id": row.id, **row.document})
    entity.history.clear()


def _place(entity: Entity[Any, Any]) -> Json:
    assert entity.log is not None, "an entity has folded something"
    return {
        "partition": entity.log.partition,
        "log": {"generation": entity.log.generation, "offset": entity.log.offset},
        "recorded_at": entity.recorded_at,
    }


def _event(record: Record) -> Event:
    assert record.value is not None, "the log has no empty records"
    return decode(
        record.value,
        recorded_at=EPOCH + timedelta(milliseconds=record.timestamp),
        log=LogPosition(1, record.partition, record.offset),
    )


def canonical(document: Mapping[str, Any]) -> bytes:
    """A document as bytes, without what says only when it was written."""
    return bson.encode({name: document[name] for name in sorted(document) if name not in FRESHNESS})


def differences(found: Documents, wanted: Documents, collections: Sequence[str], frozen: set[str]) -> Iterator[str]:
    """In words, which documents are not what they must be; those of frozen customers aside."""
    aside = {key.partition(":")[2] for key in frozen}
    for name in sorted(found.keys() | wanted.keys()):
        collection, document_id = name
        if collection not in collections or document_id.partition("/")[0] in aside:
            continue
        one, other = found.get(name), wanted.get(name)
        if one is None or other is None:
            yield f"{collection} {document_id}: {'missing' if one is None else 'not called for by the log'}"
        elif one != other:
            stored, meant = bson.decode(one), bson.decode(other)
            fields = sorted(f for f in stored.keys() | meant.keys() if stored.get(f) != meant.get(f))
            shown = {f: (stored.get(f), meant.get(f)) for f in fields[:2]}
            yield f"{collection} {document_id}: {', '.join(fields) or 'bytes'} differ: {str(shown)[:300]}"
