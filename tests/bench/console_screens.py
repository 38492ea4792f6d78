"""How long each screen of the console takes with many customers: p95 against the bounds of the design.

    python -m tests.bench.console_screens [--customers 50000] [--representatives 1000] [--times 20]
                                          [--events-per-second 500]

Documents as the services store them are put straight into a real MongoDB, without events; the console and the API run
in this process, and each screen is asked for as a browser asks, one after the other. Without --events-per-second,
Kafka, the services and other readers are left out, so that a screen that is over its bound then is over it everywhere;
with it the services run on the same MongoDB, and events come in while the screens are asked for (incoming.py). `CPU` is
what this process and MongoDB worked for a page on average, with --events-per-second for the events too: where the
machine is busy, read that. Exits with 1 where a screen is over, or fails.
At the end a browser opens Today over a slow network: how long until something shows, and what all of it weighs.
"""

import argparse
import asyncio
import logging
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from functools import partial
from hashlib import sha256
from itertools import islice
from math import ceil
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode

import httpx
from bson import Int64
from pydantic import SecretStr
from starlette.applications import Starlette

from local.stack.mongod import start_mongod
from local.stack.server import Ask
from services.archives.service import SERVICE as ARCHIVES_SERVICE
from services.engagement.calendar import build_calendar
from services.engagement.domain import REPRESENTATIVES
from services.engagement.rows import representative_row
from services.engagement.rules.days import monday_of
from services.engagement.rules.representative import Registration, Representative
from services.engagement.rules.shown import NO_CONCERNS
from services.engagement.store import SCHEMA as ENGAGEMENT
from services.engagement.store import week_documents, write_weeks
from services.engagement.store.rep_weeks import WeekSweep
from services.engagement.stored import dump_representative
from services.feed.rules.lines import OPEN
from services.feed.rules.terms import terms
from services.feed.store import SCHEMA as FEED
from services.ingest.service import SERVICE as INGEST_SERVICE
from services.planning.service import SERVICE as PLANNING_SERVICE
from services.query.api.cursors import Seals
from services.query.app import api_routes
from services.query.console.frame import ROOT
from services.query.console.roles import Person
from services.query.console.screens.satisfaction import quarters_until
from services.query.console.store import SignIns
from services.query.service import SERVICE as QUERY_SERVICE
from services.query.settings import QuerySettings
from services.tiering.policy import FACTORS
from services.tiering.rows import ENTITLEMENTS, listed_document
from services.tiering.store import SCHEMA as TIERING
from shared.events.types import TIERS
from shared.facts.days import NEVER, iso, to_micros
from shared.keys import ApiKeys
from shared.keys.edit import create_key
from shared.mongo import Database, connect
from shared.mongo.schema import apply
from shared.mongo.states import StateStore, freshness_collection
from shared.policies.calendar import CalendarChoice
from shared.settings import Settings
from tests.bench.arena import POLICY, Fill, arena
from tests.bench.incoming import coming_in
from tests.bench.processes import Usage
from tests.services.engagement.stored_rows import visit_rows

ARCHIVES, PLANNING = ARCHIVES_SERVICE.schema, PLANNING_SERVICE.schema
INGEST, QUERY = INGEST_SERVICE.schema, QUERY_SERVICE.schema
HOST = "http://crm.test"
PARTITIONS = 12
NOBODYS = PARTITIONS
"""The partition of what is put in: no service sweeps it, since it holds no state to fold on from."""
TEAMS, REGIONS = 40, 7
WEEKS_BACK, VISITS_A_WEEK = 13, 4
INSERTED = 5_000
Json = dict[str, Any]
SCREENS = (
    ("Today", "today?representative=R-0001", 150, 12),
    ("My week", "week?representative=R-0001", 500, 11),
    ("Customers", "customers?tier=general", 150, 6),
    ("Customer", "customers/C-000101", 150, 16),
    ("Customer, another day", "customers/C-000101?on={past}", 150, 16),
    ("Tiers", "tiers", 200, 8),
    ("Tiers, another day", "tiers?on={past}&known_at={past}", 200, 8),
    ("Coverage", "coverage?team=T-01", 500, 15),
    ("Staffing", "staffing", 200, 5),
    ("Approvals", "approvals", 150, 10),
    ("Concerns", "concerns?owned_by=R-0001", 150, 5),
    ("Satisfaction", "satisfaction", 500, 8),
    ("Policy", "policy", 300, 6),
    ("Refused", "refused", 300, 6),
    ("Subscriptions", "subscriptions", 300, 5),
    ("Health", "health", 300, 5),
    ("Search", "search?q=C-0001", 150, 5),
)
"""Name, address, most milliseconds at p95, and most questions to MongoDB with 1,000 customers (test_real_cost.py)."""


