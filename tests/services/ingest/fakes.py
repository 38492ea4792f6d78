"""In-memory twins of MongoDB and Kafka for admission, which crash and interleave on demand."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from services.ingest.admission import Admission, Fate, Named, Person, Place
from services.ingest.admit import Claim, Erasing, Suppressed, WrittenText
from services.ingest.admit.erasing import hashed_name, suppressed_as, tie_of
from services.ingest.admit.people import DERIVED
from services.ingest.refusals.publish import REASON
from shared.events.codec import decode, type_and_position
from shared.events.event import Event, LogPosition, Position
from shared.kafka.batches import Outgoing
from tests.services.ingest.judging import NOW, ZONE

PARTITIONS = 3
PLACE = Place(zone=ZONE, generation=1, partitions=PARTITIONS, log="log", rejected="rejected")


class Crashed(Exception):  # noqa: N818 - it happened
    """The process ended here."""


@dataclass
class InboxRecord:
    """A record of the inbox, as aiokafka would give it."""

    partition: int
    offset: int
    value: bytes | None
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes | None]] = ()
    timestamp: int = int(NOW.timestamp() * 1000)


async def at_once() -> None:
    """No crash, no interleaving."""


@dataclass
class World:
    """What survives a process: the stores and the topics. `step` is awaited before and after every effect."""

    claims: dict[bytes, Claim] = field(default_factory=dict)
    people: dict[Person, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    texts: dict[str, WrittenText | None] = field(default_factory=dict)
    ties: dict[Person, str] = field(default_factory=dict)
    erased: dict[str, Suppressed] = field(default_factory=dict)
    stored: dict[int, int] = field(default_factory=dict)
    ends: dict[int, dict[int, int]] = field(default_factory=dict)
    fates: dict[tuple[str | None, str | None], Fate] = field(default_factory=dict)
    topics: dict[str, list[list[Outgoing]]] = field(
        default_factory=lambda: {name: [[] for _ in range(PARTITIONS)] for name in ("log", "rejected")}
    )
    step: Callable[[], Awaitable[None]] = at_once
    chance: random.Random = field(default_factory=lambda: random.Random(0))
    place: Place = PLACE

    def admission(self) -> Admission:
        return Admission(self, self, self.place, pause=self.step)

    async def find(self, identities: Sequence[bytes]) -> Mapping[bytes, Claim]:
        await self.step()
        found = {identity: self.claims[identity] for identity in identities if identity in self.claims}
        await self.step()
        return found

    async def claim(self, claims: Collection[Claim]) -> bool:
        all_stored = True
        for claim in claims:
            if self.chance.random() < 0.5:
                await self.step()
            known = self.claims.get(claim.identity)
            if (known.v if known else 0) == claim.v:
                self.claims[claim.identity] = replace(claim, v=claim.v + 1)
            else:
                all_stored = False
        await self.step()
        return all_stored

    async def last_named(self, persons: Collection[Person]) -> dict[Person, str]:
        await self.step()
        return {person: self.people[person][0] for person in persons if person in self.people}

    async def name(self, names: Collection[Named], known: Mapping[Person, str]) -> None:
        for named in names:
            await self.step()
            stored, before = self.people.get(named.id, ("", {}))
            if stored < named.order:
                self.people[named.id] = (named.order, {**before, **named.person.fields})
        await self.step()

    async def suppressed(self, keys: Collection[str]) -> Mapping[str, Suppressed]:
        await self.step()
        return {key: self.erased[key] for key in keys if key in self.erased}

    async def learn(self, names: Mapping[Person, str]) -> None:
        for (key, _), name in names.items():
            await self.step()
            self.erased[key] |= suppressed_as(key, name, self.place.person_key)
        await self.step()

    async def draw(self, ties: Collection[Person]) -> Mapping[Person, str]:
        """Drawn by the tie, so that runs can be compared."""
        for tie in sorted(ties):
            await self.step()
            self.ties.setdefault(tie, DERIVED + sha256("\0".join(tie).encode()).hexdigest()[:24])
        await self.step()
        return {tie: self.ties[tie] for tie in ties}

    async def erase(self, erasings: Collection[Erasing]) -> None:
        """The name goes at once, as far as it is known."""
        for one in erasings:
            await self.step()
            before, (_, person) = self.erased.get(one.key, Suppressed()), self.people.pop(one.person, ("", {}))
            name, key = person.get("name") or "", self.place.person_key
            self.erased[one.key] = Suppressed(
                before.ids | {one.person_id},
                before.ties | ({tie_of(one.key, name, key)} if name else set()),
                before.names | {hashed for hashed in [hashed_name(one.key, name, key)] if hashed},
            )
        await self.step()

    async def write(self, texts: Collection[WrittenText]) -> None:
        for one in texts:
            await self.step()
            self.texts.setdefault(one.text_id, one)
        await self.step()

    async def positions(self, partitions: Collection[int]) -> Mapping[int, int]:
        await self.step()
        return {partition: self.stored.get(partition, 0) for partition in partitions}

    async def tell(self, fates: Collection[Fate]) -> None:
        await self.step()
        self.fates |= {(fate.source, fate.id): fate for fate in fates}
        await self.step()

    async def move(self, positions: Mapping[int, int], ends: Mapping[int, int]) -> None:
        await self.step()
        for partition, offset in positions.items():
            self.stored[partition] = max(offset, self.stored.get(partition, 0))
            of_log = self.ends.setdefault(partition, {})
            of_log |= {at: max(end, of_log.get(at, 0)) for at, end in ends.items()}
        await self.step()

    async def append(self, topic: str, records: Iterable[Outgoing], /) -> list[tuple[int, int]]:
        """Each partition's records in order; where a crash comes between, any prefix of each is there."""
        queues: dict[int, list[Outgoing]] = {}
        ends: dict[int, int] = {}
        for record in records:
            queues.setdefault(record.partition % PARTITIONS, []).append(record)
        while queues:
            partition = self.chance.choice(sorted(queues))
            await self.step()
            count = self.chance.randint(1, len(queues[partition]))
            self.topics[topic][partition] += queues[partition][:count]
            del queues[partition][:count]
            ends[partition] = len(self.topics[topic][partition])
            if not queues[partition]:
                del queues[partition]
        await self.step()
        return [(partition, end - 1) for partition, end in ends.items()]

    def logged(self) -> list[Outgoing]:
        """All that is on the log."""
        return [record for partition in self.topics["log"] for record in partition]

    def folded(self) -> list[tuple[Position, Event]]:
        """What readers of the log fold, with the position that each has from the inbox."""
        return [kept for partition in read_log(self.topics["log"]) for kept in partition]

    def reasons(self, partition: int = 0) -> list[bytes]:
        """Why records of an inbox partition were refused, in order."""
        return [dict(record.headers)[REASON] or b"" for record in self.topics["rejected"][partition]]

    async def run(self, inbox: Mapping[int, Sequence[InboxRecord]], batch: int = 3) -> None:
        """A new process reads on from the stored positions to the end."""
        admission = self.admission()
        at = dict(await admission.positions(inbox))
        while any(at[partition] < len(records) for partition, records in inbox.items()):
            batches = {p: records[at[p] : at[p] + batch] for p, records in inbox.items() if at[p] < len(records)}
            await admission.process(batches)
            at |= {partition: records[-1].offset + 1 for partition, records in batches.items()}
        await admission.close()

    async def run_until_done(self, inbox: Mapping[int, Sequence[InboxRecord]], restarts: int = 10_000) -> int:
        """Processes one after the other until one reaches the end; gives how many crashed."""
        for crashes in range(restarts):
            try:
                await self.run(inbox)
            except Crashed:
                continue
            return crashes
        raise AssertionError("no end")


