"""The HTTP server's limits, on real sockets: what one client holds is bounded, and the others are answered."""

import asyncio
import errno
import shutil
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from shared import http_server
from shared.connections import (
    ANSWER_SECONDS,
    HEAD_SECONDS,
    MAX_HEAD_BYTES,
    MAX_HEADER_LINES,
    MAX_PIPELINED,
    REST_BYTES,
    REST_SECONDS,
    Places,
    Waits,
    Why,
)
from shared.http_server import Server

WAIT_SECONDS = 10.0
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not true():  # noqa: ASYNC110 - what is waited for happens in the server
            await asyncio.sleep(0.01)


class App:
    """Answers with what it was asked; `/hold` waits to be let go, `/big` is more than buffers hold."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.at_work = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        body = b""
        if scope["path"] == "/early":
            answer, status = b"early", 413
        else:
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return
                body, more = body + message["body"], message["more_body"]
            self.at_work += 1
            if scope["path"] == "/hold":
                await self.go_on.wait()
            sizes = {"/big": 20_000_000, "/medium": 60_000}
            answer, status = b"x" * sizes[scope["path"]] if scope["path"] in sizes else b"%d" % len(body), 200
        headers = [(b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


class Running:
    """A server, and connections to it."""

    def __init__(self, server: Server, app: App, ports: dict[socket.socket, Places]) -> None:
        self.server, self.app = server, app
        self.ports = [port.getsockname()[1] for port in ports]
        self.places = list(ports.values())

    async def connect(self, port: int = 0, source: str = "127.0.0.1") -> tuple[asyncio.StreamReader, Any]:
        return await asyncio.open_connection("127.0.0.1", self.ports[port], local_addr=(source, 0))

    async def ask(self, sent: bytes, port: int = 0) -> bytes:
        """What comes back until the connection ends or is quiet with an answer."""
        reader, writer = await self.connect(port)
        try:
            writer.write(sent)
            async with asyncio.timeout(WAIT_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
                return head + await reader.readexactly(length)
        finally:
            writer.close()

    def pass_time(self, seconds: float) -> None:
        self.server.sweep(time.monotonic() + seconds)


@asynccontextmanager
async def running(
    most: int = 100, per_address: int = 100, system_bytes: int | None = None, **tls: str
) -> AsyncIterator[Running]:
    """system_bytes: of an answer, that the system keeps for who does not read; tls: uvicorn's options."""
    app = App()
    config = uvicorn.Config(app, port=0, log_config=None, lifespan="off", ws="none", **tls)  # type: ignore[arg-type]
    ports = {config.bind_socket(): Places(most, per_address), config.bind_socket(): Places(4, 4)}
    if system_bytes is not None:
        for port in ports:
            port.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, system_bytes)
    server = Server(config, ports)
    task = asyncio.create_task(server._serve())
    await until(lambda: server.started)
    try:
        yield Running(server, app, ports)
    finally:
        app.go_on.set()
        server.should_exit = True
        async with asyncio.timeout(WAIT_SECONDS):
            await task


@pytest.fixture
async def door() -> AsyncIterator[Running]:
    async with running() as made:
        yield made


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> list[Why]:
    """Why connections were closed, in order."""
    seen: list[Why] = []
    monkeypatch.setattr(http_server, "told", lambda why, _: seen.append(why))
    return seen


async def ended(reader: asyncio.StreamReader) -> bytes:
    """All that comes until the connection's end; its end by force counts too."""
    got = b""
    async with asyncio.timeout(WAIT_SECONDS):
        try:
            while piece := await reader.read(65536):
                got += piece
        except ConnectionError:
            pass
    return got


async def test_requests_of_every_kind_are_answered(door: Running) -> None:
    assert (await door.ask(GET)).endswith(b"\r\n\r\n0")
    body = b"x" * 1_000_000
    assert (await door.ask(b"POST / HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n" + body)).endswith(b"1000000")
    parts = [b"abc", b"d" * 70_000, *[b"e" * 100] * 5_000]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in parts) + b"0\r\n\r\n"
    assert (await door.ask(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)).endswith(b"570003")
    upgrade = b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    assert b"connection: close" in await door.ask(upgrade)


