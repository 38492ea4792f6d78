"""The processors of 2b2bfed, the commit that issues compare with: as that tree makes them, by its own names.

Only what an old tree's Python runs imports it, so nothing here can be checked against this tree's names.
"""

from collections.abc import Callable
from datetime import datetime
from importlib import import_module
from typing import Any

from local.stack.paths import REPOSITORY
from shared.fold.processor import LogProcessor
from shared.mongo.generations import begin_generations
from shared.mongo.schema import apply
from shared.mongo.states import StateStore

POLICY = REPOSITORY / "deploy" / "policies" / "default-cny.yaml"
FOLDING = ("tiering", "engagement")


async def processors(database: Any, settings: Any, log: Any, *, now: Callable[[], datetime]) -> dict[str, Any]:
    """By stage: admission, tiering, engagement. log: takes an appender's place."""
    setup, admission = import_module("guanxi.commands.setup"), import_module("services.ingest.admission")
    store = import_module("services.ingest.store")
    await begin_generations(database, ("inbox", "log", *(schema.service for schema in setup.SCHEMAS)))
    for schema in setup.SCHEMAS:
        await apply(database, schema, 1)
    await store.fix_person_key(database, b"")
    await setup._adopt_first(database, POLICY)
    place = admission.Place(
        zone=settings.zone, generation=1, partitions=settings.partitions, log="log", rejected="rejected"
    )
    made: dict[str, Any] = {"admission": admission.Admission(store.MongoStore(database, 1), log, place)}
    announcing = {"announce": import_module("services.tiering.handlers").announce, "announce_topic": "tiers"}
    for service in FOLDING:
        domain = await import_module(f"services.{service}.app").make_domain(database, settings)
        state: Any = StateStore(database, service, 1, 1)
        more = announcing if service == "tiering" else {}
        made[service] = LogProcessor(domain, state, log, "log", now=now, **more)
    return made
