"""Wiring of tiering: the adopted policies, the domain, the log processor."""

import logging
from collections.abc import Sequence
from dataclasses import replace

from services.tiering.domain import CUSTOMERS, Tiering
from services.tiering.handlers import announce
from services.tiering.policy import Policies
from services.tiering.policy_file import read_policy
from shared.errors import Transient
from shared.fold.service import Folding, fold_service, now
from shared.kafka.connection import Broker
from shared.mongo import Database, connect
from shared.mongo.policies import PolicyWatch, adopted
from shared.policies.adoption import Adopted
from shared.process import Process
from shared.settings import Settings

log = logging.getLogger(__name__)

SERVICE = "tiering"


def read_policies(policies: Sequence[Adopted]) -> Policies:
    """The versions as the rules use them, each from the day for which it was adopted."""
    return tuple(replace(read_policy(one.text, one.id), effective_on=one.effective_on) for one in policies)


async def make_domain(database: Database, settings: Settings) -> Tiering:
    """The domain with all adopted policies. Raises Transient while there is none, as before set-up."""
    policies = await adopted(database)
    if not policies:
        raise Transient("no policy is adopted yet; run 'guanxi setup'")
    return Tiering(read_policies(policies), settings.zone)


async def prepare(process: Process, database: Database) -> Folding:
    """Make the service and register it with the process. Raises Transient while MongoDB is away."""
    settings = process.settings
    domain = await make_domain(database, settings)

    async def take_up(policies: list[Adopted]) -> None:
        domain.policies = read_policies(policies)
        log.info("decides by %s", ", ".join(f"{one.id} from {one.effective_on}" for one in policies))

    watch = PolicyWatch(database, settings.zone, take_up, now)
    await watch.look()
    return await fold_service(process, database, domain, due_collection=CUSTOMERS, policies=watch, announce=announce)


def run(process: Process, settings: Settings) -> int:
    """Run the service; gives the exit code."""
    database = connect(settings)

    async def start(starting: Process) -> Broker:
        return (await prepare(starting, database)).broker

    return process.run(start, [])
