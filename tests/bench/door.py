"""A client for measurements: keep-alive connections and nothing else.

A general HTTP client costs more for each request than the door does, on a machine that both have to share.
"""

import asyncio
import json
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from local.demo.cloudevents import CloudEvent

PATH = "/v1/events"
BATCH_TYPE = "application/cloudevents-batch+json"
ANSWER_SECONDS = 30.0
ACCEPTED = 202

_Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Connections:
    """To the server of a base URL such as http://127.0.0.1:8080: as many as are asked by at once, kept for the next."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._idle: deque[_Connection] = deque()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _, writer in self._idle:
            writer.close()
        self._idle.clear()

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Status and body of the answer. Raises OSError, TimeoutError or EOFError without one."""
        async with asyncio.timeout(ANSWER_SECONDS):
            while self._idle:
                try:
                    return await self._ask(self._idle.pop(), request)
                except (asyncio.IncompleteReadError, ConnectionError):
                    continue  # a server closes a connection that was idle for long; an event sent twice counts once
            return await self._ask(await asyncio.open_connection(self._host, self._port), request)

    async def _ask(self, connection: _Connection, request: bytes) -> tuple[int, bytes]:
        reader, writer = connection
        try:
            writer.write(request)
            status, length = _status_and_length(await reader.readuntil(b"\r\n\r\n"))
            body = await reader.readexactly(length)
        except BaseException:
            writer.close()
            raise
        self._idle.append(connection)
        return status, body


class Door(Connections):
    """The HTTP door, entered with an API key."""

    def __init__(self, url: str, token: str) -> None:
        super().__init__(url)
        self._head = (
            f"POST {PATH} HTTP/1.1\r\nhost: {urlsplit(url).netloc}\r\nauthorization: Bearer {token}\r\n"
            f"content-type: {BATCH_TYPE}\r\ncontent-length: "
        )

    async def send(self, events: Sequence[CloudEvent]) -> bool:
        """Sends a batch; was all of it accepted? Raises OSError, TimeoutError or EOFError without an answer."""
        body = json.dumps(events, ensure_ascii=False, separators=(",", ":")).encode()
        status, _ = await self.ask(f"{self._head}{len(body)}\r\n\r\n".encode() + body)
        return status == ACCEPTED


def _status_and_length(head: bytes) -> tuple[int, int]:
    lines = head.decode("latin-1").split("\r\n")
    lengths = (line.partition(":")[2] for line in lines if line.lower().startswith("content-length:"))
    return int(lines[0].split(" ", 2)[1]), int(next(lengths))
