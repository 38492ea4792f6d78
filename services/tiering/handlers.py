"""What is done with accepted decisions beyond the views: the public topic of tiers."""

from typing import Any

from pydantic_core import to_json

from shared.events.codec import format_instant
from shared.events.decisions import TierChanged
from shared.events.event import Event
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
    return to_json(
        {
            "specversion": "1.0",
            "id": event.id,
            "source": event.source,
            "type": event.type,
            "subject": entity.subject,
            "time": format_instant(event.time),
            "datacontenttype": "application/json",
            "data": {
                "version": changed.version,
                "from": changed.from_tier,
                "to": changed.to_tier,
                "effective_on": changed.effective_on.isoformat(),
            },
        }
    )


ANNOUNCES = Announces(TIERS, announce, lambda entity: entity.standing.version)
