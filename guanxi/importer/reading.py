"""From files to chunks of prepared events: read, converted, judged by the door's rules, and put in order."""

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from guanxi.importer.drafts import (
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
from guanxi.importer.grouping import Groups, rows_of
from guanxi.importer.outcomes import Prepared
from guanxi.importer.plan import Plan
from guanxi.importer.repeats import Repeats, advice, key_of
from guanxi.importer.shift import Shift, event_time
from guanxi.importer.sorting import sort
from guanxi.importer.times import LocalTimes
from guanxi.importer.values import Instant
from services.ingest.domain import admit
from services.ingest.wire import MAX_EVENT_BYTES, from_kafka
from shared.errors import Malformed
from shared.events.refusal import Reason, Refused

CHUNK_ROWS = 1000
"""Events worked on at once: what is sent, and later looked up, in one go."""
_NULL = b"\\u0000"


def by_time(one: Prepared) -> tuple[Any, ...]:
    """The order of facts as they happened; ties keep the order of the files and in them."""
    return one.candidate.time, one.origin.file, one.origin.line


def by_customer(one: Prepared) -> tuple[Any, ...]:
    """The order of history (domain.md, Age): each customer's events by time; ties keep the file order."""
    return one.candidate.subject, one.candidate.time, one.origin.file, one.origin.line


class Reading:
    """Reads the files of a plan, once. Raises Malformed when one can't be used at all: then nothing has been
    read.

    `refuse` takes each row that is refused before it is sent, at once, so that however many they are none is
    kept. It is called from the thread that calls `next_chunk`.
    """

    def __init__(self, plan: Plan, refuse: Callable[[Origin, Refused], None]) -> None:
        self._plan, self._refuse = plan, refuse
        self._stopped = threading.Event()
        self.read = self.joined = 0
        """Rows; and how many of them went into another row's record."""
        self.skipped: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()
        self.damaged: list[str] = []
        self.warnings: list[str] = []
        """What is to be told before anything is sent; complete with the first chunk."""
        self._sources = [self._open(file, self.notes) for file in range(len(plan.inputs))]
        self.said = [
            f"{one.path}: {source.said}" for one, source in zip(plan.inputs, self._sources, strict=True) if source.said
        ]
        self.total_bytes = sum(one.path.stat().st_size for one in plan.inputs)
        self._prepared = self._in_order()

    @property
    def headers(self) -> list[list[str] | None]:
        """The columns of each file, None of a file of events."""
        return [source.header if isinstance(source, TableSource) else None for source in self._sources]

    @property
    def done_bytes(self) -> int:
        """How much of the files has been read."""
        return sum(source.done_bytes for source in self._sources)

    def stop(self) -> None:
        """Make a read that is going on in another thread end soon; for an interrupt."""
        self._stopped.set()

    def next_chunk(self) -> list[Prepared] | None:
        """Events fit to be sent, None at the end of all files. Blocks while it reads."""
        return list(itertools.islice(self._prepared, CHUNK_ROWS)) or None

    def _in_order(self) -> Iterator[Prepared]:
        """History by customer, all else by time. One file of events goes as it is."""
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
        """What the doors would take; what they refuse is dealt with here."""
        plan, now = self._plan, self._plan.now()
        for number, draft in enumerate(self._drafts()):
            if number % CHUNK_ROWS == 0:
                now = plan.now()
            candidate = self._judge(draft, now)
            if isinstance(candidate, Refused):
                self._refuse(draft.origin, candidate)
                continue
            mapping = plan.inputs[draft.origin.file].mapping
            if draft.mapped and mapping is not None and mapping.repeats == "refused":
                repeats.add(draft.origin, candidate)
            yield Prepared(draft.origin, draft.value, candidate)
        if told and not self._stopped.is_set():
            repeats.find()
            self._warn(repeats)

    def _judge(self, draft: Draft, now: datetime) -> Any:
        document: Any = draft.document
        if draft.mapped and (len(draft.value) > MAX_EVENT_BYTES or _NULL in draft.value):
            document = from_kafka(draft.value, ())  # says what is wrong with it
            if isinstance(document, Refused):
                return document
        return admit(document, now=now, zone=self._plan.zone, backfill=self._plan.backfill)

    def _warn(self, repeats: Repeats) -> None:
        if repeats.collisions:
            count = sum(found.rows for found in repeats.collisions.values())
            records, first = len(repeats.collisions), next(iter(repeats.collisions.values()))
            self.warnings.append(
                f"{count:,} rows would be {records:,} records, and what tells them apart would be lost; none of them "
                f"is sent. For example {advice(first)}."
            )

    def _drafts(self) -> Iterator[Draft]:
        """Drafts alone go on; what else a row became is dealt with here."""
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
        """How far to move. It takes a read of all files, so that the last of all events is known."""
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
