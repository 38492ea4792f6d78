"""Delivery in a simulated world: the couriers as they are, on a loop without a clock, with a topic, a store and a
receiver that fail, hang, lose answers, and a process that is killed at any await.
"""

import sys
from asyncio import CancelledError, sleep
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, NamedTuple

import msgspec

from services.delivery import courier
from services.delivery.courier import Courier, Couriers, Message
from services.delivery.rules.course import ROW, Backfill, Course, Item, Lane, Notice, Outcome, Replay, Writes
from services.delivery.rules.schedule import ATTEMPTS, SCHEDULE_SECONDS
from shared.errors import Moved, Transient
from shared.kafka.connection import partition_of
from shared.kafka.scan import Bounds
from shared.subscriptions import PRESENT, Filters, Subscription, resumed, rotated
from tests.sim.chance import Chance
from tests.sim.loop import Process, SimLoop

START = datetime(2026, 3, 2, tzinfo=UTC)
PARTITIONS = 2
HANG_SECONDS = 20.0
LEASE_SECONDS = 15.0
IDLE_SECONDS = 300.0
"""Once all is well, nothing is looked at more often: days pass in few steps."""
MAX_TASK_SECONDS = IDLE_SECONDS + 100.0
MAX_STEPS = 400_000
NAME = "s1"


class Rec(NamedTuple):
    """A record of the topic."""

    partition: int
    offset: int
    value: bytes
    timestamp: int = 0
    key: bytes | None = None
    headers: Any = ()


class Wrong(Exception):  # noqa: N818
    """What must not be was seen."""


class _Log:
    """In place of the couriers' log: an error on our side is one here."""

    def __init__(self, wrong: list[BaseException]) -> None:
        self._wrong = wrong

    def exception(self, text: str, *_: Any) -> None:
        self._wrong.append(sys.exc_info()[1] or Wrong(text))

    def info(self, *_: Any) -> None:
        return None

    warning = error = info


@dataclass(slots=True)
class Trouble:
    """How likely things are that go wrong."""

    sink: float
    store: float
    kills: int
    bad_customer: bool
    "One customer's changes fail until the faults are over, and for days."
    hang: float
    "What asks Kafka or MongoDB never ends, and in half of the cases lets itself not be cancelled either."


@dataclass
class World:
    """All of it."""

    chance: Chance
    loop: SimLoop
    trouble: Trouble
    topic: list[list[Rec]] = field(default_factory=lambda: [[] for _ in range(PARTITIONS)])
    sequences: Counter[str] = field(default_factory=Counter)
    well: bool = False
    kills: int = 0
    # as stored
    document: Subscription | None = None
    owner: str | None = None
    lease_until: float = 0.0
    lanes: dict[str, Lane] = field(default_factory=dict)
    # as the receiver saw it
    seen: Counter[str] = field(default_factory=Counter)
    got: int = 0
    ids: dict[tuple[str, int], str] = field(default_factory=dict)
    replayed: list[tuple[str, int]] = field(default_factory=list)
    present: dict[str, set[str]] = field(default_factory=dict)
    "By backfill, customers that it has to tell of."
    accepts: int = 1
    tries: dict[tuple[str, int], list[tuple[float, int]]] = field(default_factory=dict)
    quiet: tuple[float, int] = (0.0, 0)
    quiet_since: float = 0.0
    not_before_since: float = 0.0
    "When the stored one was stored."

    def now(self) -> datetime:
        return START + timedelta(seconds=self.loop.time())

    def produce(self, customer: str) -> None:
        self.sequences[customer] += 1
        number, partition = self.sequences[customer], partition_of(f"customer:{customer}".encode(), PARTITIONS)
        wire = {"id": f"{customer}-{number}", "subject": customer, "type": "t", "sequence": f"{number:016}"}
        self.topic[partition].append(Rec(partition, len(self.topic[partition]), msgspec.json.encode(wire)))

    async def delay(self) -> None:
        await sleep((0.001, 0.003, 0.01, 0.05, 0.4)[self.chance.pick(5)])

    def fails(self, probability: float) -> bool:
        return not self.well and self.chance.happens(probability)

    async def hang(self) -> None:
        """Once in a while, for a day."""
        if not self.fails(self.trouble.hang):
            return
        stubborn = self.chance.pick(2)
        try:
            await sleep(86_400.0)
        except CancelledError:
            if not stubborn:
                raise
            await sleep(86_400.0)


