"""The processors of this tree's services, as set-up and the services themselves make them."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from local.stack.paths import REPOSITORY
from operations.setup.run import adopt_first
from services import SERVICES
from services.feed.changes import ANNOUNCES as FEED_ANNOUNCES
from services.ingest.admission import Admission, Place
from services.ingest.store import MongoStore, fix_person_key
from services.tiering.handlers import ANNOUNCES
from shared.fold.processor import LogProcessor
from shared.fold.telling import Telling
from shared.mongo import Database
from shared.mongo.generations import begin_generations
from shared.mongo.schema import apply
from shared.mongo.states import StateStore
from shared.settings import Settings

POLICY = REPOSITORY / "deploy" / "policies" / "default-cny.yaml"
FOLDING = tuple(SERVICES.folding)
TELLING = {"tiering": (ANNOUNCES, "tiers"), "feed": (FEED_ANNOUNCES, "changes")}


async def processors(
    database: Database, settings: Settings, log: Any, *, now: Callable[[], datetime]
) -> dict[str, Any]:
    """By stage: admission and all that folds. log: takes an appender's place."""
    await begin_generations(database, ("inbox", "log", *SERVICES))
    for schema in (service.schema for service in SERVICES.values()):
        await apply(database, schema, 1)
    await fix_person_key(database, b"")
    await adopt_first(database, POLICY)
    place = Place(zone=settings.zone, generation=1, partitions=settings.partitions, log="log", rejected="rejected")
    made: dict[str, Any] = {"admission": Admission(MongoStore(database, 1), log, place)}
    for service in FOLDING:
        announces, topic = TELLING.get(service, (None, ""))
        telling = Telling(announces, topic, settings.partitions, log) if announces else None
        made[service] = LogProcessor(
            await SERVICES.folds(service).domain(database, settings),
            StateStore(database, service, 1, 1),
            log,
            "log",
            now=now,
            telling=telling,
        )
    return made
