"""The simulated system: the real admission, readers, processors and sweeps over in-memory Kafka and MongoDB.

A run plays its plan: upstream sends, things go wrong, processes die and come back. Then everything calms down, and the
system has to come to rest by itself. What it leaves is judged by `tests.sim.checks`.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from random import Random
from zoneinfo import ZoneInfo

from aiokafka.errors import KafkaError

from services.ingest.admission import Place
from services.ingest.erasing import SOON, keep_erasing
from shared.events.codec import CONTENT_TYPE
from shared.fold.telling import Telling
from shared.kafka.batches import Appender
from shared.kafka.reader import Processor
from shared.mongo.due import BackfillMarks, DueDocuments
from shared.mongo.states import StateStore
from shared.service import Announces
from shared.settings import Settings
from tests.sim.chance import Chance
from tests.sim.kafka import END_OF_TRANSACTION, Item, SimKafka, request_timed_out
from tests.sim.loop import Process, SimLoop
from tests.sim.member import Group, Member
from tests.sim.mongo import SimDatabase, as_database
from tests.sim.mongo_server import Document, MongoServer
from tests.sim.net import Net
from tests.sim.parts import Parts
from tests.sim.plan import INGEST, MEMBERS, PARTITIONS, PERSON_KEY, SENDING_SECONDS, START, Plan, Send
from tests.sim.scenario import Scenario
from tests.sim.topics import GENERATION, INBOX, LOG, REJECTED
from tests.sim.trouble import Trouble, review

MAX_STEPS = 100_000
"""A run takes a few thousand; one that takes so many does not come to rest."""
MAX_SETTLE_SECONDS = 900.0
RETRY_SECONDS = 1.0


class NotAtRestError(Exception):
    """Long after the last fault the system still has work."""


class World:
    """One run of a plan."""

    def __init__(self, scenario: Scenario, plan: Plan, chance: Chance, parts: Parts) -> None:
        self.scenario, self.plan, self.parts = scenario, plan, parts
        self.loop = SimLoop()  # type: ignore[abstract]  # what it leaves out is never asked for
        self.chance = chance
        self.net = Net(self.loop, chance, plan.weather)
        self.jumped = timedelta()
        self.loop.wall_ms = self.wall_ms
        self.kafka = SimKafka(self.net, PARTITIONS, self.wall_ms, plan.skews_ms)
        self.mongo = MongoServer(self.loop.time)
        self.mongo.watch = self._watch_positions
        self.database = as_database(SimDatabase(self.mongo, self.net))
        self.settings = Settings(
            partitions=PARTITIONS,
            batch_max_records=plan.batch_max_records,
            retry_for_seconds=1e9,
            sweep_every_seconds=plan.sweep_every_seconds,
            time_zone="UTC",
        )
        self._random = Random(0)
        self.services = {service.name: service for service in scenario.services}
        self.groups = {name: Group(self.loop, self._random, PARTITIONS) for name in (INGEST, *self.services)}
        self._upstream = Process("upstream")
        self.calm = False
        self.stopped: list[str] = []
        """Why processes gave up."""
        self.unexpected: list[str] = []
        """Errors that the code under test has logged."""
        self.lowered: list[str] = []
        """Positions that have been set back."""

    def wall(self) -> datetime:
        """The wall clock of every machine."""
        return START + timedelta(seconds=self.loop.time()) + self.jumped

    def wall_ms(self) -> int:
        """The same as Kafka writes it."""
        return int(self.wall().timestamp() * 1000)

    def run(self) -> None:
        """Play the plan and wait until the system is at rest."""
        self.loop.run(self.loop.create_task(self._play()), MAX_STEPS)

    def run_more(self, more: "Callable[[], asyncio.Future[None]]") -> None:
        """Run something else in the world as it was left."""
        self.loop.run(more(), MAX_STEPS * 2)

    def trace_to(self, trace: Callable[[str], None]) -> None:
        """Tell what happens, line by line."""
        self.net.trace = trace

    def dispose(self) -> None:
        """Put the processes away."""
        self.loop.dispose()

    async def _play(self) -> None:
        for service, group in self.groups.items():
            for number in range(MEMBERS):
                self.start(service, number)
            group.rebalance()
        sends = [self.loop.start(self._upstream, self._send(send)) for send in self.plan.sends]
        trouble = Trouble(self)
        for action in self.plan.actions:
            self.later(action.at, trouble.act, action)
        await asyncio.sleep(SENDING_SECONDS + 5.0)
        self.chance.be_plain()
        self.net.calm()
        await asyncio.gather(*sends)
        await self._recover()
        await self._settle()
        if self.scenario.erases:  # what was named while an erasure was worked on is found by its next turn
            self.jumped += 2 * SOON
            await self._settle()
        if self.plan.disagree and self.scenario.intrudes:
            trouble.intrude()
            await self._settle()
        for group in self.groups.values():
            for member in group.members.values():
                self._bury(member)

    def later(self, seconds: float, callback: Callable[..., None], *args: object) -> None:
        """Do something outside of all processes."""
        self.loop.call_later(seconds, callback, *args, context=self.net.servers)

    # -- processes

    def start(self, service: str, number: int) -> None:
        """Start a process; the one that had its number before is dead from now on."""
        topic, make = (INBOX, self._admission) if service == INGEST else (LOG, self._processor)
        old = self.groups[service].members.get(number)
        if old is not None:
            self._bury(old)
        member = Member(
            service,
            number,
            topic,
            self.loop,
            self.kafka,
            self.net,
            self.chance,
            self.settings,
            partial(self.parts.reader, gapless=service != INGEST),
            make,
        )
        self.groups[service].members[number] = member
        member.start(member.consume())
        if service != INGEST:
            member.start(self._sweep(member))
        elif self.scenario.erases:
            member.start(keep_erasing(self.parts.eraser(self.database, PERSON_KEY, ZoneInfo("UTC"), self.wall)))

    def _bury(self, member: Member) -> None:
        member.process.alive = False
        if member.health.stopped:
            self.stopped.append(f"{member.name}: {member.health.stopped}")
            member.health.stopped = None

    def _admission(self, member: Member) -> Processor:
        zone = ZoneInfo("UTC")
        place = Place(zone, GENERATION, PARTITIONS, LOG, REJECTED, person_key=PERSON_KEY)
        store = self.parts.claims(self.database, GENERATION, person_key=PERSON_KEY)
        return self.parts.admission(store, self.parts.appender(self.settings), place)

    def _processor(self, member: Member) -> Processor:
        policies = self.plan.policies
        if self.plan.disagree and not self.calm and self.chance.pick(2) != member.number:
            policies = policies[:1]
        service = self.services[member.service]
        member.store = self.parts.states(self.database, service.name, GENERATION, GENERATION)
        appender = self.parts.appender(self.settings)
        return self.parts.processor(
            service.make(self.parts, policies),
            member.store,
            appender,
            LOG,
            now=self.wall,
            telling=self._telling(service.announces, appender),
        )

    def _telling(self, announces: Announces | None, appender: Appender) -> Telling | None:
        if announces is None:
            return None
        topic = announces.topic.name

        async def ends() -> dict[int, int]:
            held = self.kafka.partitions(topic)
            return {partition: len(records) for partition, records in enumerate(held)}

        return self.parts.telling(announces, topic, PARTITIONS, appender, ends if announces.marks else None)

    async def _sweep(self, member: Member) -> None:
        store = member.store
        assert isinstance(store, StateStore), "folding members have one"
        sweep = self.parts.sweep(
            member.service,
            self.settings,
            DueDocuments(store, self.services[member.service].documents),
            BackfillMarks(self.database),
            self.parts.appender(self.settings),
            owned=lambda: member.reader.owned,
            now=self.wall,
        )
        await sweep.run()

    def _watch_positions(self, collection: str, before: Document | None, after: Document) -> None:
        if before is not None and after["offset"] < before["offset"]:
            self.lowered.append(f"{collection} {after['_id']}: from {before['offset']} to {after['offset']}")

    # -- upstream

    async def _send(self, send: Send) -> None:
        await asyncio.sleep(send.at)
        items = [Item(send.key.encode(), send.value, [CONTENT_TYPE, *send.headers])]
        if self.plan.transactional:
            items.append(END_OF_TRANSACTION)
        while True:
            try:
                await self.net.call(
                    "kafka", "send", partial(self.kafka.append, INBOX, send.partition, items), request_timed_out
                )
            except KafkaError:
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return

    # -- coming to rest

    async def _recover(self) -> None:
        """End all trouble; where processes did not agree on policies, all begin anew with all of them."""
        self.calm = True
        for service, group in self.groups.items():
            for number, member in list(group.members.items()):
                member.process.trap = None
                member.reachable = True
                if self.plan.disagree or not member.process.alive or member.health.stopped:
                    self.start(service, number)
            resumed = max(member.process.stopped_until for member in group.members.values())
            await asyncio.sleep(max(0.0, resumed - self.loop.time()))
            group.rebalance()
        if self.plan.disagree:
            for subject in self.scenario.subjects:
                review(self, subject)  # as the adoption of a policy does

    async def _settle(self) -> None:
        """Wait until everything has been read and several sweeps have found nothing to do."""
        quiet_seconds = 2.5 * self.plan.sweep_every_seconds
        deadline = self.loop.time() + MAX_SETTLE_SECONDS
        since, before = self.loop.time(), self._work()
        while True:
            await asyncio.sleep(2.0)
            now, work = self.loop.time(), self._work()
            if work != before or any(work.values()) or not all(group.settled for group in self.groups.values()):
                since, before = now, work
            elif now - since > quiet_seconds:
                return
            if self.unexpected:
                return  # it will not get better
            if now > deadline:
                raise NotAtRestError(f"{MAX_SETTLE_SECONDS:.0f} s after the last fault, left to do: {work}")

    def _work(self) -> dict[str, int]:
        """What is left to be read, by topic and partition."""
        work = {}
        readers = [(INBOX, "admission_positions", ""), *((LOG, f"{name}_positions", "g") for name in self.services)]
        for topic, positions, prefix in readers:
            stored = {document["_id"]: document["offset"] for document in self.mongo.find(positions, {})}
            for partition in range(PARTITIONS):
                done = stored.get(f"{prefix}{GENERATION}/{partition}", 0)
                work[f"{positions}/{partition}"] = self.kafka.end(topic, partition) - done
        return work
