"""Backups that only the holder of a key can read: age (age-encryption.org) by its maintained library, pyrage.

What is written is sealed as it comes, in a thread, so nothing readable touches the disk. Who seals needs public keys
only; the identity, which opens, need not be on the machine that makes backups.
"""

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import pyrage
from pyrage.x25519 import Identity, Recipient

from shared.errors import Malformed, Stop

SUFFIX = ".age"
MAX_IDENTITY_BYTES = 64 * 1024
_COMMENT = "#"


def recipients_of(texts: Sequence[str]) -> list[Recipient]:
    """Whom a backup is sealed to, from public keys such as age1... Raises Malformed."""
    return [_one(Recipient.from_str, text, "a public key of age, such as age1...") for text in texts]


def identities_of(file: Path | None) -> list[Identity]:
    """What opens, from a file as age-keygen writes it: a line for each, and comments. Raises Malformed."""
    if file is None:
        return []
    try:
        with file.open("rb") as stream:
            text = stream.read(MAX_IDENTITY_BYTES).decode("utf-8")
    except OSError as error:
        raise Malformed(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise Malformed(f"{file} is not a text") from None
    lines = [line.strip() for line in text.splitlines()]
    found = [
        _one(Identity.from_str, line, f"a key of age in {file}", shown=False)
        for line in lines
        if line and not line.startswith(_COMMENT)
    ]
    if not found:
        raise Malformed(f"{file} has no key of age: a line such as AGE-SECRET-KEY-1...")
    return found


def _one(read: Callable[[str], Any], text: str, what: str, *, shown: bool = True) -> Any:
    try:
        return read(text.strip())
    except Exception as error:  # pyrage's own have no common kind
        raise Malformed(f"{repr(text) + ' is ' if shown else 'a line is '}not {what}") from error


class _Through:
    """A pipe with a thread at its other end."""

    def __init__(self, work: Callable[[IO[bytes]], None], ours: str) -> None:
        self._error: BaseException | None = None
        reading, writing = os.pipe()
        mine, other = (writing, reading) if ours == "wb" else (reading, writing)
        self._ours: IO[bytes] = os.fdopen(mine, ours)
        theirs = os.fdopen(other, "rb" if ours == "wb" else "wb")

        def working() -> None:
            try:
                with theirs:
                    work(theirs)
            except BaseException as error:  # noqa: BLE001 - told to who reads or writes
                self._error = error

        self._thread = threading.Thread(target=working, daemon=True)
        self._thread.start()

    def _end(self) -> None:
        """Raises Stop if the other end failed."""
        self._thread.join()
        if self._error is not None:
            raise Stop(f"age: {self._error}") from self._error


class Sealing(_Through):
    """What is written to it comes sealed into the file."""

    def __init__(self, file: Any, recipients: Sequence[Recipient]) -> None:
        super().__init__(lambda theirs: pyrage.encrypt_io(theirs, file, list(recipients)), "wb")

    def write(self, data: bytes) -> int:
        """As a file does."""
        try:
            return self._ours.write(data)
        except BrokenPipeError:
            self._end()
            raise

    def flush(self) -> None:
        """As a file does."""
        self._ours.flush()

    def close(self) -> None:
        """All is in the file when it returns. Raises Stop if sealing failed."""
        with suppress(BrokenPipeError):
            self._ours.close()
        self._end()


class Opening(_Through):
    """What is read from it is what was sealed into the file."""

    def __init__(self, file: IO[bytes], identities: Sequence[Identity]) -> None:
        super().__init__(lambda theirs: pyrage.decrypt_io(file, theirs, list(identities)), "rb")

    def read(self, size: int = -1) -> bytes:
        """As a file does. Raises Stop where the file can't be opened by these identities, or was changed."""
        data = self._ours.read(size)
        if not data:
            self._end()
        return data

    def close(self) -> None:
        """Whatever is left is not read."""
        self._ours.close()
        self._thread.join()
