"""What is told on guanxi.changes: a CloudEvent for each record folded (docs/changes.md).

A fact is told thin: which sections it touches. An accepted decision is told with its public fields. All of it follows
from the log's prefix: no clock, no batch, nothing of the process.
"""

from datetime import datetime
from typing import Any

from msgspec import Struct

from services.feed.domain import Feed
from services.feed.rules.state import Customer
from services.feed.rules.table import public
from shared.events.codec import content_hash, encode_json, format_instant
from shared.events.event import Event
from shared.events.registry import DECISIONS
from shared.fold.entity import Entity
from shared.positions import Mark, Of, encode
from shared.service import Announces
from shared.topics import CHANGES

CHANGED = "guanxi.customer.changed.v1"
SOURCE = "guanxi/feed"
SEQUENCE_DIGITS = 16
"""CloudEvents compares `sequence` as text."""


class Change(Struct):
    """A change on the wire, in this order."""

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: str
    datacontenttype: str
    epoch: int
    sequence: str
    position: str
    data: dict[str, Any]


def change(entity: Entity[Any, Any], event: Event) -> bytes | None:
    """The change that an event is told by; None where it is not told, as a review within the same business day."""
    state, domain = entity.state, entity.domain
    if not isinstance(state, Customer) or not state.touched:
        return None
    assert isinstance(domain, Feed), "a state of the feed's"
    data = public(event)
    if data is not None:
        kind, source, time = event.type, event.source, event.time
    else:
        kind, source, time, data = CHANGED, SOURCE, event.recorded_at, {"sections": state.touched}
    return encode_json(_change(state, domain.epoch, event, kind, source, time, data))


def _change(
    state: Customer, epoch: int, event: Event, kind: str, source: str, time: datetime, data: dict[str, Any]
) -> Change:
    log = event.log
    return Change(
        "1.0",
        _id(event),
        source,
        kind,
        state.id,
        format_instant(time),
        "application/json",
        epoch,
        f"{state.sequence:0{SEQUENCE_DIGITS}}",
        encode(Mark(Of.LOG, log.generation, {log.partition: log.offset + 1})),
        data,
    )


def _id(event: Event) -> str:
    """A decision's is its own. A fact's follows from where it was on the inbox, which relog keeps."""
    if event.type in DECISIONS:
        return event.id
    return content_hash((event.inbox or event.log, event.type)).hex()


def _told(entity: Entity[Any, Any]) -> int:
    return entity.state.sequence if isinstance(entity.state, Customer) else 0


ANNOUNCES = Announces(CHANGES, change, _told, marks=True)
