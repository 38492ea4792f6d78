"""A policy that comes into force while the services run: everybody is reviewed, live traffic goes on, and what
`guanxi policy simulate` foretold is what happens.

Its day can't be waited for, so it is put where `guanxi policy adopt` would have put it yesterday, while a mark of a
backfill holds up the sweeps: when they may go on, it is the morning of that day for every customer.
"""

import csv
import json
import time
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median, quantiles

import anyio
import pytest
from anyio.from_thread import BlockingPortal

from operations.status.progress import progress
from services import SERVICES
from shared.events.codec import CONTENT_TYPE
from shared.kafka.batches import Appender, Outgoing
from shared.kafka.connection import partition_of
from shared.mongo import connect
from shared.mongo.due import BackfillMarks
from shared.mongo.policies import adopt
from shared.policies.adoption import Adopted, begins_at
from shared.topics import INBOX
from tests.e2e.conftest import MakeWorld
from tests.e2e.slices import rows, write
from tests.e2e.world import POLICY, World
from tests.events.wire import event, raw
from tests.oracle.policies import stricter, wholesale_gbp
from tests.oracle.retail import LONDON, File, load
from tests.oracle.test_retail import logged
from tests.oracle.tiering import tiering

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.release("laws hold simulate to what tiering decides, the simulation changes policies under load"),
]
ROWS = 9_000
LIVE_EVENTS = 60
LIVE_EVERY_SECONDS = 0.1
LIVE_LATER_SECONDS = 5.0
"""By how much the 95th percentile may grow on a busy machine, with a year to be caught up for each customer."""
BY = -12


def second_version(today: date) -> str:
    """The policy with all scores lowered, and general customers met more often."""
    text = POLICY.read_text(encoding="utf-8").replace("version: 1", "version: 2")
    for enter, hold in ((80, 77), (65, 62), (45, 42)):
        text = text.replace(f"enter: {enter}", f"enter: {enter + BY}").replace(f"hold: {hold}", f"hold: {hold + BY}")
    return text.replace("effective_on: 2000-01-01", f"effective_on: {today}").replace("days: 90", "days: 60")


async def held_import(world: World, path: Path, last_on: date) -> None:
    """Import with sweeps held up after it too, until all is folded."""
    database = connect(world.settings)
    await BackfillMarks(database).alive("held", datetime.now(UTC))
    await world.import_([path], last_on)
    while any(one.behind for one in await progress(world.settings, database)):  # noqa: ASYNC110 - nothing tells
        await anyio.sleep(0.2)
    database.client.close()


async def live(world: World, name: str, count: int) -> list[float]:
    """Purchases of new customers, ten a second; gives the seconds from inbox to row of each."""
    database, appender = connect(world.settings), Appender(world.settings)
    seconds: list[float] = []

    async def shown(customer: str, began: float) -> None:
        wanted = {"_id": customer, "tier": "general"}
        while await database["tiering_g1"].find_one(wanted) is None:  # noqa: ASYNC110 - nothing tells
            await anyio.sleep(0.02)
        seconds.append(time.monotonic() - began)

    async with anyio.create_task_group() as together:
        for number in range(count):
            began = time.monotonic()
            customer = f"live-{name}-{number}"
            await appender.append(INBOX.full_name(world.settings), [purchase(customer, world)])
            together.start_soon(shown, customer, began)
            await anyio.sleep(LIVE_EVERY_SECONDS)
    await appender.close()
    database.client.close()
    told = f"median {median(seconds):.2f} s, p95 {p95(seconds):.2f} s, longest {max(seconds):.2f} s"
    print(f"{count} live events {name} the reviews: {told}")
    return seconds


def p95(seconds: list[float]) -> float:
    return quantiles(seconds, n=20)[-1]