def read_log(partitions: Sequence[Sequence[Outgoing]]) -> list[list[tuple[Position, Event]]]:
    """What readers of the log fold: they pass over what is not above the highest position of its inbox partition."""
    folded: list[list[tuple[Position, Event]]] = []
    for number, records in enumerate(partitions):
        highest: dict[tuple[int, int], tuple[int, int]] = {}
        kept: list[tuple[Position, Event]] = []
        for offset, record in enumerate(records):
            _, position = type_and_position(record.headers)
            assert position is not None
            assert record.value is not None
            seen = highest.get(position[:2], (-1, -1))
            if position[2:] > seen:
                highest[position[:2]] = position[2:]
                kept.append((position, decode(record.value, recorded_at=NOW, log=LogPosition(1, number, offset))))
        folded.append(kept)
    return folded


def interleaving(chance: random.Random) -> Callable[[], Awaitable[None]]:
    """A step that lets other tasks run for a while, as chance has it."""

    async def step() -> None:
        for _ in range(chance.choice((0, 0, 1, 2, 5))):
            await asyncio.sleep(0)

    return step


def crashing(after: int) -> Callable[[], Awaitable[None]]:
    """A step that ends the process once, at the given count of steps."""
    count = 0

    async def step() -> None:
        nonlocal count
        count += 1
        if count == after:
            raise Crashed

    return step
