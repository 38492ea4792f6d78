"""A folder of backups: list them, remove old ones, seal and open files that go beside them."""

import sys
from pathlib import Path
from typing import IO, Annotated

import typer

from guanxi.commands.backup import IdentityFile, Recipients
from guanxi.console import fail, say
from guanxi.reading.connection import as_json
from operations.backup.retention import Kept, staying
from operations.backup.seal import Opening, Sealing, identities_of, recipients_of
from operations.backup.shelf import Found, shelf, take_away
from shared.errors import GuanxiError

app = typer.Typer(no_args_is_help=True, add_completion=False)
BLOCK_BYTES = 1024 * 1024
Shelf = Annotated[Path, typer.Argument(metavar="DIR", help="The folder whose subfolders are backups.")]


@app.command("list")
def list_(folder: Shelf, *, as_machine: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """List the backups of a folder, the newest first: of which moment, how large, sealed or not, when found good."""
    found = _shelf(folder)
    if as_machine:
        say(as_json([_document(one) for one in found]))
        return
    for one in found:
        say(_line(one))
    if not found:
        say(f"no backups in {folder}")


@app.command()
def prune(
    folder: Shelf,
    *,
    daily: Annotated[int, typer.Option("--keep-daily", min=0, help="Days that keep one backup each.")] = 7,
    weekly: Annotated[int, typer.Option("--keep-weekly", min=0, help="ISO weeks that keep one each.")] = 5,
    monthly: Annotated[int, typer.Option("--keep-monthly", min=0, help="Months that keep one each.")] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say which would go; remove none.")] = False,
) -> None:
    """Remove backups that need not stay: of each day, week and month that counts, the last good one stays.

    Good is what 'guanxi backup DIR --check' has read whole. The newest stays, and the last good one whatever its age;
    while none was found good, all stay. Folders that are no complete backups are left alone, and named.
    """
    found = _shelf(folder)
    backups = [one for one in found if one.made is not None]
    made = [one.made for one in backups if one.made is not None]
    stay = staying(made, Kept(daily, weekly, monthly))
    gone = [one for one in backups if one.folder.name not in stay]
    if not dry_run:
        try:
            take_away(gone)
        except GuanxiError as error:
            fail(str(error))
    for one in gone:
        say(f"{'would go' if dry_run else 'removed'}  {one.folder.name}")
    for one in found:
        if one.manifest is None:
            say(f"left alone  {one.folder.name}: {one.why}")
    say(f"{len(stay)} stay, {len(gone)} {'would go' if dry_run else 'are removed'}")
    if made and not any(one.good for one in made):
        fail("none was found good, so none goes: read one whole with 'guanxi backup DIR --check'")


@app.command()
def seal(recipients: Recipients = None) -> None:
    """Seal standard input with age onto standard output: for files that go beside a backup, such as its secrets."""
    try:
        whom = recipients_of(recipients or ())
        if not whom:
            fail("name a recipient: --to age1..., or GUANXI_BACKUP_RECIPIENTS", 2)
        sealing = Sealing(sys.stdout.buffer, whom)
        while block := sys.stdin.buffer.read(BLOCK_BYTES):
            sealing.write(block)
        sealing.close()
    except GuanxiError as error:
        fail(str(error))


@app.command("open")
def open_(identity: IdentityFile = None) -> None:
    """Open what 'guanxi backups seal' sealed: from standard input onto standard output."""
    try:
        keys = identities_of(identity)
        if not keys:
            fail("name the file of an identity: --identity FILE, or GUANXI_BACKUP_IDENTITY", 2)
        _copy(Opening(sys.stdin.buffer, keys), sys.stdout.buffer)
    except GuanxiError as error:
        fail(str(error))


def _copy(opening: Opening, out: IO[bytes]) -> None:
    while block := opening.read(BLOCK_BYTES):
        out.write(block)
    out.flush()


def _shelf(folder: Path) -> list[Found]:
    try:
        return shelf(folder)
    except GuanxiError as error:
        fail(str(error))


def _line(one: Found) -> str:
    if one.manifest is None:
        return f"{one.folder.name}  no complete backup: {one.why}"
    good = f"good, checked {one.checked_at:%Y-%m-%d}" if one.checked_at else "not checked"
    sealed = "sealed" if one.manifest.sealed else "open"
    return f"{one.folder.name}  {one.manifest.made_at}  {one.size_bytes / 1e6:,.1f} MB  {sealed}  {good}"


def _document(one: Found) -> dict[str, object]:
    manifest = one.manifest
    return {
        "folder": one.folder.name,
        "made_at": manifest and manifest.made_at,
        "size_bytes": one.size_bytes,
        "sealed": bool(manifest and manifest.sealed),
        "checked_at": one.checked_at,
        "why": one.why or None,
    }
