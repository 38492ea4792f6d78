"""Copy the log into a new generation with more partitions and rebuild all views from it."""

from typing import Annotated

import typer

from guanxi.console import say
from guanxi.working import work
from operations.relog.run import abandon, relog


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(name="relog")
    def relog_command(
        partitions: Annotated[int, typer.Option(help="New partition count, a multiple of the current one.")] = 0,
        *,
        give_up: Annotated[
            bool, typer.Option("--abandon", help="Abandon an unfinished relog; the old log stays current.")
        ] = False,
    ) -> None:
        """Copy the log into a new generation with more partitions and rebuild all views from it.

        Stop the services first. Run it again to continue an interrupted run. The old log stays, closed, until you
        delete it. See docs/rebuilding.md.
        """
        if give_up:
            say(work(abandon))
            return
        done = work(lambda settings, database: relog(settings, database, partitions or settings.partitions, note=say))
        folded = ", ".join(f"{count:,} by {service}" for service, count in done.folded.items())
        say(f"{done.copied:,} records copied and verified; folded: {folded}")
        say("Set these for every service and command, run 'guanxi setup', then start the services:")
        say(f"  GUANXI_PARTITIONS={done.settings.partitions}")
        say(f"  GUANXI_LOG_GENERATION={done.settings.log_generation}")