def p95(taken: list[float]) -> float:
    """The value that 95 of a hundred do not exceed."""
    return sorted(taken)[ceil(0.95 * len(taken)) - 1]


def main(arguments: list[str] | None = None) -> int:
    """Fill, ask, print; 1 where a screen is over its bound or fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=50_000)
    parser.add_argument("--representatives", type=int, default=1_000)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--events-per-second", type=float, default=0.0)
    parser.add_argument("--one-tier", action="store_true", help="all customers are general")
    asked = parser.parse_args(arguments)
    filling = partial(fill, customers=asked.customers, representatives=asked.representatives, one_tier=asked.one_tier)
    print(f"{asked.customers:,} customers, {asked.representatives:,} representatives")
    bad = asyncio.run(measure(filling, asked.times, asked.events_per_second))
    first_page_on_slow_3g()
    return bad


def first_page_on_slow_3g() -> None:
    """Print when a browser shows something of Today on its first visit, by its own emulation of a slow network."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - with the browser, which is not everywhere

    from tests.services.query.console.documented import rows  # noqa: PLC0415
    from tests.services.query.console.test_look import SLOW_3G, first_page, served_with  # noqa: PLC0415
    from tests.services.query.console.test_matrix import looked_at  # noqa: PLC0415
    from tests.services.query.console.world import World  # noqa: PLC0415

    world = World()
    world.api.tables = rows()
    with sync_playwright() as playwright, served_with(world) as url:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        signed_in, _, _ = looked_at(browser, url, world, "en")
        context = browser.new_context(storage_state=signed_in.storage_state(), service_workers="block")
        found = first_page(context, f"{url}/today", SLOW_3G)
        browser.close()
    print(f"first page on slow 3G: content after {found.content_ms:,.0f} ms; {found.bytes / 1000:,.0f} kB in all")


async def measure(filling: Fill, times: int, events_per_second: float = 0.0) -> int:
    """Without events coming in, or with so many a second."""
    if not events_per_second:
        async with filled(filling) as (database, settings, pids):
            return await ask(database, settings, pids, times)

    async def put(database: Database, settings: Settings) -> None:
        await filling(database, settings)
        await sweep(database)

    async with arena(print, prepare=put) as ground, AsyncExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory()))
        settings = settings_on(ground.servers.mongo_uri, folder)
        database = connect(settings)
        ending.callback(database.client.close)
        async with coming_in(ground, events_per_second) as sent:
            bad = await ask(database, settings, {"this": os.getpid(), **ground.pids()}, times)
        print(sent.line())
        return bad or int(sent.failed > 0)


