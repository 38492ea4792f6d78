"""How the long commands work on the running system: the environment's servers, else those of this machine's stack."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from guanxi.console import fail
from guanxi.rebuilding.fast import fast_process
from guanxi.stack.current import use_current
from shared.errors import GuanxiError
from shared.mongo import Database, connect
from shared.settings import Settings

T = TypeVar("T")


def work(job: Callable[[Settings, Database], Awaitable[T]]) -> T:
    """Does the job and gives its outcome; where it refuses or can't, ends the command and says why."""
    use_current()
    settings = Settings()

    async def working() -> T:
        database = connect(settings)
        try:
            return await job(settings, database)
        finally:
            database.client.close()

    try:
        with fast_process():
            return asyncio.run(working())
    except GuanxiError as error:
        fail(str(error))