async def test_one_connection_serves_request_after_request(door: Running) -> None:
    reader, writer = await door.connect()
    for _ in range(3):
        writer.write(GET)
        assert (await reader.readuntil(b"\r\n\r\n0")).startswith(b"HTTP/1.1 200")
    writer.write(GET * MAX_PIPELINED)
    for _ in range(MAX_PIPELINED):
        await reader.readuntil(b"\r\n\r\n0")
    writer.close()


@pytest.mark.parametrize(
    ("sent", "code", "why"),
    [
        (b"GET /" + b"a" * MAX_HEAD_BYTES + b" HTTP/1.1\r\n\r\n", b"431", Why.HEAD_TOO_LARGE),
        (b"GET / HTTP/1.1\r\nA: " + b"a" * MAX_HEAD_BYTES + b"\r\n\r\n", b"431", Why.HEAD_TOO_LARGE),
        (b"GET / HTTP/1.1\r\n" + b"A" * MAX_HEAD_BYTES, b"431", Why.HEAD_TOO_LARGE),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * (MAX_HEADER_LINES + 1) + b"\r\n", b"431", Why.HEAD_TOO_LARGE),
        (b"\x16\x03\x01\x02\x00\x01 no TLS here", b"400", Why.NOT_HTTP),
        (b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", b"400", Why.NOT_HTTP),
    ],
    ids=["a long line", "a long header", "a long name", "many headers", "not HTTP", "two lengths"],
)
async def test_heads_are_limited(door: Running, closed: list[Why], sent: bytes, code: bytes, why: Why) -> None:
    answer = await door.ask(sent)
    assert answer.split()[1] == code
    assert b"application/problem+json" in answer
    assert closed == [why]
    assert (await door.ask(GET)).endswith(b"0")


async def test_headers_up_to_the_limit_are_taken(door: Running) -> None:
    most = b"A: %s\r\n" % (b"b" * 100) * (MAX_HEADER_LINES - 1)
    assert (await door.ask(b"GET / HTTP/1.1\r\n" + most + b"\r\n")).startswith(b"HTTP/1.1 200")


async def endless(door: Running, begin: bytes, piece: bytes, most: int) -> int:
    """Sends until the connection ends; gives how much was sent."""
    reader, writer = await door.connect()
    writer.write(begin)
    sent = 0
    try:
        while sent < most and not reader.at_eof():
            writer.write(piece)
            sent += len(piece)
            await writer.drain()
            await asyncio.sleep(0)
    except ConnectionError:
        pass
    finally:
        writer.transport.abort()
    return sent


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        (b"GET / HTTP/1.1\r\nA: ", b"a" * 65_536),
        (b"GET / HTTP/1.1\r\n", b"A: b\r\n" * 10_000),
        (b"GET /", b"a" * 65_536),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: ", b"a" * 65_536),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"A: b\r\n" * 10_000),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"a" * 65_536),
        (b"", b"\r\n" * 32_768),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n" * 10_000),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"1;%s\r\n \r\n" % (b"a" * 9000) * 7),
    ],
    ids=[
        "header",
        "headers",
        "line",
        "trailer",
        "trailers",
        "chunk extension",
        "empty lines",
        "tiny chunks",
        "chunk extensions",
    ],
)
async def test_what_is_endless_is_cut_off(door: Running, closed: list[Why], begin: bytes, piece: bytes) -> None:
    most = 200 * len(piece)
    assert await endless(door, begin, piece, most) < most
    assert closed == [Why.HEAD_TOO_LARGE]


async def test_a_half_sent_head_has_its_time(door: Running, closed: list[Why]) -> None:
    reader, writer = await door.connect()
    writer.write(GET[:-2])
    await until(lambda: door.places[0].held and not closed)
    door.pass_time(HEAD_SECONDS - 1)
    assert not closed
    door.pass_time(HEAD_SECONDS + 1)
    assert (await ended(reader))[:12] in {b"HTTP/1.1 408", b""}
    assert closed == [Why.HEAD_TOO_SLOW]
    writer.close()


