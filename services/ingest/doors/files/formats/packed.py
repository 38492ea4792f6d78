"""A file as stored: whether it is packed, what it contains, and its bytes."""

import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import BufferedIOBase, BufferedReader
from pathlib import Path
from typing import IO, cast

from services.ingest.doors.files.formats.kinds import HEAD_BYTES, Unusable, What, only_member, what_is, what_zip_is
from shared.errors import Malformed

MAX_WORKBOOK_BYTES = 512 * 1024 * 1024
"""Largest unpacked workbook: it is read into memory as a whole, and this is about a million rows of twenty columns."""
_DAMAGE = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, zipfile.BadZipFile, NotImplementedError)


class Stored:
    """A file, what it is, and how far it has been read. Raises Malformed with what it is if it can't be imported."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.done_bytes = 0
        """Bytes of the stored file."""
        self._packed: list[str | None] = []
        self.what = self._look()

    @contextmanager
    def opened(self) -> Iterator[BufferedIOBase]:
        """The unpacked bytes. Raises Malformed, also from within the block, when the file can't be read."""
        try:
            with ExitStack() as stack, self.path.open("rb") as stored:
                yield self._unpacked(stored, stack)
        except _DAMAGE as error:
            raise Malformed(f"{self.path}: damaged or truncated: {error}") from None
        except RuntimeError as error:
            if "password" in str(error):
                raise Malformed(f"{self.path} is a zip archive with a password; unpack it first") from None
            raise
        except OSError as error:
            raise Malformed(f"{self.path}: {error.strerror or error}") from None

    def head(self, most_bytes: int) -> bytes:
        """The first bytes, as far as a damaged file has any; reading on reports the damage."""
        read = bytearray()
        try:
            with self.opened() as stream:
                while len(read) < most_bytes and (block := stream.read1(most_bytes - len(read))):
                    read += block
        except Malformed:
            if not read:
                raise
        return bytes(read)

    def tell(self) -> None:
        """Record how far the stored file has been read; readers call it now and then."""
        if not self._stored.closed:
            self.done_bytes = self._stored.tell()

    def whole(self) -> bytes:
        """All bytes of a workbook. Raises Malformed when it is too large."""
        with self.opened() as stream:
            content = stream.read(MAX_WORKBOOK_BYTES + 1)
        self.done_bytes = self.path.stat().st_size
        if len(content) > MAX_WORKBOOK_BYTES or _unpacked_bytes(content) > MAX_WORKBOOK_BYTES:
            hint = "save the sheet as CSV, which has no size limit"
            raise Malformed(f"{self.path}: a workbook larger than {MAX_WORKBOOK_BYTES >> 20} MB; {hint}")
        return content

    def _unpacked(self, stored: BufferedReader, stack: ExitStack) -> BufferedIOBase:
        self._stored = stored
        stream: BufferedIOBase = stored
        for member in self._packed:
            if member is None:
                stream = stack.enter_context(gzip.GzipFile(fileobj=stream))
            else:
                archive = stack.enter_context(zipfile.ZipFile(cast("IO[bytes]", stream)))
                stream = cast("BufferedIOBase", stack.enter_context(archive.open(member)))
        return stream

    def _look(self) -> What:
        """Refuse what can't be imported; text and workbooks may be packed, but not an archive in an archive."""
        while True:
            found = self._look_once()
            if isinstance(found, Unusable):
                raise Malformed(f"{self.path} is {found.name}; {found.advice}")
            if found.kind in {"text", "workbook"}:
                return found
            if len(self._packed) > 1:
                raise Malformed(f"{self.path} is an archive in an archive; unpack it first")

    def _look_once(self) -> What | Unusable:
        head = self.head(HEAD_BYTES)
        found = what_is(head)
        if not isinstance(found, What) or found.kind == "text":
            return found
        if found.kind == "gzip":
            self._packed.append(None)
            return found
        with self.opened() as stream:
            if found.kind == "workbook":
                return what_is(head, whole=stream.read(MAX_WORKBOOK_BYTES))
            # A zip archive's names stand at its end, so that it can't be read as a stream.
            with zipfile.ZipFile(io.BytesIO(stream.read(MAX_WORKBOOK_BYTES)) if self._packed else stream) as archive:
                names = archive.namelist()
                mimetype = archive.read("mimetype") if "mimetype" in names else b""
            found = what_zip_is(names, mimetype)
            if isinstance(found, What) and found.kind == "zip":
                member = only_member(names)
                if isinstance(member, Unusable):
                    return member
                self._packed.append(member)
            return found


def _unpacked_bytes(content: bytes) -> int:
    """The unpacked size of a workbook, by its own directory: a small one may unpack to far more than memory."""
    if not content.startswith(b"PK"):
        return len(content)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return sum(info.file_size for info in archive.infolist())
    except zipfile.BadZipFile:
        return len(content)  # said by who reads it
