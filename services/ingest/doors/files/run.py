"""An import: it reads, sends and looks up outcomes at the same time, with a bounded number of rows in between."""

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from services.ingest.admission import BACKFILL_HEADER
from services.ingest.admit import Accepted, Duplicate
from services.ingest.doors.files.drafts import Origin
from services.ingest.doors.files.grouping import rows_of
from services.ingest.doors.files.outcomes import OntoInbox, Prepared, Underway, Way
from services.ingest.doors.files.plan import Plan
from services.ingest.doors.files.ports import Ports, Standing
from services.ingest.doors.files.reading import Reading
from services.ingest.doors.files.refused_file import RefusedFiles
from services.ingest.doors.files.tally import Tally
from shared.errors import GuanxiError
from shared.events.refusal import Reason, Refused

WINDOW_CHUNKS = 8
"""Chunks sent whose outcome is unknown: bounds memory, and how far an import runs ahead of admission."""
PROGRESS_SECONDS = 0.5
FIRST_EVENTS = 10
"""Shown before anything is sent: enough to see what a mapping makes of the rows."""
_CUSTOMER = "customer:"


class Import:
    """One run. Raises Malformed when a file or the mapping can't be used.

    ports: None for a dry run, which judges each row and sends nothing; as_late: with a backfill, include customers that
    already have live events (domain.md, Age); way: how events are sent where not by writing the inbox, for what is no
    backfill. `tally` may be read at any time; `first` has the first events that would be sent, as they would be.
    """

    def __init__(
        self,
        plan: Plan,
        ports: Ports | None,
        refused_file: Path,
        *,
        as_late: bool = False,
        way: Way | None = None,
    ) -> None:
        assert way is None or not plan.backfill, "history needs the ports"
        self.tally = Tally()
        self.first: list[bytes] = []
        self._plan, self._ports, self._as_late = plan, ports, as_late
        self._lock = threading.Lock()
        self._reading = Reading(plan, self._refuse)
        self._refused_files = RefusedFiles(refused_file, plan.inputs, self._reading.headers)
        self._begun: str | None = None
        self._way = way
        if ports is not None:
            self._way = OntoInbox(ports, [(BACKFILL_HEADER, ports.backfill_token)] if plan.backfill else [])

    @property
    def said(self) -> list[str]:
        """What was detected in the files: encodings, delimiters, sheets, headers."""
        return self._reading.said

    @property
    def refused_files(self) -> list[Path]:
        """The files of refused rows that were written."""
        return self._refused_files.written

    @property
    def progress(self) -> tuple[int, int]:
        """Bytes read, and of how many."""
        return self._reading.done_bytes, self._reading.total_bytes

    async def run(self, progress: Callable[[], None], warn: Callable[[str], None] = lambda _: None) -> Tally:
        """Import all; calls `progress` now and then, and `warn` with any warnings before sending.

        Raises Transient when Kafka, MongoDB or admission do not answer; then, and when cancelled, the tally says what
        was done, and the same import can be run again.
        """
        sent: asyncio.Queue[Underway | None] = asyncio.Queue(WINDOW_CHUNKS)
        try:
            async with asyncio.TaskGroup() as together:
                together.create_task(self._send_all(sent, progress, warn))
                if self._way is not None:
                    together.create_task(self._learn_all(sent, progress))
        except* GuanxiError as errors:
            raise errors.exceptions[0] from None
        finally:
            self._reading.stop()
            self._note()
            self._refused_files.close()
        return self.tally

    async def _send_all(
        self, sent: asyncio.Queue[Underway | None], progress: Callable[[], None], warn: Callable[[str], None]
    ) -> None:
        while (events := await self._next(progress)) is not None:
            self._note()
            while self._reading.warnings:
                warn(self._reading.warnings.pop())
            self.tally.fit += len(events)
            self.first += [one.value for one in events[: FIRST_EVENTS - len(self.first)]]
            if self._way is not None:
                fit = events if self._ports is None else await self._fit_for_history(self._ports, events)
                underway = await self._way.send(fit)
                self.tally.sent += underway.stored
                await sent.put(underway)
            progress()
        while self._reading.warnings:
            warn(self._reading.warnings.pop())
        await sent.put(None)

    async def _next(self, progress: Callable[[], None]) -> list[Prepared] | None:
        """The next chunk; the first one may need a read of all files, to sort them."""
        reading = asyncio.create_task(asyncio.to_thread(self._reading.next_chunk))
        while not (await asyncio.wait([reading], timeout=PROGRESS_SECONDS))[0]:
            self._note()
            progress()
        return await reading

    async def _learn_all(self, sent: asyncio.Queue[Underway | None], progress: Callable[[], None]) -> None:
        while (chunk := await sent.get()) is not None:
            found = await chunk.outcomes(now=self._plan.now(), zone=self._plan.zone)
            for one, outcome in zip(chunk.events, found, strict=True):
                if isinstance(outcome, Accepted):
                    self.tally.admitted += 1
                elif isinstance(outcome, Duplicate):
                    self.tally.duplicates += 1
                else:
                    self.tally.refused_after_sending += 1
                    self._refuse(one.origin, outcome)
            progress()

    async def _fit_for_history(self, ports: Ports, events: Sequence[Prepared]) -> Sequence[Prepared]:
        """Refuse history of customers that have live events, or whose clock earlier history has moved past it, unless
        the event is a known duplicate (domain.md, Age). If something moves a customer's clock in the middle of its
        rows, the rest counts as late but is still sent.
        """
        if not self._plan.backfill:
            return events
        customers = {one.candidate.subject for one in events if one.candidate.key.startswith(_CUSTOMER)}
        standing = await ports.known.standing(customers)
        late = [(one, _late(one, standing)) for one in events]
        doubtful = [one.candidate.identity for one, why in late if why is not None]
        known = await ports.claims.find(doubtful) if doubtful else {}
        fit = []
        for one, why in late:
            is_new = why is not None and one.candidate.identity not in known
            if is_new and why is not None and not self._as_late and one.candidate.key != self._begun:
                self._refuse(one.origin, why)
            else:
                fit.append(one)
                self.tally.late += is_new
        self._begun = fit[-1].candidate.key if fit else None
        return fit

    def _refuse(self, origin: Origin, refused: Refused) -> None:
        """Called while reading, from another thread, and for rows refused by admission."""
        with self._lock:
            self.tally.refuse(refused, rows_of(origin), origin.line)
            self._refused_files.write(origin, refused)

    def _note(self) -> None:
        reading, tally = self._reading, self.tally
        tally.read, tally.joined = reading.read, reading.joined
        tally.skipped, tally.notes, tally.damaged = reading.skipped, reading.notes, reading.damaged


def _late(one: Prepared, standing: Mapping[str, Standing]) -> Refused | None:
    """Why a row of history is too late for its customer; None if it is not."""
    if not one.candidate.key.startswith(_CUSTOMER):
        return None
    known = standing.get(one.candidate.subject)
    if known is None:
        return None
    if known.live:
        hint = "this customer already has live events; --as-late imports its history as late facts"
        return Refused(Reason.CUSTOMER_IS_LIVE, "subject", hint)
    if known.clock is not None and one.candidate.time < known.clock:
        hint = (
            f"earlier history moved this customer's clock to {known.clock:%Y-%m-%d}; import all history in one run "
            "(--map A FILES --map B FILES), or use --as-late to import it as late facts"
        )
        return Refused(Reason.CUSTOMER_HAS_HISTORY, "subject", hint)
    return None
