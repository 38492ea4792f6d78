"""Mistakes as they might happen: records on the log that should not be there, or are missing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shared.events.codec import decision_id, decode, encode
from shared.events.decisions import TierChanged
from shared.events.event import Event, LogPosition, Position
from shared.events.registry import NAMES
from shared.kafka.batches import Outgoing
from shared.kafka.connection import partition_of
from shared.kafka.scan import bounds, scan
from shared.topics import LOG
from tests.bench import load
from tests.operations.verify.load import outgoing
from tests.operations.verify.world import PARTITIONS, World

NOWHERE = LogPosition(0, 0, 0)


@dataclass
class LastDecisions:
    """The last TierChanged of each customer, as the log has it."""

    events: dict[str, Event]

    @classmethod
    async def read(cls, world: World) -> "LastDecisions":
        topic = LOG.full_name(world.settings)
        held = await bounds(world.settings, topic)
        found: dict[str, Event] = {}
        async for batches in scan(world.settings, topic, held.begins, held.ends):
            for record in (record for records in batches.values() for record in records):
                if dict(record.headers)["type"].startswith(b"guanxi.tier.changed"):
                    event = decode(record.value or b"", recorded_at=datetime.now(UTC), log=NOWHERE)
                    found[event.subject] = event
        return cls(found)


def decision(last: Event, **changes: Any) -> Outgoing:
    """A TierChanged that follows another one in all order, with content of our own."""
    before: TierChanged = last.data
    said: Mapping[str, Any] = {"version": before.version + 1, "after": last.id, "from_tier": before.to_tier, **changes}
    made = before.model_copy(update=dict(said))
    now = datetime.now(UTC)
    name = decision_id(last.subject, made)
    event = Event(NAMES[TierChanged], name, "guanxi/tiering", last.subject, now, made, now, NOWHERE)
    value, headers = encode(event)
    return on_partition(f"customer:{last.subject}", value, headers)


def fact(customer: str, name: str, position: Position) -> Outgoing:
    """An admitted purchase."""
    sent = purchase(customer, name)
    assert sent.value is not None
    event = decode(sent.value, recorded_at=datetime.now(UTC), log=NOWHERE)
    value, headers = encode(event, position)
    return on_partition(f"customer:{customer}", value, headers)


def purchase(customer: str, name: str) -> Outgoing:
    """For the inbox."""
    data = {"purchase_id": name, "amount": "120000.00", "currency": "CNY"}
    now = datetime.now(UTC)
    return outgoing(f"customer:{customer}", load._event(name, "purchase.recorded", customer, now, data), PARTITIONS)


def on_partition(key: str, value: bytes, headers: list[tuple[str, bytes]]) -> Outgoing:
    raw = key.encode()
    return Outgoing(partition_of(raw, PARTITIONS), raw, value, headers)
