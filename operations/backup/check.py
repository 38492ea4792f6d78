"""Whether a backup could be restored, as far as its files tell: without servers, and without restoring it."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from pyrage.x25519 import Identity

from operations.backup.files import Manifest, Part, Source, check_part, documents_of, read_manifest
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
    there = {part.path for part in manifest.parts}
    wanted = {_log(partition) for partition in manifest.ends} | {f"waiting/{one}.bson.gz" for one in SERVICES.folding}
    if missing := sorted(wanted - there):
        raise Stop(f"the backup has no {missing[0]}: it is of a version with other services, or was edited")
    with Steps(note) as steps:
        step = steps.step("files", len(manifest.parts))
        for part in manifest.parts:
            check_part(source, part)
            if source.readable:
                _read(source, part)
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


def _read(source: Source, part: Part) -> None:
    """Every document can be read; a partition of the log has each offset up to its end."""
    ends = {_log(partition): end for partition, end in source.manifest.ends.items()}
    count = 0
    try:
        for count, document in enumerate(documents_of(source, part), 1):
            if part.path in ends and document["o"] != count - 1:
                raise Stop(f"{part.path} of the backup lacks the record at {count - 1}")
    except (OSError, EOFError, ValueError, KeyError) as error:
        raise Stop(f"{part.path} of the backup can't be read: {error}") from error
    if count != part.documents or count != ends.get(part.path, count):
        raise Stop(f"{part.path} of the backup has {count} documents, not {ends.get(part.path, part.documents)}")


def _log(partition: str) -> str:
    return f"kafka/{LOG.name}/{partition}.bson.gz"
