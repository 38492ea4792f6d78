"""Create topics, users, rights, collections, indexes and views; adopt the policy. Running it again changes nothing."""

import asyncio
from typing import Annotated

import typer

from guanxi.console import fail, say
from operations.setup.rights import Wanted, lines, wanted
from operations.setup.run import SetupSettings, set_up
from shared.errors import GuanxiError, Transient
from shared.mongo import connect

WAIT_SECONDS = 60.0
PAUSE_SECONDS = 1.0
MISSING = 1


async def _wait_and_set_up(settings: SetupSettings, wait_seconds: float) -> list[str]:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait_seconds
    while True:
        try:
            return await set_up(settings)
        except Transient as error:
            if loop.time() > deadline:
                raise
            say(f"waiting: {error}")
            await asyncio.sleep(PAUSE_SECONDS)


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def setup(
        wait: Annotated[float, typer.Option(help="Seconds to wait for Kafka and MongoDB to answer.")] = WAIT_SECONDS,
        *,
        rights: Annotated[
            bool,
            typer.Option("--rights", help="Change nothing: list topics, users and rights, what is missing, and how."),
        ] = False,
    ) -> None:
        """Create topics, users, rights, collections, indexes and views; adopt the policy. Running it again changes
        nothing.

        The environment says where Kafka and MongoDB are and which policy to adopt first:
        GUANXI_KAFKA_BOOTSTRAP, GUANXI_MONGO_URI, GUANXI_MONGO_DATABASE, GUANXI_POLICY.

        --rights is for servers where set-up may not make users and rights, as managed ones: it prints each with the
        command that makes it, for who may, and ends with 1 while one is known to be missing (docs/managed.md).
        """
        if rights:
            _rights()
            return
        try:
            done = asyncio.run(_wait_and_set_up(SetupSettings(), wait))
        except GuanxiError as error:
            fail(str(error))
        except OSError as error:
            fail(f"{error.filename}: {error.strerror}")
        for line in done:
            say(line)
        say("set up" if done else "nothing to do: everything is set up")


def _rights() -> None:
    settings = SetupSettings()

    async def look() -> list[Wanted]:
        database = connect(settings)
        try:
            return await wanted(settings, database)
        finally:
            database.client.close()

    found = asyncio.run(look())
    for line in lines(found):
        say(line)
    if any(one.there is False for one in found):
        raise typer.Exit(MISSING)