@asynccontextmanager
async def filled(filling: Fill, *, swept: bool = True) -> AsyncIterator[tuple[Database, QuerySettings, dict[str, int]]]:
    """A MongoDB that holds them; the processes by name. swept: the weeks of representatives are rows."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = await start_mongod(Ask(folder, folder), print)
        assert server.process is not None
        stack.push_async_callback(server.process.stop)
        settings = settings_on(server.endpoint, folder)
        logging.basicConfig(level=logging.ERROR)
        database = connect(settings)
        stack.callback(database.client.close)
        await filling(database, settings)
        if swept:
            await sweep(database)
        yield database, settings, {"this": os.getpid(), "mongod": server.process.pid}


def settings_on(mongo_uri: str, folder: Path) -> QuerySettings:
    """Of the console in this process, with a key of its own in the folder."""
    create_key(folder / "keys.yaml", ["*"], now=datetime.now(UTC))
    return QuerySettings(
        mongo_uri=SecretStr(mongo_uri), time_zone="Asia/Shanghai",
        query_units_per_second=1e6, api_keys_file=folder / "keys.yaml",
    )  # fmt: skip


async def sweep(database: Database) -> None:
    """Make rows of all weeks of representatives, as engagement does by and by, at its own pace."""
    store = StateStore(database, "engagement", 1, 1)
    weeks = WeekSweep(database, store, lambda: range(PARTITIONS), PARTITIONS, lambda: datetime.now(UTC))
    for one in await database[f"{REPRESENTATIVES}_g1"].find({}, {"_id": 1}).to_list(None):
        await weeks.write(one["_id"])


async def ask(database: Database, settings: QuerySettings, pids: Mapping[str, int], times: int) -> int:
    """Each screen, so many times after a first one; prints a line for each; 1 where one is over, or fails."""
    app = Starlette(routes=api_routes(settings, ApiKeys(settings.api_keys_file), Seals.read(None), database, database))
    secret = await SignIns(database).issue(Person("bench", "everything"), datetime.now(UTC))
    past = (datetime.now(settings.zone).date() - timedelta(days=60)).isoformat()
    bad = 0
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=HOST, timeout=120) as client:
        form = {"origin": HOST, "content-type": "application/x-www-form-urlencoded"}
        await client.post(f"{ROOT}/sign-in", content=urlencode({"secret": secret}), headers=form)
        print(f"{'screen':24}{'p50 ms':>10}{'p95 ms':>10}{'CPU ms':>10}{'bound':>8}{'kB':>8}")
        for name, path, bound, _ in SCREENS:
            url = f"{ROOT}/{path.format(past=past)}"
            page = (await client.get(url)).text
            used, taken = Usage.start(pids), []
            for _ in range(times):
                began = time.perf_counter()
                page = (await client.get(url)).text
                taken.append(1000 * (time.perf_counter() - began))
            cpu = 1000 * sum(used.so_far().values()) / times
            # The door is no part of this: Health alone asks it.
            failed = page.count('data-state="failed"') > (name == "Health") or "<main" not in page
            said = "FAILED" if failed else "over" if p95(taken) > bound else ""
            bad += bool(said)
            figures = f"{median(taken):>10,.0f}{p95(taken):>10,.0f}{cpu:>10,.0f}{bound:>8}{len(page) / 1000:>8,.0f}"
            print(f"{name:24}{figures}  {said}", flush=True)
    return min(bad, 1)


async def fill(
    database: Database, settings: Settings, customers: int, representatives: int, *, one_tier: bool = False
) -> None:
    """What the services would have stored."""
    for schema in (TIERING, ENGAGEMENT, ARCHIVES, PLANNING, FEED, INGEST, QUERY):
        await apply(database, schema, 1)
    now = datetime.now(UTC)
    today = now.astimezone(settings.zone).date()
    first, last = today - timedelta(days=120), today + timedelta(days=30)
    calendar = build_calendar(CalendarChoice(), range(first.year, last.year + 1))
    await write_weeks(database, week_documents(calendar, settings.zone, first, last))
    if not await database["policies"].find_one({}):  # else it is set up
        await database["policies"].insert_one(_policy(now))
    made = Made(now, today, representatives, one_tier)
    await fill_rows(database, made, customers)
    for service, of in (("tiering", "tiering"), ("engagement", "engagement"), ("engagement", "representatives")):
        noted = {"_id": f"{of}/{NOBODYS}", "of": of, "partition": NOBODYS, **made.fresh()}
        await database[f"{freshness_collection(service)}_g1"].insert_one(noted)


async def fill_rows(database: Database, made: "Made", customers: int) -> None:
    """Of all customers and representatives; the rest is there."""
    every, reps = range(customers), range(made.representatives)
    await put(database, "tiering_g1", map(made.tiering, every))
    await put(database, "tiering_listed_g1", filter(None, map(made.listed, every)))
    await put(database, "tier_history_g1", map(made.decision, every))
    await put(database, "movements_g1", map(made.movement, every))
    await put(database, "feed_g1", map(made.found, every))
    await put(database, "engagement_g1", map(made.engagement, every))
    await put(database, "account_rows_g1", map(made.account, every))
    await put(database, "representatives_g1", map(made.representative, reps))
    await put(database, "visit_rows_g1", (row for n in reps for row in made.visits(n, customers)))


def _policy(now: datetime) -> Json:
    text = POLICY.read_text(encoding="utf-8")
    said = {"name": "default-cny", "version": 1, "effective_on": "2024-01-01", "text": text, "adopted_at": now}
    return {"_id": "default-cny/1", **said, "sha256": sha256(text.encode()).hexdigest()}


@dataclass(frozen=True, slots=True)
class Made:
    """Documents as the services store them: every number has its own, the same each time."""

    now: datetime
    today: date
    representatives: int
    one_tier: bool = False

    def fresh(self) -> Json:
        at = dict.fromkeys(("as_of", "recorded_at", "projected_at"), self.now)
        return {**at, "log": {"generation": 1, "offset": 7}, "generation": 1}

    def _tier(self, number: int) -> int:
        """Of a hundred one strategic, four partners, ten priority, thirty-five general, the rest potential; or all
        general.
        """
        place = 49 if self.one_tier else number % 100
        return 4 if place < 1 else 3 if place < 5 else 2 if place < 15 else 1 if place < 50 else 0

    def _day(self, days: int) -> str:
        return (self.today + timedelta(days=days)).isoformat()

    def _owner(self, number: int) -> str:
        return f"R-{number % self.representatives:04}"

    def tiering(self, number: int) -> Json:
        rank, net = self._tier(number), (number * 7919) % 1_000_000_00
        row: Json = {
            "_id": f"C-{number:06}", **self.fresh(), "partition": NOBODYS, "tier": TIERS[rank], "version": 1,
            "score": 40.5, "changed_version": 1, "changed_on": self._day(-40), "tier_since": self._day(-40),
            "registered": True, "name": f"客户{number}", "account_manager": self._owner(number),
            "region": f"r{number % REGIONS}",
            "factors": [[place, "5.00", 5.0, 12] for place in range(len(FACTORS))],
            "entitlements": [None for _ in ENTITLEMENTS], "policy": "default-cny", "policy_version": 1,
            "known_weight": 90, "currency": "CNY", "net_order": Int64(net), "fold": "{}", "fold_version": 3,
            **dict.fromkeys(("net_365d", "net_730d", "net_90d"), f"{net // 100}.00"),
        }  # fmt: skip
        if number % 400 == 0:
            row["overridden_until"] = self._day(number % 90)
        if number % 500 == 1:
            row |= {"proposed_tier": TIERS[-1], "proposal": {"version": 1, "declined": False}}
        return row

    def listed(self, number: int) -> Json:
        row = self.tiering(number)
        found = listed_document(row)
        return {"_id": row["_id"], **found} if found else found

    def decision(self, number: int) -> Json:
        return {
            "_id": f"C-{number:06}/1", "customer": f"C-{number:06}", "version": 1, "kind": "changed",
            "effective_on": self._day(-40), "from": TIERS[0], "to": TIERS[self._tier(number)], "cause": "score",
            "computed_tier": TIERS[self._tier(number)], "proposed_tier": None, "dormant": False, "score": "40.50",
            "known_weight": 90, "factors": {}, "policy": "default-cny", "policy_version": 1, "set_off_by": None,
            "decided_as_of": self.now, "recorded_at": self.now - timedelta(days=40), "event_id": f"e{number}",
        }  # fmt: skip

    def movement(self, number: int) -> Json:
        then = self.now - timedelta(days=40 + number % 300)
        return {
            "_id": f"C-{number:06}/1", "customer": f"C-{number:06}", "version": 1, "from": TIERS[0],
            "to": TIERS[self._tier(number)], "from_on": then.date().isoformat(), "to_on": OPEN, "recorded_at": then,
            "ended_at": None, "net_365d": "100.00", "policy": "default-cny", "policy_version": 1, "region": None,
            "account_manager": self._owner(number),
        }  # fmt: skip

    def found(self, number: int) -> Json:
        name = f"客户{number}"
        return {
            "_id": f"C-{number:06}", **self.fresh(), "partition": NOBODYS, "sequence": 1, "name": name,
            "terms": terms(f"C-{number:06}", name), "fold": "{}", "fold_version": 1,
        }  # fmt: skip

    def engagement(self, number: int) -> Json:
        rank, owner = self._tier(number), self._owner(number)
        row: Json = {
            "_id": f"C-{number:06}", **self.fresh(), "partition": NOBODYS, "tier": TIERS[rank],
            "tier_order": 4 - rank, "name": f"客户{number}", "registered": True, "owners": {"account_manager": owner},
            "owned_by": [owner], "status": None, "due_on": None, "fold": "{}", "fold_version": 3, "tier_version": 1,
        }  # fmt: skip
        if rank:
            row |= {"status": ("on_track", "due_soon", "lapsed")[number % 3], "due_on": self._day(number % 60 - 20)}
            row["cadence_days"] = (60, 30, 14, 7)[rank - 1]
        has = []
        if number % 4 == 0:
            figure = {"n": 6, "value": 33.33, "gap": None, "sum": 2}
            quarters = [{"quarter": one, "n": 1 + number % 3, "sum": 1} for one in quarters_until(self.today)]
            years = {"this_year": figure, "last_year": figure, "quarters": quarters}
            row["satisfaction"] = {"nps": {**years, "dropped": number % 200 == 0}}
            has.append("satisfaction")
        if number % 50 == 0:
            one = {
                "source": "crm", "concern_id": f"k{number}", "kind": "complaint", "severity": "major", "about": "破损",
                "raised_on": self._day(-2), "tier": TIERS[rank], "deadline": self.now + timedelta(hours=number % 90),
                "answered_at": None, "overdue": False, "reopened": 0,
            }  # fmt: skip
            some = {"open": 1, "open_by_severity": NO_CONCERNS["open_by_severity"] | {"major": 1}, "list": [one]}
            row["concerns"] = NO_CONCERNS | some
            has.append("concerns")
        return row | ({"has": has} if has else {})

    def account(self, number: int) -> Json:
        customer, owner, since = f"C-{number:06}", self._owner(number), self.today.toordinal() - 300
        spans = [{"from_on": since, "until_on": NEVER}] if self._tier(number) == 1 else []
        return {
            "_id": f"account_manager/{len(customer)}/{customer}/{owner}", "customer": customer,
            "representative": owner, "role": "account_manager", "named_from": since, "closed_named_from": since,
            "spans": spans, "closed_spans": spans,
            "visited": [{"role": "account_manager", "days": [self.today.toordinal() - number % 120]}],
        }  # fmt: skip

    def representative(self, number: int) -> Json:
        since = self.today.toordinal() - 400
        fields = {"role": "account_manager", "active_from": since, "team": f"T-{number % TEAMS:02}", "fte": 100}
        said = [Registration(since, f"e{number}", "hr", since, since, fields)]
        one = Representative(f"R-{number:04}", to_micros(self.now), self.today.toordinal(), said, {}, {})
        return {"_id": one.id, **representative_row(one), **self.fresh(), "fold": dump_representative(one)}

    def visits(self, number: int, customers: int) -> list[Json]:
        """A quarter's of a representative, one a day."""
        rep, some = f"R-{number:04}", []
        for place in range(WEEKS_BACK * VISITS_A_WEEK):
            day = monday_of(self.today.toordinal()) - 7 * (place // VISITS_A_WEEK) - 7 + place % VISITS_A_WEEK
            at = datetime.combine(date.fromordinal(day), clock(4), UTC)
            entry = {
                "day": iso(day), "date": day, "time": place, "at": at, "source": "crm", "kind": "routine",
                "channel": "onsite", "tier": "general", "flaw": None, "roles": ["account_manager"],
                "first": ["account_manager"], "logged_at": at, "late": False, "backfill": False, "now": True,
                "closed": True,
            }  # fmt: skip
            some.append((rep, f"C-{(number + self.representatives * place) % customers:06}", entry))
        return [{**row, "_id": f"{number}/{row['_id']}"} for row in visit_rows([some])]


async def put(database: Database, name: str, documents: Iterable[Json]) -> None:
    """Many at a time."""
    left = iter(documents)
    while some := list(islice(left, INSERTED)):
        await database[name].insert_many(some, ordered=False)


if __name__ == "__main__":
    sys.exit(main())
