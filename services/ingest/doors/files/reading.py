"""From files to chunks of events: read, converted, judged by the door's rules, and ordered."""

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from services.ingest.admit import admit, read_quickly
from services.ingest.doors.files.drafts import (
    Draft,
    EventsSource,
    Item,
    Origin,
    RefusedRow,
    RowPiece,
    Source,
    TableSource,
    open_source,
)
from services.ingest.doors.files.grouping import Groups, rows_of
from services.ingest.doors.files.outcomes import Prepared
from services.ingest.doors.files.plan import Plan
from services.ingest.doors.files.repeats import Repeats, advice, key_of
from services.ingest.doors.files.shift import Shift, event_time
from services.ingest.doors.files.sorting import sort
from services.ingest.doors.files.times import LocalTimes
from services.ingest.doors.files.values import Instant
from services.ingest.doors.kafka.wire import MAX_EVENT_BYTES, from_kafka, is_plain
from shared.errors import Malformed
from shared.events.refusal import Reason, Refused

CHUNK_ROWS = 1000
"""Events per chunk: sent together, and looked up together."""
_NULL = b"\\u0000"


def by_time(one: Prepared) -> tuple[Any, ...]:
    """The order in which facts happened; ties keep the order of the files and of their rows."""
    return one.candidate.time, one.origin.file, one.origin.line


def by_customer(one: Prepared) -> tuple[Any, ...]:
    """The order of history (domain.md, Age): each customer's events by time; ties keep the file order."""
    return one.candidate.subject, one.candidate.time, one.origin.file, one.origin.line


