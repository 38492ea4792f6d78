"""The files of a backup: compressed BSON documents, each file with its SHA-256 in the manifest.

The manifest is written last and at once, so a folder without one is no backup.
"""

import gzip
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from shared.errors import Stop
from shared.mongo.dump import pack, unpack_all

FORMAT = 1
MANIFEST = "manifest.json"
BLOCK_BYTES = 1024 * 1024
Offsets = dict[str, int]
"""By partition, as JSON has it: the number is a text."""


@dataclass(frozen=True, slots=True)
class Part:
    """One file: its path in the backup, the documents and bytes that it has, its hash."""

    path: str
    documents: int
    size_bytes: int
    sha256: str


@dataclass(slots=True)
class Manifest:
    """What a backup contains and at which positions it was taken.

    admitted: the position of admission on the inbox; folded: that of each service on the log; ends: of the log. All
    are next offsets, by partition.
    """

    made_at: str
    partitions: int
    time_zone: str
    log_generation: int
    inbox_generation: int
    generations: dict[str, int]
    admitted: Offsets
    folded: dict[str, Offsets]
    ends: Offsets = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)
    format: int = FORMAT


class _Hashing:
    """A file that hashes what is written to it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.hash = file, hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.hash.update(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


class Writing:
    """One file that is being written."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.documents = 0

    def add(self, documents: Iterable[dict[str, Any]]) -> int:
        """Write documents; returns how many."""
        before = self.documents
        for document in documents:
            self._file.write(pack(document))
            self.documents += 1
        return self.documents - before


class Folder:
    """The folder of a backup, for writing. Refuses a folder that is not empty."""

    def __init__(self, path: Path) -> None:
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise Stop(f"{path} exists and is not empty: choose a new folder, as a backup overwrites nothing")
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path = path
        self.parts: list[Part] = []

    @contextmanager
    def part(self, name: str) -> Iterator[Writing]:
        """A new file of the backup; it is on the disk when the block ends."""
        path = self.path / f"{name}.bson.gz"
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with path.open("xb") as raw:
            path.chmod(0o600)
            hashing = _Hashing(raw)
            with gzip.GzipFile(fileobj=hashing, mode="wb", compresslevel=1, mtime=0) as packed:
                writing = Writing(packed)
                yield writing
            raw.flush()
            os.fsync(raw.fileno())
        relative = path.relative_to(self.path).as_posix()
        self.parts.append(Part(relative, writing.documents, path.stat().st_size, hashing.hash.hexdigest()))

    def finish(self, manifest: Manifest) -> None:
        """Write the manifest: from here on it is a backup."""
        manifest.parts = self.parts
        partial = self.path / f"{MANIFEST}.partial"
        partial.write_text(json.dumps(asdict(manifest), indent=1) + "\n", encoding="utf-8")
        partial.rename(self.path / MANIFEST)


def read_manifest(path: Path) -> Manifest:
    """The manifest of a backup. Raises Stop when there is none, or one of another version."""
    try:
        document = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        parts = [Part(**part) for part in document.pop("parts")]
        manifest = Manifest(**document, parts=parts)
    except FileNotFoundError:
        raise Stop(f"{path} has no {MANIFEST}: it is not a backup, or an incomplete one") from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise Stop(f"{path / MANIFEST} can't be read: {error}") from error
    if manifest.format != FORMAT:
        raise Stop(f"{path} has format {manifest.format}; this program reads {FORMAT}")
    return manifest


def check_part(path: Path, part: Part) -> None:
    """Raises Stop if a file differs from what was written."""
    hashed = hashlib.sha256()
    try:
        with (path / part.path).open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                hashed.update(block)
    except OSError as error:
        raise Stop(f"{part.path} of the backup can't be read: {error.strerror}") from error
    if hashed.hexdigest() != part.sha256:
        raise Stop(f"{part.path} of the backup is damaged: its SHA-256 is not that of the manifest")


def documents_of(path: Path, part: Part) -> Iterator[dict[str, Any]]:
    """The documents of a file."""
    with gzip.open(path / part.path, "rb") as file:
        yield from unpack_all(file)  # type: ignore[arg-type]
