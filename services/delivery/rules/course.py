"""The course of one subscription: what has been read and not delivered, what waits, what is sent next.

`step` takes an event and gives what is to be sent; the course is changed in place. `writes` gives what is to be stored
since the last time, all of it in one transaction: at each moment what is stored is a course that may be gone on with.

A partition's cursor is contiguous: every change before it was delivered, was not wanted, or is in a lane. A change that
fails parks its customer: a lane holds what waits of that customer, in order, and where it is in the schedule. Other
customers go on. A lane out of attempts is dead: it stays, and what comes after it waits.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import takewhile
from typing import Literal, NamedTuple

from services.delivery.rules.schedule import next_attempt

MAX_WINDOW = 4_000
"""Changes read and neither delivered nor parked: 20 s, as long as one answer may take, at 200 a second."""
MAX_IN_FLIGHT = 32
"""Requests of one subscription at once, each of another customer."""
MAX_LANES_IN_FLIGHT = 16
"""Of those, for lanes: a sink that recovers gets both what is old and what is new."""
MAX_LANES = 10_000
"""Above so many parked customers the subscription reads no more: the topic is the queue. With their lanes in memory it
takes some 10 MB."""
MAX_PENDING = 2_000
"""Changes that one lane may hold; with more the subscription reads no more."""
MAX_QUIET_SECONDS = 3_600
"""For so long at most a receiver's Retry-After (429, 503) stops the whole subscription."""

ROW = -1
"""As an offset: not a change, but how the customer stands now."""

Status = Literal["active", "gone", "unconfirmed", "stopped"]
"""gone: the receiver said 410; unconfirmed: it did not take the ping; stopped: it could not be told of a reset."""


class Item(NamedTuple):
    """A change to be delivered. replay: the id of the replay, or backfill, that it belongs to, or nothing."""

    partition: int
    offset: int
    customer: str
    sequence: int
    replay: str = ""


@dataclass(frozen=True, slots=True)
class Lane:
    """A parked customer. failed: attempts for the first of `pending`; next_at: of the next one, None when dead; since:
    of its first failure; why: of its last.
    """

    pending: tuple[Item, ...]
    failed: int
    next_at: datetime | None
    since: datetime
    why: str

    @property
    def dead(self) -> bool:
        """Whether it is tried no more."""
        return self.next_at is None


@dataclass(frozen=True, slots=True)
class Replay:
    """Changes to be sent again: by partition from `at` up to `until`."""

    id: str
    at: Mapping[int, int]
    until: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Backfill:
    """How all customers stand is to be told, in the order of their ids; those up to `after` are done or in a lane."""

    id: str
    after: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """What is to be told before any change: a ping, or a reset, which says that changes were left out."""

    kind: Literal["ping", "reset"]
    id: str
    failed: int = 0
    next_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Send:
    """Send this now; exactly one of the two."""

    item: Item | None = None
    notice: Notice | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt. retry_after: seconds that the receiver asked for; quiet: that it asked for all."""

    delivered: bool
    why: str = ""
    retry_after: float | None = None
    quiet: bool = False
    gone: bool = False


class Seen(NamedTuple):
    """A change as read. wanted: whether the subscription's filters and rows let it pass."""

    offset: int
    customer: str
    sequence: int
    wanted: bool


@dataclass(frozen=True, slots=True)
class Read:
    """Changes of a partition were read, up to `end`."""

    partition: int
    seen: tuple[Seen, ...]
    end: int


@dataclass(frozen=True, slots=True)
class Rows:
    """Customers behind `after` were read, by their ids, up to `end`: those wanted, each with its partition. last: there
    are no more.
    """

    after: str
    wanted: tuple[tuple[str, int], ...]
    end: str
    last: bool


@dataclass(frozen=True, slots=True)
class Answered:
    """An attempt has ended."""

    send: Send
    outcome: Outcome
    jitter: float


@dataclass(frozen=True, slots=True)
class Cut:
    """What lies before `begin` of a partition is not held any more, or, with `whole`, the topic is another one."""

    partition: int
    begin: int
    id: str
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


Event = Read | Rows | Answered | Cut | Tick


@dataclass(frozen=True, slots=True)
class Writes:
    """To be stored, all or nothing; None and what is missing stay as they are. lanes: by customer, None to remove."""

    cursors: Mapping[int, int]
    replay: Replay | None
    notice: Notice | None
    status: Status
    not_before: datetime | None
    lanes: Mapping[str, Lane | None]
    delivered_at: datetime | None
    why: str = ""
    backfill: Backfill | None = None


