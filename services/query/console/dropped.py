"""A form with a file, read as it comes (multipart/form-data, RFC 7578): fields first, the file in chunks.

Nothing of the file is held beyond a chunk, and nothing is written here.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from shared.mongo.uploads import MAX_NAME_CHARS

MAX_HEAD_BYTES = 8 * 1024
"""Of one part: its name, the file's name and kind."""
MAX_FIELD_BYTES = 4 * 1024
MAX_PARTS = 10
_BOUNDARY = re.compile(r'multipart/form-data\s*;.*?\bboundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))', re.IGNORECASE)
_NAME = re.compile(rb'[;\s]name="([^"]*)"', re.IGNORECASE)
_FILE = re.compile(rb'[;\s]filename="([^"]*)"', re.IGNORECASE)


class NoForm(Exception):  # noqa: N818 - it is an answer
    """The body is no form of ours."""


@dataclass(frozen=True, slots=True)
class Part:
    """A field, or a file where `filename` is not None. chunks: to be read before the next part."""

    name: str
    filename: str | None
    chunks: AsyncIterator[bytes]

    async def text(self) -> str:
        """A field's. Raises NoForm for one that is too long."""
        held = bytearray()
        async for chunk in self.chunks:
            held += chunk
            if len(held) > MAX_FIELD_BYTES:
                raise NoForm
        return held.decode("utf-8", "replace")


async def parts(content_type: str, chunks: AsyncIterator[bytes]) -> AsyncIterator[Part]:
    """The parts of a body, in order. Raises NoForm."""
    found = _BOUNDARY.match(content_type)
    if found is None:
        raise NoForm
    body = _Body(chunks, b"\r\n--" + (found[1] or found[2]).encode("latin-1", "replace"))
    await body.begin()
    for _ in range(MAX_PARTS):
        head = await body.head()
        if head is None:
            return
        name, file = _NAME.search(head), _FILE.search(head)
        if name is None:
            raise NoForm
        inside = body.content()
        yield Part(_text(name[1]), None if file is None else shown_name(_text(file[1])), inside)
        async for _chunk in inside:  # whatever of it nobody read
            pass
    raise NoForm


def shown_name(name: str) -> str:
    """How people call a file: its last part, printable, its end where it is long; "" for none chosen."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(sign for sign in last if sign.isprintable()).strip()[-MAX_NAME_CHARS:]


def _text(raw: bytes) -> str:
    """Browsers write these three signs so, and nothing else."""
    text = raw.decode("utf-8", "replace")
    for written, sign in (("%22", '"'), ("%0D", "\r"), ("%0A", "\n")):
        text = text.replace(written, sign)
    return text


@dataclass(slots=True)
class _Body:
    source: AsyncIterator[bytes]
    mark: bytes
    held: bytearray = None  # type: ignore[assignment]

    async def begin(self) -> None:
        """Up to behind the first boundary."""
        self.held = bytearray(b"\r\n")  # the first may stand at the very beginning
        await self._until(self.mark)

    async def head(self) -> bytes | None:
        """The lines before a part's content; None behind the last part."""
        while len(self.held) < len(b"--"):
            await self._more()
        if self.held.startswith(b"--"):
            return None
        return b";" + await self._until(b"\r\n\r\n")

    async def content(self) -> AsyncIterator[bytes]:
        """Up to the next boundary."""
        while (at := self.held.find(self.mark)) < 0:
            sure = len(self.held) - len(self.mark) + 1  # the mark may have begun
            if sure > 0:
                chunk = bytes(self.held[:sure])
                del self.held[:sure]
                yield chunk
            await self._more()
        chunk = bytes(self.held[:at])
        del self.held[: at + len(self.mark)]
        if chunk:
            yield chunk

    async def _until(self, mark: bytes) -> bytes:
        while (at := self.held.find(mark)) < 0:
            if len(self.held) > MAX_HEAD_BYTES:
                raise NoForm
            await self._more()
        if at > MAX_HEAD_BYTES:
            raise NoForm
        found = bytes(self.held[:at])
        del self.held[: at + len(mark)]
        return found

    async def _more(self) -> None:
        async for chunk in self.source:
            if chunk:
                self.held += chunk
                return
        raise NoForm
