"""Back up everything that can't be rebuilt into a new folder, while the services keep running."""

import asyncio
import os
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from guanxi.console import fail, say
from guanxi.working import work
from operations.backup.backup import back_up
from operations.backup.check import check_backup
from operations.backup.files import Manifest
from operations.backup.last import note_backup
from shared.errors import GuanxiError
from shared.mongo import connect
from shared.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(name="backup")
    def backup_command(
        folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
        *,
        check: Annotated[
            bool, typer.Option("--check", help="Make none: read the one in DIR whole, and say whether it is good.")
        ] = False,
    ) -> None:
        """Back up everything that can't be rebuilt into a new folder, while the services keep running.

        It contains names of persons: keep it as safe as the database. It does not contain settings, secrets or API
        keys; back up those files yourself. See docs/backup.md.

        --check needs no servers; where GUANXI_MONGO_URI names one that answers, the check is noted for 'guanxi doctor'.
        """
        if check:
            _say("the backup is good:", _checked(folder), folder)
        else:
            _say("backup", work(lambda settings, database: back_up(settings, database, folder, note=say)), folder)


def _checked(folder: Path) -> Manifest:
    try:
        done = check_backup(folder, note=say)
    except GuanxiError as error:
        fail(str(error))
    with suppress(GuanxiError, ValidationError):
        asyncio.run(_note(done.made_at))
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
