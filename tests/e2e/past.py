"""What the read API says of past days (`on=`) and of what was known by an instant (`known_at=`), against two oracles:
the tiers of the real invoices, computed anew day by day, and the decisions as they stand on the log.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count

import httpx
from starlette.applications import Starlette

from services.query.api.cursors import Seals
from services.query.app import api_routes
from services.query.settings import QuerySettings
from shared.keys import ApiKeys, Scope
from shared.keys.edit import create_key
from shared.mongo import connect
from tests.e2e.expected import AS_OF_DATES
from tests.e2e.world import LogRecord, World
from tests.oracle import retail

TIER_CHANGED = "guanxi.tier.changed.v1"
CUSTOMERS = 300
AT_ONCE = 8
BEFORE_ANY = "potential"


@dataclass(frozen=True)
class Decided:
    """A decision as the log has it."""

    recorded_at: datetime
    effective_on: date
    tier: str


def decided(log: Sequence[LogRecord]) -> Mapping[str, list[Decided]]:
    """By customer, in their order; who comes second with a version has lost."""
    found: dict[str, list[Decided]] = {}
    for record in log:
        if record.type != TIER_CHANGED:
            continue
        event = json.loads(record.value)
        told = found.setdefault(event["subject"], [])
        if event["data"]["version"] == len(told) + 1:
            on = date.fromisoformat(event["data"]["effective_on"])
            told.append(Decided(record.recorded_at, on, event["data"]["to"]))
    return found


def known(told: Sequence[Decided], on: date, known_at: datetime) -> str:
    """The tier of a day, by what stood on the log at an instant."""
    past = [one.tier for one in told if one.recorded_at <= known_at and one.effective_on <= on]
    return past[-1] if past else BEFORE_ANY


async def assert_the_past_is_what_the_oracles_say(world: World, file: retail.File, log: Sequence[LogRecord]) -> None:
    """Of the customers that moved most, each on ten dates and as known at ten instants, one by one and in a list."""
    told = decided(log)
    names = sorted(file.customers, key=lambda name: (-len(told.get(name, ())), name))[:CUSTOMERS]
    as_of = {row["_id"]: row["as_of"] for row in world.documents("customers", {"_id": {"$in": names}})}
    oracle = {name: retail.customer(file.customers[name], as_of[name]) for name in names}
    today = min(as_of.values()).astimezone(retail.LONDON).date()
    dates = [today - ago for ago in AS_OF_DATES]
    times = sorted(one.recorded_at for decisions in told.values() for one in decisions)
    before = times[0] - timedelta(milliseconds=1)
    instants = [before, *(times[number * (len(times) - 1) // 8] for number in range(9))]
    assert (len(names), len(dates), len(instants)) == (CUSTOMERS, 10, 10)
    tiers = [[known(told[name], today, at) for at in instants] for name in names]
    assert any(len({*of_one} - {BEFORE_ANY}) > 1 for of_one in tiers), "what was known ended for somebody"
    # As of today, when all has happened that was not known yet; and as of a day among those of the decisions.
    then = [(day, at) for at in instants for day in (today, dates[5])]
    async with _api(world) as client:
        on = [(name, day, None, oracle[name].tier_on(day)) for name in names for day in dates]
        both = [(name, day, at, known(told[name], day, at)) for name in names for day, at in then[::2]]
        asked, numbers, wrong = [*on, *both], count(), []

        async def some() -> None:
            while (number := next(numbers)) < len(asked):
                name, day, at, expected = asked[number]
                tier = await _explained(client, name, day, at)
                if tier != expected:
                    wrong.append((name, day, at, tier, expected))

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(some())
        assert not wrong, (len(wrong), wrong[:5])
        for day in dates:
            held = await _held(client, day, None)
            assert {n: held.get(n, BEFORE_ANY) for n in names} == {n: oracle[n].tier_on(day) for n in names}, day
        for day, at in then:
            held = await _held(client, day, at)
            expected_of_all = {name: known(one, day, at) for name, one in told.items()}
            assert {name: held.get(name, BEFORE_ANY) for name in told} == expected_of_all, (day, at)


@asynccontextmanager
async def _api(world: World) -> AsyncIterator[httpx.AsyncClient]:
    keys = world.folder / "keys of who reads.yaml"
    _, token = create_key(keys, [], now=datetime.now(UTC), scopes=[Scope.CUSTOMERS_READ])
    said = {name: getattr(world.settings, name) for name in ("mongo_uri", "mongo_database", "time_zone")}
    settings = QuerySettings(**said, api_keys_file=keys, query_units_per_second=1e6)
    database = connect(settings)
    app = Starlette(routes=api_routes(settings, ApiKeys(keys), Seals.read(None), database, database))
    headers = {"authorization": f"Bearer {token}"}
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://api.test", headers=headers, timeout=60
    ) as client:
        yield client
    database.client.close()


async def _explained(client: httpx.AsyncClient, customer: str, on: date, known_at: datetime | None) -> str:
    asked = {"on": on.isoformat()} | ({} if known_at is None else {"known_at": known_at.isoformat()})
    answer = await client.get(f"/v1/customers/{customer}/explanation", params=asked)
    assert answer.status_code == httpx.codes.OK, answer.text
    return str(answer.json()["data"]["tier"])


async def _held(client: httpx.AsyncClient, on: date, known_at: datetime | None) -> dict[str, str]:
    """Of each customer that had one, the movement that held; page by page."""
    asked = {"on": on.isoformat(), "size": "500"} | ({} if known_at is None else {"known_at": known_at.isoformat()})
    held: dict[str, str] = {}
    while True:
        answer = await client.get("/v1/movements", params=asked)
        assert answer.status_code == httpx.codes.OK, answer.text
        body = answer.json()
        assert not {one["customer"] for one in body["data"]} & held.keys(), "each once"
        held |= {one["customer"]: one["to"] for one in body["data"]}
        if body["page"]["next"] is None:
            return held
        asked["cursor"] = body["page"]["next"]
