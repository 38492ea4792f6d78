"""Copy the log into its next generation with more partitions, and build all views from it anew."""

import asyncio
from typing import Annotated

import typer

from guanxi.console import fail, say
from guanxi.rebuilding.fast import fast_process
from guanxi.relogging.run import Outcome, abandon, relog
from guanxi.stack.current import use_current
from shared.errors import GuanxiError
from shared.mongo import connect
from shared.settings import Settings


async def _run(settings: Settings, partitions: int) -> Outcome:
    database = connect(settings)
    try:
        return await relog(settings, database, partitions, note=say)
    finally:
        database.client.close()


async def _abandon(settings: Settings) -> str:
    database = connect(settings)
    try:
        return await abandon(settings, database)
    finally:
        database.client.close()


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
        use_current()
        settings = Settings()
        try:
            with fast_process():
                if give_up:
                    say(asyncio.run(_abandon(settings)))
                    return
                done = asyncio.run(_run(settings, partitions or settings.partitions))
        except GuanxiError as error:
            fail(str(error))
        folded = ", ".join(f"{count:,} by {service}" for service, count in done.folded.items())
        say(f"{done.copied:,} records copied and proved; folded: {folded}")
        say("Set these for every service and command, run 'guanxi setup', and start the services:")
        say(f"  GUANXI_PARTITIONS={done.settings.partitions}")
        say(f"  GUANXI_LOG_GENERATION={done.settings.log_generation}")
