"""Put a backup into an empty system."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from guanxi.backups.files import Manifest
from guanxi.backups.restore import restore
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
            return await restore(settings, database, folder, note=say)
        finally:
            database.client.close()

    try:
        with fast_process():
            return asyncio.run(working())
    except GuanxiError as error:
        fail(str(error))


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(name="restore")
    def restore_command(
        folder: Annotated[Path, typer.Argument(metavar="DIR", help="What 'guanxi backup' has written.")],
    ) -> None:
        """Put a backup into an empty system.

        No service may run. Nothing is overwritten; an interrupted restore begins anew when it is run again. See
        docs/backup.md.
        """
        done = _with_database(folder)
        say(f"the backup of {done.made_at} is restored; run 'guanxi setup', then start the services")
