"""Restore a backup into an empty system."""

from pathlib import Path
from typing import Annotated

import typer

from guanxi.commands.backup import IdentityFile
from guanxi.console import fail, say
from guanxi.working import work
from operations.backup.files import Manifest
from operations.backup.moment import moment_of
from operations.backup.restore import restore
from operations.backup.seal import identities_of
from shared.errors import Malformed
from shared.mongo import Database
from shared.settings import Settings


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
        until: Annotated[
            str | None,
            typer.Option(
                metavar="MOMENT",
                help="Leave out what came on the log later, such as 2026-11-23T14:30+08:00; without an offset, on the "
                "clocks of GUANXI_TIME_ZONE.",
            ),
        ] = None,
    ) -> None:
        """Restore a backup into an empty system.

        Stop all services first. It overwrites nothing; run it again to restart an interrupted restore from the
        beginning. See docs/backup.md.

        With --until it is as of that moment: what upstreams sent later is unknown, and counts when they send it again.
        """
        try:
            keys = identities_of(identity)
        except Malformed as error:
            fail(str(error), 2)

        async def restored(settings: Settings, database: Database) -> Manifest:
            moment = None if until is None else moment_of(until, settings.zone)
            return await restore(settings, database, folder, note=say, identities=keys, erasures=erasures, until=moment)

        done = work(restored)
        of = "" if until is None else f", as of {until},"
        say(f"the backup of {done.made_at}{of} is restored; run 'guanxi setup', then start the services")
