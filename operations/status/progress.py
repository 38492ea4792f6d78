"""How far each reader is on its topic, by the positions stored with its output."""

from dataclasses import dataclass

from services import SERVICES
from shared.kafka.scan import bounds
from shared.mongo import Database
from shared.settings import Settings
from shared.topics import LOG


@dataclass(frozen=True, slots=True)
class Progress:
    """One reader: records that its topic holds or held, how many of them it has not processed, partitions with any."""

    reader: str
    topic: str
    end: int
    behind: int
    partitions_behind: int


Stored = dict[str, dict[int, int]]
"""By reader, the next offset to process of each partition."""


async def progress(settings: Settings, database: Database) -> list[Progress]:
    """In the order of the services. Raises Transient where a store or broker does not answer.

    The ends are read after the positions, so that nothing is reported as caught up that was not.
    """
    stored = await stored_positions(database)
    return compare(settings, stored, await topic_ends(settings))


async def stored_positions(database: Database) -> Stored:
    """How far each reader is. Raises Transient."""
    return {name: await positions.stored(database) for name, positions in SERVICES.positions.items()}


async def lost_beginning(settings: Settings) -> list[int]:
    """The partitions of the log whose first records are gone: nothing can be rebuilt from there. Raises Transient."""
    held = await bounds(settings, LOG.full_name(settings))
    return sorted(partition for partition, begin in held.begins.items() if begin > 0)


async def topic_ends(settings: Settings) -> dict[str, dict[int, int]]:
    """How far the topics go that services read by stored positions, by topic and partition. Raises Transient."""
    topics = dict.fromkeys(positions.topic.full_name(settings) for positions in SERVICES.positions.values())
    return {topic: (await bounds(settings, topic)).ends for topic in topics}


def compare(settings: Settings, stored: Stored, ends: dict[str, dict[int, int]]) -> list[Progress]:
    """Each reader against its topic."""
    found = []
    for reader, offsets in stored.items():
        topic = SERVICES.positions[reader].topic.full_name(settings)
        behind = [max(0, end - offsets.get(partition, 0)) for partition, end in ends[topic].items()]
        found.append(
            Progress(reader, topic, sum(ends[topic].values()), sum(behind), sum(1 for lag in behind if lag > 0))
        )
    return found
