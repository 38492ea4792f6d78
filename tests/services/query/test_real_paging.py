"""The law of pages, on a real MongoDB: each row that does not move comes once, and they end, whatever comes between."""

import json
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio.from_thread import BlockingPortal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from pymongo import MongoClient
from starlette.applications import Starlette

from services.archives.store import SCHEMA as ARCHIVES
from services.engagement.store import SCHEMA as ENGAGEMENT
from services.feed.rules.lines import OPEN
from services.feed.store import SCHEMA as FEED
from services.ingest.admission import Fate
from services.ingest.store import SCHEMA as INGEST
from services.ingest.store import MongoStore
from services.planning.store import SCHEMA as PLANNING
from services.query.api.cursors import Seals
from services.query.api.paging import Place, ranges
from services.query.api.parameters import read_list
from services.query.api.resources import FOLDED, RESOURCES, Order, Resource
from services.query.app import api_routes
from services.query.settings import QuerySettings
from services.tiering.rows import listed_document
from services.tiering.store import SCHEMA as TIERING
from shared.events.event import Position
from shared.events.refusal import Reason, Refused
from shared.keys import ApiKeys
from shared.keys.edit import create_key
from shared.mongo import connect
from shared.mongo.generations import begin_generations
from shared.mongo.policies import adopt
from shared.mongo.schema import apply
from shared.policies.adoption import Adopted
from tests.services.engagement.usual import scans, stages
from tests.services.query.stand import POLICY

Json = dict[str, Any]
pytestmark = pytest.mark.real
NOW = datetime(2026, 3, 1, tzinfo=UTC)
SERVICES = {"tiering": TIERING, "engagement": ENGAGEMENT, "feed": FEED, "archives": ARCHIVES, "planning": PLANNING}
ROWS_IN = {
    "tiering": ("tiering", "tier_history"),
    "engagement": ("engagement",),
    "archives": ("archives",),
    "planning": ("planning",),
    "feed": ("movements",),
}
TIER = ("strategic", "partner", "priority", "general", "potential")
PAGED = [(resource, order) for resource in FOLDED if not resource.one_of for order in resource.orders]


class Bench:
    """The API in this process, over collections that the test writes itself."""

    def __init__(self, mongo_uri: str, folder: Path) -> None:
        self.name = f"test_{secrets.token_hex(6)}"
        self.settings = QuerySettings(
            mongo_uri=SecretStr(mongo_uri), mongo_database=self.name, api_keys_file=folder / "keys.yaml"
        )
        scopes = ["customers:read", "confidential:read", "ops:read"]
        _, self.token = create_key(folder / "keys.yaml", [], now=datetime.now(UTC), scopes=scopes)
        self.client: MongoClient[Json] = MongoClient(mongo_uri)
        self.raw = self.client[self.name]

    async def set_up(self) -> None:
        database = connect(self.settings)
        await begin_generations(database, ("inbox", "log", *SERVICES))
        for schema in (INGEST, *SERVICES.values()):
            for generation in (1, 2):
                await apply(database, schema, generation)
        text = POLICY.read_text(encoding="utf-8")
        await adopt(database, Adopted("default-cny", 1, NOW.date().replace(year=2020), text), NOW)
        database.client.close()

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[httpx.AsyncClient]:
        database = connect(self.settings)
        settings_ = self.settings.model_copy(update={"query_units_per_second": 1_000_000})
        routes = api_routes(settings_, ApiKeys(self.settings.api_keys_file), SEALS, database, database)
        headers = {"Authorization": f"Bearer {self.token}"}
        transport = httpx.ASGITransport(Starlette(routes=routes))
        async with httpx.AsyncClient(transport=transport, base_url="http://api", headers=headers) as client:
            yield client
        database.client.close()

    def swap(self, service: str) -> None:
        """What a rebuild does: the same documents in another generation, which takes over; there are two in turn."""
        current = self.raw["generations"].find_one({"_id": service}) or {}
        old, new = current["current"], 3 - current["current"]
        for name in SERVICES[service].collections:
            self.raw[f"{name}_g{new}"].delete_many({})
            documents = list(self.raw[f"{name}_g{old}"].find())
            if documents:
                self.raw[f"{name}_g{new}"].insert_many(documents)
        kept = [{"generation": old, "until": datetime.now(UTC) + timedelta(days=1)}]
        self.raw["generations"].update_one({"_id": service}, {"$set": {"current": new, "kept": kept}})

    def generation(self, resource: Resource) -> int:
        current = self.raw["generations"].find_one({"_id": resource.services[0]}) if resource.services else None
        return int(current["current"]) if current else 1

    def base(self, service: str, name: str) -> Any:
        current = self.raw["generations"].find_one({"_id": service}) or {}
        return self.raw[f"{name}_g{current['current']}"]


