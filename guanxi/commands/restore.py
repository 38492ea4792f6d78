"""Put a backup into an empty system."""

from pathlib import Path
from typing import Annotated

import typer

from guanxi.backups.restore import restore
from guanxi.console import say
from guanxi.working import work


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
        done = work(lambda settings, database: restore(settings, database, folder, note=say))
        say(f"the backup of {done.made_at} is restored; run 'guanxi setup', then start the services")
