"""Restore lost claims from the log, so that a record sent again does not count twice."""

from datetime import UTC, datetime

import typer

from guanxi.console import say
from guanxi.working import work
from operations.reclaim import reclaim


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(name="reclaim")
    def reclaim_command() -> None:
        """Restore lost claims from the log, so that a record sent again does not count twice.

        Changes the collection `claims` only, and there only what is missing. Services may keep running. Ends with 0
        when every record has its claim.
        """
        count = work(lambda settings, database: reclaim(settings, database, datetime.now(UTC), note=say))
        say(f"{count:,} claims restored" if count else "nothing to do: every record of the log has its claim")
