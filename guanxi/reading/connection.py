"""How the reading commands reach the views: the environment, else the stack that runs on this machine; or the API of
another machine.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import httpx
import typer
from pydantic_core import to_json

from guanxi.console import fail
from guanxi.current import use_current
from guanxi.reading.answers import ANSWER_SECONDS, Answers, OfApi, OfViews
from shared.errors import GuanxiError, Transient
from shared.mongo import Database, connect
from shared.settings import Settings

_T = TypeVar("_T")
Url = Annotated[
    str | None,
    typer.Option(
        "--url", metavar="URL", help="Ask the read API there, such as https://crm.example.com, instead of MongoDB."
    ),
]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--key-file", metavar="FILE", help="With --url: holds the token of an API key [default: $GUANXI_API_KEY]."
    ),
]
USAGE_CODE = 2
MAX_TOKEN_BYTES = 1_000


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


def ask(question: Callable[[Answers], Awaitable[_T]], url: str | None, key_file: Path | None) -> _T:
    """As `read`, of the views or of the API."""
    if url is None:
        if key_file is not None:
            fail("--key-file goes with --url", USAGE_CODE)
        return read(lambda database, settings: question(OfViews(database, settings)))
    token = _token(key_file)

    async def asked() -> _T:
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=ANSWER_SECONDS) as client:
            return await question(OfApi(client))

    try:
        return asyncio.run(asked())
    except httpx.InvalidURL as error:
        fail(f"{url}: {error}", USAGE_CODE)
    except GuanxiError as error:
        fail(str(error))


def _token(file: Path | None) -> str:
    if file is None:
        token = os.environ.get("GUANXI_API_KEY", "")
    else:
        try:
            with file.open("rb") as stream:
                token = stream.read(MAX_TOKEN_BYTES).decode("ascii", "replace")
        except OSError as error:
            fail(f"{file}: {error.strerror}", USAGE_CODE)
    token = token.strip()
    if not token.isascii() or not token or len(token.split()) > 1:
        fail("--url needs an API key: its token, and nothing else, in a file given by --key-file", USAGE_CODE)
    return token


def as_json(value: Any) -> str:
    """JSON for machines: instants as ISO 8601, money and numbers as in the views."""
    return to_json(value, indent=2, fallback=str).decode()
