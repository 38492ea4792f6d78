"""Whether a backup could be restored, as far as its files tell: without servers, and without restoring it."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from pyrage.x25519 import Identity

from operations.backup.files import (
    PACKED,
    Manifest,
    Part,
    Source,
    check_part,
    documents_of,
    partition_of,
    read_manifest,
)
from operations.progress import Steps
from services import SERVICES
from shared.errors import Stop
from shared.topics import LOG

CHECKED = "checked.json"
"""Beside the manifest: that the backup was read whole and found good, and when."""


def check_backup(path: Path, *, note: Callable[[str], None], identities: Sequence[Identity] = ()) -> Source:
    """Reads every file whole. Raises Stop if one is missing or damaged, holds another number of documents than the
    manifest says, or if the log lacks a record. Of a sealed backup that nothing opens, only the checksums are looked
    at, which the result tells (`readable`).
    """
    manifest = read_manifest(path)
    source = Source(path, manifest, identities)
    wanted = {f"waiting/{one}{PACKED}" for one in SERVICES.folding}
    if missing := sorted(wanted - {part.path for part in manifest.parts}):
        raise Stop(f"the backup has no {missing[0]}: it is of a version with other services, or was edited")
    starts = _log_whole(manifest)
    with Steps(note) as steps:
        step = steps.step("files", len(manifest.parts))
        for part in manifest.parts:
            check_part(source, part)
            if source.readable:
                _read(source, part, starts.get(part.path))
            step.add(1)
    return source


def mark_checked(source: Source, at: datetime) -> None:
    """Write down beside the manifest that it is good. Raises OSError where the folder can't be written."""
    document = {"made_at": source.manifest.made_at, "at": at.isoformat(timespec="seconds")}
    (source.path / CHECKED).write_text(json.dumps(document) + "\n", encoding="utf-8")


def unmark_checked(path: Path) -> None:
    """What was good is not any more."""
    (path / CHECKED).unlink(missing_ok=True)


def checked_at(path: Path, manifest: Manifest) -> datetime | None:
    """When it was found good; None where it was not."""
    try:
        document = json.loads((path / CHECKED).read_text(encoding="utf-8"))
        return datetime.fromisoformat(document["at"]) if document["made_at"] == manifest.made_at else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _log_whole(manifest: Manifest) -> dict[str, int]:
    """Of each file of the log, the offset that its first record must have. Raises Stop unless they reach the ends."""
    starts: dict[str, int] = {}
    reached: dict[str, int] = {}
    for part in manifest.parts:
        partition = partition_of(part, LOG.name)
        if partition is not None:
            starts[part.path] = reached.setdefault(partition, 0)
            reached[partition] += part.documents
    for partition, end in manifest.ends.items():
        if partition not in reached:
            raise Stop(f"the backup has no kafka/{LOG.name}/{partition}: it was edited")
        if reached[partition] != end:
            raise Stop(f"kafka/{LOG.name}/{partition} of the backup has {reached[partition]} records, not {end}")
    return starts


def _read(source: Source, part: Part, start: int | None) -> None:
    """Every document can be read; in a file of the log, from `start` on, each offset."""
    count = 0
    try:
        for count, document in enumerate(documents_of(source, part), 1):
            if start is not None and document["o"] != start + count - 1:
                raise Stop(f"{part.path} of the backup lacks the record at {start + count - 1}")
    except (OSError, EOFError, ValueError, KeyError) as error:
        raise Stop(f"{part.path} of the backup can't be read: {error}") from error
    if count != part.documents:
        raise Stop(f"{part.path} of the backup has {count} documents, not {part.documents}")
