"""Write a backup of everything that cannot be made again into a new folder, while everything goes on."""

from pathlib import Path
from typing import Annotated

import typer

from guanxi.backups.backup import back_up
from guanxi.console import say
from guanxi.working import work


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
        done = work(lambda settings, database: back_up(settings, database, folder))
        records = sum(part.documents for part in done.parts if part.path.startswith("kafka/"))
        size = sum(part.size_bytes for part in done.parts) / 1e6
        say(f"backup of {done.made_at}: {records:,} records, {len(done.parts)} files, {size:,.1f} MB in {folder}")
