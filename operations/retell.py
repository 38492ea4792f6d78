"""What `guanxi.tiers` should hold and does not: found by the doctor, and filled in from `tier_history`."""

from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json

from services import SERVICES
from services.tiering.domain import HISTORY
from services.tiering.handlers import announce_again
from shared.errors import Stop
from shared.events.codec import CONTENT_TYPE
from shared.kafka.alter import TopicAdmin
from shared.kafka.batches import Appender, Outgoing
from shared.kafka.connection import partition_of
from shared.kafka.follow import Follower
from shared.kafka.scan import bounds
from shared.mongo import Database, transient_errors
from shared.mongo.generations import current_generation
from shared.settings import Settings
from shared.topics import TIERS

TIERING = "tiering"
READ_AT_ONCE = 1_000
Row = Mapping[str, Any]


async def untold(settings: Settings, database: Database) -> list[Row]:
    """Each customer's latest change of tier of which the topic has neither it nor a later one. Raises Transient.

    The views are read first: what they show was told before.
    """
    latest = await _latest(database)
    told: dict[str, int] = {}
    topic = TIERS.full_name(settings)
    held = await bounds(settings, topic)
    async with Follower(settings, topic) as follower:
        for partition, end in held.ends.items():
            if end == held.begins[partition]:
                continue
            follower.seek(partition, held.begins[partition])
            async for records in follower.read(end):
                for record in records:
                    customer, version = _read(record.value)
                    told[customer] = max(version, told.get(customer, 0))
    return [row for customer, row in latest.items() if told.get(customer, 0) < row["version"]]


async def retell(settings: Settings, database: Database) -> int:
    """Append what is missing; gives how many records. Raises Stop while tiering runs, which tells newer ones."""
    group = SERVICES.folds(TIERING).group(settings)
    async with TopicAdmin(settings) as admin:
        if await admin.active([group]):
            raise Stop(f"{TIERING} runs: stop it first, so that no older tier comes after a newer one")
    rows = await untold(settings, database)
    appender = Appender(settings)
    partitions = TIERS.partitions(settings)
    try:
        for start in range(0, len(rows), READ_AT_ONCE):
            some = rows[start : start + READ_AT_ONCE]
            await appender.append(TIERS.full_name(settings), [_outgoing(row, partitions) for row in some])
    finally:
        await appender.close()
    return len(rows)


def _outgoing(row: Row, partitions: int) -> Outgoing:
    key = f"customer:{row['customer']}".encode()
    return Outgoing(partition_of(key, partitions), key, announce_again(row), [CONTENT_TYPE])


def _read(value: bytes | None) -> tuple[str, int]:
    try:
        document = from_json(value or b"")
        return str(document["subject"]), int(document["data"]["version"])
    except (ValueError, KeyError, TypeError):
        return "", 0  # somebody else's record


async def _latest(database: Database) -> dict[str, Row]:
    fields = dict.fromkeys(("customer", "version", "from", "to", "effective_on", "event_id", "decided_as_of"), 1)
    collection = database[f"{HISTORY}_g{await current_generation(database, TIERING)}"]
    latest: dict[str, Row] = {}
    async with transient_errors():
        async for row in collection.find({"kind": "changed"}, fields, batch_size=READ_AT_ONCE):
            known = latest.get(row["customer"])
            if row["from"] != row["to"] and (known is None or known["version"] < row["version"]):
                latest[row["customer"]] = row
    return latest
