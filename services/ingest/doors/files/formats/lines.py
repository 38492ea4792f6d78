"""Lines of a file's text, with their numbers; encoding and line ends are given or detected."""

import codecs
import contextlib
import io
from collections.abc import Iterator
from io import BufferedIOBase
from typing import NamedTuple

from services.ingest.doors.files.formats import encodings
from services.ingest.doors.files.formats.packed import Stored
from shared.errors import Malformed

MAX_LINE_BYTES = 1024 * 1024
"""Longest line, far above any event: anything longer is a damaged file and must not fill the memory."""
MAX_LOOKED_AT_BYTES = 64 * 1024 * 1024
"""How far to read a file to find its encoding: a customer list may be ASCII until its thousandth name."""
_UTF8_BOM = b"\xef\xbb\xbf"
_BLOCK_BYTES = 64 * 1024


class Line(NamedTuple):
    """A line without its end. `too_long`: only its beginning; `terminated`: whether a line end followed."""

    number: int
    raw: bytes
    too_long: bool
    terminated: bool


class LineSource:
    """The lines of a text; can be read repeatedly. Raises Malformed if the file can't be opened.

    encoding: from the mapping; None to detect it. A byte order mark overrides both. Afterwards `encoding` is that of
    the lines, `said` that of the file if it was detected and is not plain UTF-8.
    """

    def __init__(self, stored: Stored, encoding: str | None = "utf-8") -> None:
        self.stored = stored
        head = stored.head(_BLOCK_BYTES)
        marked = encodings.from_mark(head)
        found = encodings.Found(marked or encoding or "", sure=True)
        if not found.name:
            found = self._look()
        self.said = "" if found.name in {"utf-8", "utf-8-sig", encoding} else found.name
        if not found.sure:
            self.said += " (detected; set `encoding` in the mapping if names are garbled)"
        self._recode = None if encodings.by_lines(found.name) or found.name == "utf-8-sig" else found.name
        self.encoding = "utf-8" if self._recode or found.name == "utf-8-sig" else found.name
        self._only_returns = not self._recode and b"\r" in head and b"\n" not in head

    def __iter__(self) -> Iterator[Line]:
        """Raises Malformed when the file can't be read to its end."""
        number = 0
        try:
            with self.stored.opened() as stream:
                for number, line in enumerate(_lines(self._plain(stream)), start=1):
                    if number & 63 == 1:
                        self.stored.tell()
                    yield line if number > 1 else line._replace(raw=line.raw.removeprefix(_UTF8_BOM))
                self.stored.tell()
        except UnicodeError as error:
            raise Malformed(f"{self.stored.path}: not {self._recode} after line {number}: {error}") from None
        except Malformed as error:
            raise Malformed(str(error).replace("truncated:", f"truncated after line {number}:")) from None

    def _plain(self, stream: BufferedIOBase) -> BufferedIOBase:
        """The bytes with line ends that `readline` knows, in an encoding where these are single bytes."""
        if self._recode:
            return io.BufferedReader(_Recoded(stream, self._recode), _BLOCK_BYTES)
        return io.BufferedReader(_Returns(stream), _BLOCK_BYTES) if self._only_returns else stream

    def _look(self) -> encodings.Found:
        sample: list[bytes] = []
        with contextlib.suppress(Malformed), self.stored.opened() as stream:  # said by the read that counts
            for line in encodings.foreign_lines(_until(stream, MAX_LOOKED_AT_BYTES)):
                sample.append(line)  # noqa: PERF402 - what was read before a damage is kept
        return encodings.look(sample)


class _Recoded(io.RawIOBase):
    """A text of any encoding as UTF-8, with line feeds as line ends."""

    def __init__(self, stream: BufferedIOBase, encoding: str) -> None:
        self._stream = stream
        decoder = codecs.getincrementaldecoder(encoding)()
        self._decoder = io.IncrementalNewlineDecoder(decoder, translate=True)
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._left:
            block = self._stream.read(_BLOCK_BYTES)
            self._left = self._decoder.decode(block, final=not block).encode("utf-8", "backslashreplace")
            if not block:
                break
        count = min(len(buffer), len(self._left))
        buffer[:count], self._left = self._left[:count], self._left[count:]
        return count


class _Returns(io.RawIOBase):
    """A text whose lines end with only a carriage return, as on old Macs."""

    def __init__(self, stream: BufferedIOBase) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        block = self._stream.read(len(buffer)).replace(b"\r", b"\n")
        buffer[: len(block)] = block
        return len(block)


def _until(stream: BufferedIOBase, most_bytes: int) -> Iterator[bytes]:
    while most_bytes > 0 and (line := stream.readline(MAX_LINE_BYTES)):
        most_bytes -= len(line)
        yield line


def _lines(stream: BufferedIOBase) -> Iterator[Line]:
    number = 0
    while raw := stream.readline(MAX_LINE_BYTES):
        number += 1
        terminated = raw.endswith(b"\n")
        too_long = len(raw) == MAX_LINE_BYTES and not terminated
        while too_long and not terminated:
            rest = stream.readline(MAX_LINE_BYTES)
            terminated = rest.endswith(b"\n") or not rest
        yield Line(number, raw.rstrip(b"\r\n"), too_long, terminated)
