"""Wiring of engagement: what tiers are entitled to, the domain, the log processor."""

import logging
from collections.abc import Sequence

import yaml

from services.engagement.domain import CUSTOMERS, Engagement
from services.engagement.weeks import refresh_weeks
from shared.errors import Transient
from shared.fold.service import Folding, fold_service, now
from shared.kafka.connection import Broker
from shared.mongo import Database, connect
from shared.mongo.policies import PolicyWatch, adopted
from shared.policies.adoption import Adopted
from shared.policies.entitlements import Entitlements, make_entitlements
from shared.process import Process
from shared.settings import Settings

log = logging.getLogger(__name__)

SERVICE = "engagement"


def read_entitlements(policies: Sequence[Adopted]) -> Entitlements:
    """What the tiers are entitled to, by version, each from the day for which it was adopted."""
    return make_entitlements([(one.effective_on, yaml.safe_load(one.text).get("entitlements")) for one in policies])


async def make_domain(database: Database, settings: Settings) -> Engagement:
    """The domain with the entitlements of all adopted policies. Raises Transient while there is none."""
    policies = await adopted(database)
    if not policies:
        raise Transient("no policy is adopted yet; run 'guanxi setup'")
    return Engagement(read_entitlements(policies), settings.zone)


async def prepare(process: Process, database: Database) -> Folding:
    """Make the service and register it with the process. Raises Transient while MongoDB is away."""
    settings = process.settings
    domain = await make_domain(database, settings)

    async def take_up(policies: list[Adopted]) -> None:
        await refresh_weeks(database, policies, settings, now())
        domain.customers.entitlements = read_entitlements(policies)
        log.info("owes what is said by %s", ", ".join(f"{one.id} from {one.effective_on}" for one in policies))

    watch = PolicyWatch(database, settings.zone, take_up, now)
    await watch.look()
    return await fold_service(process, database, domain, due_collection=CUSTOMERS, policies=watch)


def run(process: Process, settings: Settings) -> int:
    """Run the service; gives the exit code."""
    database = connect(settings)

    async def start(starting: Process) -> Broker:
        return (await prepare(starting, database)).broker

    return process.run(start, [])
