"""Wiring of delivery: subscriptions, each with its reader of the changes, its sender, and its place in MongoDB."""

import asyncio
import logging
import os
import random
import secrets as random_secrets
import socket
from datetime import UTC, datetime

from services.delivery.courier import Courier, Couriers
from services.delivery.handlers import ChangesTopic
from services.delivery.sender import Sender, read_proxy, tls_context
from services.delivery.settings import DeliverySettings
from services.delivery.store import CourseStore
from shared import metrics
from shared.errors import Malformed, Transient
from shared.keys import ApiKeys
from shared.mongo import connect
from shared.mongo.ping import mongo_check
from shared.mongo.subscriptions import new_id
from shared.process import EXIT_MISCONFIGURED, Nothing, Process
from shared.service import Service
from shared.sinks import Allowed
from shared.subscriptions import Subscription, secret

POOL_SIZE = 16
COUNT_SECONDS = 15.0
"""How often the gauges are counted."""
log = logging.getLogger(__name__)


def run(service: Service, process: Process, settings: DeliverySettings) -> int:
    """Run the service; gives the exit code."""
    del service
    try:
        keys = ApiKeys(settings.api_keys_file)
        allowed = Allowed.read(settings.webhook_allowed)
        secret(settings.webhook_key, "", 1)
        proxy = read_proxy(settings.delivery_proxy)
    except (Malformed, ValueError) as error:
        log.critical("%s", error)
        return EXIT_MISCONFIGURED
    database = connect(settings, pool_size=POOL_SIZE)
    owner = f"{socket.gethostname()}/{os.getpid()}/{random_secrets.token_hex(4)}"
    store = CourseStore(database, owner, settings.delivery_lease_seconds, keys.active)
    tls = tls_context(settings.delivery_ca_file)

    def make(subscription: Subscription) -> Courier:
        def signing() -> list[str]:
            numbers = subscription.signing(datetime.now(UTC))
            return [secret(settings.webhook_key, subscription.id, number) for number in numbers]

        sender = Sender(subscription.sink, allowed, signing, tls=tls, proxy=proxy)
        return Courier(
            subscription,
            ChangesTopic(settings),
            store,
            sender.deliver,
            lambda: datetime.now(UTC),
            random.random,
            new_id,
            settings.delivery_lease_seconds,
            sender.close,
        )

    async def count() -> None:
        while True:
            try:
                metrics.count_deliveries(await store.counts())
            except Transient as error:
                log.warning("subscriptions are not counted: %s", error)
            await asyncio.sleep(COUNT_SECONDS)

    async def prepare(starting: Process) -> Nothing:
        starting.health.checks["mongodb"] = mongo_check(database)
        starting.tasks.extend((Couriers(store, make).run, count))
        return Nothing()

    return process.run(prepare, [])