async def test_a_connection_that_says_nothing_has_its_time(door: Running, closed: list[Why]) -> None:
    reader, writer = await door.connect()
    await until(lambda: door.places[0].held)
    await until(lambda: door.server.server_state.connections)
    door.pass_time(HEAD_SECONDS + 1)
    assert await ended(reader) == b""
    assert closed == [Why.HEAD_TOO_SLOW]
    writer.close()


async def test_a_half_sent_head_behind_an_answer_has_its_time_too(door: Running, closed: list[Why]) -> None:
    reader, writer = await door.connect()
    writer.write(GET)
    await reader.readuntil(b"\r\n\r\n0")
    (place,) = door.places[0].held
    assert place.waits is Waits.NEXT
    writer.write(GET[:-2])
    await until(lambda: place.waits is Waits.HEAD)
    door.pass_time(HEAD_SECONDS + 1)
    assert (await ended(reader)).startswith(b"HTTP/1.1 408")
    assert closed == [Why.HEAD_TOO_SLOW]
    writer.close()


async def test_half_sent_heads_push_out_each_other_and_nobody_else() -> None:
    async with running(most=50, per_address=20) as door:
        holding = asyncio.create_task(door.ask(b"GET /hold HTTP/1.1\r\n\r\n"))
        await until(lambda: door.app.at_work)
        half = []
        for _ in range(60):
            half.append(await door.connect())
            half[-1][1].write(GET[:-2])
        assert (await door.ask(GET)).endswith(b"0")
        await until(lambda: len(door.places[0].held) <= 20)
        door.app.go_on.set()
        assert (await holding).endswith(b"0")
        for _, writer in half:
            writer.transport.abort()


async def test_when_every_place_is_in_work_a_new_connection_is_refused(closed: list[Why]) -> None:
    async with running(most=2) as door:
        holding = [asyncio.create_task(door.ask(b"GET /hold HTTP/1.1\r\n\r\n")) for _ in range(2)]
        await until(lambda: door.app.at_work == 2)
        reader, writer = await door.connect()
        assert await ended(reader) == b""
        writer.close()
        assert (await door.ask(GET, port=1)).endswith(b"0"), "the other port has places of its own"
        assert closed == [Why.NO_PLACE]
        door.app.go_on.set()
        assert all(answer.endswith(b"0") for answer in await asyncio.gather(*holding))


async def test_too_many_requests_ahead_of_their_answers_end_the_connection(door: Running, closed: list[Why]) -> None:
    reader, writer = await door.connect()
    writer.write(b"GET /hold HTTP/1.1\r\n\r\n" + GET * 500)
    assert await ended(reader) == b""
    assert closed == [Why.TOO_MANY_PIPELINED]
    writer.close()
    door.app.go_on.set()


async def test_the_rest_of_a_body_that_was_answered_is_bounded_in_time(door: Running, closed: list[Why]) -> None:
    reader, writer = await door.connect()
    writer.write(b"POST /early HTTP/1.1\r\nContent-Length: 1000000\r\n\r\nabc")
    assert (await reader.readuntil(b"early")).startswith(b"HTTP/1.1 413")
    (place,) = door.places[0].held
    assert place.waits is Waits.REST
    door.pass_time(REST_SECONDS + 1)
    assert await ended(reader) == b""
    assert closed == [Why.REST_OF_BODY]
    writer.close()


async def test_the_rest_of_a_body_that_was_answered_is_bounded_in_bytes(door: Running, closed: list[Why]) -> None:
    most = 4 * REST_BYTES
    begin = b"POST /early HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % most
    assert await endless(door, begin, b"x" * 65_536, most) < most
    assert closed == [Why.REST_OF_BODY]


async def test_after_the_rest_of_a_body_the_connection_goes_on(door: Running) -> None:
    reader, writer = await door.connect()
    writer.write(b"POST /early HTTP/1.1\r\nContent-Length: 6\r\n\r\nabc")
    await reader.readuntil(b"early")
    writer.write(b"def" + GET)
    assert (await reader.readuntil(b"\r\n\r\n0")).startswith(b"HTTP/1.1 200")
    writer.close()