@dataclass
class SimTopic:
    world: World

    async def bounds(self) -> Bounds:
        await self.world.delay()
        return Bounds(dict.fromkeys(range(PARTITIONS), 0), {p: len(one) for p, one in enumerate(self.world.topic)})

    async def since(self, instant: datetime) -> Mapping[int, int]:
        raise NotImplementedError

    async def read(self, at: Mapping[int, int]) -> Mapping[int, Sequence[Any]]:
        await self.world.delay()
        await self.world.hang()
        if self.world.fails(self.world.trouble.store / 4):
            raise Transient("Kafka is away")
        most = 1 + self.world.chance.pick(5)
        found = {p: self.world.topic[p][start : start + most] for p, start in at.items()}
        found = {p: some for p, some in found.items() if some}
        if not found:
            await sleep(IDLE_SECONDS if self.world.well else 0.5)
        return found

    async def one(self, partition: int, offset: int) -> Any:
        await self.world.delay()
        await self.world.hang()
        if self.world.fails(self.world.trouble.store / 4):
            raise Transient("Kafka is away")
        return self.world.topic[partition][offset]

    async def close(self) -> None:
        await self.world.hang()


@dataclass
class SimStore:
    world: World
    owner: str

    def check(self, subscription: Subscription) -> None:
        world = self.world
        if world.document is None or world.owner != self.owner or world.document.version != subscription.version:
            raise Moved("changed")

    async def _asked(self) -> bool:
        """Before what it does; whether its answer is lost."""
        await self.world.delay()
        await self.world.hang()
        if self.world.fails(self.world.trouble.store):
            raise Transient("MongoDB is away")
        return self.world.fails(self.world.trouble.store)

    async def load(self, subscription: Subscription, ends: Mapping[int, int]) -> Course:
        await self._asked()
        self.check(subscription)
        world, stored = self.world, self.world.document
        assert stored is not None
        cursors = stored.cursors or {str(one): 0 for one in ends}
        world.document = stored.model_copy(update={"cursors": cursors})
        replay: Any = stored.replay
        notice: Any = stored.notice
        return Course(
            {int(one): at for one, at in cursors.items()},
            dict(world.lanes),
            replay=None if replay is None else Replay(replay["id"], dict(replay["at"]), dict(replay["until"])),
            notice=None if notice is None else Notice(**notice),
            not_before=stored.not_before,
            backfill=None if stored.backfill is None else Backfill(**stored.backfill),
        )

    async def commit(self, subscription: Subscription, writes: Writes) -> None:
        lost = await self._asked()
        self.check(subscription)
        world = self.world
        assert world.document is not None
        fields: dict[str, Any] = {
            "cursors": {str(one): at for one, at in writes.cursors.items()},
            "notice": None
            if writes.notice is None
            else {
                "kind": writes.notice.kind,
                "id": writes.notice.id,
                "failed": writes.notice.failed,
                "next_at": writes.notice.next_at,
            },
            "not_before": writes.not_before,
            "backfill": None if writes.backfill is None else asdict(writes.backfill),
            "status": writes.status,
            "replay": None
            if writes.replay is None
            else {**(world.document.replay or {}), "at": writes.replay.at, "until": writes.replay.until},
        }
        if writes.not_before != world.document.not_before:
            world.not_before_since = world.loop.time()
        world.document = world.document.model_copy(update=fields)
        for customer, lane in writes.lanes.items():
            if lane is None:
                world.lanes.pop(customer, None)
                continue
            world.lanes[customer] = lane
            first = lane.pending[0]
            tried = world.tries.get((customer, first.sequence), [])
            if first.replay:
                continue
            if lane.failed > len(tried):
                raise Wrong(f"{customer} has {lane.failed} failed attempts stored, and {len(tried)} were made")
            if lane.dead and len(tried) < ATTEMPTS:
                raise Wrong(f"{customer} is dead after {len(tried)} attempts")
        if lost:
            raise Transient("the answer was lost")
        await self.world.delay()

    async def set_replay(self, subscription: Subscription, at: Mapping[int, int]) -> None:
        raise NotImplementedError

    async def rows(self, after: str) -> Sequence[str]:
        await self._asked()
        return [one for one in sorted(self.world.sequences) if one > after]

    async def row(self, customer: str) -> Mapping[str, Any] | None:
        await self._asked()
        return {"tier": "A"}

    async def beat(self, subscription: Subscription, behind: int, *, stands_still: bool) -> None:
        await self._asked()
        self.check(subscription)
        self.world.lease_until = self.world.loop.time() + LEASE_SECONDS + 2 * IDLE_SECONDS * self.world.well
        if self.world.well:
            await sleep(IDLE_SECONDS)

    async def wanted(self, subscription: Subscription, customers: Collection[str]) -> Collection[str]:
        await self.world.delay()
        return customers

    async def take(self, known: Collection[str]) -> list[Subscription]:
        await self._asked()
        world = self.world
        free = world.owner is None or world.lease_until < world.loop.time()
        if world.document is None or NAME in known or world.document.status != "active" or not free:
            await sleep(20.0 * world.well)
            return []
        world.owner, world.lease_until = self.owner, world.loop.time() + LEASE_SECONDS + 2 * IDLE_SECONDS * world.well
        world.document = world.document.model_copy(update={"version": world.document.version + 1})
        return [world.document]

    async def again(self, subscription: str) -> Subscription | None:
        await self._asked()
        return self.world.document if self.world.owner == self.owner else None

    async def release(self, subscription: str) -> None:
        if self.world.owner == self.owner:
            self.world.owner = None


