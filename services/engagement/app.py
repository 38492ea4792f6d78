"""Wiring of engagement: what tiers are entitled to, the domain, the log processor."""

from datetime import UTC, datetime
from typing import Any

import yaml

from services.engagement.domain import CUSTOMERS, Engagement
from services.engagement.weeks import refresh_weeks
from shared.errors import Transient
from shared.fold.service import Folding, fold_service
from shared.kafka.connection import Broker
from shared.mongo import Database, connect
from shared.mongo.policies import Adopted, adopted
from shared.policies.entitlements import make_entitlements
from shared.process import Process
from shared.settings import Settings

SERVICE = "engagement"


async def make_domain(database: Database, settings: Settings) -> Engagement:
    """The domain with the entitlements of all adopted policies. Raises Transient while there is none."""
    policies = await adopted(database)
    if not policies:
        raise Transient("no policy is adopted yet; run 'guanxi setup'")
    return Engagement(make_entitlements([(one.effective_on, _entitlements(one)) for one in policies]), settings.zone)


def _entitlements(policy: Adopted) -> dict[str, Any] | None:
    document: Any = yaml.safe_load(policy.text)
    section: dict[str, Any] | None = document.get("entitlements")
    return section


async def prepare(process: Process, database: Database) -> Folding:
    """Make the service and register it with the process. Raises Transient while MongoDB is away."""
    domain = await make_domain(database, process.settings)
    await refresh_weeks(database, await adopted(database), process.settings, datetime.now(UTC))
    return await fold_service(process, database, domain, due_collection=CUSTOMERS)


def run(process: Process, settings: Settings) -> int:
    """Run the service; gives the exit code."""
    database = connect(settings)

    async def start(starting: Process) -> Broker:
        return (await prepare(starting, database)).broker

    return process.run(start, [])
