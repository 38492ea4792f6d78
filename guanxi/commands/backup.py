"""Back up everything that can't be rebuilt into a new folder, while the services keep running."""

from pathlib import Path
from typing import Annotated

import typer

from guanxi.console import say
from guanxi.working import work
from operations.backup.backup import back_up


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(name="backup")
    def backup_command(
        folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
    ) -> None:
        """Back up everything that can't be rebuilt into a new folder, while the services keep running.

        It contains names of persons: keep it as safe as the database. It does not contain settings, secrets or API
        keys; back up those files yourself. See docs/backup.md.
        """
        done = work(lambda settings, database: back_up(settings, database, folder, note=say))
        records = sum(part.documents for part in done.parts if part.path.startswith("kafka/"))
        size = sum(part.size_bytes for part in done.parts) / 1e6
        say(f"backup of {done.made_at}: {records:,} records, {len(done.parts)} files, {size:,.1f} MB in {folder}")
