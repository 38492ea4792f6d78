"""What runs a service that folds the log: store, processor, reader and sweep, the same for each."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shared.fold.domain import Domain
from shared.fold.processor import LogProcessor
from shared.fold.repair import reread_from
from shared.fold.sweep import Sweep
from shared.fold.telling import telling
from shared.kafka.batches import Appender
from shared.kafka.broker import Broker, make_broker
from shared.kafka.connection import Record
from shared.kafka.reader import TopicReader
from shared.mongo import Database, connect
from shared.mongo.backlog import BacklogGauges
from shared.mongo.due import BackfillMarks, DueDocuments
from shared.mongo.generations import current_generation, log_generation
from shared.mongo.ping import mongo_check
from shared.mongo.policies import PolicyWatch
from shared.mongo.states import StateStore
from shared.policies.adoption import Adopted
from shared.process import Process
from shared.service import FoldingService
from shared.settings import Settings
from shared.topics import LOG

log = logging.getLogger(__name__)


def now() -> datetime:
    """The wall clock, for freshness and for the sweep; no rule reads it."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Folding:
    """What was made: the broker to start, and the parts that tests look at."""

    broker: Broker
    reader: TopicReader
    processor: LogProcessor[Any, Any]
    sweep: Sweep | None


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


def run(service: FoldingService[Any], process: Process, settings: Settings) -> int:
    """Run a folding service; gives the exit code."""
    database = connect(settings)

    async def start(starting: Process) -> Broker:
        return (await prepare(service, starting, database)).broker

    return process.run(start, [])


async def prepare(service: FoldingService[Any], process: Process, database: Database) -> Folding:
    """Make everything of a folding service and register it with the process. Raises Transient while MongoDB is away, or
    a policy is lacking that the service needs.
    """
    settings = process.settings
    domain = await service.domain(database, settings)
    policies = watched_policies(service, domain, database, settings)
    if policies is not None:
        await policies.look()
    store = StateStore(
        database,
        service.name,
        generation=await current_generation(database, service.name),
        log_generation=await log_generation(database, settings),
        notes=service.notes,
    )
    appender, reviews = Appender(settings), Appender(settings)
    processor = LogProcessor(
        domain,
        store,
        appender,
        LOG.full_name(settings),
        now=now,
        telling=telling(service.announces, settings, appender),
        reread=reread_from(settings, LOG.full_name(settings)),
    )
    broker = make_broker(settings, service.name)
    reader = TopicReader(
        LOG.full_name(settings),
        service.group(settings),
        processor if policies is None else Informed(processor, policies),
        settings,
        process.health,
        on_stop=process.stop,
        every_ms=service.every_ms,
    )
    reader.register(broker)
    sweep = None
    if service.decides:
        sweep = Sweep(
            service.name,
            settings,
            DueDocuments(store, service.customers),
            BackfillMarks(database),
            reviews,
            owned=lambda: reader.owned,
            now=now,
            policies=policies,
        )
        process.tasks.append(sweep.run)
    if service.beside is not None:
        process.tasks.append(service.beside(database, store, lambda: reader.owned, settings, now))
    process.health.checks["mongodb"] = mongo_check(database)
    gauges = BacklogGauges(store, service.customers, lambda: reader.owned, now)
    process.tasks.append(gauges.run)
    process.closing += [appender.close, reviews.close]
    return Folding(broker, reader, processor, sweep)


def watched_policies(
    service: FoldingService[Any], domain: Domain[Any, Any], database: Database, settings: Settings
) -> PolicyWatch | None:
    """What has the domain decide by each newly adopted policy, before the next batch; None where it needs none."""
    take_up = service.take_up
    if take_up is None:
        return None

    async def taken_up(policies: list[Adopted]) -> None:
        if service.set_up is not None:
            await service.set_up(database, settings, policies, now())
        take_up(domain, policies)
        log.info("decides by %s", ", ".join(f"{one.id} from {one.effective_on}" for one in policies))

    return PolicyWatch(database, settings.zone, taken_up, now, service.adopts)
