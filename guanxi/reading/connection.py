"""How the reading commands reach the views: the environment, else the stack that runs on this machine."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from pydantic_core import to_json

from guanxi.console import fail
from guanxi.stack.current import use_current
from shared.errors import GuanxiError, Transient
from shared.mongo import Database, connect
from shared.settings import Settings

_T = TypeVar("_T")


def read(question: Callable[[Database, Settings], Awaitable[_T]]) -> _T:
    """Asks the database and gives the answer; where nothing answers, ends the command and says what to do."""
    use_current()
    settings = Settings()

    async def ask() -> _T:
        database = connect(settings)
        try:
            return await question(database, settings)
        finally:
            database.client.close()

    try:
        return asyncio.run(ask())
    except Transient as error:
        fail(f"{error}\nIs it running? Start it with 'guanxi up', or name its servers in GUANXI_MONGO_URI and others")
    except GuanxiError as error:
        fail(str(error))


def as_json(value: Any) -> str:
    """For machines: instants as ISO 8601, money and numbers as the views have them."""
    return to_json(value, indent=2, fallback=str).decode()
