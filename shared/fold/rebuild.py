"""Folding the log from its beginning into another generation of the views, and comparing it with the live one.

A rebuild folds and never decides (architecture.md, invariant 6): the decisions are on the log.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.fold.domain import Domain
from shared.fold.processor import LogProcessor
from shared.kafka.batches import Appender
from shared.kafka.scan import scan
from shared.mongo import Database, Document, transient_errors
from shared.mongo.states import StateStore
from shared.settings import Settings
from shared.topics import LOG

FRESHNESS = ("projected_at", "generation")
"""Fields that differ between two generations although they say the same."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A document that is not the same in two generations; `fields` are the top-level ones that differ."""

    collection: str
    id: str
    fields: tuple[str, ...]


async def rebuild(
    settings: Settings,
    domain: Domain[Any, Any],
    store: StateStore,
    until: Mapping[int, int],
    *,
    now: Callable[[], datetime],
) -> AsyncIterator[int]:
    """Fold each partition up to the offset in `until` into the store's generation, going on where an earlier run
    stopped; gives the number of records folded so far, after each batch. Raises Transient like the live reader.
    """
    topic = LOG.full_name(settings)
    appender = Appender(settings)  # never used: nothing is decided
    processor = LogProcessor(domain, store, appender, topic, now=now, deciding=False)
    positions = await processor.positions(list(until))
    done = 0
    async for batches in scan(settings, topic, positions, until, max_records=settings.batch_max_records):
        await processor.process(batches)
        done += sum(map(len, batches.values()))
        yield done


async def differences(
    database: Database, collections: Sequence[str], live: int, other: int, until: Mapping[int, int]
) -> AsyncIterator[Difference]:
    """Documents that differ between two generations, those aside that have folded something at or after `until`."""
    async with transient_errors():
        for name in collections:
            one, two = database[f"{name}_g{live}"], database[f"{name}_g{other}"]
            async for document in one.find():
                if _after(document, until):
                    continue
                twin = await two.find_one({"_id": document["_id"]})
                fields = _differing(document, twin)
                if fields:
                    yield Difference(name, str(document["_id"]), fields)
            async for document in two.find({}, projection={"_id": 1}):
                if await one.find_one({"_id": document["_id"]}, projection={"_id": 1}) is None:
                    yield Difference(name, str(document["_id"]), ("only in the rebuilt one",))


def _after(document: Document, until: Mapping[int, int]) -> bool:
    """Whether a document shows something that stands on the log at or after the given offsets."""
    log = document.get("log")
    if log is None:
        return False
    return bool(log["offset"] >= until[document["partition"] if "partition" in document else log["partition"]])


def _differing(document: Document, twin: Document | None) -> tuple[str, ...]:
    if twin is None:
        return ("only in the live one",)
    names = (document.keys() | twin.keys()) - set(FRESHNESS)
    return tuple(sorted(name for name in names if document.get(name) != twin.get(name)))
