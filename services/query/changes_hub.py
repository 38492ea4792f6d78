"""One reader of the changes for all followers of a process, and each follower's way: over what Kafka holds to the tail,
and along it.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from services.query.changes import Change, Ended, Ends, Gone, Lost, Tail, behind, read_change
from services.query.limits import (
    CATCH_UP_SECONDS,
    HEARTBEAT_SECONDS,
    MAX_BEHIND,
    MAX_CATCHING_UP,
    STEP_CHANGES,
)
from shared.errors import Malformed, Transient
from shared.fold.telling import MARK_EVERY_RECORDS
from shared.kafka.connection import Record
from shared.kafka.scan import Bounds
from shared.positions import Mark, Of

RETRY_SECONDS = 1.0
STOPPING_SECONDS = 0.2
"""How often the process is asked whether it ends: followers must be gone before it is drained."""
AHEAD_SECONDS = 10.0
"""How long a position that another process has given is waited for."""

log = logging.getLogger(__name__)


class Topic(Protocol):
    """The topic of changes (services/query/handlers.py)."""

    async def bounds(self) -> Bounds:
        """What it holds now. Raises Transient."""
        ...

    def read(self, start: Ends, until: Ends) -> AsyncGenerator[Sequence[Record], None]:
        """From one place to another. Raises Transient, Gone."""
        ...

    def live(self, start: Ends) -> AsyncGenerator[Sequence[Record], None]:
        """From a place on, without an end; nothing now and then. Raises Transient, Gone."""
        ...


class Stands(NamedTuple):
    """Where the log stands: its epoch and generation, and up to where it is known to be written."""

    epoch: int
    log_generation: int
    log_ends: Ends


class Marks(Protocol):
    """What MongoDB says of the log and the changes. Both raise Transient."""

    async def stands(self) -> Stands:
        """Now."""
        ...

    async def before(self, log_generation: int, ends: Ends) -> Mapping[int, Sequence[int]]:
        """By partition of the log the latest mark up to there: offsets by partition of the changes, in order."""
        ...


@dataclass(slots=True)
class Hub:
    """stopping: whether the process ends."""

    topic: Topic
    marks: Marks
    stopping: Callable[[], bool] = lambda: False
    _tail: Tail | None = None
    catching_up: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_CATCHING_UP))

    @property
    def tail(self) -> Tail:
        """Raises Transient while changes can't be read, or will be no more."""
        if self._tail is None or self._tail.closed:
            raise Transient("changes can't be followed now; ask again")
        return self._tail

    async def run(self) -> None:
        """Read changes until cancelled."""
        watching = asyncio.create_task(self._watch())
        try:
            while True:
                try:
                    await self._read()
                except Gone as error:
                    log.warning("guanxi.changes was created again or cut: %s; all followers start over", error)
                    self.close()
                except Transient as error:
                    log.warning("changes can't be read, trying again: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
        finally:
            watching.cancel()
            self.close()

    def close(self) -> None:
        """End all streams; whoever follows comes back with the last id."""
        if self._tail is not None:
            self._tail.close()

    async def _watch(self) -> None:
        while not self.stopping():  # noqa: ASYNC110 - nobody sets an event when a signal comes
            await asyncio.sleep(STOPPING_SECONDS)
        self.close()

    async def _read(self) -> None:
        stands = await self.marks.stands()
        tail = self._tail
        if tail is None or tail.closed or not _fits(tail, stands):
            self.close()
            ends = (await self.topic.bounds()).ends
            # Only then, so that it tells no less of the log than the changes up to there do.
            stands = await self.marks.stands()
            tail = Tail(stands.epoch + 1, stands.log_generation, dict(ends), dict(stands.log_ends))
            if self.stopping():
                return
            self._tail = tail
        loop = asyncio.get_running_loop()
        look_at = loop.time() + HEARTBEAT_SECONDS
        async with aclosing(self.topic.live(dict(tail.ends))) as live:
            async for records in live:
                take(tail, records)
                if loop.time() >= look_at:
                    if not _fits(tail, await self.marks.stands()):
                        return
                    look_at = loop.time() + HEARTBEAT_SECONDS


def _fits(tail: Tail, stands: Stands) -> bool:
    return (tail.generation, tail.log_generation) == (stands.epoch + 1, stands.log_generation)


def take(tail: Tail, records: Iterable[Record]) -> None:
    """Append what was read; what is no change is passed over."""
    changes: list[Change] = []
    for record in records:
        change = _change(record)
        if change is None:
            tail.append(changes)
            changes = []
            tail.pass_over(record.partition, record.offset)
        else:
            changes.append(change)
    if changes:
        tail.append(changes)


def _change(record: Record) -> Change | None:
    try:
        return read_change(record.partition, record.offset, record.value)
    except Malformed as error:
        log.error("guanxi.changes %d/%d is passed over: %s", record.partition, record.offset, error)  # noqa: TRY400
        return None


class Passed(NamedTuple):
    """A change on its way to a follower. token: the follower's position behind it."""

    token: str
    change: Change


class Follower:
    """Goes on from a place. Where this lies behind the tail it has a place of its own, `at`, until it joins the tail.

    passes: whether the follower wants a change.
    """

    def __init__(
        self, hub: Hub, passes: Callable[[Change], bool], at: Ends | None = None, number: int | None = None
    ) -> None:
        self._hub, self._passes = hub, passes
        self._tail = hub.tail
        self._at = dict(at) if at is not None else None
        self._number = self._tail.end if number is None else number
        self._token = self._tail.token(self._number)
        """On the tail; kept, since the tail may drop what it follows from."""
        self._until: int | None = None
        """On the way through the tail: the number from which on the follower is where the tail is."""
        self._read: AsyncGenerator[Sequence[Record], None] | None = None
        self._rest: Sequence[Record] = ()
        """Read from Kafka, and not handed out yet."""
        self._stop: Ends = {}
        """Up to where it reads from Kafka."""
        self._since = 0.0
        self.looked_at = 0
        """Changes, whether they passed or not."""
        self.waits = False
        """Whether it waits for one of the places of those who catch up."""

    @property
    def token(self) -> str:
        """The position behind all that was handed out or passed over."""
        return self._token if self._at is None else self._tail.position(self._at)

    @property
    def behind(self) -> int:
        """Changes that are known and come next."""
        return self._tail.end - self._number if self._at is None else behind(self._at, self._tail.ends)

    async def next(self, seconds: float, most: int = STEP_CHANGES) -> list[Passed]:
        """The next ones, some of at most so many looked at; none where there is nothing to look at for so long.

        Raises Lost, Ended, Transient.
        """
        if self._tail.closed:
            raise Ended("changes are read from the start again")
        if self._at is None:
            if self._tail.end == self._number and not await self._tail.news(self._number, seconds):
                return []
            some = self._tail.some(self._number, most)
            self._number, self._token = self._number + len(some), some[-1].token
            self.looked_at += len(some)
            return [Passed(token, change) for change, token in some if self._passes(change)]
        return await self._approach(self._at, seconds, most)

    async def _approach(self, at: dict[int, int], seconds: float, most: int) -> list[Passed]:
        if self._until is None and self._read is None and self._tail.holds(at):
            self._number, self._until = self._tail.first, self._tail.end
        if self._until is not None:
            return self._through_tail(at, self._until, most)
        if self._read is None and not await self._begin(at, seconds):
            return []
        assert self._read is not None, "it has begun"
        if asyncio.get_running_loop().time() - self._since > CATCH_UP_SECONDS:
            raise Ended("took too long to catch up")
        if not self._rest:
            try:
                read = await anext(self._read, None)
            except Gone:
                raise Lost("too_old") from None
            if read is None:
                await self.close()
                return []
            self._rest = read
        records, self._rest = self._rest[:most], self._rest[most:]
        self.looked_at += len(records)
        passed = self._own(at, (change for record in records if (change := _change(record)) is not None))
        for record in records:
            at[record.partition] = record.offset + 1
        if not behind(at, self._stop):
            await self.close()
        return passed

    def _through_tail(self, at: dict[int, int], until: int, most: int) -> list[Passed]:
        """Through what is in memory, leaving out what the follower has, to where it is as far as the tail was."""
        some = self._tail.some(self._number, most, until)
        self._number += len(some)
        self.looked_at += len(some)
        passed = self._own(at, (change for change, _ in some if change.offset >= at[change.partition]))
        if self._number == until:
            self._at, self._until, self._token = None, None, self._tail.token(self._number)
        return passed

    async def _begin(self, at: Ends, seconds: float) -> bool:
        """Takes one of the places of those who catch up; False where none becomes free."""
        self.waits = True
        try:
            async with asyncio.timeout(seconds):
                await self._hub.catching_up.acquire()
        except TimeoutError:
            return False
        self.waits = False
        self._since = asyncio.get_running_loop().time()
        self._stop = dict(self._tail.ends)
        self._read = self._hub.topic.read(dict(at), self._stop)
        return True

    def _own(self, at: dict[int, int], changes: Iterable[Change]) -> list[Passed]:
        passed = []
        for change in changes:
            at[change.partition] = change.offset + 1
            if self._passes(change):
                passed.append(Passed(self._tail.position(at), change))
        return passed

    async def close(self) -> None:
        """Give up what is held of Kafka. May be repeated."""
        read, self._read, self._rest = self._read, None, ()
        if read is not None:
            self._hub.catching_up.release()
            await read.aclose()


async def begin(hub: Hub, mark: Mark | None, passes: Callable[[Change], bool]) -> Follower:
    """A follower from a position on, from now on without one. Raises Lost, Transient."""
    tail = hub.tail
    if mark is None:
        return Follower(hub, passes)
    if mark.of is Of.LOG:
        if mark.generation == tail.log_generation and (number := tail.number_after(mark.ends)) is not None:
            return Follower(hub, passes, number=number)
        at, most = await _translated(hub, tail, mark), MAX_BEHIND + MARK_EVERY_RECORDS * max(1, len(tail.told))
    else:
        at, most = _own_place(tail, mark), MAX_BEHIND
    await _check(hub, tail, at, most)
    return Follower(hub, passes, at)


def _own_place(tail: Tail, mark: Mark) -> dict[int, int]:
    if mark.generation != tail.generation:
        raise Lost("another_epoch")
    if mark.ends.keys() != tail.ends.keys():
        raise Lost("unknown")
    return dict(mark.ends)


async def _translated(hub: Hub, tail: Tail, mark: Mark) -> dict[int, int]:
    """Where all that is told of the log from the position on lies: too early by up to MARK_EVERY_RECORDS of each
    partition.
    """
    if mark.generation > tail.log_generation:
        raise Lost("unknown")
    at = dict(tail.ends)
    same = mark.generation == tail.log_generation
    more = [p for p in {*tail.told, *mark.ends} if not same or tail.told.get(p, 0) > mark.ends.get(p, 0)]
    marks = await hub.marks.before(mark.generation, {partition: mark.ends.get(partition, 0) for partition in more})
    for partition in more:
        ends = dict(enumerate(marks.get(partition, ())))
        at = {one: min(end, ends.get(one, 0)) for one, end in at.items()}
    return at


async def _check(hub: Hub, tail: Tail, at: Ends, most: int) -> None:
    """Raises Lost for a place that can't be gone on from."""
    ahead = {partition for partition, end in at.items() if end > tail.ends[partition]}
    if behind(at, tail.ends) > most:
        raise Lost("too_far_behind")
    if not ahead and tail.holds(at):
        return
    held = await hub.topic.bounds()
    if any(end > held.ends.get(partition, 0) for partition, end in at.items()):
        raise Lost("unknown")
    if any(end < held.begins[partition] for partition, end in at.items()):
        raise Lost("too_old")
    if ahead and not await _reached(tail, at):
        raise Transient("changes are not read up to there yet; ask again")


async def _reached(tail: Tail, at: Ends) -> bool:
    """Whether the tail comes to where another process has been."""
    try:
        async with asyncio.timeout(AHEAD_SECONDS):
            while any(end > tail.ends[partition] for partition, end in at.items()):
                if tail.closed:
                    return False
                await tail.news(tail.end, AHEAD_SECONDS)
    except TimeoutError:
        return False
    return True
