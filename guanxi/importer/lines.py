"""Lines of a file, compressed or not, with their numbers, and how far the reading has come."""

import gzip
import zlib
from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path
from typing import NamedTuple

from shared.errors import Malformed

MAX_LINE_BYTES = 1024 * 1024
"""Of one line: far above any event; what is longer is no row but a broken file, and must not fill the
memory."""
_GZIP = b"\x1f\x8b"
_UTF8_BOM = b"\xef\xbb\xbf"
_OTHER_BOMS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


class Line(NamedTuple):
    """A line without its end. `too_long`: only the beginning is here; `terminated`: whether a line end
    followed.
    """

    number: int
    raw: bytes
    too_long: bool
    terminated: bool


class LineSource:
    """The lines of a file; usable once. A UTF-8 byte order mark is passed over."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.done_bytes = 0
        """Of the file as it is stored."""

    def __iter__(self) -> Iterator[Line]:
        """Raises Malformed when the file can't be read to its end."""
        number = 0
        try:
            with self.path.open("rb") as stored:
                is_gzip = stored.read(2) == _GZIP
                stored.seek(0)
                stream: BufferedIOBase = gzip.GzipFile(fileobj=stored) if is_gzip else stored
                for number, line in enumerate(_lines(stream), start=1):
                    self.done_bytes = stored.tell()
                    if number == 1:
                        yield line._replace(raw=self._without_mark(line.raw))
                    else:
                        yield line
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise Malformed(f"{self.path}: damaged or cut off after line {number}: {error}") from None
        except OSError as error:
            raise Malformed(f"{self.path}: {error.strerror or error}") from None

    def _without_mark(self, raw: bytes) -> bytes:
        other = _OTHER_BOMS.get(raw[:2])
        if other is not None:
            raise Malformed(f"{self.path}, line 1: the file is {other}; convert it to UTF-8 first")
        return raw.removeprefix(_UTF8_BOM)


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
