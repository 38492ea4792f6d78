"""One run of a case: play, judge, say what broke."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

from tests.sim.chance import Chance
from tests.sim.checks import REBUILT_GENERATION, Aftermath, Broken
from tests.sim.loop import OutOfStepsError
from tests.sim.parts import Parts, installed
from tests.sim.plan import PARTITIONS, Plan
from tests.sim.scenarios import SCENARIOS
from tests.sim.topics import GENERATION, LOG
from tests.sim.world import NotAtRestError, World

REBUILD_BATCH = 7


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that a run depends on beside the code. Sends and actions by number, None for all of the seed's plan;
    deviations: the choices that are not plain, as (number, choice), None draws them from the seed.
    """

    seed: int
    scenario: str = "toy"
    sends: tuple[int, ...] | None = None
    actions: tuple[int, ...] | None = None
    deviations: tuple[tuple[int, int], ...] | None = None

    def plan(self) -> Plan:
        """The plan, less what the case leaves out."""
        plan = SCENARIOS[self.scenario].plan(self.seed)
        sends = range(len(plan.sends)) if self.sends is None else self.sends
        actions = range(len(plan.actions)) if self.actions is None else self.actions
        return plan.only(sends, actions)

    def text(self) -> str:
        """One line of JSON from which `case_of` makes the same case."""
        return json.dumps({name: value for name, value in asdict(self).items() if value is not None})


def case_of(text: str) -> Case:
    """The inverse of `Case.text`."""
    raw = json.loads(text)
    deviations = raw.get("deviations")
    return Case(
        raw["seed"],
        raw.get("scenario", "toy"),
        None if raw.get("sends") is None else tuple(raw["sends"]),
        None if raw.get("actions") is None else tuple(raw["actions"]),
        None if deviations is None else tuple((number, choice) for number, choice in deviations),
    )


@dataclass(slots=True)
class Outcome:
    """What came of a run. `broken` names the promise, or is empty."""

    case: Case
    broken: str = ""
    details: str = ""
    steps: int = 0
    deviations: Mapping[int, int] = field(default_factory=dict)
    records: int = 0
    decisions: int = 0


def run(case: Case, parts: Parts | None = None, *, trace: Callable[[str], None] | None = None) -> Outcome:
    """Run a case; the same case gives the same outcome."""
    chance = Chance(f"run {case.seed}", None if case.deviations is None else dict(case.deviations))
    world = World(SCENARIOS[case.scenario], case.plan(), chance, parts or Parts())
    if trace is not None:
        world.trace_to(trace)
    outcome = Outcome(case)
    with installed(world), _quiet(world):
        try:
            _judge(world, outcome)
        except Broken as broken:
            outcome.details = str(broken)
        except (OutOfStepsError, NotAtRestError) as error:
            outcome.broken, outcome.details = "comes_to_rest", f"{error} {world.unexpected[:1]}"
        finally:
            world.dispose()
    outcome.steps, outcome.deviations = world.loop.steps, chance.taken
    return outcome


def _judge(world: World, outcome: Outcome) -> None:
    world.run()
    after = Aftermath(world)  # before the rebuild: a sweep whose append was under way at rest may end beside it
    world.run_more(lambda: world.loop.create_task(_rebuild(world)))
    outcome.records = len(after.inbox)
    outcome.decisions = after.decided
    for check in world.scenario.checks:
        outcome.broken = check.__name__
        check(after)
    outcome.broken = ""


async def _rebuild(world: World) -> None:
    """Fold the whole log into another generation, without deciding."""
    parts = world.parts
    for service in world.scenario.services:
        store = parts.states(world.database, service.name, REBUILT_GENERATION, GENERATION)
        domain, appender = service.make(parts, world.plan.policies), parts.appender(world.settings)
        processor = parts.processor(domain, store, appender, LOG, now=world.wall, deciding=False)
        await processor.positions(range(PARTITIONS))
        for partition, records in enumerate(world.kafka.partitions(LOG)):
            for start in range(0, len(records), REBUILD_BATCH):
                await processor.process({partition: records[start : start + REBUILD_BATCH]})


class _Unexpected(logging.Handler):
    """Collects what the code under test logs as errors; a customer that freezes is none here."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world, self._found = world, world.unexpected

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR and "is frozen at" not in record.msg:
            self._found.append(self.format(record))
        if self._world.net.trace is not None:
            self._world.net.trace(f"{self._world.loop.time():9.3f}  log: {record.getMessage()}")


@contextmanager
def _quiet(world: World) -> Iterator[None]:
    """Keep the log of thousands of foreseen failures from the screen, and errors in the world."""
    loggers = [logging.getLogger(name) for name in ("shared", "services")]
    handler = _Unexpected(world)
    before = [(logger, logger.propagate, logger.level) for logger in loggers]
    asyncio_disabled = logging.getLogger("asyncio").disabled
    logging.getLogger("asyncio").disabled = True
    for logger in loggers:
        logger.propagate = False
        logger.setLevel(logging.ERROR if world.net.trace is None else logging.WARNING)
        logger.addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger("asyncio").disabled = asyncio_disabled
        for logger, propagate, level in before:
            logger.propagate = propagate
            logger.setLevel(level)
            logger.removeHandler(handler)
