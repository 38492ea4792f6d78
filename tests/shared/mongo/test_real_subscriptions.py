"""What a person asks of a subscription, while whoever delivers it writes it as well."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import pytest

from shared import mongo
from shared.mongo import Database, connect, transaction
from shared.mongo.subscriptions import COLLECTION, COLLECTIONS, Subscriptions, new_id
from shared.settings import Settings
from shared.subscriptions import Filters, ReplayAsked, Subscription

NOW = datetime(2026, 3, 1, tzinfo=UTC)
Asks = Callable[[Subscriptions, str], Awaitable[object]]
ASKED: dict[str, tuple[Asks, object]] = {
    "delete": (lambda all_, name: all_.delete(name), True),
    "retry": (lambda all_, name: all_.retry(name, NOW), 0),
    "replay": (lambda all_, name: all_.replay(name, ReplayAsked(since=NOW), None, NOW), True),
    "backfill": (lambda all_, name: all_.backfill(name, NOW), True),
}
pytestmark = pytest.mark.real


@pytest.fixture
async def database(stack_settings: dict[str, str]) -> AsyncIterator[Database]:
    made = connect(
        Settings.model_validate({name.removeprefix("GUANXI_").lower(): v for name, v in stack_settings.items()})
    )
    for name in COLLECTIONS:
        await made.create_collection(name)
    yield made
    made.client.close()


@pytest.mark.parametrize("asked", ASKED)
async def test_it_is_done_though_another_writes_at_that_moment(
    database: Database, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    ask, answer = ASKED[asked]
    every = Subscriptions(database, None)
    made = Subscription(
        id=new_id(), key="", scopes=(), rows="all", sink="-", filters=Filters(), created_at=NOW, cursors={"0": 0}
    )
    await every.add(made)
    pauses: list[float] = []
    async with transaction(database) as session:
        await database[COLLECTION].update_one({"_id": made.id}, {"$inc": {"version": 1}}, session=session)

        async def pause(seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == 1:
                await session.commit_transaction()

        monkeypatch.setattr(mongo.asyncio, "sleep", pause)  # type: ignore[attr-defined]
        assert await asyncio.wait_for(ask(every, made.id), 20) == answer
    assert pauses, "it met the other one"