@dataclass
class Receiver:
    """Answers as it likes; what it takes, and what it sees, is checked at once."""

    world: World
    signed: Callable[[], Sequence[int]]
    current: Callable[[], bool]
    "Whether what sends is who may store: it knows all that is stored."
    parked: set[str] = field(default_factory=set)
    "Customers that had a lane when the course began, or since."
    taken: set[tuple[str, int]] = field(default_factory=set)
    number: int = field(default_factory=count(1).__next__)

    async def deliver(self, message: Message) -> Outcome:
        world = self.world
        await world.delay()
        wire = msgspec.json.decode(message.body)
        if wire["type"].startswith("guanxi.subscription."):
            return Outcome(delivered=not world.fails(world.trouble.sink), why="500")
        if wire["type"] == PRESENT:
            outcome = await self._answer((wire["subject"], ROW))
            world.present[message.id.partition(".")[0]].discard(wire["subject"] if outcome.delivered else "")
            return outcome
        at = (wire["subject"], int(wire["sequence"]))
        self.parked |= world.lanes.keys()
        self._note(message, at)
        outcome = await self._answer(at)
        if outcome.retry_after is not None and world.loop.time() + outcome.retry_after > world.quiet[0]:
            world.quiet = (world.loop.time() + outcome.retry_after, self.number)
            world.quiet_since = world.loop.time()
        if not message.replayed:
            # Another course, after a crash, may send it at once: neither success nor failure had been stored.
            # And a course may where a lane held it: the lane is gone, and the cursor was behind it still.
            if outcome.delivered and at[0] not in self.parked:
                self.taken.add(at)
            world.tries[at][-1] = (world.loop.time(), 0 if outcome.delivered else self.number)
        return outcome

    async def _answer(self, at: tuple[str, int]) -> Outcome:
        world = self.world
        if world.accepts not in self.signed():
            return Outcome(delivered=False, why="401")
        bad = world.trouble.bad_customer and at[0] == "c1" and world.loop.time() < 4 * 86_400
        kind = 4 if bad else (1 + world.chance.pick(11) if world.fails(world.trouble.sink) else 0)
        if kind in {2, 10, 11, 0}:
            self._take(at)
        match kind:
            case 1:  # it hangs before it took anything
                await sleep(HANG_SECONDS)
                return Outcome(delivered=False, why="no answer")
            case 2:  # it took it, and answers too late, or the answer is lost, or it closes half-way
                await sleep(HANG_SECONDS if world.chance.pick(2) else 0.1)
                return Outcome(delivered=False, why="no answer")
            case 6:
                return Outcome(delivered=False, why="429", quiet=True)
            case 7 | 8:
                after = float((3, 60, 400)[world.chance.pick(3)])
                return Outcome(delivered=False, why="429", retry_after=after, quiet=True)
            case 9 if world.chance.happens(0.2):
                return Outcome(delivered=False, why="410", gone=True)
            case 3 | 4 | 5 | 9:  # 302, 400, 500
                return Outcome(delivered=False, why="500")
            case 10:  # slow, and good
                await sleep(5.0)
            case _:
                await world.delay()
        return Outcome(delivered=True)

    def _note(self, message: Message, at: tuple[str, int]) -> None:
        """An attempt begins: is it one that may be?"""
        world = self.world
        name = message.id.partition(".")[0]
        if name != world.ids.setdefault(at, name) or ("." in message.id) != message.replayed:
            raise Wrong(f"{at} has another id than before")
        if message.replayed:
            world.replayed.append(at)
            return
        now, epoch = world.loop.time(), self.number
        until, quiet_epoch = world.quiet
        # What was on its way when the answer came, having read its change first, arrives within a second.
        if now < until and quiet_epoch == epoch and now > world.quiet_since + 1:
            raise Wrong(f"{at} was sent at {now:.1f}, although it asked for quiet until {until:.1f}")
        if at in self.taken:
            raise Wrong(f"{at} is sent again by the course that delivered it")
        if self.current():
            self._obeys_what_is_stored(at)
        tries = world.tries.setdefault(at, [])
        if tries and tries[-1][1] == epoch and now - tries[-1][0] < 4.9:
            raise Wrong(f"attempt {len(tries) + 1} of {at} came {now - tries[-1][0]:.1f} s after the one before")
        tries.append((now, epoch))

    def _obeys_what_is_stored(self, at: tuple[str, int]) -> None:
        world, lane = self.world, self.world.lanes.get(at[0])
        assert world.document is not None
        waits = lane is not None and lane.pending[0].sequence == at[1] and not lane.pending[0].replay
        if lane and waits and (lane.next_at is None or lane.next_at > world.now()):
            raise Wrong(f"{at} was sent at {world.now()}, although it is stored that it waits until {lane.next_at}")
        not_before = world.document.not_before
        if not_before and not_before > world.now() and world.loop.time() > world.not_before_since + 1:
            raise Wrong(f"{at} was sent, although it is stored that all is quiet until {not_before}")

    def _take(self, at: tuple[str, int]) -> None:
        world = self.world
        customer, number = at
        if number == ROW:
            return
        # What a lane holds already was never delivered, and goes before.
        waits = customer in world.lanes or not self.current()
        if not waits and any(customer in left for left in world.present.values()):
            raise Wrong(f"{customer}: {number} came before how it stands")
        world.got += 1
        if number > world.seen[customer] + 1:
            raise Wrong(f"{customer}: {number} came after {world.seen[customer]}: a gap, or out of order")
        world.seen[customer] = max(number, world.seen[customer])


