"""Planted bugs of what is told of the records folded (docs/changes.md)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

from pydantic_core import from_json

from services.feed.rules.evolve import evolve
from services.feed.rules.state import Customer
from services.feed.rules.table import BY_TIME
from shared.events.codec import encode_json
from shared.events.event import Event
from shared.events.registry import REVIEWED
from shared.fold.processor import LogProcessor
from shared.fold.telling import Telling
from shared.kafka.batches import Outgoing
from shared.mongo.states import Mark, Move

_SENT: WeakKeyDictionary[Any, set[bytes]] = WeakKeyDictionary()


class TellsOnce(LogProcessor[Any, Any]):
    """What was handed to a producer once counts as told, whoever dies before it is acknowledged."""

    async def _tell(self, works: Any) -> None:
        sent = _SENT.setdefault(self._store._database, set())
        for work in works.values():
            work.told = [one for one in work.told if one.value not in sent]
            sent.update(one.value for one in work.told)
        await super()._tell(works)


class Coalesces(LogProcessor[Any, Any]):
    """Of several changes of a customer in one batch the last stands for all."""

    async def _tell(self, works: Any) -> None:
        for work in works.values():
            work.told = work.told[-1:]
        await super()._tell(works)


class TellsTheBatch(LogProcessor[Any, Any]):
    """Each change has the position of the batch's last."""

    async def _tell(self, works: Any) -> None:
        for work in works.values():
            last = from_json(work.told[-1].value or b"").get("position") if work.told else None
            if last is not None:
                work.told = [_with_position(one, last) for one in work.told]
        await super()._tell(works)


def _with_position(one: Outgoing, position: str) -> Outgoing:
    return one._replace(value=encode_json({**from_json(one.value or b""), "position": position}))


def accepts_all(self: Any, state: Any, event: Event) -> bool:
    """Whatever claims to be a decision is told."""
    return isinstance(state, Customer)


def evolve_telling_each_review(state: Customer, event: Event) -> None:
    """A review is told whether or not it moved the business day."""
    evolve(state, event)
    if event.type == REVIEWED and not state.touched:
        state.touched = BY_TIME
        state.sequence += 1


class MarksTooFar(Telling):
    async def marks(self, moves: Mapping[int, Move]) -> list[Mark]:
        found: Sequence[Mark] = await super().marks(moves)
        return [replace(mark, ends=[end + 1 for end in mark.ends]) for mark in found]
