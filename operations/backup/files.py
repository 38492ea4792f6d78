"""The files of a backup: compressed BSON documents, each file with its SHA-256 in the manifest.

The manifest is written last and at once, so a folder without one is no backup. In a sealed backup each file but the
manifest is encrypted (seal.py), and the SHA-256 is that of the encrypted file: whether it is whole shows without a key.
"""

import gzip
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from pyrage.x25519 import Identity

from operations.backup.seal import SUFFIX, Opening, Sealing, recipients_of
from shared.errors import Stop
from shared.mongo.dump import pack, unpack_all

PLAIN, SEALED = 1, 2
"""Formats: a program that knows no sealed backups refuses one."""
MANIFEST = "manifest.json"
PACKED = ".bson.gz"
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
    are next offsets, by partition. recipients: public keys of those who can read it; none: everybody. log_of: whose log
    it is; "" where that is not known. Two backups with the same one have the same record at the same offset.
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
    recipients: list[str] = field(default_factory=list)
    format: int = PLAIN
    log_of: str = ""

    @property
    def sealed(self) -> bool:
        """Whether a key is needed to read it."""
        return self.format == SEALED


def partition_of(part: Part, topic: str) -> str | None:
    """The partition of a topic that a file has records of; None for another file. The file may be named for its first
    record too: a partition of the log is in several, in order.
    """
    folder, _, name = part.path.rpartition("/")
    return name.partition(".")[0] if folder == f"kafka/{topic}" else None


Keeps = Callable[[str, Iterator[dict[str, Any]]], Iterator[dict[str, Any]]]
"""What is read of a file, by its path."""


def _everything(_: str, documents: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    return documents


@dataclass(frozen=True, slots=True)
class Source:
    """A backup to read from: its folder, its manifest, what opens it where it is sealed, and what is read of it."""

    path: Path
    manifest: Manifest
    identities: Sequence[Identity] = ()
    keeps: Keeps = _everything

    @property
    def readable(self) -> bool:
        """Whether what is in its files can be looked at."""
        return not self.manifest.sealed or bool(self.identities)

    def file(self, part: Part) -> Path:
        """Where a part is."""
        return self.path / (part.path + (SUFFIX if self.manifest.sealed else ""))


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
    """The folder of a backup, for writing. Refuses a folder that is not empty.

    recipients: public keys of those who are to be able to read it; none: it is not sealed. Raises Malformed.
    """

    def __init__(self, path: Path, recipients: Sequence[str] = ()) -> None:
        self.recipients = [*recipients]
        self._sealed_to = recipients_of(recipients)
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise Stop(f"{path} exists and is not empty: choose a new folder, as a backup overwrites nothing")
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path = path
        self.parts: list[Part] = []

    @contextmanager
    def part(self, name: str) -> Iterator[Writing]:
        """A new file of the backup; it is on the disk when the block ends."""
        relative = f"{name}{PACKED}"
        path = self.path / (relative + (SUFFIX if self._sealed_to else ""))
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with path.open("xb") as raw:
            path.chmod(0o600)
            hashing = _Hashing(raw)
            with (
                self._sealing(hashing) as file,
                gzip.GzipFile(fileobj=file, mode="wb", compresslevel=1, mtime=0) as packed,
            ):
                writing = Writing(packed)
                yield writing
            raw.flush()
            os.fsync(raw.fileno())
        self.parts.append(Part(relative, writing.documents, path.stat().st_size, hashing.hash.hexdigest()))

    def share(self, earlier: Source, part: Part) -> None:
        """A file of an earlier backup, sealed to the same: by a second name for it, or a copy on another disk."""
        path = self.path / earlier.file(part).relative_to(earlier.path)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            path.hardlink_to(earlier.file(part))
        except OSError:  # another disk, or one without links
            shutil.copyfile(earlier.file(part), path)
            path.chmod(0o600)
        self.parts.append(part)

    @contextmanager
    def _sealing(self, file: Any) -> Iterator[Any]:
        if not self._sealed_to:
            yield file
            return
        with closing(Sealing(file, self._sealed_to)) as sealing:
            yield sealing

    def finish(self, manifest: Manifest) -> None:
        """Write the manifest: from here on it is a backup."""
        manifest.parts = self.parts
        manifest.recipients, manifest.format = self.recipients, SEALED if self._sealed_to else PLAIN
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
    if manifest.format not in {PLAIN, SEALED}:
        raise Stop(f"{path} has format {manifest.format}; this program reads {PLAIN} and {SEALED}")
    return manifest


def check_part(source: Source, part: Part) -> None:
    """Raises Stop if a file differs from what was written."""
    hashed = hashlib.sha256()
    try:
        with source.file(part).open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                hashed.update(block)
    except OSError as error:
        raise Stop(f"{part.path} of the backup can't be read: {error.strerror}") from error
    if hashed.hexdigest() != part.sha256:
        raise Stop(f"{part.path} of the backup is damaged: its SHA-256 is not that of the manifest")


def documents_of(source: Source, part: Part) -> Iterator[dict[str, Any]]:
    """The documents of a file. Raises Stop where it is sealed and can't be opened."""
    with source.file(part).open("rb") as raw, _opening(raw, source) as file, gzip.GzipFile(fileobj=file) as unpacked:
        yield from source.keeps(part.path, unpack_all(unpacked))  # type: ignore[arg-type]


@contextmanager
def _opening(raw: IO[bytes], source: Source) -> Iterator[Any]:
    if not source.manifest.sealed:
        yield raw
        return
    if not source.identities:
        raise Stop("the backup is sealed: name the file of a key that opens it (--identity)")
    with closing(Opening(raw, source.identities)) as opening:
        yield opening
