"""One attacker, a process of its own: `python -m tests.attacks.attacker NAME PORT SECONDS TOKEN`.

Ends after SECONDS, whatever the door does, and says in JSON how many connections it opened and how many were open then.
"""

import asyncio
import json
import resource
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

HOST = "127.0.0.1"
MANY = 3000
BODIES = 64
DEAF = 30
MAX_BYTES = 400_000_000
"""Of one attacker, in all."""
PAUSE_SECONDS = 0.05
_PIECE = b"a" * 65_536


@dataclass
class Attacker:
    """What an attack may use, and what it counts."""

    port: int
    token: str
    ends_at: float
    opened: int = 0
    open_now: int = 0
    sent_bytes: int = 0
    answers: dict[str, int] = field(default_factory=dict)

    def goes_on(self) -> bool:
        return time.monotonic() < self.ends_at and self.sent_bytes < MAX_BYTES

    @asynccontextmanager
    async def connection(self, **options: Any) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_connection(HOST, self.port, **options)
        self.opened += 1
        self.open_now += 1
        try:
            yield reader, writer
        finally:
            self.open_now -= 1
            writer.transport.abort()

    async def send(self, writer: asyncio.StreamWriter, piece: bytes) -> None:
        writer.write(piece)
        self.sent_bytes += len(piece)
        await writer.drain()

    async def wait_for_end(self, reader: asyncio.StreamReader) -> None:
        """Hold the connection until the door or the attack ends it."""
        left = self.ends_at - time.monotonic()
        if left > 0:
            async with asyncio.timeout(left):
                head = await reader.read(12)
                self.answers[head.decode("latin-1")] = self.answers.get(head.decode("latin-1"), 0) + 1
                while await reader.read(65_536):
                    pass

    async def again_and_again(self, one: Callable[[], Awaitable[None]]) -> None:
        while self.goes_on():
            with suppress(OSError, TimeoutError):
                await one()
            await asyncio.sleep(PAUSE_SECONDS)


async def _endless(attacker: Attacker, begin: bytes, piece: bytes, most: int) -> None:
    async with attacker.connection() as (reader, writer):
        await attacker.send(writer, begin)
        sent = 0
        while sent < most and attacker.goes_on() and not reader.at_eof():
            await attacker.send(writer, piece)
            sent += len(piece)


async def endless_header(attacker: Attacker) -> None:
    """A connection that sends a header without an end."""
    await attacker.again_and_again(lambda: _endless(attacker, b"GET / HTTP/1.1\r\nX: ", _PIECE, MAX_BYTES))


async def header_of_60_mb(attacker: Attacker) -> None:
    """A header of 60 MB, whole."""

    async def one() -> None:
        async with attacker.connection() as (reader, writer):
            await attacker.send(writer, b"GET / HTTP/1.1\r\nX: " + b"a" * 60_000_000 + b"\r\n\r\n")
            await attacker.wait_for_end(reader)

    await attacker.again_and_again(one)


async def endless_trailer(attacker: Attacker) -> None:
    """The same behind a body."""
    begin = b"POST /v1/events HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: "
    await attacker.again_and_again(lambda: _endless(attacker, begin, _PIECE, MAX_BYTES))


async def tiny_chunks(attacker: Attacker) -> None:
    """A body in chunks of one byte, with a key."""
    begin = _post(attacker, b"Transfer-Encoding: chunked\r\n")
    await attacker.again_and_again(lambda: _endless(attacker, begin, b"1\r\n \r\n" * 5_000, 4_000_000))


async def half_heads(attacker: Attacker) -> None:
    """3,000 heads that are never whole."""
    await _many(attacker, b"POST /v1/events HTTP/1.1\r\nHost: x\r\n")


async def silent(attacker: Attacker) -> None:
    """3,000 connections that say nothing."""
    await _many(attacker, b"")


async def idle(attacker: Attacker) -> None:
    """3,000 connections that had one answer and wait."""
    await _many(attacker, b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")


async def slow_bodies(attacker: Attacker) -> None:
    """64 bodies of one key, a byte a second."""

    async def one() -> None:
        async with attacker.connection() as (reader, writer):
            await attacker.send(writer, _post(attacker, b"Content-Length: 100000\r\n"))
            while attacker.goes_on() and not reader.at_eof() and not writer.is_closing():
                await attacker.send(writer, b" ")
                await asyncio.sleep(1)

    await asyncio.gather(*(attacker.again_and_again(one) for _ in range(BODIES)))


async def unread_answers(attacker: Attacker) -> None:
    """30 connections that ask for the reference again and again, and read nothing."""
    ask = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"

    async def one() -> None:
        async with attacker.connection(limit=1024) as (reader, writer):
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            while attacker.goes_on() and not writer.is_closing() and not reader.at_eof():
                await attacker.send(writer, ask)
                await asyncio.sleep(0.1)

    await asyncio.gather(*(attacker.again_and_again(one) for _ in range(DEAF)))


async def _many(attacker: Attacker, said: bytes) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    fits = MANY if hard == resource.RLIM_INFINITY else min(MANY, hard - 100)
    resource.setrlimit(resource.RLIMIT_NOFILE, (fits + 100, hard))

    async def one() -> None:
        async with attacker.connection() as (reader, writer):
            await attacker.send(writer, said)
            await attacker.wait_for_end(reader)
        await asyncio.sleep(1)

    await asyncio.gather(*(attacker.again_and_again(one) for _ in range(fits)))


def _post(attacker: Attacker, more: bytes) -> bytes:
    return (
        b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Authorization: Bearer " + attacker.token.encode() + b"\r\n" + more + b"\r\n"
    )


ATTACKS: dict[str, Callable[[Attacker], Awaitable[None]]] = {
    attack.__name__: attack
    for attack in (
        endless_header, header_of_60_mb, half_heads, slow_bodies, endless_trailer, tiny_chunks, silent, idle,
        unread_answers,
    )
}  # fmt: skip
NAMED = ("endless_header", "header_of_60_mb", "half_heads", "slow_bodies")
"""Those that the door is promised to stand; the others are of their kind."""


async def _run(name: str, port: int, seconds: float, token: str) -> None:
    attacker = Attacker(port, token, time.monotonic() + seconds)
    attack = asyncio.ensure_future(ATTACKS[name](attacker))
    await asyncio.wait([attack], timeout=seconds)
    left = attacker.open_now
    attack.cancel()
    await asyncio.gather(attack, return_exceptions=True)
    print(json.dumps({"opened": attacker.opened, "open_at_the_end": left, "sent_bytes": attacker.sent_bytes}))


if __name__ == "__main__":
    asyncio.run(_run(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]))
