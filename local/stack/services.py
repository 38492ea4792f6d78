"""The service processes on top of a backing: started, waited for, and killed on purpose by tests."""

import asyncio
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import httpx

from local.stack.backing import Backing
from local.stack.errors import StackError, failed
from local.stack.paths import REPOSITORY
from local.stack.ports import free_port
from local.stack.process import Process, first_end
from local.stack.server import StartedAt
from local.stack.supervise import Part
from services import SERVICES
from shared.process import EXIT_MISCONFIGURED

ALL = tuple(SERVICES)
STORING = tuple(SERVICES.positions)
"""Those that store how far they have come; the others only read what these have made."""
_READY_TIMEOUT_S = 180.0
_SETUP_TIMEOUT_S = 120.0
_ANSWER_TIMEOUT_S = 2.0
WEBHOOK_KEY = "of one's own machine, where nothing has a password"
"""Unless the environment has another: as for everything else here, whoever is on this machine may."""


class Services:
    """Runs `python -m services.<name>` for each name, after `python -m guanxi setup`. Restarts nothing by itself.

        async with Services(servers, say, settings={"GUANXI_MONGO_DATABASE": "demo"}) as services:
            await services.kill("tiering")
            await services.start("tiering")

    names: `tiering-2` is a second process of tiering. settings: the services' variables (shared/settings.py),
    on top of this process's environment and the backing's endpoints. own: further ones of a single process, by its
    name. door_port: for the door of events, if it is free.
    """

    def __init__(
        self,
        servers: Backing,
        say: Callable[[str], None],
        *,
        settings: Mapping[str, str] | None = None,
        own: Mapping[str, Mapping[str, str]] | None = None,
        names: Sequence[str] = ALL,
        logs: Path | None = None,
        door_port: int | None = None,
    ) -> None:
        self.environment = {
            "GUANXI_WEBHOOK_KEY": WEBHOOK_KEY,
            **os.environ,
            "PYTHONUNBUFFERED": "1",
            "GUANXI_HTTP_HOST": "127.0.0.1",
            "GUANXI_CONSOLE_KEY": secrets.token_hex(24),
            "GUANXI_IMPORT_KEY": secrets.token_hex(24),
            **servers.environment(),
            **(settings or {}),
        }
        self.names = tuple(names)
        self.own = {name: dict(variables) for name, variables in (own or {}).items()}
        self._say = say
        self._logs = logs or servers.logs
        self._ports = {name: free_port(door_port if name == SERVICES.door.name else None) for name in names}
        self._processes: dict[str, Process] = {}

    async def __aenter__(self) -> Self:
        try:
            await self.set_up()
            async with asyncio.TaskGroup() as together:
                for name in self.names:
                    together.create_task(self.start(name))
        except BaseException as error:  # not except*, by which a Ctrl-C would come out as a group
            await self.stop_all()
            if isinstance(error, BaseExceptionGroup) and (ours := error.subgroup(StackError)) is not None:
                raise ours.exceptions[0] from None
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop_all()

    async def set_up(self) -> None:
        """Topics, collections, indexes, views and policies; safe to repeat."""
        await self.command("setup", timeout_s=_SETUP_TIMEOUT_S)

    async def command(self, *words: str, timeout_s: float) -> Path:
        """Runs `guanxi <words>` against this stack to its end and gives its log; StackError when it fails."""
        log = self._logs / f"{words[0]}.log"
        process = await Process.start(
            f"guanxi {words[0]}",
            [sys.executable, "-m", "guanxi", *words],
            log=log,
            env=self.environment,
            cwd=REPOSITORY,
        )
        try:
            code = await asyncio.wait_for(process.exit_code(), timeout_s)
        except TimeoutError:
            raise failed(f"guanxi {' '.join(words)}: not done within {timeout_s:.0f} s", log) from None
        finally:
            await process.stop()
        if code != 0:
            raise failed(f"guanxi {' '.join(words)} ended with exit code {code}", log)
        return log

    async def start(self, name: str) -> None:
        """Starts it and waits until it is ready: assigned its partitions and able to work."""
        started = StartedAt()
        process = await self.launch(name)
        async with httpx.AsyncClient(trust_env=False, timeout=_ANSWER_TIMEOUT_S) as client:

            async def ready() -> bool:
                try:
                    answer = await client.get(f"{self.url(name)}/readyz")
                except httpx.TransportError:
                    return False
                return answer.status_code == httpx.codes.OK

            await process.until(ready, what="ready", timeout_s=_READY_TIMEOUT_S)
        self._say(f"{name} ready on {self.url(name)} in {started.seconds():.1f} s")

    async def launch(self, name: str) -> Process:
        """Starts it and waits for nothing."""
        process = await Process.start(
            name,
            [sys.executable, "-m", SERVICES.package(name.partition("-")[0])],
            log=self.log(name),
            env={**self.environment, **self._own(name), "GUANXI_HTTP_PORT": str(self._ports[name])},
            cwd=REPOSITORY,
        )
        self._processes[name] = process
        return process

    def _own(self, name: str) -> Mapping[str, str]:
        """The variables of one process alone."""
        door = {"GUANXI_DOOR_URL": self.url()} if SERVICES.door.name in self._ports else {}
        return {**door, **self.own.get(name, {})}

    @asynccontextmanager
    async def beside(self, *names: str, own: Mapping[str, str] | None = None) -> AsyncIterator[None]:
        """Further processes (`query-2`), ready, for as long as the block runs; nothing of them stays. own: variables of
        theirs alone.
        """
        before = self.names
        self.names = (*before, *names)
        try:
            for name in names:
                self._ports[name], self.own[name] = free_port(), dict(own or {})
                await self.start(name)
            yield
        finally:
            self.names = before
            for name in names:
                if (process := self._processes.pop(name, None)) is not None:
                    await process.stop()
                self._ports.pop(name, None)
                self.own.pop(name, None)

    async def stop(self, name: str) -> int | None:
        """Asks it to end in order (SIGTERM), waits, and gives its exit code."""
        return await self._processes[name].stop()

    async def stop_all(self) -> None:
        await asyncio.gather(*(process.stop() for process in self._processes.values()))

    async def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> int | None:
        """Sends the signal to the process alone, as a crash does, waits for its end, gives its exit code."""
        process = self._processes[name]
        process.send(number)
        return await process.exit_code()

    def signal(self, name: str, number: signal.Signals) -> None:
        """Sends the signal and does not wait: SIGSTOP and SIGCONT make a zombie of it and bring it back."""
        self._processes[name].send(number)

    def pid(self, name: str) -> int:
        return self._processes[name].pid

    def running(self, name: str) -> bool:
        return name in self._processes and self._processes[name].running

    def rss_bytes(self, name: str) -> int:
        """Resident memory now, on Linux."""
        return self._processes[name].rss_bytes()

    def url(self, name: str | None = None) -> str:
        """Where its HTTP port answers: health for all; the door of events where none is named."""
        name = name or SERVICES.door.name
        return f"http://127.0.0.1:{self._ports[name]}"

    def log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    async def first_end(self) -> StackError:
        """Waits until a service ends, and returns which."""
        return await first_end(list(self._processes.values()))

    def parts(self) -> list[Part]:
        """Its services, for who keeps them running."""
        return [_Service(self, name) for name in self.names]

    async def ended(self, name: str) -> int | None:
        """Waits for the end of the process that runs under this name now."""
        return await self._processes[name].exit_code()


@dataclass(frozen=True)
class _Service:
    services: Services
    name: str

    async def ended(self) -> int | None:
        return await self.services.ended(self.name)

    def why_not_again(self, code: int | None) -> str | None:
        return "its settings are wrong" if code == EXIT_MISCONFIGURED else None

    async def start(self) -> None:
        await self.services.start(self.name)

    def failure(self, what: str) -> StackError:
        return failed(what, self.services.log(self.name))
