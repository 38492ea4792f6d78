"""Seals the trail: once a day, where its chains ended goes to the log, by the inbox like everything else.

A day's seals follow from the trail alone: sent twice they are duplicates. Only ingest, which has the secret of
GUANXI_PERSON_KEY, can vouch for one; without that secret nothing is sealed.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pydantic_core import to_json

from services.ingest.admit.admit import identity_of
from services.ingest.doors.http.vouching import vouch
from services.ingest.store import MongoClaims
from shared.errors import Transient
from shared.events.codec import CONTENT_TYPE, format_instant
from shared.events.facts import MAX_SEALED_HEADS
from shared.events.registry import SEALED
from shared.kafka.batches import Appender, Outgoing
from shared.kafka.connection import partition_of
from shared.mongo import Database
from shared.mongo.trail import first_day, heads_of
from shared.settings import Settings
from shared.topics import INBOX
from shared.trail import SEAL_KEY, SEAL_SOURCE, SEAL_SUBJECT, SEALED_AFTER, end_of

MAX_DAYS = 31
"""Ingest seals the days that it missed, back to so many ago."""
KEY_ID = "trail"
LOOK_EVERY_SECONDS = 60.0

log = logging.getLogger(__name__)


class Sealer:
    """Sends the seals that are missing. person_key: vouches for them; now: the clock."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        appender: Appender,
        person_key: bytes,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self._database, self._settings, self._appender = database, settings, appender
        self._claims, self._person_key = MongoClaims(database), person_key
        self._now = now or (lambda: datetime.now(UTC))
        self._sealed: set[date] = set()

    async def once(self) -> int:
        """Send what is missing; gives how many seals that were. Raises Transient."""
        sent = 0
        async for day in self._days():
            seals = seals_of(day, await heads_of(self._database, day))
            names = {identity_of(SEAL_SOURCE, seal["id"], None): seal for seal in seals}
            known = await self._claims.find(list(names))
            missing = [seal for identity, seal in names.items() if identity not in known]
            if missing:
                topic = INBOX.full_name(self._settings)
                await self._appender.append(topic, [self._record(seal) for seal in missing])
                log.info("the trail of %s is sealed: %d chains", day, sum(len(one["data"]["heads"]) for one in missing))
            else:
                self._sealed.add(day)
            sent += len(missing)
        return sent

    async def _days(self) -> AsyncIterator[date]:
        """Those that may be sealed and are not known to be, the oldest first."""
        last = (self._now() - SEALED_AFTER).astimezone(UTC).date() - timedelta(days=1)
        if last in self._sealed:
            return
        begun = min(last, await first_day(self._database) or last)
        for ago in range(min((last - begun).days, MAX_DAYS - 1), -1, -1):
            day = last - timedelta(days=ago)
            if day not in self._sealed:
                yield day
        self._sealed = {day for day in self._sealed if day > last - timedelta(days=MAX_DAYS)}

    def _record(self, seal: dict[str, Any]) -> Outgoing:
        key, value = SEAL_KEY.encode(), to_json(seal)
        headers = [CONTENT_TYPE, *vouch(KEY_ID, value, self._person_key)]
        return Outgoing(partition_of(key, self._settings.partitions), key, value, headers)


def seals_of(day: date, heads: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events that seal a day; one at least, so that a day on which nobody read is told from one left out."""
    parts = [heads[at : at + MAX_SEALED_HEADS] for at in range(0, len(heads), MAX_SEALED_HEADS)] or [[]]
    return [
        {
            "specversion": "1.0",
            "id": f"{day}/{number}",
            "source": SEAL_SOURCE,
            "type": SEALED,
            "subject": SEAL_SUBJECT,
            "time": format_instant(end_of(day)),
            "data": {"sealed_on": day.isoformat(), "part": number, "parts": len(parts), "heads": part},
        }
        for number, part in enumerate(parts, 1)
    ]


async def keep_sealing(sealer: Sealer) -> None:
    """Seal each day, for as long as the process runs. Several processes may: what comes twice is a duplicate."""
    while True:
        try:
            await sealer.once()
        except Transient as error:
            log.warning("sealing the trail waits: %s", error)
        await asyncio.sleep(LOOK_EVERY_SECONDS)
