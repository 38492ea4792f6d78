"""Whether a backup could be restored, as far as its files tell: without servers, and without restoring it."""

from collections.abc import Callable
from pathlib import Path

from operations.backup.files import Manifest, Part, check_part, documents_of, read_manifest
from operations.progress import Steps
from services import SERVICES
from shared.errors import Stop
from shared.topics import LOG


def check_backup(path: Path, *, note: Callable[[str], None]) -> Manifest:
    """Reads every file whole. Raises Stop if one is missing or damaged, holds another number of documents than the
    manifest says, or if the log lacks a record.
    """
    manifest = read_manifest(path)
    there = {part.path for part in manifest.parts}
    wanted = {_log(partition) for partition in manifest.ends} | {f"waiting/{one}.bson.gz" for one in SERVICES.folding}
    if missing := sorted(wanted - there):
        raise Stop(f"the backup has no {missing[0]}: it is of a version with other services, or was edited")
    with Steps(note) as steps:
        step = steps.step("files", len(manifest.parts))
        for part in manifest.parts:
            check_part(path, part)
            _read(path, part, manifest)
            step.add(1)
    return manifest


def _read(path: Path, part: Part, manifest: Manifest) -> None:
    """Every document can be read; a partition of the log has each offset up to its end."""
    ends = {_log(partition): end for partition, end in manifest.ends.items()}
    count = 0
    try:
        for count, document in enumerate(documents_of(path, part), 1):
            if part.path in ends and document["o"] != count - 1:
                raise Stop(f"{part.path} of the backup lacks the record at {count - 1}")
    except (OSError, EOFError, ValueError, KeyError) as error:
        raise Stop(f"{part.path} of the backup can't be read: {error}") from error
    if count != part.documents or count != ends.get(part.path, count):
        raise Stop(f"{part.path} of the backup has {count} documents, not {ends.get(part.path, part.documents)}")


def _log(partition: str) -> str:
    return f"kafka/{LOG.name}/{partition}.bson.gz"
