"""What a usual batch asks of MongoDB: each command costs a service and the server about half a millisecond."""

from functools import partial
from unittest import mock

import pytest
from motor.motor_asyncio import AsyncIOMotorClient
from pydantic import SecretStr
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

import shared.mongo
from services import SERVICES
from shared.settings import Settings
from tests.bench import load
from tests.bench.pipeline import ADMISSION, TODAY, Pipeline

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]

CUSTOMERS, EVENTS = 60, 40
USUAL = {
    "tiering": ["update tiering_positions", "update tiering", "update tiering_fresh", "commitTransaction"],
    "engagement": [
        "update engagement_positions",
        "update engagement",
        "insert engagement_visits",
        "insert visit_rows",
        "update engagement_fresh",
        "commitTransaction",
    ],
    "feed": [
        "update feed_positions",
        "update feed",
        "insert timeline",
        "update feed_fresh",
        "commitTransaction",
    ],
    "archives": ["update archives_positions"],
    "planning": ["update planning_positions"],
}
"""By service, where it knows the customers already; archives and planning fold nothing of such a batch."""


class Commands(CommandListener):
    """What was asked, with the collection less its generation."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def started(self, event: CommandStartedEvent) -> None:
        of = event.command[event.command_name]
        self.asked.append(
            f"{event.command_name} {of.removesuffix('_g1')}" if isinstance(of, str) else event.command_name
        )

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """As it should."""

    def failed(self, event: CommandFailedEvent) -> None:
        self.asked.append(f"{event.command_name} failed")


async def test_a_usual_batch_asks_no_more_than_it_must(mongo_uri: str, mongo_database: str) -> None:
    commands = Commands()
    settings = Settings(mongo_uri=SecretStr(mongo_uri), mongo_database=mongo_database)
    listening = partial(AsyncIOMotorClient, event_listeners=[commands])
    with mock.patch.object(shared.mongo, "AsyncIOMotorClient", listening):
        database = shared.mongo.connect(settings)
    try:
        on = Pipeline(database, settings, mongod_pid=0, batch_records=None)
        await on.prepare()
        on.take(load.representatives(TODAY))
        for loads in (load.first_purchases(CUSTOMERS, 1, TODAY), load.mixed(EVENTS, CUSTOMERS, 2, TODAY, "before")):
            on.take((one.key, one.value()) for one in loads)
            for stage in on.stages:
                await on.run(stage, "before")
        on.take((one.key, one.value()) for one in load.mixed(EVENTS, CUSTOMERS, 3, TODAY, "batch"))
        await on.run(ADMISSION, "batch")
        asked = {}
        for service in SERVICES.folding:
            commands.asked.clear()
            await on.run(service, "batch")
            asked[service] = list(commands.asked)
        on.check()
    finally:
        database.client.close()
    assert asked == USUAL
