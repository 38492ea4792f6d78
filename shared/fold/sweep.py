"""The sweep: reviews for customers whose day has come, so that what time changes shows promptly.

Whether and when it runs changes no decision (domain.md, Time). Reviews go through the inbox like everything else.
"""

import asyncio
import logging
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Any

from pydantic_core import to_json

from shared.errors import Transient
from shared.events.codec import CONTENT_TYPE, format_instant
from shared.events.registry import REVIEWED
from shared.kafka.batches import Appender, Outgoing
from shared.kafka.connection import partition_of
from shared.mongo.due import BackfillMarks, DueDocuments
from shared.settings import Settings
from shared.topics import INBOX

CHUNK = 1000
PAUSE_BETWEEN_CHUNKS_SECONDS = 0.5
"""Spreads a large sweep out, so that live events are not held up."""
BACKFILL_STALE_AFTER = timedelta(minutes=5)
"""A backfill that has given no sign of life for so long holds the sweep up no more."""

log = logging.getLogger(__name__)


class Sweep:
    """Sends reviews for the due documents of the partitions that this process owns."""

    def __init__(
        self,
        service: str,
        settings: Settings,
        due: DueDocuments,
        backfills: BackfillMarks,
        appender: Appender,
        owned: Callable[[], Collection[int]],
        now: Callable[[], datetime],
    ) -> None:
        self._service, self._settings = service, settings
        self._due, self._backfills, self._appender = due, backfills, appender
        self._owned, self._now = owned, now
        self.sent = 0

    async def run(self) -> None:
        """Sweep for ever, every `sweep_every_seconds`; a store or broker that does not answer is tried again then."""
        while True:
            try:
                await self.once()
            except Transient as error:
                log.warning("sweep: %s; trying again in %.0f s", error, self._settings.sweep_every_seconds)
            await asyncio.sleep(self._settings.sweep_every_seconds)

    async def once(self) -> int:
        """One sweep, at most `sweep_max_reviews`; gives how many reviews were sent."""
        now = self._now()
        if await self._backfills.running(now - BACKFILL_STALE_AFTER):
            log.info("sweep: waits for a backfill")
            return 0
        sent = 0
        async for keys in self._due.keys(
            sorted(self._owned()), now, limit=self._settings.sweep_max_reviews, chunk=CHUNK
        ):
            await self._appender.append(INBOX.full_name(self._settings), [self._review(key, now) for key in keys])
            sent += len(keys)
            await asyncio.sleep(PAUSE_BETWEEN_CHUNKS_SECONDS)
        self.sent += sent
        if sent:
            log.info("sweep: %d reviews sent", sent)
        return sent

    def _review(self, key: str, now: datetime) -> Outgoing:
        subject = key.partition(":")[2]
        event: dict[str, Any] = {
            "specversion": "1.0",
            "id": f"{self._service}-{format_instant(now)}",
            "source": f"guanxi/{self._service}",
            "type": REVIEWED,
            "subject": subject,
            "time": format_instant(now),
            "data": {},
        }
        raw = key.encode()
        return Outgoing(partition_of(raw, self._settings.partitions), raw, to_json(event), [CONTENT_TYPE])
