"""Restore a backup into an empty system."""

from pathlib import Path
from typing import Annotated

import typer

from guanxi.commands.backup import IdentityFile
from guanxi.console import fail, say
from guanxi.working import work
from operations.backup.restore import restore
from operations.backup.seal import identities_of
from shared.errors import Malformed


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(name="restore")
    def restore_command(
        folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder written by 'guanxi backup'.")],
        *,
        identity: IdentityFile = None,
        erasures: Annotated[
            Path | None,
            typer.Option(help="A register of erased persons, by 'guanxi person register --write': erases them again."),
        ] = None,
    ) -> None:
        """Restore a backup into an empty system.

        Stop all services first. It overwrites nothing; run it again to restart an interrupted restore from the
        beginning. See docs/backup.md.
        """
        try:
            keys = identities_of(identity)
        except Malformed as error:
            fail(str(error), 2)
        done = work(
            lambda settings, database: restore(settings, database, folder, note=say, identities=keys, erasures=erasures)
        )
        say(f"the backup of {done.made_at} is restored; run 'guanxi setup', then start the services")