def make(world: World, owner: str) -> Couriers:
    """A process's couriers."""
    store = SimStore(world, owner)

    def one(subscription: Subscription) -> Courier:
        async def close() -> None:
            return None

        def current() -> bool:
            return (
                world.owner == owner and world.document is not None and world.document.version == subscription.version
            )

        receiver = Receiver(world, lambda: subscription.signing(world.now()), current)
        jitter = lambda: world.chance.pick(10) / 10  # noqa: E731
        number = iter(range(10**9))
        return Courier(
            subscription,
            SimTopic(world),
            store,
            receiver.deliver,
            world.now,
            jitter,
            lambda: f"n{next(number)}",
            LEASE_SECONDS,
            close,
        )

    return Couriers(store, one)


def run(seed: int) -> World:
    """One run; raises Wrong, or whatever went wrong inside."""
    loop = SimLoop()  # type: ignore[abstract]  # what it leaves out is never asked for
    chance = Chance(f"delivery {seed}")
    trouble = Trouble(
        (0.0, 0.05, 0.3, 0.6)[chance.pick(4)],
        (0.0, 0.02, 0.1)[chance.pick(3)],
        chance.pick(6),
        chance.pick(4) == 1,
        (0.0, 0.0, 0.002, 0.01)[chance.pick(4)],
    )
    world = World(chance, loop, trouble)
    world.document = Subscription(
        id=NAME,
        key="",
        scopes=(),
        rows="all",
        sink="https://example.com",
        filters=Filters(),
        created_at=START,
        cursors={str(one): 0 for one in range(PARTITIONS)},
        notice={"kind": "ping", "id": "p", "failed": 0, "next_at": None},
    )
    wrong: list[BaseException] = []
    courier.MAX_TASK_SECONDS = MAX_TASK_SECONDS
    courier.log = _Log(wrong)  # type: ignore[assignment]
    try:
        loop.run(loop.create_task(_story(world, wrong)), MAX_STEPS)
        wrong.extend(crash.get("exception") or Wrong(str(crash)) for crash in loop.crashes)
        wrong = wrong[:]  # what disposing makes is nobody's
    finally:
        loop.dispose()
    if wrong:
        raise wrong[0]
    return world


