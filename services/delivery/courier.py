"""Delivers one subscription: reads, sends, and stores, as its course says. All that it asks for comes in by ports, so
that the simulation runs it as it is.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec

from services.delivery.rules.course import (
    ROW,
    Answered,
    Course,
    Cut,
    Event,
    Item,
    Notice,
    Outcome,
    Read,
    Rows,
    Seen,
    Send,
    Tick,
    Writes,
)
from shared.errors import Malformed, Moved, Transient
from shared.kafka.connection import Record, partition_of
from shared.kafka.scan import Bounds
from shared.subscriptions import PRESENT, Subscription

STEP_CHANGES = 500
"""Read at a time."""
BEATS_PER_LEASE = 3
COMMIT_EVERY_SECONDS = 0.1
"""At most so often a course is stored: what was answered since comes again after a crash. A transaction costs as
much as several deliveries.
"""
READ_EVERY_SECONDS = 0.02
"""Nor is the topic read more often: a change waits so long, and many come at a time."""
MAX_TASK_SECONDS = 90.0
"""For what asks Kafka, MongoDB or a sink once: longer than their drivers wait (40 s, 30 s), and a delivery (20 s). What
takes longer hangs, and what hangs must not keep a subscription that another process could deliver.
"""
CLOSE_SECONDS = 10.0
LEAVE_SECONDS = 2.0
"""For what was cancelled to end; some drivers swallow a cancellation."""
log = logging.getLogger(__name__)
T = TypeVar("T")


async def in_time(work: Awaitable[T], seconds: float | None = None) -> T:
    """What the work gives. Raises Transient where it takes longer, whether or not it lets itself be cancelled."""
    seconds = seconds or MAX_TASK_SECONDS
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
        if not task.done() or task.cancelled():
            raise Transient(f"no end in {seconds:g} s" if not task.done() else "it was cancelled inside")
        return task.result()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=LEAVE_SECONDS)
        if task.done() and not task.cancelled():
            task.exception()  # seen: asyncio need not tell of it


class Topic(Protocol):
    """The changes, as one subscription reads them. All methods raise Transient."""

    async def bounds(self) -> Bounds: ...
    async def since(self, instant: datetime) -> Mapping[int, int]: ...
    async def read(self, at: Mapping[int, int]) -> Mapping[int, Sequence[Record]]:
        """Some of what comes from these places on, STEP_CHANGES at most; nothing where nothing came in a while."""
        ...

    async def one(self, partition: int, offset: int) -> Record | None:
        """One change; None where it is held no more."""
        ...

    async def close(self) -> None: ...


class Store(Protocol):
    """Where courses are kept. All methods raise Transient, Moved where it is another process's now, or changed."""

    async def load(self, subscription: Subscription, ends: Mapping[int, int]) -> Course: ...
    async def commit(self, subscription: Subscription, writes: Writes) -> None: ...
    async def set_replay(self, subscription: Subscription, at: Mapping[int, int]) -> None: ...
    async def rows(self, after: str) -> Sequence[str]:
        """Ids of customers behind this one, in order, STEP_CHANGES at most."""
        ...

    async def row(self, customer: str) -> Mapping[str, Any] | None:
        """How a customer stands; None where there is none any more."""
        ...

    async def beat(self, subscription: Subscription, behind: int, *, stands_still: bool) -> None: ...
    async def wanted(self, subscription: Subscription, customers: Collection[str]) -> Collection[str]:
        """Those of the customers that the subscription may be told of now, by rows, owners and tiers."""
        ...


class Message(NamedTuple):
    """What is sent."""

    id: str
    body: bytes
    replayed: bool = False


Deliver = Callable[[Message], Awaitable[Outcome]]


class _Wire(msgspec.Struct):
    id: str
    subject: str
    type: str
    sequence: str


_DECODER = msgspec.json.Decoder(_Wire)


class _Change(NamedTuple):
    id: str
    body: bytes


