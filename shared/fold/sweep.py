"""The sweep: reviews for customers whose day has come, so that what time changes shows promptly.

Whether and when it runs changes no decision (domain.md, Time). Reviews go through the inbox like everything else. Of a
large sweep, as after a backfill or when a policy begins, no more than a chunk is ever ahead of a live event: the next
one is sent when the last one has been folded.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

from pydantic_core import to_json

from shared import metrics
from shared.errors import Transient
from shared.events.codec import CONTENT_TYPE, format_instant
from shared.events.registry import REVIEWED
from shared.fold.entity import WAITING
from shared.kafka.batches import Appender, Outgoing
from shared.kafka.connection import partition_of
from shared.mongo.due import BackfillMarks, DueDocuments
from shared.settings import Settings
from shared.topics import INBOX

CHUNK = 100
"""After a backfill a review may decide a year of due days: what a live event waits for at most."""
PAUSE_SECONDS = 0.1
"""At least this long between two chunks: at most 1,000 reviews a second, however quickly they are folded."""
PATIENCE_SECONDS = 10.0
"""How long a chunk may take to be folded before the next one is sent all the same: one customer whom no review reaches
must not keep the others waiting."""
LOOK_EVERY_SECONDS = 5.0
"""How often is looked for a reason to sweep before the hour."""
BACKFILL_STALE_AFTER = timedelta(minutes=5)
"""A backfill that has given no sign of life for so long was cut off: it holds up the reviews of those whose history it
was, as the rest of it comes when it is run again, but nobody else's any more ..."""
BACKFILL_GIVEN_UP_AFTER = timedelta(days=7)
"""... and after so long nobody's: the inbox keeps no record longer either, and readers wait for what is decided."""

log = logging.getLogger(__name__)


class Policies(Protocol):
    """What the sweep asks of shared.mongo.policies.PolicyWatch."""

    async def look(self) -> None: ...

    def last_begin(self, now: datetime) -> datetime | None: ...


class Sweep:
    """Sends reviews for the due documents of the partitions that this process owns; and when a policy has come into
    force, for every customer whose clock has not passed its beginning.
    """

    def __init__(
        self,
        service: str,
        settings: Settings,
        due: DueDocuments,
        backfills: BackfillMarks,
        appender: Appender,
        owned: Callable[[], Collection[int]],
        now: Callable[[], datetime],
        policies: Policies | None = None,
    ) -> None:
        self._service, self._settings = service, settings
        self._due, self._backfills, self._appender = due, backfills, appender
        self._owned, self._now, self._policies = owned, now, policies
        self._next_at: datetime | None = None
        self._begun: datetime | None = None
        self._stuck = False
        self.sent = 0

    async def run(self) -> None:
        """Sweep forever: every `sweep_every_seconds`, and at once when there is a reason; a store or broker that does
        not answer is tried again.
        """
        every = self._settings.sweep_every_seconds
        while True:
            try:
                if await self._is_time():
                    await self.once()
                metrics.SWEPT_AT.set(self._now().timestamp())
            except Transient as error:
                log.warning("sweep: %s; trying again", error)
            await asyncio.sleep(min(every, LOOK_EVERY_SECONDS))

    async def _is_time(self) -> bool:
        now = self._now()
        if self._policies is not None:
            await self._policies.look()
        if self._next_at is None or now >= self._next_at or self._last_begin(now) != self._begun:
            return True
        if now < self._next_at - timedelta(seconds=self._settings.sweep_every_seconds):
            return True  # the machine's clock was put back, and the next hour may be a year away
        hold = await self._hold(now)
        return not self._stuck and await self._due.any_due(sorted(self._owned()), WAITING, but_behind=hold is not None)

    async def once(self) -> int:
        """One sweep, at most `sweep_max_reviews`; gives how many reviews were sent."""
        now = self._now()
        owned = sorted(self._owned())
        hold = await self._hold(now)
        metrics.SWEEP_WAITS.set(int(not owned or hold is not None))
        if not owned or hold == "all":
            log.debug("sweep: waiting for partitions or a backfill")
            return 0
        if hold is not None:
            log.warning("sweep: a backfill was interrupted; its customers are reviewed when it has been run again")
        begun, sent, self._stuck = self._last_begin(now), 0, False
        limit, behind = self._settings.sweep_max_reviews, hold is not None
        async for keys in self._due.keys(owned, now, limit=limit, chunk=CHUNK, begun=begun, but_behind=behind):
            if await self._hold(now) not in {hold, None}:
                return sent  # a backfill has begun meanwhile; the rest comes after it
            await self._appender.append(INBOX.full_name(self._settings), [self._review(key, now) for key in keys])
            sent += len(keys)
            metrics.REVIEWS.inc(len(keys))
            await self._folded(keys, now, begun)
        self.sent += sent
        if sent:
            log.info("sweep: %d reviews sent", sent)
        if sent < limit or self._stuck:
            # Else there is more to be done, and it goes on at the next look.
            self._begun = begun
            self._next_at = now + timedelta(seconds=self._settings.sweep_every_seconds)
        return sent

    async def _hold(self, now: datetime) -> Literal["all", "behind"] | None:
        """Whose reviews wait for a backfill: everybody's while it runs, those of its customers where it was cut off."""
        alive_at = await self._backfills.last_alive()
        if alive_at is None or alive_at <= now - BACKFILL_GIVEN_UP_AFTER:
            return None
        return "all" if alive_at > now - BACKFILL_STALE_AFTER else "behind"

    def _last_begin(self, now: datetime) -> datetime | None:
        return None if self._policies is None else self._policies.last_begin(now)

    async def _folded(self, keys: Sequence[str], now: datetime, begun: datetime | None) -> None:
        """Wait until a chunk has been folded, but not forever."""
        waited = 0.0
        while waited < PATIENCE_SECONDS:
            await asyncio.sleep(PAUSE_SECONDS)
            waited += PAUSE_SECONDS
            if not await self._due.waiting(keys, now, begun=begun):
                return
        self._stuck = True
        log.info("sweep: reviews were not folded within %.0f s", PATIENCE_SECONDS)

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