def _start(world: World, number: int, wrong: list[BaseException]) -> Process:
    process = Process(f"delivery-{number}")
    couriers = make(world, process.name)

    async def live() -> None:
        try:
            await couriers.run()
        except Exception as error:
            wrong.append(error)
            raise

    world.loop.start(process, live())
    return process


async def _story(world: World, wrong: list[BaseException]) -> None:
    chance, number = world.chance, 0
    processes = [_start(world, number, wrong), _start(world, 1, wrong)]
    number = 1
    customers = [f"c{one}" for one in range(1 + chance.pick(6))] + ["c1"]
    left = world.trouble.kills
    for _ in range(10 + chance.pick(60)):
        for _ in range(chance.pick(4)):
            world.produce(customers[chance.pick(len(customers))])
        await sleep((0.01, 0.3, 2.0, 30.0)[chance.pick(4)])
        if left and chance.happens(0.1):
            left -= 1
            number += 1
            world.kills += 1
            processes[0].alive = False
            processes = [processes[1], _start(world, number, wrong)]
        if chance.happens(0.05):
            _command(world, chance.pick(5))
    world.well = True
    world.lease_until += 2 * IDLE_SECONDS
    for _ in range(600):
        if _at_rest(world):
            if any(world.present.values()):
                raise Wrong(f"nobody was told how they stand: {world.present}")
            return
        if world.accepts != world.document.secrets[0]:  # type: ignore[union-attr]
            world.accepts = world.document.secrets[0]  # type: ignore[union-attr]
        await sleep(3600.0 if world.lanes else 30.0)
        _help(world)
        if wrong:
            return
    lacking = {one: (count, world.seen[one]) for one, count in world.sequences.items() if world.seen[one] != count}
    stored = world.document.model_dump(include={"status", "cursors", "notice", "replay", "not_before", "version"})  # type: ignore[union-attr]
    raise Wrong(f"it is stuck: {lacking} {world.lanes} {stored}")


def _at_rest(world: World) -> bool:
    stored = world.document
    assert stored is not None
    open_ = stored.replay or stored.notice or stored.backfill
    return not open_ and not world.lanes and all(world.seen[one] == count for one, count in world.sequences.items())


def _change(world: World, **fields: Any) -> None:
    assert world.document is not None
    world.document = world.document.model_copy(update={"version": world.document.version + 1, **fields})


def _help(world: World) -> None:
    """What an operator does: dead lanes are tried again, and what has ended goes on."""
    document = world.document
    assert document is not None
    if document.status != "active":
        _change(world, **resumed(document, f"r{world.loop.steps}"))
    if any(lane.dead for lane in world.lanes.values()):
        for customer, lane in world.lanes.items():
            if lane.dead:
                world.tries.pop((customer, lane.pending[0].sequence), None)
                world.lanes[customer] = replace(lane, failed=0, next_at=world.now())
        _change(world)


def _command(world: World, kind: int) -> None:
    document = world.document
    assert document is not None
    if kind == 0:
        _change(world, status="paused")
    elif kind == 1:
        _help(world)
    elif kind == 2:
        _change(world, **rotated(document, world.now()))
    elif kind == 3 and document.replay is None and document.cursors:
        ends = {int(one): at for one, at in document.cursors.items()}
        begin = {one: world.chance.pick(at + 1) for one, at in ends.items()}
        asked = {"id": f"x{world.loop.steps}", "customers": [], "types": [], "at": begin, "until": ends}
        _change(world, replay=asked)
        _help(world)
    elif kind == 4 and document.backfill is None:
        name = f"b{world.loop.steps}"
        world.present[name] = {*world.sequences}
        _change(world, backfill={"id": name, "after": ""})
        _help(world)


__all__ = ["SCHEDULE_SECONDS", "Item", "World", "Wrong", "run"]
