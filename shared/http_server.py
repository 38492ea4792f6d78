"""The HTTP server of a process: uvicorn with limits on what a client may hold (docs/adr/0017-...).

uvicorn's protocol on httptools has no limit on a head, no time for one, and one count of connections for all; here
each connection takes one of the `Places` of its port when it is accepted, before anything is made for it, and what a
client sends is parsed in pieces, so that nothing of it grows beyond a limit.
"""

import asyncio
import contextlib
import errno
import logging
import resource
import socket
import time
from http import HTTPStatus
from typing import Any

import httptools
import uvicorn
from pydantic_core import to_json
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from shared import metrics
from shared.connections import (
    BODY_PER_BYTE_AROUND,
    HEAD_SECONDS,
    MAX_HEAD_BYTES,
    MAX_HEADER_LINES,
    MAX_PIPELINED,
    MOST_BODY_BYTES,
    REST_BYTES,
    Held,
    Places,
    Waits,
    Why,
    address_of,
)
from shared.problems import MEDIA_TYPE, Problem

PIECE_BYTES = 8 * 1024
"""What is parsed at once. The parser joins the parts of a header again with each, so a long one costs its square."""
ACCEPTED_AT_ONCE = 16
"""Connections accepted per turn of the event loop: a flood of them must not delay requests being processed."""
BACKLOG = 1024
"""Connections that the system keeps until they are accepted."""
SWEEP_SECONDS = 1.0
OUT_OF_FILES_SECONDS = 0.2
OPEN_FILES = 8192
"""Raised to, as far as the system allows: connections, and those to Kafka and MongoDB."""

log = logging.getLogger(__name__)

_WORDS = {
    Why.NO_PLACE: "refused a connection from %s: all slots of the port are in use",
    Why.PLACE_NEEDED: "closed an idle connection from %s: another one needed the slot",
    Why.HEAD_TOO_LARGE: "closed a connection from %s: over 16 KiB or 100 lines of headers, or a body of tiny chunks",
    Why.HEAD_TOO_SLOW: "closed a connection from %s: its headers did not arrive in time",
    Why.REST_OF_BODY: "closed a connection from %s: it kept sending a body that was already answered",
    Why.ANSWER_NOT_TAKEN: "closed a connection from %s: it did not read its answer",
    Why.TOO_MANY_PIPELINED: "closed a connection from %s: too many pipelined requests",
    Why.NOT_HTTP: "closed a connection from %s: its data are not HTTP",
}
"""A separate message each, so that each is logged now and then (shared.repeats)."""
_ANSWERS = {
    Why.HEAD_TOO_LARGE: Problem(
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        "headers_too_large",
        f"send at most {MAX_HEAD_BYTES} bytes and {MAX_HEADER_LINES} lines of headers, and no body of tiny chunks",
    ),
    Why.HEAD_TOO_SLOW: Problem(
        HTTPStatus.REQUEST_TIMEOUT, "request_timeout", f"the headers did not arrive within {HEAD_SECONDS:g} s"
    ),
    Why.TOO_MANY_PIPELINED: Problem(
        HTTPStatus.BAD_REQUEST,
        "too_many_pipelined",
        f"send at most {MAX_PIPELINED} requests before the first answer",
    ),
    Why.NOT_HTTP: Problem(HTTPStatus.BAD_REQUEST, "not_http", "this is not HTTP/1.1"),
}


class _RefusedError(Exception):
    """Leaves the parser's callbacks."""


