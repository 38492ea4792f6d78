"""A topic of changes in memory, and followers of it as clients see them: bytes of a stream, cut anywhere."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from services.query.api.changes import Following, _Going, _Who
from services.query.api.rights import ALL
from services.query.changes import CHANGED, Change, Ends, Gone, Lost
from services.query.changes_hub import Follower, Hub, Stands, begin
from shared.kafka.scan import Bounds
from shared.positions import Mark, Of, decode, encode

Json = dict[str, Any]
PARTITIONS = 3
STEP = 4
"""Records that are read from the topic at a time."""


@dataclass
class Told:
    """A record of the topic."""

    partition: int
    offset: int
    value: bytes
    timestamp: int = 0
    key: bytes | None = None
    headers: Any = ()


@dataclass
class FakeTopic:
    """Of three partitions, a customer's on one; what was told before `begins` is gone."""

    records: dict[int, list[Told]] = field(default_factory=lambda: {p: [] for p in range(PARTITIONS)})
    begins: dict[int, int] = field(default_factory=lambda: dict.fromkeys(range(PARTITIONS), 0))
    reading: int = 0
    most_reading: int = 0
    backwards: bool = False
    """Whether the partitions come in another order: another process reads them so."""
    log_end: int = 0
    epoch: int = 1
    _told: Counter[str] = field(default_factory=Counter)
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, customer: str, kind: str = CHANGED, *, again: int = 0) -> bytes:
        """The customer's next change; `again` tells the one before so many changes once more instead."""
        partition = self.partition(customer)
        mine = self.records[partition]
        if again:
            earlier = [one for one in mine if json.loads(one.value)["subject"] == customer]
            if not earlier:
                return b""
            value = earlier[max(0, len(earlier) - again)].value
        else:
            self._told[customer] += 1
            self.log_end += 1
            body = {
                "type": kind,
                "subject": customer,
                "epoch": self.epoch,
                "sequence": f"{self._told[customer]:016}",
                "position": encode(Mark(Of.LOG, 1, {0: self.log_end})),
            }
            value = json.dumps(body).encode()
        self.put(partition, value)
        return value

    def partition(self, customer: str) -> int:
        return sum(customer.encode()) % PARTITIONS

    def put(self, partition: int, value: bytes) -> None:
        self.records[partition].append(Told(partition, len(self.records[partition]), value))
        more, self._more = self._more, asyncio.Event()
        more.set()

    def everything(self) -> list[tuple[str, int, int]]:
        """What each follower is to have: customer, epoch, sequence."""
        found = [json.loads(one.value) for some in self.records.values() for one in some]
        return sorted({(one["subject"], one["epoch"], int(one["sequence"])) for one in found})

    @property
    def ends(self) -> dict[int, int]:
        return {partition: len(some) for partition, some in self.records.items()}

    async def bounds(self) -> Bounds:
        return Bounds(dict(self.begins), self.ends)

    async def read(self, start: Ends, until: Ends) -> AsyncGenerator[Sequence[Told], None]:
        self.reading += 1
        self.most_reading = max(self.reading, self.most_reading)
        try:
            at = dict(start)
            while some := self._next(at, until):
                await asyncio.sleep(0)
                yield some
        finally:
            self.reading -= 1

    async def live(self, start: Ends) -> AsyncGenerator[Sequence[Told], None]:
        at = dict(start)
        while True:
            more = self._more
            if some := self._next(at, self.ends):
                yield some
            else:
                try:
                    async with asyncio.timeout(0.05):
                        await more.wait()
                except TimeoutError:
                    yield []

    def _next(self, at: dict[int, int], until: Ends) -> list[Told]:
        some: list[Told] = []
        for partition in sorted(at, reverse=self.backwards):
            if at[partition] < self.begins[partition]:
                raise Gone(f"{partition}/{at[partition]}")
            stop = min(until[partition], at[partition] + STEP - len(some))
            some += self.records[partition][at[partition] : stop]
            at[partition] = max(at[partition], stop)
        return some


