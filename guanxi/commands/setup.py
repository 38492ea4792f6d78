"""Create topics, users, rights, collections, indexes and views; adopt the policy. Running it again changes nothing."""

import asyncio
from typing import Annotated

import typer

from guanxi.console import fail, say
from operations.setup.run import SetupSettings, set_up
from shared.errors import GuanxiError, Transient

WAIT_SECONDS = 60.0
PAUSE_SECONDS = 1.0


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
    ) -> None:
        """Create topics, users, rights, collections, indexes and views; adopt the policy. Running it again changes
        nothing.

        The environment says where Kafka and MongoDB are and which policy to adopt first:
        GUANXI_KAFKA_BOOTSTRAP, GUANXI_MONGO_URI, GUANXI_MONGO_DATABASE, GUANXI_POLICY.
        """
        try:
            done = asyncio.run(_wait_and_set_up(SetupSettings(), wait))
        except GuanxiError as error:
            fail(str(error))
        except OSError as error:
            fail(f"{error.filename}: {error.strerror}")
        for line in done:
            say(line)
        say("set up" if done else "nothing to do: everything is set up")
