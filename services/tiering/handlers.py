"""What is done with accepted decisions beyond the views: the public topic of tiers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic_core import to_json

from shared.events.codec import format_instant
from shared.events.decisions import TierChanged
from shared.events.event import Event
from shared.events.registry import NAMES
from shared.fold.entity import Entity
from shared.service import Announces
from shared.topics import TIERS


def announce(entity: Entity[Any, Any], event: Event) -> bytes | None:
    """The record of `guanxi.tiers` for an accepted decision: the tier and since when, nothing confidential.

    None for what changes no tier that is shown (domain.md: one with from = to is not published).
    """
    changed = event.data
    if not isinstance(changed, TierChanged) or changed.from_tier == changed.to_tier:
        return None
    told = {
        "version": changed.version,
        "from": changed.from_tier,
        "to": changed.to_tier,
        "effective_on": changed.effective_on.isoformat(),
    }
    return _record(event.id, entity.subject, event.time, told)


def announce_again(row: Mapping[str, Any]) -> bytes:
    """The same record, of the document of `tier_history` that the decision left, where the topic has lost it."""
    told = {name: row[name] for name in ("version", "from", "to", "effective_on")}
    return _record(row["event_id"], row["customer"], row["decided_as_of"], told)


def _record(event_id: str, customer: str, time: datetime, told: Mapping[str, Any]) -> bytes:
    return to_json(
        {
            "specversion": "1.0",
            "id": event_id,
            "source": "guanxi/tiering",
            "type": NAMES[TierChanged],
            "subject": customer,
            "time": format_instant(time),
            "datacontenttype": "application/json",
            "data": told,
        }
    )


ANNOUNCES = Announces(TIERS, announce, lambda entity: entity.standing.version)