@dataclass
class FakeMarks:
    """Where the log stands, and marks by (generation, partition): offsets with ends."""

    topic: FakeTopic
    epoch: int = 0
    log_generation: int = 1
    marks: Mapping[tuple[int, int], Sequence[tuple[int, Sequence[int]]]] = field(default_factory=dict)

    async def stands(self) -> Stands:
        return Stands(self.epoch, self.log_generation, {0: self.topic.log_end})

    async def before(self, log_generation: int, ends: Ends) -> dict[int, Sequence[int]]:
        found: dict[int, Sequence[int]] = {}
        for partition, end in ends.items():
            for offset, at in self.marks.get((log_generation, partition), ()):
                if offset <= end:
                    found[partition] = at
        return found


@asynccontextmanager
async def running(topic: FakeTopic, marks: FakeMarks | None = None, most: int | None = None) -> AsyncIterator[Hub]:
    """A process that reads the topic; most: changes that its tail holds."""
    hub = Hub(topic, marks or FakeMarks(topic))
    task = asyncio.create_task(hub.run())
    try:
        while hub._tail is None:  # noqa: ASYNC110 - it says nothing when it has begun
            await asyncio.sleep(0)
        if most is not None:
            hub._tail.most = most
        yield hub
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def read_on(hub: Hub) -> None:
    """Until the tail has all of the topic."""
    topic = hub.topic
    assert isinstance(topic, FakeTopic)
    while hub.tail.ends != topic.ends:  # noqa: ASYNC110 - as above
        await asyncio.sleep(0)


def place(follower: Follower) -> dict[int, int]:
    """Where a follower is."""
    return dict(decode(follower.token).ends)


def everything(_: Change) -> bool:
    return True


class NoOne:
    """Keys, readers and looks that a follower of all rows never asks."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


def following(hub: Hub, **options: Any) -> Following:
    no_one: Any = NoOne()
    return Following(no_one, hub, no_one, **options)


async def frames(
    hub: Hub, token: str | None, passes: Callable[[Change], bool] = everything
) -> AsyncGenerator[bytes, None]:
    """The stream that who comes with this id gets."""
    no_one: Any = NoOne()
    of = following(hub, heartbeat_seconds=10_000)
    lost = None
    try:
        follower = await begin(hub, decode(token) if token else None, passes)
    except Lost as error:
        lost, follower = error, Follower(hub, passes)
    going = _Going(hub, passes, follower, lost, _Who(of, no_one, no_one, ALL))
    try:
        async for frame in of._frames(going):
            yield frame
    finally:
        await going.close()


@dataclass
class Client:
    """What a browser does with a stream: only whole events count, and the id goes on with them."""

    id: str | None = None
    seen: dict[str, tuple[int, int]] = field(default_factory=dict)
    had: list[tuple[str, int, int]] = field(default_factory=list)
    twice: int = 0
    resets: list[Json] = field(default_factory=list)
    _buffer: bytes = b""

    def cut(self) -> None:
        """The connection is gone, and what was not whole with it."""
        self._buffer = b""

    def take(self, data: bytes) -> None:
        *whole, self._buffer = (self._buffer + data).split(b"\n\n")
        for block in whole:
            self._event(dict(_fields(block)))

    def _event(self, event: dict[str, str]) -> None:
        self.id = event.get("id", self.id)
        if event.get("event") == "reset":
            self.resets.append(json.loads(event["data"]))
        elif event.get("event") == "change":
            change = json.loads(event["data"])
            number = change["epoch"], int(change["sequence"])
            if number <= self.seen.get(change["subject"], (0, 0)):
                self.twice += 1
                return
            self.seen[change["subject"]] = number
            self.had.append((change["subject"], *number))


def _fields(block: bytes) -> Iterator[tuple[str, str]]:
    for line in block.decode().split("\n"):
        name, _, value = line.partition(": ")
        yield name, value