SEALS = Seals.read(None)


@pytest.fixture(scope="module")
def bench(mongo_uri: str, portal: BlockingPortal, tmp_path_factory: pytest.TempPathFactory) -> Any:
    made = Bench(mongo_uri, tmp_path_factory.mktemp("paging"))
    portal.call(made.set_up)
    yield made
    made.client.drop_database(made.name)
    made.client.close()


def documents(resource: Resource, number: int, values: Json) -> list[tuple[str, str, Json]]:
    """(service, collection, document) of a customer of whom the resource has rows."""
    customer = f"C{number:04}"
    fresh = {"as_of": NOW, "recorded_at": NOW, "generation": 1, "partition": 0}
    order = values["order"]
    if resource.name == "timeline":
        lines = [
            {
                "_id": f"{customer}/{offset}",
                "customer": customer,
                "offset": offset,
                "kind": "visit.logged",
                "occurred_at": NOW,
                "recorded_at": NOW,
                "source": "crm",
                "event": f"e-{offset}",
            }
            for offset in range(values["rows"])
        ]
        return [("feed", "timeline", one) for one in lines]
    if resource.services[0] == "feed":
        moved = [
            {
                "_id": f"{customer}/{version}",
                "customer": customer,
                "version": version,
                "from_on": f"2026-01-{1 + (order + version) % 3:02}",
                "to_on": OPEN if version == values["rows"] else f"2026-02-{1 + order % 3:02}",
                "from": "general",
                "to": TIER[order % 5],
            }
            for version in range(1, 1 + values["rows"])
        ]
        return [("feed", "movements", one) for one in moved]
    if resource.services[0] == "tiering":
        row = {
            "_id": customer,
            "tier": TIER[order % 5],
            "version": 1,
            "net_order": values["net"],
            "proposed_tier": "strategic",
            "overridden_until": f"2026-04-{1 + order % 3:02}",
            "overdue": f"0.0{1 + order % 3}",
            "overdue_order": 1 + order % 3,
            "factors": [],
            **fresh,
        }
        history = [
            {
                "_id": f"{customer}/{version}",
                "customer": customer,
                "version": version,
                "effective_on": f"2026-01-{1 + order % 3:02}",
                "kind": "changed",
                "decided_as_of": NOW,
                **fresh,
            }
            for version in range(1, 1 + values["rows"])
        ]
        few = {"_id": customer, **listed_document(row)}
        own = [("tiering", "tiering", row), ("tiering", "tiering_listed", few)]
        return [*own, *(("tiering", "tier_history", one) for one in history)]
    if resource.services[0] == "archives":
        grants = [
            {"source": f"s{n % 2}", "grant_id": f"g{n}", "from_on": "2026-01-01", "expires_on": "2026-02-01"}
            for n in range(values["rows"])
        ]
        row = {"_id": customer, "tier": TIER[order % 5], "due_on": None, "lapsed": order % 2, "profiles": [], **fresh}
        return [("archives", "archives", row | ({"grants": grants} if grants else {}))]
    if resource.services[0] == "planning":
        steps = [{"step_id": f"s{n}", "due_on": "2026-01-01"} for n in range(values["rows"])]
        row = {"_id": customer, "tier": TIER[order % 5], "planned": {"owed": order % 2 == 0}, "served": {}, **fresh}
        return [("planning", "planning", row | ({"plans": [{"source": "s", "plan_id": "p", "steps": steps}]}))]
    concerns = {
        "open": values["rows"],
        "list": [{"source": f"s{n % 2}", "concern_id": f"c{n}"} for n in range(values["rows"])],
    }
    persons = {"key_persons": [{"person_id": f"p{n}"} for n in range(values["rows"])]}
    row = {
        "_id": customer,
        "tier": TIER[order % 2],
        "tier_order": order % 2,
        "cadence_days": 7 + order % 2,
        "status": ("on_track", "lapsed", "due_soon")[order % 3],
        "due_on": f"2026-03-{1 + order % 4:02}",
        "concerns": concerns,
        "relationship": persons,
        "satisfaction": {"nps": {"dropped": order % 4 < 3}},
        "has": ["concerns", "key_persons"],
        **fresh,
    }
    return [("engagement", "engagement", row)]


