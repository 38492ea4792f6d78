"""Repair of a frozen key: a marker on the log says that it shall be folded afresh (architecture.md, invariant 8).

On reaching the marker the owner folds the key's records from the log's beginning up to there, then decides. The fold
depends on nothing but the log, so it is made before the batch's transaction, which may not stay open for long; whether
it counts is seen inside, where the key must still be frozen. The marker itself changes no state: a fold that never
froze passes over it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Generic

from pydantic_core import from_json

from shared.errors import Malformed, Stop
from shared.events.codec import TYPE_HEADER, decode, type_and_position
from shared.events.event import Event, LogPosition, Position
from shared.events.registry import REPAIRED
from shared.fold.domain import Domain, S, T
from shared.fold.entity import Entity, new_entity
from shared.kafka.batches import Outgoing
from shared.kafka.connection import Record
from shared.kafka.tail import Tail
from shared.settings import Settings

MARKER = (TYPE_HEADER, REPAIRED.encode())
READ_RECORDS = 5_000
"""Records of the partition looked through before the event loop gets a turn."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Reread = Callable[[int, int], AsyncIterator[Sequence[Record]]]
"""The records of a log partition from its beginning up to but without an offset."""
Tell = Callable[[Entity[Any, Any], Event], list[Outgoing]]
"""What is to be told of an event that has just been folded."""


def reread_from(settings: Settings, topic: str) -> Reread:
    """Reads the log with a consumer of its own."""

    async def read(partition: int, until: int) -> AsyncIterator[Sequence[Record]]:
        async with Tail(settings, topic) as tail:
            async for batches in tail.read({partition: 0}, {partition: until}, max_records=READ_RECORDS):
                yield batches[partition]

    return read


def is_marker(record: Record) -> bool:
    """Whether this record asks for a repair."""
    return MARKER in record.headers


def parts(batches: Mapping[int, Sequence[Record]]) -> Iterator[Mapping[int, Sequence[Record]]]:
    """The same records in turn, so that of each partition a marker comes alone: what was folded before it has been
    stored then, and what comes after it is folded on top.
    """
    if not any(is_marker(record) for records in batches.values() for record in records):
        yield batches
        return
    left = dict(batches)
    while left:
        now = {partition: records[: _first_part(records)] for partition, records in left.items()}
        left = {p: left[p][len(taken) :] for p, taken in now.items() if len(taken) < len(left[p])}
        yield now


def _first_part(records: Sequence[Record]) -> int:
    if is_marker(records[0]):
        return 1
    return next((place for place, record in enumerate(records) if is_marker(record)), len(records))


@dataclass(slots=True)
class Refolded(Generic[S, T]):
    """A key folded afresh up to a marker. `failed` is the record that still can't be folded, with the reason; `told` is
    what was not told before the key froze.
    """

    marker: Record
    entity: Entity[S, T]
    failed: tuple[Record, str] | None = None
    told: list[Outgoing] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The marker's id, which sets off what is decided then."""
        return str(from_json(self.marker.value or b"{}")["id"])


async def refold(
    domain: Domain[S, T], marker: Record, reread: Reread, log_generation: int, tell: Tell | None = None
) -> Refolded[S, T]:
    """Fold the records of the marker's key that stand before it, repeats passed over, without deciding."""
    assert marker.key is not None, "a marker names a key"
    entity = new_entity(domain, marker.key.decode())
    seen: dict[tuple[int, int], tuple[int, int]] = {}
    wanted = domain.folds | domain.decides
    told: list[Outgoing] = []
    async for records in reread(marker.partition, marker.offset):
        for record in records:
            if record.key != marker.key or record.value is None:
                continue
            try:
                name, position = type_and_position(record.headers)
            except Malformed:
                continue  # the live reader puts it aside without freezing anybody
            if position is not None:
                if position[2:] <= seen.get(position[:2], (-1, -1)):
                    continue
                seen[position[:2]] = position[2:]
            if name not in wanted:
                continue
            try:
                event = _fold(entity, record, position, log_generation)
                told += () if tell is None else tell(entity, event)
            except Stop:
                raise
            except Exception as error:  # noqa: BLE001 - the same as the live reader freezes a key for
                reason = str(error) if isinstance(error, Malformed) else f"{type(error).__name__}: {error}"
                return Refolded(marker, entity, failed=(record, reason))
        await asyncio.sleep(0)
    return Refolded(marker, entity, told=told)


def _fold(entity: Entity[Any, Any], record: Record, position: Position | None, log_generation: int) -> Event:
    assert record.value is not None, "checked before"
    event = decode(
        record.value,
        recorded_at=EPOCH + timedelta(milliseconds=record.timestamp),
        log=LogPosition(log_generation, record.partition, record.offset),
        inbox=position,
    )
    for _ in entity.fold(event, deciding=False):
        raise AssertionError("a fold that does not decide gives no decision")
    return event
