"""An import: reading, sending and learning the outcomes at the same time, with a bounded number of rows
between.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from guanxi.importer.drafts import Origin
from guanxi.importer.outcomes import Prepared, Sent, outcomes, wait_for_admission
from guanxi.importer.ports import Ports
from guanxi.importer.reading import Plan, Reading
from guanxi.importer.refused_file import RefusedFile
from guanxi.importer.tally import Tally
from services.ingest.admission import BACKFILL_HEADER
from services.ingest.domain import Accepted, Duplicate
from services.ingest.inbox import InboxRecord
from shared.errors import GuanxiError
from shared.events.refusal import Reason, Refused

WINDOW_CHUNKS = 8
"""Chunks sent whose outcome is not known yet: bounds memory, and how far an import runs ahead of
admission."""
_CUSTOMER = "customer:"


class Import:
    """One run. Raises Malformed when a file or the mapping can't be used.

    ports: None for a dry run, which judges each row and sends nothing; as_late: with a backfill, take
    customers that already have live events too (domain.md, Age). `tally` may be read at any time.
    """

    def __init__(self, plan: Plan, ports: Ports | None, refused_file: Path, *, as_late: bool = False) -> None:
        self.tally = Tally()
        self._plan, self._ports, self._as_late = plan, ports, as_late
        self._lock = threading.Lock()
        self._reading = Reading(plan, self._refuse)
        self._refused_file = RefusedFile(refused_file, plan.files, self._reading.headers)
        self._begun: str | None = None
        self._headers = [(BACKFILL_HEADER, ports.backfill_token)] if plan.backfill and ports is not None else []

    @property
    def progress(self) -> tuple[int, int]:
        """Bytes read, and of how many."""
        return self._reading.done_bytes, self._reading.total_bytes

    async def run(self, progress: Callable[[], None]) -> Tally:
        """Import all; `progress` is called now and then. Raises Transient when Kafka, MongoDB or admission do
        not answer; then, and when it is cancelled, the tally says what was done, and the same import may be
        run again.
        """
        sent: asyncio.Queue[Sent | None] = asyncio.Queue(WINDOW_CHUNKS)
        try:
            async with asyncio.TaskGroup() as together:
                together.create_task(self._send_all(sent, progress))
                if self._ports is not None:
                    together.create_task(self._learn_all(self._ports, sent, progress))
        except* GuanxiError as errors:
            raise errors.exceptions[0] from None
        finally:
            self._reading.stop()
            self._note()
            self._refused_file.close()
        return self.tally

    async def _send_all(self, sent: asyncio.Queue[Sent | None], progress: Callable[[], None]) -> None:
        while (events := await asyncio.to_thread(self._reading.next_chunk)) is not None:
            self._note()
            self.tally.fit += len(events)
            if self._ports is not None:
                fit = await self._without_live(self._ports, events)
                records = [InboxRecord(one.candidate.key.encode(), one.value, self._headers) for one in fit]
                places = await self._ports.inbox.append(records)
                self.tally.sent += len(places)
                await sent.put(Sent(fit, places))
            progress()
        await sent.put(None)

    async def _learn_all(self, ports: Ports, sent: asyncio.Queue[Sent | None], progress: Callable[[], None]) -> None:
        while (chunk := await sent.get()) is not None:
            await wait_for_admission(ports, chunk.places)
            found = await outcomes(ports, chunk, now=self._plan.now(), zone=self._plan.zone)
            for one, outcome in zip(chunk.events, found, strict=True):
                if isinstance(outcome, Accepted):
                    self.tally.admitted += 1
                elif isinstance(outcome, Duplicate):
                    self.tally.duplicates += 1
                else:
                    self.tally.refused_after_sending += 1
                    self._refuse(one.origin, outcome)
            progress()

    async def _without_live(self, ports: Ports, events: Sequence[Prepared]) -> Sequence[Prepared]:
        """History of customers that have live events is refused, unless it is known already: that is a
        duplicate. A live event that comes in the middle of a customer's rows makes the rest late, but stops
        none of them.
        """
        if not self._plan.backfill:
            return events
        customers = {one.candidate.subject for one in events if one.candidate.key.startswith(_CUSTOMER)}
        live = {_CUSTOMER + customer for customer in await ports.live.live(customers)}
        doubtful = [one.candidate.identity for one in events if one.candidate.key in live]
        known = await ports.claims.find(doubtful) if doubtful else {}
        fit = []
        for one in events:
            is_new = one.candidate.key in live and one.candidate.identity not in known
            if is_new and not self._as_late and one.candidate.key != self._begun:
                hint = "this customer has live events already; --as-late takes its history as late facts"
                self._refuse(one.origin, Refused(Reason.CUSTOMER_IS_LIVE, "subject", hint))
            else:
                fit.append(one)
                self.tally.late += is_new
        self._begun = fit[-1].candidate.key if fit else None
        return fit

    def _refuse(self, origin: Origin, refused: Refused) -> None:
        """Called while reading, from another thread, and for what admission refused."""
        with self._lock:
            self.tally.refuse(refused)
            self._refused_file.write(origin, refused)

    def _note(self) -> None:
        reading, tally = self._reading, self.tally
        tally.read = reading.read
        tally.skipped, tally.notes, tally.damaged = reading.skipped, reading.notes, reading.damaged
