"""How the reading commands reach the views: the environment, else the stack that runs on this machine."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from pydantic_core import to_json

from guanxi.console import fail
from guanxi.current import use_current
from shared.errors import GuanxiError, Transient
from shared.mongo import Database, connect
from shared.settings import Settings

_T = TypeVar("_T")


def read(question: Callable[[Database, Settings], Awaitable[_T]]) -> _T:
    """Query the database and return the answer; if it does not respond, end the command and say what to do."""
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
        fail(f"{error}\nIs it running? Start it with 'guanxi up', or set GUANXI_MONGO_URI")
    except GuanxiError as error:
        fail(str(error))


def as_json(value: Any) -> str:
    """JSON for machines: instants as ISO 8601, money and numbers as in the views."""
    return to_json(value, indent=2, fallback=str).decode()
