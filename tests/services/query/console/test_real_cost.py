"""How many questions each screen asks of MongoDB: no more than it is known to need."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pymongo.monitoring
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette

from services.query.api.cursors import Seals
from services.query.app import api_routes
from services.query.console.frame import ROOT
from services.query.console.roles import Person
from services.query.console.store import SignIns
from services.query.settings import QuerySettings
from shared.keys import ApiKeys
from shared.keys.edit import create_key
from shared.mongo import connect
from tests.bench.console_screens import HOST, SCREENS, fill

pytestmark = pytest.mark.real
CUSTOMERS, REPRESENTATIVES = 1_000, 20


class _Asked(pymongo.monitoring.CommandListener):
    """The commands that were sent to one database."""

    def __init__(self, database: str) -> None:
        self._database = database
        self.commands: list[str] = []

    def started(self, event: Any) -> None:
        if event.database_name == self._database:
            self.commands.append(f"{event.command_name} {event.command[event.command_name]}")

    def succeeded(self, event: Any) -> None: ...

    def failed(self, event: Any) -> None: ...


@pytest.fixture
async def looking(
    mongo_uri: str, mongo_database: str, tmp_path: Path
) -> AsyncIterator[tuple[httpx.AsyncClient, _Asked]]:
    """Somebody signed in who may see everything, and what their pages ask."""
    asked = _Asked(mongo_database)
    pymongo.monitoring.register(asked)
    settings = QuerySettings(
        mongo_uri=SecretStr(mongo_uri), mongo_database=mongo_database, time_zone="Asia/Shanghai",
        query_units_per_second=1e6, api_keys_file=tmp_path / "keys.yaml",
    )  # fmt: skip
    create_key(settings.api_keys_file, ["*"], now=datetime.now(UTC))
    database = connect(settings)
    await fill(database, settings, CUSTOMERS, REPRESENTATIVES)
    app = Starlette(routes=api_routes(settings, ApiKeys(settings.api_keys_file), Seals.read(None), database, database))
    secret = await SignIns(database).issue(Person("p", "everything"), datetime.now(UTC))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=HOST) as client:
        form = {"origin": HOST, "content-type": "application/x-www-form-urlencoded"}
        await client.post(f"{ROOT}/sign-in", content=urlencode({"secret": secret}), headers=form)
        yield client, asked
    database.client.close()


async def test_a_screen_asks_no_more_than_it_needs(
    looking: tuple[httpx.AsyncClient, _Asked], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, asked = looking
    # As where nobody has asked for a while: each page looks where the services stand.
    monkeypatch.setattr("services.query.waiting.STANDING_SECONDS", 0.0)
    past = (datetime.now(UTC).date() - timedelta(days=60)).isoformat()
    over = {}
    for name, path, _, most in SCREENS:
        url = f"{ROOT}/{path.format(past=past)}"
        await client.get(url)  # reads the policies
        asked.commands.clear()
        page = await client.get(url)
        assert page.status_code == 200, name
        if len(asked.commands) > most:
            over[name] = (most, sorted(asked.commands))
        assert len(asked.commands) >= most // 2, f"{name}: not all was counted"
    assert over == {}
