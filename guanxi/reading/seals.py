"""The seals of the trail that the log has: by day, where all chains that grew on it ended."""

from datetime import date

from pydantic_core import from_json

from shared.events.codec import type_and_position
from shared.events.facts import TrailSealed
from shared.events.registry import SEALED
from shared.kafka.connection import partition_of
from shared.kafka.follow import Follower
from shared.kafka.scan import bounds
from shared.settings import Settings
from shared.topics import LOG
from shared.trail import SEAL_KEY, Seals

_KEY = SEAL_KEY.encode()


async def seals_on_log(settings: Settings) -> Seals:
    """All of them, from the one partition where they stand. Days of which a part is missing yet are left out.

    Raises Transient.
    """
    topic = LOG.full_name(settings)
    held = await bounds(settings, topic)
    partition = partition_of(_KEY, len(held.ends))
    parts: dict[date, dict[int, TrailSealed]] = {}
    if held.begins[partition] == held.ends[partition]:
        return {}
    async with Follower(settings, topic) as follower:
        follower.seek(partition, held.begins[partition])
        async for records in follower.read(held.ends[partition]):
            for record in records:
                if record.key == _KEY and type_and_position(record.headers)[0] == SEALED:
                    seal = TrailSealed.model_validate(from_json(record.value or b"{}")["data"])
                    parts.setdefault(seal.sealed_on, {})[seal.part] = seal
    return {
        day: frozenset(head.hash for one in some.values() for head in one.heads)
        for day, some in parts.items()
        if len(some) == next(iter(some.values())).parts
    }
