"""Wiring of query: two readers of MongoDB, each with its user, and the API on them."""

import logging
from collections.abc import Callable
from typing import Any

from pydantic import SecretStr
from starlette.routing import BaseRoute, Mount

from services.query.api.changes import Following
from services.query.api.cursors import Seals
from services.query.api.jobs import Jobs
from services.query.api.questions import Questions
from services.query.api.routes import Api, utc_now
from services.query.changes_hub import Hub
from services.query.handlers import ChangesTopic
from services.query.limits import POOL_SIZE
from services.query.settings import QuerySettings
from services.query.store import FeedMarks, Look, Owners, Reader
from services.query.waiting import Waiting
from shared.errors import Malformed
from shared.keys import ApiKeys
from shared.mongo import Database, connect
from shared.mongo.jobs import Queue
from shared.mongo.ping import mongo_check
from shared.process import EXIT_MISCONFIGURED, Nothing, Process
from shared.service import Service

log = logging.getLogger(__name__)


def run(service: Service, process: Process, settings: QuerySettings) -> int:
    """Run the service; gives the exit code."""
    del service
    try:
        keys = ApiKeys(settings.api_keys_file)
        text = settings.cursor_keys.get_secret_value() if settings.cursor_keys else None
        seals = Seals.read(text)
    except Malformed as error:
        log.critical("%s", error)
        return EXIT_MISCONFIGURED
    if text is None:
        log.warning("no GUANXI_CURSOR_KEYS: cursors are good at this process alone, and until it ends")
    database, confidential = connect(settings, pool_size=POOL_SIZE), _confidential(settings)
    hub = changes_hub(settings, database, process.stopping)

    async def prepare(starting: Process) -> Nothing:
        starting.health.checks["mongodb"] = mongo_check(database)
        starting.tasks.append(hub.run)
        return Nothing()

    return process.run(prepare, api_routes(settings, keys, seals, database, confidential, hub))


def changes_hub(settings: QuerySettings, database: Database, stopping: Callable[[], bool]) -> Hub:
    """What reads the changes for all who follow them, once it runs. Without Kafka everything else goes on."""
    return Hub(ChangesTopic(settings), FeedMarks(database, Look(database)), stopping)


def api_routes(
    settings: QuerySettings,
    keys: ApiKeys,
    seals: Seals,
    database: Database,
    confidential: Database,
    hub: Hub | None = None,
) -> list[BaseRoute]:
    """The API, at the root; health stands before it. Without a hub that runs, changes are not followed."""
    reader = Reader(database)
    waiting = Waiting(Look(database).standing)
    hub = hub or changes_hub(settings, database, lambda: False)
    api = Api(
        keys,
        seals,
        reader,
        Reader(confidential),
        waiting,
        Questions(database, settings, reader),
        Jobs(Queue(database)),
        Following(keys, hub, reader, waiting, Owners(reader), utc_now),
        settings.zone,
        utc_now,
        settings.query_units_per_second,
    )
    return [Mount("/", app=api.app())]


def _confidential(settings: QuerySettings) -> Database:
    """The database as the user sees it who may read the confidential views."""
    user: dict[str, Any] = {}
    if settings.confidential_username is not None:
        password = settings.confidential_password or SecretStr("")
        user = {"mongo_username": settings.confidential_username, "mongo_password": password}
    return connect(settings.model_copy(update=user))