def row_id(resource: Resource, row: Json) -> tuple[Any, ...]:
    if resource.name in {"tier-history", "movements"}:
        return row["customer"], row["version"]
    return (row.get("customer") or row.get("id"), *(row[name] for name in resource.leaf))


VALUES = st.fixed_dictionaries(
    {"order": st.integers(0, 11), "net": st.one_of(st.none(), st.integers(-3, 3)), "rows": st.integers(0, 3)}
)
EXAMPLES = settings().max_examples // 5
"""Of each order, as each asks the real servers; HYPOTHESIS_PROFILE=thorough asks for more."""
STEPS = st.lists(st.sampled_from(["insert", "delete", "move", "nothing"]), max_size=8)
"""What happens between pages; a swap once, after the page of its number."""


@pytest.mark.parametrize(("resource", "order"), PAGED, ids=lambda one: getattr(one, "name", ""))
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    worlds=st.lists(VALUES, max_size=14) | st.lists(VALUES, min_size=8, max_size=14),
    sizes=st.lists(st.integers(1, 7), min_size=1, max_size=5),
    steps=STEPS,
    swap=st.integers(1, 6),
)
def test_each_row_that_does_not_move_comes_once_and_pages_end(
    bench: Bench,
    portal: BlockingPortal,
    resource: Resource,
    order: Order,
    worlds: list[Json],
    sizes: list[int],
    steps: list[str],
    swap: int,
) -> None:
    portal.call(walk, bench, resource, order, worlds, sizes, steps, swap)


async def walk(
    bench: Bench, resource: Resource, order: Order, worlds: list[Json], sizes: list[int], steps: list[str], swap: int
) -> None:
    service = resource.services[0]
    # The customers with even numbers stay as they are; odd ones come, go and move between the pages.
    for name in ROWS_IN[service]:
        bench.base(service, name).delete_many({})
    for number, values in enumerate(worlds):
        put(bench, resource, 2 * number, values)
    seen: list[tuple[Any, ...]] = []
    async with bench.asking() as client:
        expected = await all_rows(client, resource, order)
        cursor, pages = None, 0
        left = list(steps)
        while True:
            asked: Json = {"size": sizes[pages % len(sizes)], "sort": order.name} | (
                {"cursor": cursor} if cursor else {}
            )
            answer = await client.get(resource.path, params=asked)
            assert answer.status_code == 200, answer.text
            body = answer.json()
            assert len(body["data"]) <= asked["size"]
            seen += [row_id(resource, row) for row in body["data"]]
            cursor = body["page"]["next"]
            pages += 1
            if cursor is None:
                break
            assert pages < 200, "no end"
            if pages == swap:
                bench.swap(service)
            if left:
                step(bench, resource, left.pop(), pages)
    unmoved = [one for one in seen if int(one[0][1:]) % 2 == 0]
    assert unmoved == expected


def put(bench: Bench, resource: Resource, number: int, values: Json) -> None:
    for service, name, document in documents(resource, number, values):
        bench.base(service, name).replace_one({"_id": document["_id"]}, document, upsert=True)


def step(bench: Bench, resource: Resource, what: str, number: int) -> None:
    odd = 2 * (number % 7) + 1
    values = {"order": number * 5 % 12, "net": number % 5 - 2, "rows": 1 + number % 3}
    changes: dict[str, Callable[[], object]] = {
        "insert": lambda: put(bench, resource, odd, values),
        "move": lambda: put(bench, resource, odd, {**values, "order": 11, "net": 3}),
    }
    if what in changes:
        changes[what]()
    elif what == "delete":
        for service, name, document in documents(resource, odd, values):
            bench.base(service, name).delete_one({"_id": document["_id"]})


async def all_rows(client: httpx.AsyncClient, resource: Resource, order: Order) -> list[tuple[Any, ...]]:
    body = (await client.get(resource.path, params={"size": 500, "sort": order.name})).json()
    assert body["page"]["next"] is None
    return [row_id(resource, row) for row in body["data"]]


