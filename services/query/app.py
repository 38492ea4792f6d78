"""Wiring of query: two readers of MongoDB, each with its user, and the API on them."""

import logging
from typing import Any

from pydantic import SecretStr
from starlette.routing import BaseRoute, Mount

from services.query.api.cursors import Seals
from services.query.api.jobs import Jobs
from services.query.api.questions import Questions
from services.query.api.routes import Api, utc_now
from services.query.limits import POOL_SIZE
from services.query.settings import QuerySettings
from services.query.store import Look, Reader
from services.query.waiting import Waiting
from shared.errors import Malformed
from shared.keys import ApiKeys
from shared.mongo import Database, connect
from shared.mongo.jobs import Queue
from shared.mongo.ping import mongo_check
from shared.process import EXIT_MISCONFIGURED, Process
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

    async def prepare(starting: Process) -> Nothing:
        starting.health.checks["mongodb"] = mongo_check(database)
        return Nothing()

    return process.run(prepare, api_routes(settings, keys, seals, database, confidential))


def api_routes(
    settings: QuerySettings, keys: ApiKeys, seals: Seals, database: Database, confidential: Database
) -> list[BaseRoute]:
    """The API, at the root; health stands before it."""
    reader = Reader(database)
    look = Look(database)
    api = Api(
        keys,
        seals,
        reader,
        Reader(confidential),
        Waiting(look.standing),
        Questions(database, settings, reader),
        Jobs(Queue(database)),
        settings.zone,
        utc_now,
        settings.query_units_per_second,
    )
    return [Mount("/", app=api.app())]


class Nothing:
    """What a process without readers of Kafka starts and stops."""

    async def start(self) -> None:
        """Nothing."""

    async def stop(self) -> None:
        """Nothing."""


def _confidential(settings: QuerySettings) -> Database:
    """The database as the user sees it who may read the confidential views."""
    user: dict[str, Any] = {}
    if settings.confidential_username is not None:
        password = settings.confidential_password or SecretStr("")
        user = {"mongo_username": settings.confidential_username, "mongo_password": password}
    return connect(settings.model_copy(update=user))