@pytest.mark.parametrize("end", [b"", b"Connection: close\r\n"], ids=["kept alive", "closed behind the answer"])
async def test_an_answer_that_nobody_takes_has_its_time(door: Running, closed: list[Why], end: bytes) -> None:
    reader, writer = await door.connect()
    writer.transport.pause_reading()
    writer.write(b"GET /big HTTP/1.1\r\n" + end + b"\r\n")

    def stuck() -> bool:
        door.pass_time(0)
        return any(place.stuck_since for place in door.places[0].held)

    await until(stuck)
    door.pass_time(ANSWER_SECONDS + 1)
    assert closed == [Why.ANSWER_NOT_TAKEN]
    await until(lambda: not door.places[0].held)
    writer.transport.abort()
    del reader


async def test_the_end_of_an_answer_that_nobody_takes_has_its_time(closed: list[Why]) -> None:
    """Less than what stops the server from writing, but more than the system takes: only the close waits for it."""
    async with running(system_bytes=4096) as door:
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)
        await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", door.ports[0]))
        await asyncio.get_running_loop().sock_sendall(client, b"GET /medium HTTP/1.1\r\nConnection: close\r\n\r\n")

        def closing() -> bool:
            door.pass_time(0)
            return any(place.stuck_since for place in door.places[0].held)

        await until(closing)
        door.pass_time(ANSWER_SECONDS + 1)
        assert closed == [Why.ANSWER_NOT_TAKEN]
        await until(lambda: not door.places[0].held)
        client.close()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate with")
async def test_with_tls_a_connection_has_its_place_before_the_handshake(tmp_path: Path, closed: list[Why]) -> None:
    key, certificate = str(tmp_path / "key.pem"), str(tmp_path / "cert.pem")
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", "-keyout", key, "-out", certificate]
    made = await asyncio.create_subprocess_exec("openssl", *words, stderr=asyncio.subprocess.DEVNULL)
    assert await made.wait() == 0
    trusting = ssl.create_default_context(cafile=certificate)
    trusting.check_hostname = False
    async with running(most=3, per_address=3, ssl_keyfile=key, ssl_certfile=certificate) as door:
        silent = [await door.connect() for _ in range(5)]
        await until(lambda: len(closed) == 2)
        assert closed == [Why.PLACE_NEEDED] * 2
        assert len(door.places[0].held) == 3
        assert [await ended(reader) for reader, _ in silent[:2]] == [b"", b""]
        for _ in range(3):
            reader, writer = await asyncio.open_connection("127.0.0.1", door.ports[0], ssl=trusting)
            writer.write(GET)
            assert (await reader.readuntil(b"\r\n\r\n0")).startswith(b"HTTP/1.1 200")
            writer.close()
        plain = await door.connect()
        plain[1].write(GET)
        assert b"HTTP" not in await ended(plain[0])
        assert set(closed) == {Why.PLACE_NEEDED}
        silent.append(await door.connect())
        await until(lambda: door.places[0].held)
        door.pass_time(HEAD_SECONDS + 1)
        assert await ended(silent[-1][0]) == b""
        await until(lambda: not door.places[0].held)
        assert closed[-1] is Why.HEAD_TOO_SLOW
        for _, writer in silent:
            writer.close()


async def test_places_come_back(door: Running) -> None:
    for source in ("127.0.0.1", "127.0.0.2", "127.0.0.1"):
        reader, writer = await door.connect(source=source)
        writer.write(GET)
        await reader.readuntil(b"\r\n\r\n0")
        writer.close()
    await until(lambda: not door.places[0].held)
    assert not door.places[0]._addresses


async def test_without_open_files_the_door_waits_and_goes_on(door: Running) -> None:
    listener = door.server.servers[0]
    real, refused = listener._port, []

    class OutOfFiles:
        """Once; then the socket itself."""

        fileno = real.fileno

        def accept(self) -> Any:
            refused.append(True)
            listener._port = real
            raise OSError(errno.EMFILE, "Too many open files")

    listener._port = OutOfFiles()
    assert (await door.ask(GET)).endswith(b"0")
    assert refused
