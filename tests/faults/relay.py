"""TCP relays between processes and servers, which can be cut, held up or slowed down like a network."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

CHUNK_BYTES = 65_536


class Relay:
    """Forwards `port` of this machine to `target` of `host`.

    cut: connections end, new ones are refused after they were made. hold: everything stays open and nothing gets
    through, as with a cable that is out. slow_seconds: what each chunk waits, on both ways.
    """

    def __init__(self, port: int, target: int, host: str = "127.0.0.1") -> None:
        self.port, self.target, self._host = port, target, host
        self.slow_seconds = 0.0
        self._open = asyncio.Event()
        self._open.set()
        self._cut = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        self.cut()

    def cut(self) -> None:
        """End all connections, and make no new ones."""
        self._cut = True
        for writer in list(self._writers):
            writer.transport.abort()

    def hold(self) -> None:
        """Let nothing through any more."""
        self._open.clear()

    def mend(self) -> None:
        """All is well again; what was held goes on."""
        self._cut = False
        self.slow_seconds = 0.0
        self._open.set()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._open.wait()
        if self._cut:
            writer.transport.abort()
            return
        try:
            there_reader, there_writer = await asyncio.open_connection(self._host, self.target)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, there_writer}
        self._writers |= both
        await asyncio.gather(self._copy(reader, there_writer), self._copy(there_reader, writer))
        self._writers -= both

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK_BYTES):
                await self._open.wait()
                if self.slow_seconds:
                    await asyncio.sleep(self.slow_seconds)
                writer.write(data)
                await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def relay(port: int, target: int, host: str) -> AsyncIterator[Relay]:
    """A relay for as long as a block."""
    made = Relay(port, target, host)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()
