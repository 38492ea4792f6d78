"""A service as a value: all that others need to know of it.

Set-up, rights, rebuild, relog, verify, doctor, status, backups, the local stack and the tests walk the list of services
(services/__init__.py) and read these values; none of them names a service.
"""

from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar

from shared.errors import Transient
from shared.events.event import Event
from shared.fold.domain import Domain
from shared.fold.entity import Entity
from shared.mongo import Database, Session, transient_errors
from shared.mongo.generations import current_generation
from shared.mongo.policies import COLLECTION as POLICIES
from shared.mongo.policies import adopted
from shared.mongo.schema import Schema, View
from shared.mongo.states import Notes, StateStore
from shared.policies.adoption import Adopted
from shared.settings import Settings
from shared.topics import LOG, Topic

Beside = Callable[
    [Database, StateStore, Callable[[], Collection[int]], Settings, Callable[[], datetime]],
    Callable[[], Coroutine[Any, Any, None]],
]
Privileges = Mapping[str, tuple[str, ...]]
"""Actions by collection or view."""
D = TypeVar("D", bound=Domain[Any, Any])
SetUp = Callable[[Database, Settings, Sequence[Adopted], datetime], Awaitable[None]]


class Difference(NamedTuple):
    """What is stored and should be otherwise. kind: a fixed word for machines; subject: what it is about."""

    kind: str
    subject: str
    said: str


class Checked(NamedTuple):
    """What a check of a service's own looked at, how many of them, and what differs."""

    what: str
    number: int
    differences: Sequence[Difference]


class Fault(NamedTuple):
    """Something wrong: what was found, why it matters, what to do about it."""

    what: str
    why: str
    do: str


@dataclass(frozen=True, slots=True)
class Positions:
    """Where a service stores how far it has come on a topic: a document per partition, whose id is `prefix`, formatted
    with a generation, and the partition.

    generation_of: what has this generation (shared/mongo/generations.py).
    """

    topic: Topic
    collection: str
    generation_of: str
    prefix: str = "g{}/"

    async def stored(
        self, database: Database, generation: int | None = None, session: Session | None = None
    ) -> dict[int, int]:
        """The next offset of each partition that was begun, in the current generation or another; with a session, as
        its transaction sees it. Raises Transient.
        """
        if generation is None:
            generation = await current_generation(database, self.generation_of)
        prefix = self.prefix.format(generation)
        async with transient_errors():
            which = {"_id": {"$regex": f"^{prefix}"}}
            found = database[self.collection].find(which, projection={"offset": 1}, session=session)
            return {int(one["_id"].removeprefix(prefix)): int(one["offset"]) async for one in found}


@dataclass(frozen=True, slots=True)
class Announces:
    """What a service tells, and where. tell: the record for an event that the entity has just folded or accepted, or
    None; number: how much the entity has told, so that a repair tells no more than what lies above; marks: whether it
    is written down where on the topic a position of the log begins.
    """

    topic: Topic
    tell: Callable[[Entity[Any, Any], Event], bytes | None]
    number: Callable[[Entity[Any, Any]], int]
    marks: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A process of its own: one that folds nothing, such as a door. `FoldingService` is one that folds the log."""

    name: str
    """Of its package, its users in Kafka and MongoDB, its consumer group, its container and its job in Prometheus."""
    schema: Schema
    """What it keeps in MongoDB, and may write; the views that readers are granted."""
    entry: str
    """What runs it, as "module:function": called with this value, a `Process` and the settings, gives the exit code.
    A name, since those who only walk the list must not load it.
    """
    settings: type[Settings] = Settings
    """What it reads from the environment."""
    reads: tuple[Topic, ...] = ()
    writes: tuple[Topic, ...] = ()
    rights: Privileges = field(default_factory=dict)
    """What it may do in MongoDB beyond writing its own collections and reading policies, by collection; or less than
    that. The name of a view, of whichever service, stands for the view in every generation; so does that of a
    collection that is no view's.
    """
    positions: Positions | None = None
    """How far it has come on the topic that it reads, where it stores that."""
    set_up: SetUp | None = None
    """What set-up does for it beyond its schema, and the service itself whenever it takes up policies. Doing it again
    changes nothing. Raises Stop where what is there contradicts the settings.
    """
    verify: Callable[[Database, Settings, datetime], Awaitable[Checked]] | None = None
    """Checks what it has stored that is no fold of the log; part of `guanxi verify views`."""
    examine: Callable[[Database, Settings], Awaitable[Sequence[Fault]]] | None = None
    """What the doctor looks at beyond topics, schema and positions."""

    def group(self, settings: Settings) -> str:
        """Its consumer group."""
        return f"{settings.topic_prefix}guanxi-{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldingService(Service, Generic[D]):
    """A service that folds the log into its collections, by the log processor."""

    entry: str = "shared.fold.service:run"
    make_domain: Callable[[Database, Settings, Sequence[Adopted]], Awaitable[D]]
    """Its rules with the adopted policies, in the order in which they take effect; none where it needs none."""
    decides: frozenset[str]
    """Types of the decisions that it makes. One that makes none sends no reviews either."""
    customers: str
    """The collection with one document per customer, which says when each is to be reviewed; the first view on it is
    what status calls it by.
    """
    take_up: Callable[[D, Sequence[Adopted]], None] | None = None
    """Has a domain decide by these policies, or templates, from now on. None: the service needs neither."""
    adopts: str = POLICIES
    """The collection of what it takes up. Of policies there is one at least; templates come on top of guanxi's own."""
    announces: Announces | None = None
    every_ms: float = 0.0
    """Between the starts of two batches at least, where GUANXI_BATCH_EVERY_MS says less. A batch costs as much as some
    twenty records: a service that people wait for less leaves the others on its machine more.
    """
    notes: Notes | None = None
    """What it notes of each batch of the live generation, in the batch's transaction."""
    beside: Beside | None = None
    """What runs beside the fold, with its store and the partitions that it owns: a task that goes on forever."""
    positions: Positions = field(init=False)
    """How far it has come on the log; the processor writes it with what it folded."""

    def __post_init__(self) -> None:
        """The processor gives the collection its name."""
        object.__setattr__(self, "positions", Positions(LOG, f"{self.name}_positions", self.name))

    @property
    def needs_policy(self) -> bool:
        """Whether it starts only once a policy is adopted."""
        return self.take_up is not None and self.adopts == POLICIES

    @property
    def shown(self) -> View:
        """The view that shows its customers."""
        return next(view for view in self.schema.views if view.on == self.customers)

    async def domain(self, database: Database, settings: Settings) -> D:
        """Its rules with what is adopted now. Raises Transient while a policy is lacking, as before set-up."""
        policies = [] if self.take_up is None else await adopted(database, self.adopts)
        if self.needs_policy and not policies:
            raise Transient("no policy is adopted yet; run 'guanxi setup'")
        return await self.make_domain(database, settings, policies)


def writers(topic: Topic, services: Iterable[Service]) -> tuple[str, ...]:
    """Everyone who may write a topic."""
    return (*topic.outside_writers, *(service.name for service in services if topic in service.writes))


def readers(topic: Topic, services: Iterable[Service]) -> tuple[str, ...]:
    """Everyone who may read a topic."""
    return (*topic.outside_readers, *(service.name for service in services if topic in service.reads))