async def pages_of(bench: Bench, resource: Resource, **asked: Any) -> list[Json]:
    async with bench.asking() as client:
        rows, cursor = [], None
        while True:
            body = (await client.get(resource.path, params=asked | ({"cursor": cursor} if cursor else {}))).json()
            rows += body["data"]
            cursor = body["page"]["next"]
            if cursor is None:
                return rows


CUSTOMERS = RESOURCES[0]


def fill(bench: Bench, count: int, **values: Any) -> None:
    bench.base("tiering", "tiering").delete_many({})
    rows = [documents(CUSTOMERS, n, {"order": 0, "net": 0, "rows": 0, **values})[0][2] for n in range(count)]
    if rows:
        bench.base("tiering", "tiering").insert_many(rows)


def test_airbyte_43317_ten_thousand_rows_of_one_value_end(bench: Bench, portal: BlockingPortal) -> None:
    fill(bench, 10_000, net=5)
    found = portal.call(lambda: pages_of(bench, CUSTOMERS, sort="-net_365d", size=500, fields="customer"))
    assert len({row["customer"] for row in found}) == len(found) == 10_000


def test_twenty_20109_20520_a_sort_with_a_cursor_repeats_no_row(bench: Bench, portal: BlockingPortal) -> None:
    bench.base("tiering", "tiering").delete_many({})
    for number in range(60):
        put(bench, CUSTOMERS, number, {"order": number % 5, "net": number % 3 or None, "rows": 0})
    found = portal.call(lambda: pages_of(bench, CUSTOMERS, sort="-net_365d", size=7, fields="customer"))
    assert len({row["customer"] for row in found}) == len(found) == 60


def test_twenty_15523_more_than_860_rows_come(bench: Bench, portal: BlockingPortal) -> None:
    fill(bench, 1_900)
    assert len(portal.call(lambda: pages_of(bench, CUSTOMERS, size=500, fields="customer"))) == 1_900


def test_a_removed_generation_is_told_and_is_no_end(bench: Bench, portal: BlockingPortal) -> None:
    fill(bench, 20)

    async def get(cursor: str | None = None) -> httpx.Response:
        """By an API of its own, since one keeps for a moment what it saw of the generations."""
        async with bench.asking() as client:
            return await client.get("/v1/customers", params={"size": 5} | ({"cursor": cursor} if cursor else {}))

    async def ask() -> httpx.Response:
        cursor = (await get()).json()["page"]["next"]
        bench.swap("tiering")
        kept = (bench.raw["generations"].find_one({"_id": "tiering"}) or {})["kept"]
        second = await get(cursor)
        assert second.status_code == 200, second.text
        assert second.json()["freshness"]["generations"] == {"tiering": kept[-1]["generation"]}
        bench.raw["generations"].update_one({"_id": "tiering"}, {"$set": {"kept": []}})
        return await get(cursor)

    answer = portal.call(ask)
    assert (answer.status_code, answer.json()["code"]) == (410, "cursor_expired")


