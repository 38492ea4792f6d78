"""What a service tells, on a public topic, of the records that it folds (architecture.md, invariants 4-6).

One record at most for each folded one, made of the state right after it, so that it depends on the log's prefix alone
and never on batches. It is told, and acknowledged, before the commit that folds the record: after a crash the same is
told again byte for byte, and never is anything left out.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from shared.events.codec import CONTENT_TYPE
from shared.events.event import Event
from shared.fold.entity import Entity
from shared.kafka.batches import Appender, Outgoing
from shared.kafka.connection import partition_of
from shared.kafka.scan import bounds
from shared.mongo.states import Mark, Move
from shared.service import Announces
from shared.settings import Settings

MARK_EVERY_RECORDS = 10_000
"""Records of a log partition between two marks: so many too many are read by who starts at a position of the log."""


class Telling:
    """Tells on one topic. ends: by partition, the next offset of the topic, where there are marks to be made."""

    def __init__(
        self,
        announces: Announces,
        topic: str,
        partitions: int,
        appender: Appender,
        ends: Callable[[], Awaitable[Mapping[int, int]]] | None = None,
    ) -> None:
        self._announces, self._topic, self._partitions = announces, topic, partitions
        self._appender, self._ends = appender, ends

    def of(self, entity: Entity[Any, Any], event: Event, above: int = 0) -> list[Outgoing]:
        """What is to be told of an event that has just been folded; nothing where it was passed over, or where the
        entity has told no more than `above`.
        """
        if not entity.took or self._announces.number(entity) <= above:
            return []
        value = self._announces.tell(entity, event)
        if value is None:
            return []
        key = entity.key.encode()
        return [Outgoing(partition_of(key, self._partitions), key, value, [CONTENT_TYPE])]

    def told(self, entity: Entity[Any, Any]) -> int:
        """How much an entity has told."""
        return self._announces.number(entity)

    async def publish(self, told: Iterable[Outgoing]) -> None:
        """Append all of it, each key's in order. Raises Transient when anything was not acknowledged."""
        await self._appender.append(self._topic, told)

    async def marks(self, moves: Mapping[int, Move]) -> list[Mark]:
        """Marks for the partitions that come past another MARK_EVERY_RECORDS. The topic's ends are asked for before
        the batch is folded: what is told of later records, whoever tells it, comes to lie at or behind them.
        """
        every = MARK_EVERY_RECORDS
        due = {p: move.begin for p, move in moves.items() if move.begin // every < move.after.offset // every}
        if self._ends is None or not due:
            return []
        ends = await self._ends()
        return [Mark(partition, offset, [ends[q] for q in sorted(ends)]) for partition, offset in due.items()]


def telling(announces: Announces | None, settings: Settings, appender: Appender) -> Telling | None:
    """With the topic's name and partitions as set up."""
    if announces is None:
        return None
    topic = announces.topic.full_name(settings)

    async def ends() -> Mapping[int, int]:
        return (await bounds(settings, topic)).ends

    partitions = announces.topic.partitions(settings)
    return Telling(announces, topic, partitions, appender, ends if announces.marks else None)