class Reading:
    """Reads the files of a plan, once. Raises Malformed, before reading anything, when a file can't be used at all.

    `refuse` receives each row that is refused before sending, at once, so that none is kept in memory. It is called
    from the thread that calls `next_chunk`.
    """

    def __init__(self, plan: Plan, refuse: Callable[[Origin, Refused], None]) -> None:
        self._plan, self._refuse = plan, refuse
        self._stopped = threading.Event()
        self.read = self.joined = 0
        """Rows, and how many of them joined another row's record."""
        self.skipped: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()
        self.damaged: list[str] = []
        self.warnings: list[str] = []
        """Warnings to show before anything is sent; complete with the first chunk."""
        self._sources = [self._open(file, self.notes) for file in range(len(plan.inputs))]
        self.said = [
            f"{one.path}: {source.said}" for one, source in zip(plan.inputs, self._sources, strict=True) if source.said
        ]
        self.total_bytes = sum(one.path.stat().st_size for one in plan.inputs)
        self._prepared = self._in_order()

    @property
    def headers(self) -> list[list[str] | None]:
        """The columns of each file; None for a file of events."""
        return [source.header if isinstance(source, TableSource) else None for source in self._sources]

    @property
    def done_bytes(self) -> int:
        """How much of the files has been read."""
        return sum(source.done_bytes for source in self._sources)

    def stop(self) -> None:
        """Ask a read in another thread to end soon, for an interrupt."""
        self._stopped.set()

    def next_chunk(self) -> list[Prepared] | None:
        """The next events to send; None at the end of all files. Blocks while it reads."""
        return list(itertools.islice(self._prepared, CHUNK_ROWS)) or None

    def _in_order(self) -> Iterator[Prepared]:
        """History by customer, everything else by time. A single file of events keeps its order."""
        mapped = any(one.mapping for one in self._plan.inputs)
        if not (self._plan.backfill or mapped or len(self._sources) > 1):
            yield from self._judged(Repeats())
            return
        repeats = Repeats()
        ordered = sort(self._judged(repeats, told=True), by_customer if self._plan.backfill else by_time)
        try:
            for one in ordered:
                found = repeats.collisions.get(key_of(one.candidate)) if repeats.collisions else None
                if found is None:
                    yield one
                else:
                    self._refuse(one.origin, Refused(Reason.CONFLICTING_REPEAT, "id", advice(found)))
        finally:
            repeats.close()

    def _judged(self, repeats: Repeats, *, told: bool = False) -> Iterator[Prepared]:
        """The events that the doors accept; refused ones are handled here."""
        plan, now = self._plan, self._plan.now()
        for number, draft in enumerate(self._drafts()):
            if number % CHUNK_ROWS == 0:
                now = plan.now()
            candidate = self._judge(draft, now)
            refused = candidate if isinstance(candidate, Refused) else plan.may_send(candidate)
            if refused is not None:
                self._refuse(draft.origin, refused)
                continue
            mapping = plan.inputs[draft.origin.file].mapping
            if draft.mapped and mapping is not None and mapping.repeats == "refused":
                repeats.add(draft.origin, candidate)
            yield Prepared(draft.origin, draft.value, candidate)
        if told and not self._stopped.is_set():
            repeats.find()
            self._warn(repeats)

    def _judge(self, draft: Draft, now: datetime) -> Any:
        plan = self._plan
        if is_plain(draft.value, ()):
            quick = read_quickly(draft.value, now=now, zone=plan.zone, backfill=plan.backfill)
            if quick is not None:
                return quick
        document: Any = draft.document
        if draft.mapped and (len(draft.value) > MAX_EVENT_BYTES or _NULL in draft.value):
            document = from_kafka(draft.value, ())  # says what is wrong with it
            if isinstance(document, Refused):
                return document
        return admit(document, now=now, zone=plan.zone, backfill=plan.backfill)

    def _warn(self, repeats: Repeats) -> None:
        if repeats.collisions:
            count = sum(found.rows for found in repeats.collisions.values())
            records, first = len(repeats.collisions), next(iter(repeats.collisions.values()))
            self.warnings.append(
                f"{count:,} rows would become {records:,} records and lose what distinguishes them; none of them is "
                f"sent. For example {advice(first)}."
            )

    def _drafts(self) -> Iterator[Draft]:
        """Passes on drafts only; other results of a row are handled here."""
        shift = self._shift()
        groups: dict[int, Groups] = {}
        try:
            for row in self._rows(self._sources, shift, self.damaged):
                self.read += 1
                for item in row:
                    if isinstance(item, Draft):
                        yield item
                    elif isinstance(item, RowPiece):
                        mapping = self._plan.inputs[item.origin.file].mapping
                        groups.setdefault(id(mapping), Groups()).add(item)
                    elif isinstance(item, RefusedRow):
                        self._refuse(item.origin, item.refused)
                    else:
                        self.skipped[item.why] += 1
            yield from self._grouped(groups, shift)
        finally:
            for one in groups.values():
                one.close()

    def _grouped(self, groups: dict[int, Groups], shift: Shift | None) -> Iterator[Draft]:
        converters = {
            file: source.converter for file, source in enumerate(self._sources) if isinstance(source, TableSource)
        }
        for one in groups.values():
            for record in self._until_stopped(one.records(converters, shift)):
                self.joined += rows_of(record.origin) - 1
                if isinstance(record, Draft):
                    yield record
                else:
                    self._refuse(record.origin, record.refused)

    def _rows(self, sources: Iterable[Source], shift: Shift | None, damaged: list[str]) -> Iterator[list[Item]]:
        for source in sources:
            try:
                yield from self._until_stopped(source.rows(shift))
            except Malformed as error:
                damaged.append(str(error))

    def _shift(self) -> Shift | None:
        """How many days to shift. It reads all files to find the last event."""
        plan = self._plan
        if plan.shift_to is None:
            return None
        sources = [self._open(file, Counter()) for file in range(len(plan.inputs))]
        times = (_time_of(item) for row in self._rows(sources, None, []) for item in row)
        latest = max((time for time in times if time is not None), default=None)
        if latest is None:
            return None
        zones = [one.mapping.zone for one in plan.inputs if one.mapping]
        zone = next(filter(None, zones), plan.zone)
        return Shift((plan.shift_to - latest.astimezone(zone).date()).days, zone, LocalTimes(zone, self.notes))

    def _open(self, file: int, notes: Counter[str]) -> TableSource | EventsSource:
        one = self._plan.inputs[file]
        times = LocalTimes(one.mapping.zone if one.mapping else None, notes, self._plan.zone)
        return open_source(one.path, file, one.mapping, times)

    def _until_stopped(self, items: Iterable[Any]) -> Iterator[Any]:
        return itertools.takewhile(lambda _: not self._stopped.is_set(), items)


def _time_of(item: Item) -> datetime | None:
    if isinstance(item, Draft):
        return event_time(item.document)
    if isinstance(item, RowPiece):
        times = [value.text for value in item.piece.made if isinstance(value, Instant)]
        return datetime.fromisoformat(times[0]) if times else None
    return None