async def adopt_and_go_on(world: World, text: str, today: date) -> list[float]:
    """The policy, then the sweeps, with live events all the time."""
    database = connect(world.settings)
    await adopt(database, Adopted("wholesale-gbp", 2, today, text), datetime.now(UTC))
    for service in SERVICES.folding:  # an hour is more than enough for that
        while "wholesale-gbp/2 from" not in world.services.log(service).read_text(encoding="utf-8"):  # noqa: ASYNC110
            await anyio.sleep(0.2)
    before = await live(world, "before", LIVE_EVENTS // 2)
    await BackfillMarks(database).ended("held", datetime.now(UTC))
    amid = await live(world, "amid", LIVE_EVENTS)
    database.client.close()
    return [p95(before), p95(amid)]


def purchase(customer: str, world: World) -> Outgoing:
    key = f"customer:{customer}".encode()
    bought = {"amount": "300.00", "currency": "GBP"}
    value = raw(event(data=bought, source=f"shop-{customer}", subject=customer, time=datetime.now(UTC)))
    return Outgoing(partition_of(key, world.settings.partitions), key, value, [CONTENT_TYPE])


def test_a_policy_comes_into_force(make_world: MakeWorld, portal: BlockingPortal, tmp_path: Path) -> None:
    today = datetime.now(LONDON).date()
    last_on = today - timedelta(days=1)
    path = write(tmp_path / "invoices.csv.gz", rows()[:ROWS])
    text = second_version(today)
    (tmp_path / "second.yaml").write_text(text, encoding="utf-8")
    with make_world(tmp_path) as world:
        portal.call(held_import, world, path, last_on)
        before = [world.services.pid(name) for name in world.services.names]
        foretold = simulated(portal, world, tmp_path, today)
        alone, amid = portal.call(adopt_and_go_on, world, text, today)
        portal.call(world.settled)
        assert [world.services.pid(name) for name in world.services.names] == before
        check_everybody_is_reviewed(world, today)
        check_what_was_foretold(world, foretold)
        check_against_the_oracle(world, load(path, last_on), today)
        assert not simulated(portal, world, tmp_path, today)[1]
        listed = portal.call(partial(world.services.command, "policy", "list", timeout_s=60)).read_text(
            encoding="utf-8"
        )
        assert "in force" in next(line for line in listed.splitlines() if line.startswith("wholesale-gbp/2"))
    assert amid < alone + LIVE_LATER_SECONDS


def simulated(
    portal: BlockingPortal, world: World, folder: Path, today: date
) -> tuple[dict[str, int], dict[str, tuple[str, str]]]:
    """Customers by tier after, and who would move, as the command says."""
    words = ["policy", "simulate", str(folder / "second.yaml"), "--on", today.isoformat(), "--json"]
    said = portal.call(partial(world.services.command, *words, "--csv", str(folder / "moves.csv"), timeout_s=120))
    text = said.read_text(encoding="utf-8")
    document, _ = json.JSONDecoder().raw_decode(text, text.rindex('{\n  "policy"'))  # the last of the log
    with (folder / "moves.csv").open(encoding="utf-8", newline="") as file:
        moves = {row["customer"]: (row["from_tier"], row["to_tier"]) for row in csv.DictReader(file)}
    assert len(moves) == document["moved"] == len(document["moves"])
    return {one["tier"]: one["after"] for one in document["tiers"]}, moves


def check_everybody_is_reviewed(world: World, today: date) -> None:
    begun = begins_at(today, LONDON)
    customers, engaged = world.documents("customers"), world.documents("engagement")
    assert len(customers) == len(engaged) > 1000
    assert all(row["as_of"] >= begun and row["policy_version"] == 2 for row in customers)
    assert {row["contact"]["cadence_days"] for row in engaged if row["tier"] == "general"} == {60}
    assert not [row for row in world.documents("tiering_g1") if row.get("behind")]


def check_what_was_foretold(world: World, foretold: tuple[dict[str, int], dict[str, tuple[str, str]]]) -> None:
    """The live customers aside, who came later."""
    after, moves = foretold
    tiers = {row["_id"]: row["tier"] for row in world.documents("customers") if not row["_id"].startswith("live-")}
    assert len(moves) > 100
    assert {name: tiers[name] for name in moves} == {name: to for name, (_, to) in moves.items()}
    assert Counter(tiers.values()) == Counter({tier: count for tier, count in after.items() if count})


def check_against_the_oracle(world: World, file: File, today: date) -> None:
    """A sample of those who moved on the day, every decision of theirs."""
    first = wholesale_gbp(date(2000, 1, 1))
    policies = (first, stricter(first, today, BY))
    history: dict[str, list[tuple[date, str, str, int]]] = {}
    for one in sorted(world.documents("tier_history"), key=lambda one: one["version"]):
        told = (date.fromisoformat(one["effective_on"]), one["to"], one["cause"], one["policy_version"])
        history.setdefault(one["customer"], []).append(told)
    moved = sorted(name for name, told in history.items() if told[-1][2] == "policy" and name in file.customers)
    assert all(told[0] == today for name in moved for told in history[name] if told[3] == 2)
    for name in moved[:: max(1, len(moved) // 12)]:
        log = [logged(line) for line in file.customers[name]]
        outcome = tiering(log, policies, LONDON, begins_at(today, LONDON) + timedelta(hours=1))
        wanted = [(one.effective_on, one.to_tier, one.cause, one.policy_version) for one in outcome.changes]
        assert history[name] == wanted, name