class LimitedProtocol(HttpToolsProtocol):
    """A connection that keeps to the limits of shared.connections."""

    def __init__(
        self, config: uvicorn.Config, state: Any, app_state: dict[str, Any], places: Places, place: Held
    ) -> None:
        super().__init__(config, state, app_state)
        self._places, self._place = places, place
        self._received_bytes = self._body_bytes = 0
        """Of this request; what is not body is its head, chunks' sizes and extensions, a trailer."""
        self._head_bytes = self._rest_bytes = 0
        self._in_head = False
        self._whole = True
        self._why: Why | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        if self._place not in self._places.held:  # it was needed by another meanwhile
            transport.abort()
            return
        self._place.close = self._close
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._places.give_up(self._place)
        if self in self.connections:
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        for start in range(0, len(data), PIECE_BYTES):
            if self.transport.is_closing():
                return
            self._parse(data if len(data) <= PIECE_BYTES else data[start : start + PIECE_BYTES])

    def _parse(self, piece: bytes) -> None:
        self._received_bytes += len(piece)
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade:
            self.cycle.keep_alive = False  # what follows would be in a protocol that nobody here speaks
        except httptools.HttpParserError:
            self._close(self._why or Why.NOT_HTTP)
            return
        around = self._received_bytes - self._body_bytes
        if around > MAX_HEAD_BYTES + min(self._body_bytes, MOST_BODY_BYTES) // BODY_PER_BYTE_AROUND:
            self._close(Why.HEAD_TOO_LARGE)
        elif self._in_head and self._place.waits is Waits.NEXT:
            self._waits(Waits.HEAD)
        elif self._place.waits is Waits.REST:
            self._rest_bytes += len(piece)
            if self._rest_bytes > REST_BYTES:
                self._close(Why.REST_OF_BODY)

    # The parser's callbacks

    def on_message_begin(self) -> None:
        if len(self.pipeline) >= MAX_PIPELINED:
            self._refuse(Why.TOO_MANY_PIPELINED)
        super().on_message_begin()
        self._head_bytes = 0
        self._in_head, self._whole = True, False

    def on_url(self, url: bytes) -> None:
        self._grow(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._grow(len(name) + len(value) + len(b": \r\n"))
        super().on_header(name, value)

    def _grow(self, head_bytes: int) -> None:
        self._head_bytes += head_bytes
        if self._head_bytes > MAX_HEAD_BYTES or len(self.headers) >= MAX_HEADER_LINES:
            self._refuse(Why.HEAD_TOO_LARGE)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._waits(None)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._received_bytes, self._body_bytes, self._whole = 0, 0, True
        super().on_message_complete()
        if self._place.waits is Waits.REST:
            self._waits(Waits.NEXT)

    # The answer

    def on_response_complete(self) -> None:
        goes_on = bool(self.pipeline)
        super().on_response_complete()
        if not goes_on:
            self._rest_bytes = 0
            self._waits(Waits.HEAD if self._in_head else Waits.NEXT if self._whole else Waits.REST)

    def pause_writing(self) -> None:
        self._place.stuck_since = time.monotonic()
        super().pause_writing()

    def resume_writing(self) -> None:
        self._place.stuck_since = None
        super().resume_writing()

    def note_closing(self, now_seconds: float) -> None:
        """A connection that is closed, but whose end nobody takes, is stuck."""
        if self._place.stuck_since is None and self.transport.is_closing():
            self._place.stuck_since = now_seconds

    # The end

    def _answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _waits(self, what: Waits | None) -> None:
        self._places.waits(self._place, what, time.monotonic())

    def _refuse(self, why: Why) -> None:
        self._why = why
        raise _RefusedError

    def _close(self, why: Why) -> None:
        """Answer where there is something to say and nothing else is being said, and end."""
        told(why, self._place.address)
        problem = _ANSWERS.get(why)
        silent = why is Why.HEAD_TOO_SLOW and not self._in_head
        if problem is None or silent or self._answering() or self.transport.is_closing():
            self.transport.abort()
            return
        body = to_json(problem.body())
        self.transport.write(
            b"HTTP/1.1 %d %s\r\ncontent-type: %s\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s"
            % (problem.status, problem.status.phrase.encode(), MEDIA_TYPE.encode(), len(body), body)
        )
        self.transport.close()


def told(why: Why, address: str) -> None:
    """Count and log the end of a connection; the log says each kind once in a while."""
    metrics.HTTP_CLOSED.labels(why).inc()
    log.warning(_WORDS[why], address)


class Server(uvicorn.Server):
    """uvicorn's server on ports of which each has places of its own."""

    def __init__(self, config: uvicorn.Config, ports: dict[socket.socket, Places]) -> None:
        super().__init__(config)
        self._ports = ports
        self._sweeping: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, then accept."""
        del sockets
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            raise SystemExit(uvicorn.config.STARTUP_FAILURE)
        self.servers: list[Any] = [_Listener(self, port, places) for port, places in self._ports.items()]
        self._sweeping = asyncio.create_task(self._sweep())
        self.started = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, let running requests finish, stop the application."""
        await super().shutdown(sockets)
        if self._sweeping is not None:
            self._sweeping.cancel()
        for port in self._ports:
            port.close()

    def sweep(self, now_seconds: float) -> None:
        """Close what has held its place for too long."""
        for connection in self.server_state.connections:
            if isinstance(connection, LimitedProtocol):
                connection.note_closing(now_seconds)
        for port, places in self._ports.items():
            metrics.HTTP_CONNECTIONS.labels(port.getsockname()[1]).set(len(places.held))
            for place, why in places.overdue(now_seconds):
                place.close(why)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self.sweep(time.monotonic())


class _Listener:
    """Accepts connections of one port, a few at a time; as uvicorn sees it, a server."""

    def __init__(self, server: Server, port: socket.socket, places: Places) -> None:
        self._server, self._port, self._places = server, port, places
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        port.setblocking(False)
        port.listen(BACKLOG)
        self._open = True
        self._listen()

    def close(self) -> None:
        self._open = False
        self._loop.remove_reader(self._port)

    async def wait_closed(self) -> None:
        for task in self._tasks:
            task.cancel()

    def _listen(self) -> None:
        if self._open:
            self._loop.add_reader(self._port, self._accept)

    def _accept(self) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                connection, peer = self._port.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}:
                    raise
                log.error("can't accept connections: %s", error.strerror)  # noqa: TRY400 - the text says all
                self._loop.remove_reader(self._port)
                self._loop.call_later(OUT_OF_FILES_SECONDS, self._listen)
                return
            self._take(connection, address_of(peer[0]))

    def _take(self, connection: socket.socket, address: str) -> None:
        connection.setblocking(False)

        def close(why: Why) -> None:
            told(why, address)
            task.cancel()

        place = self._places.take(address, close, time.monotonic())
        if place is None:
            told(Why.NO_PLACE, address)
            connection.close()
            return
        task = self._loop.create_task(self._begin(connection, place))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _begin(self, connection: socket.socket, place: Held) -> None:
        """From the accepted socket to the protocol, by way of TLS where that is spoken."""
        server = self._server
        protocol = LimitedProtocol(server.config, server.server_state, server.lifespan.state, self._places, place)
        ssl = server.config.ssl
        try:
            await self._loop.connect_accepted_socket(
                lambda: protocol, connection, ssl=ssl, ssl_handshake_timeout=HEAD_SECONDS if ssl else None
            )
        except BaseException as error:
            connection.close()
            self._places.give_up(place)
            if not isinstance(error, OSError | asyncio.CancelledError):
                raise


def raise_open_files() -> int:
    """Raise this process's limit of open files as far as needed and allowed; gives what it is then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    infinite = resource.RLIM_INFINITY
    wanted = OPEN_FILES if hard == infinite else min(OPEN_FILES, hard)
    if soft != infinite and soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            return wanted
    return OPEN_FILES if soft == infinite else soft
