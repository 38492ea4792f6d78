"""From files to chunks of prepared events: read, converted, sorted where asked for, judged by the door's
rules.
"""

import contextlib
import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from guanxi.importer.drafts import (
    NO_TIME,
    CsvSource,
    Draft,
    EventsSource,
    Item,
    Origin,
    RefusedRow,
    is_events_file,
    open_source,
)
from guanxi.importer.mapping import Mapping
from guanxi.importer.outcomes import Prepared
from guanxi.importer.shift import Shift
from guanxi.importer.sorting import by_customer, by_time, sort
from guanxi.importer.times import LocalTimes
from services.ingest.domain import admit
from services.ingest.wire import from_kafka
from shared.errors import Malformed
from shared.events.refusal import Refused

CHUNK_ROWS = 1000
"""Rows worked on at once: what is sent, and later looked up, in one go."""


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to import. zone: of business days; backfill: as history; shift_to: the day on which the last event falls;
    now: the clock by which ages are judged.
    """

    files: Sequence[Path]
    mapping: Mapping | None
    zone: ZoneInfo
    backfill: bool = False
    shift_to: date | None = None
    now: Callable[[], datetime] = utc_now


class Reading:
    """Reads the files of a plan, once. Raises Malformed when one can't be used at all: then nothing has been
    read.

    `refuse` takes each row that is refused before it is sent, at once, so that however many they are none is
    kept. It is called from the thread that calls `next_chunk`.
    """

    def __init__(self, plan: Plan, refuse: Callable[[Origin, Refused], None]) -> None:
        _check(plan)
        self._plan, self._refuse = plan, refuse
        self._stopped = threading.Event()
        self.read = 0
        self.skipped: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()
        self.damaged: list[str] = []
        self._times = LocalTimes(plan.mapping.zone if plan.mapping else None, self.notes)
        self._sources = [self._open(file, path, self._times) for file, path in enumerate(plan.files)]
        self.total_bytes = sum(path.stat().st_size for path in plan.files)
        self._drafts = self._in_order()

    @property
    def headers(self) -> list[list[str]] | None:
        """The columns of each file, none of a file of events; None where all are such."""
        found = [source.header if isinstance(source, CsvSource) else [] for source in self._sources]
        return found if any(found) else None

    @property
    def done_bytes(self) -> int:
        """How much of the files has been read."""
        return sum(source.done_bytes for source in self._sources)

    def stop(self) -> None:
        """Make a read that is going on in another thread end soon; for an interrupt."""
        self._stopped.set()

    def next_chunk(self) -> list[Prepared] | None:
        """Events fit to be sent, None at the end of all files. Blocks while it reads."""
        drafts = list(itertools.islice(self._drafts, CHUNK_ROWS))
        now = self._plan.now()
        prepared = [one for draft in drafts if (one := self._prepare(draft, now)) is not None]
        return prepared if drafts else None

    def _prepare(self, draft: Draft, now: datetime) -> Prepared | None:
        document = from_kafka(draft.value, ())
        if not isinstance(document, Refused):
            candidate = admit(document, now=now, zone=self._plan.zone, backfill=self._plan.backfill)
            if not isinstance(candidate, Refused):
                return Prepared(draft.origin, draft.value, candidate)
            document = candidate
        self._refuse(draft.origin, document)
        return None

    def _in_order(self) -> Iterator[Draft]:
        if self._plan.backfill:
            return sort(self._all(), by_customer)
        return sort(self._all(), by_time) if len(self._sources) > 1 else self._all()

    def _all(self) -> Iterator[Draft]:
        """Drafts alone go on; what else a row became is dealt with here."""
        shift = self._shift()
        for source in self._sources:
            try:
                for item in self._until_stopped(source.items(shift)):
                    self.read += 1
                    if isinstance(item, Draft):
                        yield item
                    elif isinstance(item, RefusedRow):
                        self._refuse(item.origin, item.refused)
                    else:
                        self.skipped[item.why] += 1
            except Malformed as error:
                self.damaged.append(str(error))

    def _shift(self) -> Shift | None:
        """How far to move. It takes a read of all files, so that the last of all events is known."""
        plan = self._plan
        if plan.shift_to is None:
            return None
        latest: datetime | None = None
        for file, path in enumerate(plan.files):
            source = self._open(file, path, LocalTimes(self._times.zone))
            with contextlib.suppress(Malformed):  # said by the read that counts
                for item in self._until_stopped(source.items(None)):
                    if isinstance(item, Draft) and item.time != NO_TIME:
                        latest = max(latest or item.time, item.time)
        zone = self._times.zone or plan.zone
        return Shift((plan.shift_to - latest.astimezone(zone).date()).days, zone, self._times) if latest else None

    def _open(self, file: int, path: Path, times: LocalTimes) -> CsvSource | EventsSource:
        return open_source(path, file, None if is_events_file(path) else self._plan.mapping, times)

    def _until_stopped(self, items: Iterable[Item]) -> Iterator[Item]:
        return itertools.takewhile(lambda _: not self._stopped.is_set(), items)


def _check(plan: Plan) -> None:
    events = [is_events_file(path) for path in plan.files]
    if plan.mapping is None and not all(events):
        first = plan.files[events.index(False)]
        raise Malformed(f"{first}: name a mapping with --map (only .ndjson and .jsonl hold events already)")
    if plan.mapping is not None and all(events):
        raise Malformed(f"{plan.files[0]} holds events already; it needs no mapping")
    for path in plan.files:
        if not path.is_file():
            raise Malformed(f"{path}: there is no such file")
