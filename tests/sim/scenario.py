"""What a run is about: which services fold the log, what upstream sends them, what is checked in the end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from shared.fold.domain import Domain
from shared.service import Announces
from tests.sim.harm import draw_actions
from tests.sim.net import Weather
from tests.sim.parts import Parts
from tests.sim.plan import Plan, Send
from tests.sim.topics import CHANGES

if TYPE_CHECKING:
    from tests.sim.checks import Aftermath

_DELAYS = (
    (0.001, 0.002, 0.003, 0.005),
    (0.001, 0.005, 0.02, 0.04, 0.1),
    (0.001, 0.003, 0.01, 0.05, 0.2, 0.5, 2.0),
    (0.001, 0.001, 0.005, 0.005, 0.02, 0.02, 0.1, 0.5, 3.0, 12.0),
)


@dataclass(frozen=True, slots=True)
class Service:
    """A service that folds the log. `documents` is the collection of its customers; `make` gives its domain, with the
    policies that a process knows.
    """

    name: str
    documents: str
    make: Callable[[Parts, Sequence[Any]], Domain[Any, Any]]
    announces: Announces | None = None

    @property
    def tells(self) -> str:
        """The topic of one that decides nothing."""
        return CHANGES if self.announces is not None and self.announces.topic.name == CHANGES else ""


@dataclass(frozen=True, slots=True)
class Scenario:
    """`intrudes`: whether a foreign decision is put on the log of runs whose processes disagree; `keeps_policy`:
    whether states hold what a policy said, so that a process that did not know it has left its trace; `erases`: whether
    persons are erased.
    """

    name: str
    services: tuple[Service, ...]
    subjects: tuple[str, ...]
    jumps_seconds: tuple[int, ...]
    policies: Callable[..., tuple[Any, ...]]
    sends: Callable[[Random], list[Send]]
    checks: "tuple[Callable[[Aftermath], None], ...]"
    batch_bytes: tuple[int, ...]
    intrudes: bool = False
    keeps_policy: bool = False
    erases: bool = False

    def plan(self, seed: int) -> Plan:
        """The plan of a seed."""
        random = Random(f"{self.name} {seed}")
        disagree = random.random() < 0.3
        weather = Weather(
            random.choice(_DELAYS),
            kafka_faults=random.choice((0.0, 0.0, 0.0, 0.02, 0.2)),
            mongo_faults=random.choice((0.0, 0.0, 0.0, 0.02, 0.1)),
        )
        folding = [(service.name, service.documents, service.tells) for service in self.services]
        actions = draw_actions(random, folding, self.subjects, self.jumps_seconds, disagree=disagree)
        kinds = {action.kind for action in actions}
        records: Sequence[int] = (1, 2, 3, 5, 8, 20)
        size = random.choice(self.batch_bytes)
        if "slow" in kinds:  # what is late is missed only by who has gone on meanwhile, over several batches
            records = (1, 1, 2, 3)
        elif "lose" in kinds:  # what is lost is missed only where more is sent before anybody knows
            records, size = (5, 8, 20), min(self.batch_bytes)
        return Plan(
            weather=weather,
            batch_max_records=random.choice(records),
            batch_max_bytes=size,
            sweep_every_seconds=random.choice((7.0, 20.0)),
            skews_ms=random.choice(((0,), (0, 400), (0, 7_000))),
            policies=self.policies(random, disagree=disagree),
            disagree=disagree,
            transactional=random.random() < 0.15,
            sends=tuple(sorted(self.sends(random), key=lambda send: send.at)),
            actions=tuple(sorted(actions, key=lambda action: action.at)),
        )