@dataclass(slots=True)
class Courier:
    """One run, from what is stored; ends by an exception, or when there is no more to deliver."""

    subscription: Subscription
    topic: Topic
    store: Store
    deliver: Deliver
    now: Callable[[], datetime]
    jitter: Callable[[], float]
    new_id: Callable[[], str]
    lease_seconds: float
    close: Callable[[], Awaitable[None]]
    _tasks: "dict[asyncio.Task[Any], str]" = field(default_factory=dict)
    _held: dict[tuple[int, int], _Change] = field(default_factory=dict)
    _ends: dict[int, int] = field(default_factory=dict)

    async def run(self) -> None:
        """Deliver until cancelled, or until the course ends. Raises Moved, Transient."""
        try:
            await self._run()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self) -> None:
        bounds = await in_time(self.topic.bounds())
        self._ends = dict(bounds.ends)
        replay = self.subscription.replay
        if replay is not None and replay["at"] is None:
            await in_time(self.store.set_replay(self.subscription, await in_time(self._since(replay))))
            raise Moved("a replay has got its beginning")
        course = await in_time(self.store.load(self.subscription, bounds.ends))
        events = self._cuts(course, bounds) or [Tick()]
        while True:
            for event in events:
                for send in course.step(event, self.now()):
                    self._begin("send", self._send(send))
            self._forget(course)
            if not self._runs("commit") and (writes := course.writes()) is not None:
                self._begin("commit", self._commit(writes))
            if course.status != "active" and not self._runs("commit"):
                return
            if not self._runs("beat"):
                self._begin("beat", self._beat(course), self.lease_seconds + MAX_TASK_SECONDS)
            if not self._runs("read") and (reads := course.reads()):
                self._begin("read", self._read(reads))
            elif not self._runs("read") and (after := course.reads_rows()) is not None:
                self._begin("read", self._rows(after))
            events = await self._wait(course.wake())

    async def _since(self, replay: Mapping[str, Any]) -> dict[int, int]:
        """Where a replay begins that was asked for by an instant, or whole."""
        found = await (self.topic.since(replay["since"]) if replay["since"] else self._whole())
        return {int(one): min(end, found.get(int(one), end)) for one, end in replay["until"].items()}

    async def _whole(self) -> Mapping[int, int]:
        return (await self.topic.bounds()).begins

    def _cuts(self, course: Course, bounds: Bounds) -> list[Event]:
        """Cuts off what the topic does not hold."""
        events: list[Event] = []
        for partition, cursor in course.cursors.items():
            begin, end = bounds.begins.get(partition, 0), bounds.ends.get(partition, 0)
            events.append(Cut(partition, begin, self.new_id(), whole=cursor > end))
        return events

    def _begin(self, kind: str, work: Awaitable[Any], seconds: float | None = None) -> None:
        self._tasks[asyncio.ensure_future(in_time(work, seconds))] = kind

    def _runs(self, kind: str) -> bool:
        return kind in self._tasks.values()

    async def _wait(self, wake: datetime | None) -> list[Event]:
        """What has happened. Raises what a task raised."""
        seconds = None if wake is None else max(0.0, (wake - self.now()).total_seconds())
        done, _ = await asyncio.wait(self._tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        events: list[Event] = []
        for task in [one for one in self._tasks if one in done]:  # in the order in which they began
            del self._tasks[task]
            events.extend(task.result() or ())
        return events or [Tick()]

    async def _beat(self, course: Course) -> None:
        """Keep the lease, and say how it stands. Once: begun again by a loop that turns, and by nothing else."""
        await asyncio.sleep(self.lease_seconds / BEATS_PER_LEASE)
        behind = sum(max(0, end - course.cursors.get(partition, end)) for partition, end in self._ends.items())
        await self.store.beat(self.subscription, behind, stands_still=course.stands_still)

    async def _commit(self, writes: Writes) -> None:
        await self.store.commit(self.subscription, writes)
        await asyncio.sleep(COMMIT_EVERY_SECONDS)

    # Reading

    async def _read(self, reads: Mapping[int, tuple[int, int | None]]) -> list[Event]:
        found = await self.topic.read({partition: at for partition, (at, _) in reads.items()})
        changes: dict[int, list[tuple[Record, _Wire]]] = {}
        for partition, records in found.items():
            until = reads[partition][1]
            taken = [(one, _wire(one)) for one in records if until is None or one.offset < until]
            changes[partition] = [(one, wire) for one, wire in taken if wire is not None]
        mine = await self._wanted([wire.subject for some in changes.values() for _, wire in some])
        events: list[Event] = []
        for partition, records in found.items():
            at, until = reads[partition]
            if not records or records[0].offset < at:
                continue
            end = records[-1].offset + 1
            self._ends[partition] = max(self._ends.get(partition, 0), end)
            seen = tuple(self._seen(one, wire, mine, replayed=until is not None) for one, wire in changes[partition])
            events.append(Read(partition, seen, end if until is None else min(end, until)))
        if sum(map(len, found.values())) < STEP_CHANGES:
            self._begin("read", asyncio.sleep(READ_EVERY_SECONDS))
        return events

    async def _rows(self, after: str) -> list[Event]:
        found = await self.store.rows(after)
        mine, only = await self._wanted(found), self.subscription.filters.customers
        wanted = tuple(
            (one, partition_of(f"customer:{one}".encode(), len(self._ends)))
            for one in found
            if one in mine and (not only or one in only)
        )
        return [Rows(after, wanted, found[-1] if found else after, len(found) < STEP_CHANGES)]

    async def _wanted(self, customers: Sequence[str]) -> Collection[str]:
        filters = self.subscription.filters
        if self.subscription.rows == "all" and not filters.tiers and not filters.owners:
            return {*customers}
        return await self.store.wanted(self.subscription, {*customers}) if customers else ()

    def _seen(self, record: Record, wire: _Wire, mine: Collection[str], *, replayed: bool) -> Seen:
        wanted = wire.subject in mine and self.subscription.filters.passes(wire.subject, wire.type)
        if replayed and wanted:
            only = self.subscription.replay or {}
            wanted = (not only["customers"] or wire.subject in only["customers"]) and (
                not only["types"] or wire.type in only["types"]
            )
        if wanted:
            self._held[record.partition, record.offset] = _Change(wire.id, record.value or b"")
        return Seen(record.offset, wire.subject, int(wire.sequence), wanted)

    # Sending

    async def _send(self, send: Send) -> list[Event]:
        if send.notice is not None:
            return [Answered(send, await self.deliver(self._notice(send.notice)), self.jitter())]
        assert send.item is not None, "one of the two"
        item = send.item
        if item.offset == ROW:
            return [Answered(send, await self._send_row(item), self.jitter())]
        change = self._held.get((item.partition, item.offset))
        if change is None:
            record = await self.topic.one(item.partition, item.offset)
            wire = None if record is None else _wire(record)
            if record is None or wire is None:
                begin = (await self.topic.bounds()).begins.get(item.partition, 0)
                cut = Cut(item.partition, max(begin, item.offset + 1), self.new_id())
                return [cut, Answered(send, Outcome(delivered=False, why="held no more"), 0.0)]
            change = _Change(wire.id, record.value or b"")
        name = f"{change.id}.{item.replay}" if item.replay else change.id
        outcome = await self.deliver(Message(name, change.body, bool(item.replay)))
        return [Answered(send, outcome, self.jitter())]

    async def _send_row(self, item: Item) -> Outcome:
        row = await self.store.row(item.customer)
        if row is None:
            return Outcome(delivered=True)
        # A header's value: an id of a customer may hold any letters, which would not arrive as they were signed.
        name = f"{item.replay}.{sha256(item.customer.encode()).hexdigest()[:24]}"
        body = {
            "specversion": "1.0",
            "id": name,
            "source": "guanxi/delivery",
            "type": PRESENT,
            "subject": item.customer,
            "time": self.now().isoformat(),
            "datacontenttype": "application/json",
            "data": row,
        }
        return await self.deliver(Message(name, msgspec.json.encode(body)))

    def _forget(self, course: Course) -> None:
        """Drop what is done or parked: a lane reads again what it sends."""
        if len(self._held) > course.window + STEP_CHANGES:
            waiting = course.waiting()
            self._held = {at: one for at, one in self._held.items() if at in waiting}

    def _notice(self, notice: Notice) -> Message:
        body = {
            "specversion": "1.0",
            "id": notice.id,
            "source": "guanxi/delivery",
            "type": f"guanxi.subscription.{notice.kind}.v1",
            "subject": self.subscription.id,
            "datacontenttype": "application/json",
            "data": {"reason": "too_old"} if notice.kind == "reset" else {},
        }
        return Message(notice.id, msgspec.json.encode(body))


def _wire(record: Record) -> _Wire | None:
    try:
        wire = _DECODER.decode(record.value or b"")
        int(wire.sequence)
    except (msgspec.MsgspecError, ValueError):
        log.error("guanxi.changes %d/%d is passed over: it is no change", record.partition, record.offset)  # noqa: TRY400
        return None
    return wire


RETRY_SECONDS = 1.0
LOOK_SECONDS = 1.0
"""How often a process looks for subscriptions that nobody delivers."""


class Leases(Protocol):
    """Who delivers which subscription."""

    async def take(self, known: Collection[str]) -> list[Subscription]:
        """Those that are to be delivered and that nobody does, but for those known to this process."""
        ...

    async def again(self, subscription: str) -> Subscription | None:
        """As it is now, if this process has it still."""
        ...

    async def release(self, subscription: str) -> None: ...


@dataclass(slots=True)
class Couriers:
    """All subscriptions of one process, each by itself: one that fails, or hangs, is no other's concern."""

    leases: Leases
    make: Callable[[Subscription], Courier]
    _running: "dict[str, asyncio.Task[None]]" = field(default_factory=dict)

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                self._running = {name: task for name, task in self._running.items() if not task.done()}
                try:
                    for one in await in_time(self.leases.take(self._running)):
                        self._running[one.id] = asyncio.create_task(self._deliver(one))
                except Transient as error:
                    log.warning("subscriptions are not looked at: %s", error)
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)
            await asyncio.gather(*map(self._give_back, self._running))  # a restart need not wait for leases to end

    async def _deliver(self, subscription: Subscription) -> None:
        found: Subscription | None = subscription
        while found is not None and found.status == "active":
            courier = self.make(found)
            try:
                await courier.run()
            except Moved:
                log.info("subscription %s was changed, or is another process's; read again", found.id)
            except Transient as error:
                log.warning("subscription %s waits: %s", found.id, error)
                await asyncio.sleep(RETRY_SECONDS)
            except Malformed as error:
                log.error("subscription %s can't be delivered: %s", found.id, error)  # noqa: TRY400
                await asyncio.sleep(60 * RETRY_SECONDS)
            except Exception:
                log.exception("subscription %s: an error on our side", found.id)
                await asyncio.sleep(RETRY_SECONDS)
            finally:
                await _close(courier)
            try:
                found = await in_time(self.leases.again(subscription.id))
            except Transient:
                return  # its lease ends, and somebody takes it again
        if found is not None:
            await self._give_back(subscription.id)

    async def _give_back(self, subscription: str) -> None:
        try:
            await in_time(self.leases.release(subscription), CLOSE_SECONDS)
        except Transient as error:
            log.warning("subscription %s is not given back: %s", subscription, error)


async def _close(courier: Courier) -> None:
    """Give up its connections; what does not close must not keep the subscription."""
    for close in (courier.topic.close, courier.close):
        try:
            await in_time(close(), CLOSE_SECONDS)
        except Exception as error:  # noqa: BLE001 - nothing is lost with it
            log.warning("subscription %s: a connection did not close: %s", courier.subscription.id, error)
