"""Back up everything that can't be rebuilt into a new folder, while the services keep running."""

import asyncio
import os
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from guanxi.console import fail, say
from guanxi.working import work
from operations.backup.backup import back_up
from operations.backup.check import check_backup, mark_checked, unmark_checked
from operations.backup.files import Manifest, Source
from operations.backup.last import note_backup
from operations.backup.seal import identities_of
from shared.errors import GuanxiError, Malformed, Stop
from shared.mongo import connect
from shared.settings import Settings

Recipients = Annotated[
    list[str] | None,
    typer.Option(
        "--to",
        envvar="GUANXI_BACKUP_RECIPIENTS",
        metavar="age1...",
        help="Seal it with age, so that only the holder of this public key's identity can read it. Repeatable.",
        show_default=False,
    ),
]
IdentityFile = Annotated[
    Path | None,
    typer.Option(
        "--identity",
        envvar="GUANXI_BACKUP_IDENTITY",
        metavar="FILE",
        help="File with the identity that opens a sealed backup, as age-keygen writes it.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(name="backup")
    def backup_command(
        folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
        *,
        check: Annotated[
            bool, typer.Option("--check", help="Make none: read the one in DIR whole, and say whether it is good.")
        ] = False,
        since: Annotated[
            Path | None,
            typer.Option(
                metavar="EARLIER", help="An earlier backup beside it: what it has of the log is shared, not read again."
            ),
        ] = None,
        recipients: Recipients = None,
        identity: IdentityFile = None,
    ) -> None:
        """Back up everything that can't be rebuilt into a new folder, while the services keep running.

        It contains names of persons: keep it as safe as the database, or seal it (--to). It does not contain settings,
        secrets or API keys; back up those files yourself. See docs/backup.md.

        With --since it is whole all the same: the earlier one may go. Only what came since takes time and disk.

        --check needs no servers; where GUANXI_MONGO_URI names one that answers, the check is noted for 'guanxi doctor'.
        A sealed backup needs --identity for that: without it only checksums are checked, and nothing is noted.
        """
        if not check:
            say_of = work(
                lambda settings, database: back_up(
                    settings, database, folder, note=say, recipients=recipients or (), since=since
                )
            )
            _say("backup", say_of, folder)
            return
        found = _checked(folder, identity)
        if found.readable:
            _say("the backup is good:", found.manifest, folder)
        else:
            _say(
                "every file is as it was written, but sealed, so what is in it was not looked at:",
                found.manifest,
                folder,
            )


def _checked(folder: Path, identity: Path | None) -> Source:
    try:
        done = check_backup(folder, note=say, identities=identities_of(identity))
    except Stop as error:
        with suppress(OSError):
            unmark_checked(folder)
        fail(str(error))
    except Malformed as error:
        fail(str(error), 2)
    if not done.readable:
        return done
    try:
        mark_checked(done, datetime.now(UTC))
    except OSError as error:
        sys.stderr.write(f"guanxi: {folder} can't be written ({error.strerror}): 'guanxi backups' will not know\n")
    with suppress(GuanxiError, ValidationError):
        asyncio.run(_note(done.manifest.made_at))
    return done


async def _note(made_at: str) -> None:
    """For the doctor, where a MongoDB is named."""
    if "GUANXI_MONGO_URI" not in os.environ:
        return
    database = connect(Settings())
    try:
        await note_backup(database, "checked", made_at)
    finally:
        database.client.close()


def _say(what: str, done: Manifest, folder: Path) -> None:
    records = sum(part.documents for part in done.parts if part.path.startswith("kafka/"))
    size = sum(part.size_bytes for part in done.parts) / 1e6
    say(f"{what} of {done.made_at}: {records:,} records, {len(done.parts)} files, {size:,.1f} MB in {folder}")
