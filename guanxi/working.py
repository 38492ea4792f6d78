"""How long commands reach the running system: the servers in the environment, else this machine's stack."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from guanxi.console import fail
from guanxi.current import use_current
from operations.fast import fast_process
from shared.errors import GuanxiError
from shared.mongo import Database, connect
from shared.settings import Settings

T = TypeVar("T")


def work(job: Callable[[Settings, Database], Awaitable[T]]) -> T:
    """Do the job and return its result; if it refuses or fails, end the command and say why."""
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