def test_what_was_refused_comes_once_the_latest_first(bench: Bench, portal: BlockingPortal) -> None:
    """Whatever is refused between two pages, and where several came at one instant."""
    rejections = next(one for one in RESOURCES if one.name == "rejections")

    async def refuse(numbers: range, minute: int) -> None:
        database = connect(bench.settings)
        why = [
            Refused(Reason.UNKNOWN_CURRENCY, "data.currency", "no such currency"),
            Refused(Reason.TOO_OLD, "", "old"),
        ]
        at = NOW + timedelta(minutes=minute)
        fates = [Fate("erp", f"r-{n}", f"C-{n % 3}", Position(1, 0, n), at, why[n % 2]) for n in numbers]
        unnamed = Fate("erp\ud800", None, None, Position(1, 1, numbers[0]), at, why[1])
        known = Fate("erp", f"d-{numbers[0]}", "C-0", Position(1, 2, numbers[0]), at, None)
        await MongoStore(database, 1).tell([*fates, unnamed, known])
        database.client.close()

    async def ask() -> None:
        await refuse(range(12), 0)
        async with bench.asking() as client:
            first = (await client.get("/v1/rejections", params={"size": 5})).json()
            await refuse(range(12, 20), 1)
            await refuse(range(1), 2)  # again: the last word stays
            rest = []
            cursor = first["page"]["next"]
            while cursor is not None:
                page = (await client.get("/v1/rejections", params={"size": 5, "cursor": cursor})).json()
                rest += page["data"]
                cursor = page["page"]["next"]
            found = [one["position"] for one in (*first["data"], *rest)]
            assert len(found) == len({*found})
            assert {*found} | {"1/0/0", "1/1/0"} == {*(f"1/0/{n}" for n in range(12)), "1/1/0"}
            again = await client.get("/v1/rejections", headers={"If-None-Match": "*"})
            assert (again.status_code, again.headers["cache-control"]) == (200, "no-store")
            assert again.json()["freshness"]["behind"] == 0

    portal.call(ask)
    found = portal.call(lambda: pages_of(bench, rejections, size=4))
    assert [one["at"] for one in found] == sorted((one["at"] for one in found), reverse=True)
    assert [one["event"] for one in found].count(None) == 2
    assert {one["source"] for one in found} == {"erp", "erp\\ud800"}
    for asked, expected in (
        ({"code": "unknown_currency", "field": "data.currency"}, {n for n in range(20) if n % 2 == 0}),
        ({"subject": "C-1", "source": "erp"}, {n for n in range(20) if n % 3 == 1}),
    ):
        rows = portal.call(partial(pages_of, bench, rejections, size=3, **asked))
        assert {int(one["event"].removeprefix("r-")) for one in rows} == expected


def conditions() -> list[Any]:
    """Each order with each of its filters alone, with what must stand beside it, and from a place on."""
    values = {
        "id": "C0001", "tier": "partner", "status": "lapsed", "day": "2026-03-01",
        "instant": "2026-03-01T00:00:00Z", "money": "10.00", "week": "2026-W10",
        "text": "visit.logged",
    }  # fmt: skip
    found = []
    for resource in RESOURCES:
        for order in resource.orders:
            base = {resource.one_of[-1]: "C0001"} if resource.one_of else {}
            found.append((resource, order, base))
            for name, one in order.filters.items():
                beside = {one.beside: values[order.filters[one.beside].kind.value]} if one.beside else {}
                asked = {name: values[one.kind.value], **beside}
                found.append(
                    (resource, order, asked if not resource.one_of or {*resource.one_of} & {*asked} else base | asked)
                )
    return found


@pytest.mark.parametrize(
    ("resource", "order", "asked"), conditions(), ids=lambda one: getattr(one, "name", None) or json.dumps(one)
)
def test_no_query_reads_a_whole_collection(bench: Bench, resource: Resource, order: Order, asked: Json) -> None:

    read = read_list(resource, {"sort": [order.name], **{name: [value] for name, value in asked.items()}})
    place = Place(
        tuple(
            0 if name in {"net_order", "tier_order", "cadence_days", "version", "offset", "at_ms"} else "C"
            for name in order.sort
        )
    )
    generation = bench.generation(resource)
    for range_ in (*ranges(order.sort, None), *ranges(order.sort, place)):
        match = [one for one in (*read.keys, range_) if one]
        found: list[Json] = [{"$match": {"$and": match}}] if match else []
        queries = [(order.keys, [*found, {"$limit": 101}])]
        rows: list[Json] = [{resource.parent: {"$in": ["C0001", "C0002"]}}]
        queries.append((resource.view, [{"$match": {"$and": [read.of_rows, *rows] if read.of_rows else rows}}]))
        for view, pipeline in queries:
            explained = bench.raw.command(
                {
                    "explain": {"aggregate": f"{view}.g{generation}", "pipeline": pipeline, "cursor": {}},
                    "verbosity": "executionStats",
                }
            )
            assert not scans(explained), (view, pipeline)


def test_no_page_sorts_what_an_index_has_in_order(bench: Bench) -> None:
    fill(bench, 1)
    for resource in RESOURCES:
        for order in resource.orders:
            pipeline: list[Json] = [{"$match": order.needed}] if order.needed else []
            view = f"{order.keys}.g{bench.generation(resource)}"
            aggregate = {"aggregate": view, "pipeline": [*pipeline, {"$limit": 51}], "cursor": {}}
            plan = bench.raw.command({"explain": aggregate, "verbosity": "queryPlanner"})
            assert "SORT" not in set(stages(plan)), (order.keys, plan)
