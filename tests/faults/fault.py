"""What a fault is, and running one."""

import contextlib
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path

from local.stack.services import STORING
from tests.faults.servers import RUN, KafkaNode, MongoNodes, Servers
from tests.faults.stand import Seen, Stand, a_stand
from tests.faults.verdict import Verdict, judge

Act = Callable[[Stand], Awaitable[None]]
TWICE = (*RUN, *(f"{name}-2" for name in STORING))
"""Two processes of each service that stores something."""


def always() -> str | None:
    """Can be had everywhere."""
    return None


@dataclass(frozen=True)
class Fault:
    """`title` says it to people. why_not: why it can't be had on this machine, or None; relayed: the services reach
    their servers through relays; own: settings of single processes, given a folder; servers: other ones than all
    faults share; frozen: customers that it means to freeze.
    """

    name: str
    title: str
    act: Act
    names: Sequence[str] = RUN
    settings: Mapping[str, str] = field(default_factory=dict)
    own: Callable[[Path], Mapping[str, Mapping[str, str]]] | None = None
    relayed: bool = False
    servers: Callable[[Path], AbstractAsyncContextManager[Servers]] | None = None
    frozen: int = 0
    why_not: Callable[[], str | None] = always


@dataclass
class Report:
    """What came of a fault. `error`: it could not be played to its end."""

    fault: Fault
    verdict: Verdict = field(default_factory=Verdict)
    seen: Seen = field(default_factory=Seen)
    caught_up_seconds: float = 0.0
    read: int = 0
    """Writes that were read at once by their position."""
    seconds: float = 0.0
    logged: Mapping[str, int] = field(default_factory=dict)
    answers: Mapping[str, int] = field(default_factory=dict)
    error: str = ""
    not_run: str = ""

    @property
    def held(self) -> bool:
        return not (self.error or self.verdict.broken or self.not_run)


def shared_servers(folder: Path) -> Servers:
    """A broker and a replica set of three."""
    return Servers(folder, KafkaNode(folder), MongoNodes(folder))


async def run(fault: Fault, servers: Servers, folder: Path, *, seed: int = 0) -> Report:
    """Play a fault and judge what it left."""
    report = Report(fault)
    report.not_run = fault.why_not() or ""
    if report.not_run:
        return report
    begin = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    async with contextlib.AsyncExitStack() as stack:
        try:
            if fault.servers is not None:
                servers = await stack.enter_async_context(fault.servers(folder))
            own = dict(fault.own(folder)) if fault.own else {}
            if fault.relayed:
                relayed = await servers.through_relays()
                own |= {name: {**relayed[name.partition("-")[0]], **own.get(name, {})} for name in fault.names}
            stand = await stack.enter_async_context(
                a_stand(servers, folder, seed=seed, names=fault.names, settings=fault.settings, own=own)
            )
            try:
                await stand.play(fault.act)
                report.verdict = await judge(stand, frozen_allowed=fault.frozen)
                report.read = stand.reader.read
            finally:
                report.seen, report.caught_up_seconds = stand.seen, stand.caught_up_seconds
                report.logged, report.answers = stand.logged(), stand.upstream.answers
        except Exception as error:  # noqa: BLE001 - the table says so, and the next one is played
            report.error = f"{type(error).__name__}: {error}".splitlines()[0][:300]
            traceback.print_exception(error)
    report.seconds = time.monotonic() - begin
    return report
