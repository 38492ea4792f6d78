"""Restore a backup into an empty system."""

from pathlib import Path
from typing import Annotated

import typer

from guanxi.console import say
from guanxi.working import work
from operations.backup.restore import restore


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(name="restore")
    def restore_command(
        folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder written by 'guanxi backup'.")],
        erasures: Annotated[
            Path | None,
            typer.Option(help="A register of erased persons, by 'guanxi person register --write': erases them again."),
        ] = None,
    ) -> None:
        """Restore a backup into an empty system.

        Stop all services first. It overwrites nothing; run it again to restart an interrupted restore from the
        beginning. See docs/backup.md.
        """
        done = work(lambda settings, database: restore(settings, database, folder, note=say, erasures=erasures))
        say(f"the backup of {done.made_at} is restored; run 'guanxi setup', then start the services")
