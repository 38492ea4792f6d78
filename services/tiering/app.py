"""Wiring of tiering: the adopted policies, the domain, the log processor."""

from services.tiering.domain import CUSTOMERS, Tiering
from services.tiering.handlers import announce
from services.tiering.policy_file import read_policy
from shared.errors import Transient
from shared.fold.service import Folding, fold_service
from shared.kafka.connection import Broker
from shared.mongo import Database, connect
from shared.mongo.policies import adopted
from shared.process import Process
from shared.settings import Settings

SERVICE = "tiering"


async def make_domain(database: Database, settings: Settings) -> Tiering:
    """The domain with all adopted policies. Raises Transient while there is none, as before set-up."""
    policies = await adopted(database)
    if not policies:
        raise Transient("no policy is adopted yet; run 'guanxi setup'")
    return Tiering(tuple(read_policy(one.text, f"{one.name}/{one.version}") for one in policies), settings.zone)


async def prepare(process: Process, database: Database) -> Folding:
    """Make the service and register it with the process. Raises Transient while MongoDB is away."""
    domain = await make_domain(database, process.settings)
    return await fold_service(process, database, domain, due_collection=CUSTOMERS, announce=announce)


def run(process: Process, settings: Settings) -> int:
    """Run the service; gives the exit code."""
    database = connect(settings)

    async def start(starting: Process) -> Broker:
        return (await prepare(starting, database)).broker

    return process.run(start, [])
