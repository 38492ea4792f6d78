"""Wiring of ingest: the HTTP door, which needs Kafka alone, and admission, which needs MongoDB too."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from starlette.routing import BaseRoute, Mount

from services.ingest.admission import Admission, Place
from services.ingest.doors.http.door import create_door
from services.ingest.erasing import Eraser, keep_erasing
from services.ingest.handlers import KafkaInbox
from services.ingest.limits import DoorLimits
from services.ingest.sealing import Sealer, keep_sealing
from services.ingest.service import SERVICE
from services.ingest.settings import IngestSettings, key_bytes
from services.ingest.store import MongoClaims, MongoStore, check_person_key
from shared.errors import Malformed
from shared.kafka.batches import Appender
from shared.kafka.broker import Broker, make_broker
from shared.kafka.odd_headers import read_odd_headers
from shared.kafka.reader import TopicReader
from shared.keys import ApiKeys
from shared.mongo import Database, connect
from shared.mongo.generations import current_generation, log_generation
from shared.mongo.ping import mongo_check
from shared.process import EXIT_MISCONFIGURED, Process
from shared.service import Service
from shared.topics import INBOX, LOG, REJECTED

log = logging.getLogger(__name__)


def run(service: Service, process: Process, settings: IngestSettings) -> int:
    """Run the service; returns the exit code."""
    del service  # this one
    try:
        keys = ApiKeys(settings.api_keys_file)
    except Malformed as error:
        log.critical("%s", error)
        return EXIT_MISCONFIGURED
    database = connect(settings)
    inbox = KafkaInbox(settings)
    generations: list[int] = []

    process.at_end.append(inbox.close)

    async def prepare(starting: Process) -> Broker:
        generations[:] = [await current_generation(database, "inbox")]
        return await prepare_admission(starting, settings, database, generations[0])

    def generation() -> int | None:
        return generations[0] if generations else None

    return process.run(prepare, door_routes(settings, database, inbox, keys, generation))


def door_routes(
    settings: IngestSettings,
    database: Database,
    inbox: KafkaInbox,
    keys: ApiKeys,
    generation: Callable[[], int | None] = lambda: None,
) -> list[BaseRoute]:
    """The HTTP door, at the root, behind the health checks. generation: of the inbox, None until it is known."""
    door = create_door(
        inbox,
        keys,
        zone=settings.zone,
        now=lambda: datetime.now(UTC),
        claims=MongoClaims(database),
        limits=DoorLimits(events_per_second=settings.events_per_second),
        generation=generation,
        secret=key_bytes(settings.person_key),
        console_key=key_bytes(settings.console_key),
        import_key=key_bytes(settings.import_key),
    )
    return [Mount("/", app=door)]


async def prepare_admission(process: Process, settings: IngestSettings, database: Database, generation: int) -> Broker:
    """Create admission and register it with the process. generation: of the inbox. Raises Transient while MongoDB is
    unreachable.
    """
    await log_generation(database, settings)
    person_key = key_bytes(settings.person_key)
    await check_person_key(database, person_key)
    appender = Appender(settings)
    admission = Admission(
        MongoStore(database, generation, settings.log_generation, person_key),
        appender,
        Place(
            zone=settings.zone,
            generation=generation,
            partitions=settings.partitions,
            log=LOG.full_name(settings),
            rejected=REJECTED.full_name(settings),
            backfill_token=settings.backfill_token.get_secret_value().encode(),
            person_key=person_key,
            console_key=key_bytes(settings.console_key),
        ),
    )
    read_odd_headers()
    broker = make_broker(settings, SERVICE.name)
    topic = INBOX.full_name(settings)
    reader = TopicReader(
        topic, SERVICE.group(settings), admission, settings, process.health, on_stop=process.stop, gapless=False
    )
    reader.register(broker)
    process.health.checks["mongodb"] = mongo_check(database)
    process.closing += [appender.close, admission.close]
    eraser = Eraser(database, person_key, settings.zone)
    process.tasks.append(lambda: keep_erasing(eraser))
    if person_key:
        sealer = Sealer(database, settings, appender, person_key)
        process.tasks.append(lambda: keep_sealing(sealer))
    process.health.details["admitted"] = lambda: dict(admission.counts)
    return broker
