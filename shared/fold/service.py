"""The wiring of a service that folds the log: store, processor, reader and sweep, the same for each."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shared.fold.domain import Domain
from shared.fold.processor import Announce, LogProcessor
from shared.fold.repair import reread_from
from shared.fold.sweep import Sweep
from shared.kafka.batches import Appender
from shared.kafka.connection import Broker, Record, make_broker
from shared.kafka.reader import TopicReader
from shared.mongo import Database
from shared.mongo.backlog import BacklogGauges
from shared.mongo.due import BackfillMarks, DueDocuments
from shared.mongo.generations import current_generation, log_generation
from shared.mongo.ping import mongo_check
from shared.mongo.policies import PolicyWatch
from shared.mongo.states import StateStore
from shared.process import Process
from shared.topics import LOG, TIERS


def now() -> datetime:
    """The wall clock, for freshness and for the sweep; no rule reads it."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Folding:
    """What was made: the broker to start, and the parts that tests look at."""

    broker: Broker
    reader: TopicReader
    processor: LogProcessor[Any, Any]
    sweep: Sweep


@dataclass(frozen=True, slots=True)
class Informed:
    """A processor that learns of newly adopted policies before it decides."""

    processor: LogProcessor[Any, Any]
    policies: PolicyWatch

    async def positions(self, partitions: Collection[int]) -> dict[int, int]:
        """The processor's."""
        return await self.processor.positions(partitions)

    def forget(self) -> None:
        """The processor's."""
        self.processor.forget()

    async def process(self, batches: Mapping[int, Sequence[Record]]) -> None:
        """Look, then fold. Raises Transient when either can't be done."""
        await self.policies.look()
        await self.processor.process(batches)


async def fold_service(
    process: Process,
    database: Database,
    domain: Domain[Any, Any],
    *,
    due_collection: str,
    policies: PolicyWatch,
    announce: Announce | None = None,
) -> Folding:
    """Make everything of a folding service and register it with the process. Raises Transient while MongoDB is away.

    `policies` is looked at before each batch: nothing is decided by versions that are out of date.
    """
    settings = process.settings
    service = domain.service
    store = StateStore(
        database,
        service,
        generation=await current_generation(database, service),
        log_generation=await log_generation(database, settings),
    )
    appender, reviews = Appender(settings), Appender(settings)
    processor = LogProcessor(
        domain,
        store,
        appender,
        LOG.full_name(settings),
        now=now,
        announce=announce,
        announce_topic=TIERS.full_name(settings),
        reread=reread_from(settings, LOG.full_name(settings)),
    )
    broker = make_broker(settings, service)
    reader = TopicReader(
        LOG.full_name(settings),
        f"{settings.topic_prefix}guanxi-{service}",
        Informed(processor, policies),
        settings,
        process.health,
        on_stop=process.stop,
    )
    reader.register(broker)
    sweep = Sweep(
        service,
        settings,
        DueDocuments(store, due_collection),
        BackfillMarks(database),
        reviews,
        owned=lambda: reader.owned,
        now=now,
        policies=policies,
    )
    process.health.checks["mongodb"] = mongo_check(database)
    gauges = BacklogGauges(store, due_collection, lambda: reader.owned, now)
    process.tasks += [sweep.run, gauges.run]
    process.closing += [appender.close, reviews.close]
    return Folding(broker, reader, processor, sweep)