@dataclass(slots=True)
class _Track:
    """Where a partition is: `done` is contiguous, `read` is next."""

    done: int
    read: int
    open: deque[int] = field(default_factory=deque)
    finished: set[int] = field(default_factory=set)

    def finish(self, offset: int) -> bool:
        """An offset needs no more care; whether `done` moves."""
        self.finished.add(offset)
        return self.settle()

    def settle(self) -> bool:
        before = self.done
        while self.open and self.open[0] in self.finished:
            self.finished.discard(self.open.popleft())
        self.done = self.open[0] if self.open else self.read
        return self.done != before


class Course:
    """One subscription on its way. cursors: by partition, the next change."""

    def __init__(
        self,
        cursors: Mapping[int, int],
        lanes: Mapping[str, Lane] | None = None,
        *,
        replay: Replay | None = None,
        notice: Notice | None = None,
        not_before: datetime | None = None,
        backfill: Backfill | None = None,
    ) -> None:
        self.status: Status = "active"
        self.why = ""
        self.cursors = dict(cursors)
        self.lanes = dict(lanes or {})
        self.replay, self.notice, self.not_before = replay, notice, not_before
        self.backfill = backfill
        self._rows_read = backfill.after if backfill else ""
        self._rows_end = False
        self._rows: dict[str, bool] = {}  # read and not passed, in order; whether done
        self.delivered_at: datetime | None = None
        self.flying: dict[str, Item] = {}
        self._telling = False
        self._queues: dict[str, deque[Item]] = {}
        self._startable: OrderedDict[str, None] = OrderedDict()
        self._lanes_flying: set[str] = set()
        self._full = {customer for customer, lane in self.lanes.items() if len(lane.pending) >= MAX_PENDING}
        self._due: list[tuple[datetime, str]] = []
        for customer in self.lanes:
            self._schedule(customer)
        self._dirty = False
        self._dirty_lanes: set[str] = set()
        if self.replay is not None and not any(self.replaying(one) for one in self.cursors):
            self.replay, self._dirty = None, True
        self._tracks = {partition: self._track(partition) for partition in self.cursors}

    def _track(self, partition: int) -> _Track:
        at = self.replay.at[partition] if self.replaying(partition) and self.replay else self.cursors[partition]
        return _Track(at, at)

    def replaying(self, partition: int) -> bool:
        """Whether a partition is being replayed: its live changes wait."""
        replay = self.replay
        return replay is not None and replay.at.get(partition, 0) < replay.until.get(partition, 0)

    @property
    def window(self) -> int:
        """How many changes are read and not done."""
        return sum(len(track.open) for track in self._tracks.values()) + len(self._rows)

    @property
    def stands_still(self) -> bool:
        """Whether nothing is read since too much is parked."""
        return len(self.lanes) >= MAX_LANES or bool(self._full)

    def waiting(self) -> set[tuple[int, int]]:
        """Partition and offset of what is read and neither delivered nor parked."""
        return {(item.partition, item.offset) for queue in self._queues.values() for item in queue}

    def reads_rows(self) -> str | None:
        """Behind which customer to read rows; None while there is no room, or nothing to read."""
        if self.backfill is None or self._rows_end or not self._has_room():
            return None
        return self._rows_read

    def _has_room(self) -> bool:
        return self.status == "active" and not (self.notice or self.stands_still or self.window >= MAX_WINDOW)

    def reads(self) -> dict[int, tuple[int, int | None]]:
        """By partition from where to read, and up to where; nothing while there is no room."""
        if self.backfill is not None or not self._has_room():
            return {}  # how all stand is told before what changes
        found: dict[int, tuple[int, int | None]] = {}
        for partition, track in self._tracks.items():
            until = self.replay.until[partition] if self.replay and self.replaying(partition) else None
            if until is None or track.read < until:
                found[partition] = (track.read, until)
        return found

    def wake(self) -> datetime | None:
        """When something is due next, with no event before."""
        if self.status != "active":
            return None
        if self.notice is not None:
            return None if self._telling else self.notice.next_at
        while self._due and not self._is_due(self._due[0]):
            heappop(self._due)
        if len(self.flying) >= MAX_IN_FLIGHT:
            return None  # an answer comes first
        first = self._due[0][0] if self._due and len(self._lanes_flying) < MAX_LANES_IN_FLIGHT else None
        if self.not_before is not None and (first is not None or self._startable):
            return self.not_before if first is None or self._startable else max(first, self.not_before)
        return first

    def step(self, event: Event, now: datetime) -> list[Send]:
        """Take an event; gives what to send."""
        if self.status != "active":
            return []
        match event:
            case Read():
                self._read(event)
            case Rows():
                self._read_rows(event)
            case Answered(Send(item=Item() as item), outcome, jitter):
                self._answered(item, outcome, now, jitter)
            case Answered(Send(notice=Notice() as notice), outcome, jitter):
                self._told(notice, outcome, now, jitter)
            case Cut():
                self._cut(event)
        return self._ready(now)

    def writes(self) -> Writes | None:
        """What has changed since the last time; None for nothing."""
        if not self._dirty and not self._dirty_lanes:
            return None
        lanes = {customer: self.lanes.get(customer) for customer in self._dirty_lanes}
        self._dirty, self._dirty_lanes = False, set()
        return Writes(
            dict(self.cursors),
            self.replay,
            self.notice,
            self.status,
            self.not_before,
            lanes,
            self.delivered_at,
            self.why,
            self.backfill,
        )

    # Reading

    def _read(self, event: Read) -> None:
        track = self._tracks[event.partition]
        if event.end <= track.read or (event.seen and event.seen[0].offset < track.read):
            return  # asked for before the place changed
        replay = self.replay.id if self.replay and self.replaying(event.partition) else ""
        track.read = event.end
        for seen in event.seen:
            if not seen.wanted:
                continue
            item = Item(event.partition, seen.offset, seen.customer, seen.sequence, replay)
            if seen.customer in self.lanes:
                self._park(seen.customer, (item,))
                continue
            track.open.append(seen.offset)
            self._queue(item)
        self._settle(event.partition)

    def _read_rows(self, event: Rows) -> None:
        if self.backfill is None or event.after != self._rows_read:
            return
        self._rows_read, self._rows_end = event.end, event.last
        for customer, partition in event.wanted:
            item = Item(partition, ROW, customer, 0, self.backfill.id)
            if parked := customer in self.lanes:
                self._park(customer, (item,))
            else:
                self._queue(item)
            self._rows[customer] = parked
        self._settle_rows()

    def _queue(self, item: Item) -> None:
        self._queues.setdefault(item.customer, deque()).append(item)
        if item.customer not in self.flying:
            self._startable[item.customer] = None

    def _finish(self, item: Item) -> None:
        """It needs no more care here: it is delivered, or in a lane."""
        if item.offset == ROW:
            self._rows[item.customer] = True
        else:
            self._tracks[item.partition].finished.add(item.offset)

    def _settle_rows(self) -> None:
        if self.backfill is None:
            return
        after = self.backfill.after
        for customer in list(takewhile(self._rows.__getitem__, self._rows)):
            del self._rows[customer]
            after = customer
        if not self._rows:
            after = self._rows_read
        if after != self.backfill.after or (self._rows_end and not self._rows):
            self.backfill = None if self._rows_end and not self._rows else replace(self.backfill, after=after)
            self._dirty = True

    def _settle(self, partition: int) -> None:
        track = self._tracks[partition]
        track.settle()
        if not self.replaying(partition):
            if track.done != self.cursors[partition]:
                self.cursors[partition] = track.done
                self._dirty = True
            return
        assert self.replay is not None, "it replays"
        if track.done != self.replay.at[partition]:
            self.replay = replace(self.replay, at={**self.replay.at, partition: track.done})
            self._dirty = True
        if not self.replaying(partition):
            self._tracks[partition] = self._track(partition)
        if not any(self.replaying(one) for one in self.cursors):
            self.replay = None

    # Lanes

    def _park(self, customer: str, items: Iterable[Item]) -> None:
        lane = self.lanes[customer]
        pending = list(lane.pending)
        for item in items:
            if any(one.replay == item.replay and one.offset >= item.offset for one in pending):
                continue  # read once more, since the cursor is behind what the lane took
            at = len(pending)
            if item.replay:  # behind what is replayed already, before what is live
                if any(not one.replay and one.offset <= item.offset for one in pending):
                    continue  # it was not delivered yet, and will be
                replayed = [place for place, one in enumerate(pending, 1) if one.replay]
                at = replayed[-1] if replayed else int(customer in self.flying)
            pending.insert(at, item)
        self._set_lane(customer, replace(lane, pending=tuple(pending)))

    def _set_lane(self, customer: str, lane: Lane | None) -> None:
        self._dirty_lanes.add(customer)
        self._full.discard(customer)
        if lane is None:
            self.lanes.pop(customer, None)
            return
        self.lanes[customer] = lane
        if len(lane.pending) >= MAX_PENDING:
            self._full.add(customer)
        self._schedule(customer)

    def _schedule(self, customer: str) -> None:
        at = self.lanes[customer].next_at
        if at is not None and customer not in self.flying:
            heappush(self._due, (at, customer))

    def _is_due(self, entry: tuple[datetime, str]) -> bool:
        at, customer = entry
        lane = self.lanes.get(customer)
        return lane is not None and lane.next_at == at and customer not in self.flying

    # Sending

    def _ready(self, now: datetime) -> list[Send]:
        if self.status != "active":
            return []
        notice = self.notice
        if notice is not None:
            if self._telling or self.flying or (notice.next_at is not None and notice.next_at > now):
                return []
            self._telling = True
            return [Send(notice=notice)]
        if self.not_before is not None:
            if self.not_before > now:
                return []
            self.not_before, self._dirty = None, True
        sends: list[Send] = []
        while self._due and self._due[0][0] <= now and len(self._lanes_flying) < MAX_LANES_IN_FLIGHT:
            entry = heappop(self._due)
            if self._is_due(entry) and len(self.flying) < MAX_IN_FLIGHT:
                self._lanes_flying.add(entry[1])
                sends.append(self._fly(self.lanes[entry[1]].pending[0]))
            elif self._is_due(entry):
                heappush(self._due, entry)
                break
        while self._startable and len(self.flying) < MAX_IN_FLIGHT:
            customer, _ = self._startable.popitem(last=False)
            sends.append(self._fly(self._queues[customer][0]))
        return sends

    def _fly(self, item: Item) -> Send:
        self.flying[item.customer] = item
        return Send(item)

    def _answered(self, item: Item, outcome: Outcome, now: datetime, jitter: float) -> None:
        customer = item.customer
        if self.flying.get(customer) != item:
            return
        del self.flying[customer]
        self._lanes_flying.discard(customer)
        lane = self.lanes.get(customer)
        if outcome.delivered:
            self.delivered_at = now
        if outcome.gone:
            self._end("gone", outcome.why)
        elif lane is None:
            self._live(item, outcome, now, jitter)
        elif lane.pending and lane.pending[0] == item:
            self._set_lane(customer, _after(lane, outcome, now, jitter))
        else:
            self._schedule(customer)
        if outcome.quiet and outcome.retry_after is not None:
            until = now + timedelta(seconds=min(outcome.retry_after, MAX_QUIET_SECONDS))
            self.not_before, self._dirty = max(until, self.not_before or until), True

    def _live(self, item: Item, outcome: Outcome, now: datetime, jitter: float) -> None:
        queue = self._queues.get(item.customer)
        if not queue:
            return  # it was cut off meanwhile
        if queue[0] != item:
            self._startable[item.customer] = None
            return
        if outcome.delivered:
            queue.popleft()
            self._finish(item)
            if queue:
                self._startable[item.customer] = None
            else:
                del self._queues[item.customer]
        else:
            del self._queues[item.customer]
            for one in queue:
                self._finish(one)
            at = next_attempt(1, now, jitter, outcome.retry_after)
            self._set_lane(item.customer, Lane(tuple(queue), 1, at, now, outcome.why))
        self._settle(item.partition)
        self._settle_rows()

    def _told(self, notice: Notice, outcome: Outcome, now: datetime, jitter: float) -> None:
        self._telling, self._dirty = False, True
        failed = notice.failed + 1
        if outcome.delivered:
            self.notice, self.delivered_at = None, now
        elif outcome.gone:
            self._end("gone", outcome.why)
        elif notice.kind == "ping":
            self._end("unconfirmed", outcome.why)
        else:
            at = next_attempt(failed, now, jitter, outcome.retry_after)
            self.notice = replace(notice, failed=failed, next_at=at)
            if at is None:
                self._end("stopped", outcome.why)

    def _end(self, status: Status, why: str) -> None:
        self.status, self.why, self._dirty = status, why, True

    # What is held no more

    def _cut(self, event: Cut) -> None:
        partition, begin = event.partition, event.begin
        track = self._tracks[partition]
        lost = track.read < begin or event.whole
        for customer, lane in list(self.lanes.items()):
            kept = tuple(
                one
                for one in lane.pending
                if one.partition != partition or one.offset == ROW or (one.offset >= begin and not event.whole)
            )
            if len(kept) < len(lane.pending):
                lost = True
                self._set_lane(customer, replace(lane, pending=kept, failed=0) if kept else None)
        if not lost:
            return
        self.notice, self._dirty = self.notice or Notice("reset", event.id), True
        if track.read < begin or event.whole:
            if self.replay is not None:
                self.replay = replace(self.replay, at={**self.replay.at, partition: self.replay.until[partition]})
                if not any(self.replaying(one) for one in self.cursors):
                    self.replay = None
            self.cursors[partition] = begin if event.whole else max(begin, self.cursors[partition])
            for customer, queue in list(self._queues.items()):
                if queue[0].partition == partition and queue[0].offset != ROW:
                    del self._queues[customer]
                    self._startable.pop(customer, None)
            self._tracks[partition] = self._track(partition)


def _after(lane: Lane, outcome: Outcome, now: datetime, jitter: float) -> Lane | None:
    """A lane after an attempt."""
    if outcome.delivered:
        rest = lane.pending[1:]
        return replace(lane, pending=rest, failed=0, next_at=now) if rest else None
    failed = lane.failed + 1
    return replace(lane, failed=failed, next_at=next_attempt(failed, now, jitter, outcome.retry_after), why=outcome.why)
