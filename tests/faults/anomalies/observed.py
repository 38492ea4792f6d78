"""What is looked at: the topics as they stand, what upstream was told, how far readers say they are."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.oracle.facts import REVIEWED, identity

Json = dict[str, Any]
Identity = tuple[str, ...]
Place = tuple[int, int, int]
"""On the inbox: generation, partition, offset."""
Position = tuple[int, int, int, int]
"""A place, and the index of the output."""
REJECTED_POSITION, REJECTED_REASON = "guanxi-position", "guanxi-reason"


class Record(NamedTuple):
    """A record of a topic as any consumer sees it; the timestamp is in milliseconds since 1970."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class Reader(NamedTuple):
    """How far a reader of the log says it is, on one partition: the next offset, and by inbox generation and partition
    the highest (offset, index) that it has folded.
    """

    offset: int
    vector: Mapping[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True)
class Observed:
    """Topics by partition. acknowledged: identity and revision of each event answered with 202 as accepted or known."""

    inbox: Sequence[Sequence[Record]]
    log: Sequence[Sequence[Record]]
    rejected: Sequence[Sequence[Record]] = ()
    acknowledged: frozenset[tuple[Identity, int]] = frozenset()
    admitted_to: Mapping[int, int] = field(default_factory=dict)
    readers: Mapping[str, Mapping[int, Reader]] = field(default_factory=dict)
    generation: int = 1

    def places(self) -> Iterator[tuple[Place, Record]]:
        for partition, records in enumerate(self.inbox):
            for record in records:
                yield (self.generation, partition, record.offset), record

    def refusals(self) -> Iterator[tuple[Place, str]]:
        for records in self.rejected:
            for record in records:
                headers = dict(record.headers)
                generation, partition, offset = map(int, headers[REJECTED_POSITION].split(b"/"))
                yield (generation, partition, offset), headers[REJECTED_REASON].decode()


def position_of(record: Record) -> Position | None:
    """Where on the inbox a record of the log came from; None for decisions."""
    for name, value in record.headers:
        if name == "position":
            generation, partition, offset, index = map(int, value.split(b"/"))
            return generation, partition, offset, index
    return None


def folded(records: Iterable[Record]) -> Iterator[tuple[Record, Position | None]]:
    """What a reader of a log partition folds: nothing that is not above the highest position of its inbox partition."""
    reached: dict[tuple[int, int], tuple[int, int]] = {}
    for record in records:
        position = position_of(record)
        if position is not None:
            source, place = position[:2], position[2:]
            if place <= reached.get(source, (-1, -1)):
                continue
            reached[source] = place
        yield record, position


def named(value: bytes | None) -> tuple[Identity, int] | None:
    """Identity and revision of an event; None for what is none, or needs none: reviews."""
    try:
        event: Json = json.loads(value or b"")
        if event["type"] == REVIEWED:
            return None
        return identity(event), int(event.get("revision", 1))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
