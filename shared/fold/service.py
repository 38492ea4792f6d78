"""The wiring of a service that folds the log: store, processor, reader and sweep, the same for each."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shared.fold.domain import Domain
from shared.fold.processor import Announce, LogProcessor
from shared.fold.sweep import Sweep
from shared.kafka.batches import Appender
from shared.kafka.connection import Broker, make_broker
from shared.kafka.reader import TopicReader
from shared.mongo import Database
from shared.mongo.due import BackfillMarks, DueDocuments
from shared.mongo.generations import current_generation
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


async def fold_service(
    process: Process,
    database: Database,
    domain: Domain[Any, Any],
    *,
    due_collection: str,
    announce: Announce | None = None,
) -> Folding:
    """Make everything of a folding service and register it with the process. Raises Transient while MongoDB is away."""
    settings = process.settings
    service = domain.service
    store = StateStore(
        database,
        service,
        generation=await current_generation(database, service),
        log_generation=await current_generation(database, "log"),
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
    )
    broker = make_broker(settings, service)
    reader = TopicReader(
        LOG.full_name(settings),
        f"{settings.topic_prefix}guanxi-{service}",
        processor,
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
    )
    process.tasks.append(sweep.run)
    process.closing += [appender.close, reviews.close]
    return Folding(broker, reader, processor, sweep)
