"""A service as a process: its HTTP server, its readers, its tasks; how it starts, stops, and gives up."""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import PackageNotFoundError, version
from pkgutil import resolve_name
from typing import Any, Protocol

import uvicorn
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.routing import BaseRoute

from shared import logs, metrics, tracing
from shared.connections import IDLE_SECONDS, MAX_METRICS_CONNECTIONS, Places, that_fit
from shared.errors import GuanxiError, in_short
from shared.health import Health
from shared.http_server import Server, raise_open_files
from shared.kafka.connection import DRAIN_SECONDS
from shared.service import Service
from shared.serving import make_app
from shared.settings import Settings

START_BACKOFF_SECONDS = 1.0
GC_THRESHOLDS = (100_000, 50, 100)
"""Python looks for garbage cycles after 700 allocations; a batch makes 100,000 objects that are none. Measured:
folding, reading and writing documents cost a third less CPU with these, and memory stays as it is.
"""
SPARE_FILES = 400
"""Open files left for Kafka, MongoDB, logs and the metrics' port."""
EXIT_STOPPED = 1
EXIT_MISCONFIGURED = 2

log = logging.getLogger(__name__)

Task = Callable[[], Coroutine[Any, Any, None]]


class Started(Protocol):
    """What runs while the process does: the broker with the service's readers."""

    async def start(self) -> object:
        """Start it; raises if that is not possible yet."""

    async def stop(self) -> object:
        """Drain it and stop."""


Prepare = Callable[["Process"], Coroutine[Any, Any, Started]]
"""Creates what the service needs, and registers its readers on the broker that it returns, not started yet."""


class Nothing:
    """What a process without readers of Kafka starts and stops."""

    async def start(self) -> None:
        """Nothing."""

    async def stop(self) -> None:
        """Nothing."""


class Process:
    """Runs until a signal comes or something can't go on; drains before it ends."""

    def __init__(self, service: str, settings: Settings) -> None:
        self.settings = settings
        self.health = Health(service)
        metrics.BUILD.labels(service, _version()).set(1)
        self.tasks: list[Task] = []
        self.closing: list[Task] = []
        """Closes what an attempt to start has made; called when the attempt fails, else at the end."""
        self.at_end: list[Task] = []
        """Closes what works before the process has started, such as the door."""
        self._server: uvicorn.Server | None = None

    def stop(self) -> None:
        """End the process, after draining; its exit code says whether it gave up."""
        if self._server is not None:
            self._server.should_exit = True

    def stopping(self) -> bool:
        """Whether it ends: what would go on for long must end now."""
        return self._server is not None and self._server.should_exit

    def run(self, prepare: Prepare, routes: Sequence[BaseRoute]) -> int:
        """Serve health at once, then wait for the stores (`prepare` is retried), then read. Gives the exit code."""
        settings = self.settings

        @asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            async with AsyncExitStack() as stack:
                for close in self.at_end:
                    stack.push_async_callback(close)
                starting = asyncio.create_task(self._start(prepare, stack))
                try:
                    yield
                finally:
                    starting.cancel()
                    await asyncio.gather(starting, return_exceptions=True)

        app = make_app(self.health, routes, lifespan, settings.metrics_port)
        config = uvicorn.Config(
            app,
            host=settings.http_host,
            port=settings.http_port,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=int(DRAIN_SECONDS),
            timeout_keep_alive=int(IDLE_SECONDS),
            server_header=False,
            ws="none",
            ssl_certfile=settings.http_cert_file,
            ssl_keyfile=settings.http_key_file,
        )
        self._server = Server(config, self._ports(config))
        # After draining uvicorn raises the signal again; a drained end is a good one.
        signal.signal(signal.SIGTERM, lambda *_: None)
        try:
            self._server.run()
        except KeyboardInterrupt:
            return 0
        return EXIT_STOPPED if self.health.stopped or not self._server.started else 0

    def _ports(self, config: uvicorn.Config) -> dict[socket.socket, Places]:
        """The server's own port and, where it is set, the one of the metrics, each with places of its own: who holds
        all of one holds none of the other.
        """
        settings = self.settings
        most = that_fit(settings.http_connections, raise_open_files(), SPARE_FILES)
        ports = {config.bind_socket(): Places(most, min(most, settings.http_connections_per_address))}
        if settings.metrics_port is not None:
            second = uvicorn.Config(config.app, host=settings.http_host, port=settings.metrics_port, log_config=None)
            ports[second.bind_socket()] = Places(MAX_METRICS_CONNECTIONS, MAX_METRICS_CONNECTIONS)
        return ports

    async def _start(self, prepare: Prepare, stack: AsyncExitStack) -> None:
        broker = await self._prepared(prepare)
        if broker is None:
            return
        for close in self.closing:
            stack.push_async_callback(close)
        stack.push_async_callback(broker.stop)
        for task in self.tasks:
            running = asyncio.create_task(task())
            stack.push_async_callback(_cancel, running)
        log.info("%s started", self.health.service)

    def _clear(self) -> None:
        """Forget what an attempt that failed half-way has registered."""
        self.tasks.clear()
        self.closing.clear()
        self.health.clear()

    async def _give_back(self, broker: Started | None) -> None:
        """Close what an attempt that failed has opened: the next one opens its own."""
        closing: list[Callable[[], Coroutine[Any, Any, object]]] = [*([broker.stop] if broker else []), *self.closing]
        for close in closing:
            try:
                await close()
            except Exception as error:  # noqa: BLE001 - what never quite began may not end well either
                log.debug("closing after a failed start: %s", error)

    async def _prepared(self, prepare: Prepare) -> Started | None:
        """The started broker; None when it can't be had within the time for retries, or at all."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.settings.retry_for_seconds
        while True:
            self._clear()
            broker: Started | None = None
            try:
                broker = await prepare(self)
                await broker.start()
            except Exception as error:  # noqa: BLE001 - at start everything may be missing still
                await self._give_back(broker)
                if loop.time() > deadline or (isinstance(error, GuanxiError) and error.final):
                    log.critical("cannot start: %s", error)
                    self.health.stopped = f"cannot start: {error}"
                    self.stop()
                    return None
                log.warning("not started yet, trying again: %s", error)
                self.health.waiting_for = in_short(error)
                await asyncio.sleep(START_BACKOFF_SECONDS)
            else:
                return broker


def _version() -> str:
    """As the image was built, else as the package was installed."""
    try:
        return os.environ.get("GUANXI_VERSION") or version("guanxi")
    except PackageNotFoundError:
        return "unknown"


async def _cancel(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def main(service: Service) -> None:
    """Run a service: read its settings, say in words what is wrong with them, run, exit."""
    try:
        settings = service.settings()
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_input=False):
            name = "_".join(str(part) for part in problem["loc"]).upper()
            sys.stderr.write(f"GUANXI_{name}: {problem['msg']}\n")
        sys.exit(EXIT_MISCONFIGURED)
    logs.configure(settings, service.name)
    gc.disable()  # what is loaded stays: to search it, while it is, is a tenth of the start
    run: Callable[[Service, Process, Any], int] = resolve_name(service.entry)
    if tracing.configure(service.name):
        log.info("traces are sent")
    gc.collect()
    gc.freeze()  # no later search looks at it again
    gc.enable()
    gc.set_threshold(*GC_THRESHOLDS)
    code = run(service, Process(service.name, settings), settings)
    tracing.stop()
    sys.exit(code)
