"""Ingest as a value: the one door, from every upstream to the log."""

from collections.abc import Sequence
from datetime import datetime

from services.ingest.settings import IngestSettings, key_bytes
from services.ingest.store import POSITIONS, SCHEMA, fix_person_key
from shared.mongo import Database
from shared.mongo.trail import TRAIL
from shared.policies.adoption import Adopted
from shared.service import Positions, Service
from shared.settings import Settings
from shared.topics import INBOX, LOG, REJECTED


async def _set_up(database: Database, settings: Settings, policies: Sequence[Adopted], now: datetime) -> None:
    del policies, now
    await fix_person_key(database, key_bytes(settings.person_key))


SERVICE = Service(
    name="ingest",
    schema=SCHEMA,
    entry="services.ingest.app:run",
    settings=IngestSettings,
    reads=(INBOX,),
    writes=(INBOX, LOG, REJECTED),
    rights={TRAIL: ("find",)},  # to seal it on the log
    positions=Positions(INBOX, POSITIONS, "inbox", prefix="{}/"),
    set_up=_set_up,
)
