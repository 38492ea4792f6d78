"""Write a backup of everything that cannot be made again into a new folder, while everything goes on."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from guanxi.backups.backup import back_up
from guanxi.backups.files import Manifest
from guanxi.console import fail, say
from guanxi.rebuilding.fast import fast_process
from guanxi.stack.current import use_current
from shared.errors import GuanxiError
from shared.mongo import connect
from shared.settings import Settings


def _with_database(folder: Path) -> Manifest:
    use_current()
    settings = Settings()

    async def working() -> Manifest:
        database = connect(settings)
        try:
            return await back_up(settings, database, folder)
        finally:
            database.client.close()

    try:
        with fast_process():
            return asyncio.run(working())
    except GuanxiError as error:
        fail(str(error))


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(name="backup")
    def backup_command(
        folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that is new or empty.")],
    ) -> None:
        """Write a backup of everything that cannot be made again into a new folder, while everything goes on.

        It holds names of persons: keep it as safe as the database. Settings, secrets and API keys are files of yours
        and are not in it. See docs/backup.md.
        """
        done = _with_database(folder)
        records = sum(part.documents for part in done.parts if part.path.startswith("kafka/"))
        size = sum(part.size_bytes for part in done.parts) / 1e6
        say(f"backup of {done.made_at}: {records:,} records, {len(done.parts)} files, {size:,.1f} MB in {folder}")
