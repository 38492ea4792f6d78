"""Wiring of the feed: the domain, the log processor, the topic of changes."""

from services.feed.changes import ANNOUNCES
from services.feed.domain import CUSTOMERS, Feed
from shared.fold.service import Folding, fold_service
from shared.kafka.connection import Broker
from shared.mongo import Database, connect
from shared.mongo.generations import log_epoch
from shared.process import Process
from shared.settings import Settings

SERVICE = "feed"


async def make_domain(database: Database, settings: Settings) -> Feed:
    """The domain. Raises Transient while MongoDB is away."""
    return Feed(settings.zone, await log_epoch(database))


async def prepare(process: Process, database: Database) -> Folding:
    """Make the service and register it with the process. Raises Transient while MongoDB is away."""
    domain = await make_domain(database, process.settings)
    return await fold_service(process, database, domain, due_collection=CUSTOMERS, announces=ANNOUNCES)


def run(process: Process, settings: Settings) -> int:
    """Run the service; gives the exit code."""
    database = connect(settings)

    async def start(starting: Process) -> Broker:
        return (await prepare(starting, database)).broker

    return process.run(start, [])
