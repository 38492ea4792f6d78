"""A folder of backups: what is in it, and taking those away that need not stay."""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from operations.backup.check import checked_at
from operations.backup.files import MANIFEST, Manifest, read_manifest
from operations.backup.retention import Made
from shared.errors import Stop

INSIDE = ("", "data")
"""Where in a backup's folder the manifest is: `guanxi backup` writes it there, deploy/backup puts it in data/."""
MAX_BACKUPS = 10_000


@dataclass(frozen=True, slots=True)
class Found:
    """One folder. manifest: None where it is no backup, or not a complete one, which `why` says."""

    folder: Path
    data: Path
    manifest: Manifest | None
    checked_at: datetime | None = None
    why: str = ""

    @property
    def size_bytes(self) -> int:
        """Of its parts, as the manifest says."""
        return sum(part.size_bytes for part in self.manifest.parts) if self.manifest else 0

    @property
    def made(self) -> Made | None:
        """As retention judges it."""
        if self.manifest is None:
            return None
        return Made(self.folder.name, datetime.fromisoformat(self.manifest.made_at), self.checked_at is not None)


def shelf(folder: Path) -> list[Found]:
    """The backups of a folder, the newest first; then what is none. Links are passed over. Raises Stop."""
    try:
        inside = sorted(one for one in folder.iterdir() if one.is_dir() and not one.is_symlink())
    except OSError as error:
        raise Stop(f"{folder}: {error.strerror}") from error
    if len(inside) > MAX_BACKUPS:
        raise Stop(f"{folder} has {len(inside):,} folders; {MAX_BACKUPS:,} are the most")
    found = [_look(one) for one in inside]
    return sorted(found, key=lambda one: one.manifest.made_at if one.manifest else "", reverse=True)


def _look(folder: Path) -> Found:
    why = ""
    for inside in INSIDE:
        data = folder / inside
        try:
            manifest = read_manifest(data)
        except Stop as error:
            why = why or str(error)
        else:
            return Found(folder, data, manifest, checked_at(data, manifest))
    return Found(folder, folder, None, why=why)


def take_away(gone: Iterable[Found]) -> None:
    """Remove these backups, each first its manifest: what an interruption leaves is none any more. Raises Stop."""
    for one in gone:
        assert one.manifest is not None, "only a backup is taken away"
        try:
            (one.data / MANIFEST).unlink()
            shutil.rmtree(one.folder)
        except OSError as error:
            raise Stop(f"{error.filename}: {error.strerror}") from error
