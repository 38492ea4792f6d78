"""Requests the repair of one frozen customer or representative, and reports the outcome."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic_core import from_json, to_json

from services import SERVICES
from shared.errors import Stop, Transient
from shared.events.codec import CONTENT_TYPE, format_instant
from shared.events.registry import REPAIRED
from shared.fold.repair import is_marker
from shared.kafka.batches import Appender, Outgoing
from shared.kafka.connection import partition_of
from shared.kafka.scan import bounds, scan
from shared.mongo import Database, transient_errors
from shared.mongo.generations import current_generation
from shared.mongo.states import StateStore
from shared.settings import Settings
from shared.topics import INBOX, LOG

WAIT_SECONDS = 120.0
"""The owner reads the customer's whole partition of the log: some seconds for a million records."""
LOOK_EVERY_SECONDS = 0.2
Scope = Literal["customer", "representative", "group"]


async def repair(settings: Settings, database: Database, service: str, scope: Scope, subject: str) -> str:
    """Write the marker to the inbox, from where it reaches the log, and wait until the service reaches it; returns the
    outcome in a sentence. Raises Stop if the record still can't be folded, Transient if nothing happens.
    """
    domain = await SERVICES.folds(service).domain(database, settings)
    store = StateStore(
        database, service, await current_generation(database, service), await current_generation(database, "log")
    )
    key = f"{scope}:{subject}"
    collection = domain.collection(key)
    if not await store.is_frozen(collection, subject):
        return f"{scope} {subject} is not frozen in {service}; nothing to repair"
    partition = partition_of(key.encode(), settings.partitions)
    start = (await bounds(settings, LOG.full_name(settings))).ends[partition]
    name = await _send_marker(settings, scope, subject, partition)
    deadline = time.monotonic() + WAIT_SECONDS
    marker: int | None = None
    while time.monotonic() < deadline:
        await asyncio.sleep(LOOK_EVERY_SECONDS)
        marker = marker if marker is not None else await _find(settings, partition, start, name)
        if not await store.is_frozen(collection, subject):
            return f"{scope} {subject} is repaired in {service}: folded again from the log, and decided on"
        if marker is not None and (await store.progress([partition]))[partition].offset > marker:
            if not await store.is_frozen(collection, subject):
                continue
            raise Stop(
                f"{scope} {subject} stays frozen: {await _reason(store, key)}; fix the program, then repair it again"
            )
    if marker is None:
        raise Transient(f"the marker has not reached the log within {WAIT_SECONDS:.0f} s: is ingest running?")
    raise Transient(f"{service} has not reached the marker within {WAIT_SECONDS:.0f} s: is it running?")


async def _send_marker(settings: Settings, scope: Scope, subject: str, partition: int) -> str:
    """Through the one door; gives the marker's id."""
    instant = format_instant(datetime.now(UTC))
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": f"repair-{instant}",
        "source": "guanxi/rebuild",
        "type": REPAIRED,
        "subject": subject,
        "time": instant,
        "data": {"scope": scope},
    }
    appender = Appender(settings)
    try:
        record = Outgoing(partition, f"{scope}:{subject}".encode(), to_json(event), [CONTENT_TYPE])
        await appender.append(INBOX.full_name(settings), [record])
    finally:
        await appender.close()
    return str(event["id"])


async def _find(settings: Settings, partition: int, start: int, name: str) -> int | None:
    """The marker's offset on the log, None while it is not there."""
    topic = LOG.full_name(settings)
    end = (await bounds(settings, topic)).ends[partition]
    async for batches in scan(settings, topic, {partition: start}, {partition: end}):
        for record in batches[partition]:
            if is_marker(record) and from_json(record.value or b"{}").get("id") == name:
                return record.offset
    return None


async def _reason(store: StateStore, key: str) -> str:
    async with transient_errors():
        query = {"key": key, "_id": {"$regex": f"^g{store.generation}/"}, "repaired": None}
        found = await store.quarantine.find(query).sort("_id", -1).limit(1).to_list(1)
    return str(found[0]["reason"]) if found else "see the service's log"
