"""One process of a service in the simulated system, with the real reader, and the group that deals out partitions."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from shared.health import Health
from shared.kafka.reader import Processor, TopicReader
from shared.mongo.states import StateStore
from shared.settings import Settings
from tests.sim.chance import Chance
from tests.sim.kafka import SimConsumer, SimKafka
from tests.sim.loop import Process, SimLoop
from tests.sim.net import Net

DRAIN_SECONDS = 25.0
"""How long the group waits for its members before it goes on without the slow ones."""
FETCH_BACKOFF_SECONDS = 5.0


class Lock:
    """What FastStream holds while a handler works."""

    def __init__(self, loop: SimLoop) -> None:
        self._loop = loop
        self._held = 0
        self._waiting: list[asyncio.Future[None]] = []

    def __enter__(self) -> None:
        self._held += 1

    def __exit__(self, *_: object) -> None:
        self._held -= 1
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def wait_release(self, timeout: float) -> None:  # noqa: ASYNC109 - FastStream's signature
        """Wait until nobody holds it, or for so long."""
        if self._held:
            future = self._loop.create_future()
            self._waiting.append(future)
            try:
                await asyncio.wait_for(future, timeout)
            except TimeoutError:
                return


class Subscriber:
    """What `TopicReader` uses of FastStream's subscriber."""

    def __init__(self, lock: Lock, consumer: SimConsumer) -> None:
        self.lock, self.consumer = lock, consumer


class Member:
    """One process of a service: from its start to its death."""

    def __init__(
        self,
        service: str,
        number: int,
        topic: str,
        loop: SimLoop,
        kafka: SimKafka,
        net: Net,
        chance: Chance,
        settings: Settings,
        make_reader: Callable[..., TopicReader],
        make_processor: "Callable[[Member], Processor]",
    ) -> None:
        self.service, self.number, self._loop = service, number, loop
        self.name = name = f"{service}-{number}"
        self.process = Process(name)
        self.health = Health(name)
        self.consumer = SimConsumer(kafka, net, chance, topic, settings.batch_max_records)
        self.store: StateStore | None = None
        self.processor = make_processor(self)
        self._topic = topic
        self._lock = Lock(loop)
        self.reader = make_reader(topic, name, self.processor, settings, self.health, on_stop=lambda: None)
        self.reader._subscriber = Subscriber(self._lock, self.consumer)
        self.reachable = True
        self._assigning: asyncio.Task[None] | None = None

    def start(self, coro: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run something in this process."""
        return self._loop.start(self.process, coro)

    async def consume(self) -> None:
        """As FastStream's consume loop."""
        while True:
            try:
                records = await self.consumer.getmany(self._loop)
            except KafkaError:
                await asyncio.sleep(FETCH_BACKOFF_SECONDS)
                continue
            if records:
                with self._lock, contextlib.suppress(Exception):  # FastStream logs what a handler raises and goes on
                    await self.reader._handle(tuple(records))

    async def revoke(self) -> None:
        """The group takes back all partitions; what was fetched of them is not delivered any more. As in aiokafka a
        member takes part in the next round only when its listener is done with the last one.
        """
        if self._assigning is not None:
            await asyncio.wait([self._assigning])
        self.consumer.assign(())
        await self.reader.on_partitions_revoked(set())

    def assign(self, partitions: list[int]) -> None:
        """The group gives partitions."""
        self._assigning = self.start(self._assign(partitions))

    async def _assign(self, partitions: list[int]) -> None:
        self.consumer.assign(partitions)
        await self.reader.on_partitions_assigned({TopicPartition(self._topic, number) for number in partitions})


class Group:
    """The members of a service and who reads what. The coordinator sees only the members that it can reach."""

    def __init__(self, loop: SimLoop, random: Random, partitions: int) -> None:
        self._loop, self._random, self._partitions = loop, random, partitions
        self.members: dict[int, Member] = {}
        self._again = False
        self._busy = False

    def rebalance(self) -> None:
        """Deal the partitions out afresh; when that is being done already, once more afterwards."""
        if self._busy:
            self._again = True
            return
        self._busy = True
        self._loop.create_task(self._rebalance())

    @property
    def settled(self) -> bool:
        """Whether nothing is being dealt out."""
        return not self._busy

    def _present(self) -> list[Member]:
        now = self._loop.time()
        return [
            member
            for member in self.members.values()
            if member.process.alive and member.reachable and member.process.stopped_until <= now
        ]

    async def _rebalance(self) -> None:
        while True:
            self._again = False
            asked = [(member, member.start(member.revoke())) for member in self._present()]
            if asked:
                await asyncio.wait([task for _, task in asked], timeout=DRAIN_SECONDS)
            joined = [member for member, task in asked if task.done() and member in self._present()]
            if len(joined) < len(asked):
                self._again = True
            if joined:
                self._deal(joined)
            if not self._again:
                self._busy = False
                return
            await asyncio.sleep(1.0)

    def _deal(self, joined: list[Member]) -> None:
        numbers = list(range(self._partitions))
        self._random.shuffle(numbers)
        for place, member in enumerate(joined):
            member.assign(numbers[place :: len(joined)])
