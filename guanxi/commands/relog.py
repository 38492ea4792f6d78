"""Copy the log into its next generation with more partitions, and build all views from it anew."""

from typing import Annotated

import typer

from guanxi.console import say
from guanxi.relogging.run import abandon, relog
from guanxi.working import work


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(name="relog")
    def relog_command(
        partitions: Annotated[int, typer.Option(help="How many there shall be: a multiple of those there are.")] = 0,
        *,
        give_up: Annotated[
            bool, typer.Option("--abandon", help="Give up an unfinished relog; the old log stays the current one.")
        ] = False,
    ) -> None:
        """Copy the log into its next generation with more partitions, and build all views from it anew.

        Stop ingest, tiering and engagement first. An interrupted run goes on when it is run again. The old log stays,
        closed, until you delete it. See docs/rebuilding.md.
        """
        if give_up:
            say(work(abandon))
            return
        done = work(lambda settings, database: relog(settings, database, partitions or settings.partitions, note=say))
        folded = ", ".join(f"{count:,} by {service}" for service, count in done.folded.items())
        say(f"{done.copied:,} records copied and proved; folded: {folded}")
        say("Set these for every service and command, run 'guanxi setup', and start the services:")
        say(f"  GUANXI_PARTITIONS={done.settings.partitions}")
        say(f"  GUANXI_LOG_GENERATION={done.settings.log_generation}")
