"""Rows are stored without what is empty, and with few indexes: the views show every field all the same, and no usual
query reads a whole collection. What "usual" is stands in docs/engagement.md.
"""

import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal
from pymongo.database import Database

from services.engagement.calendar import Calendar
from services.engagement.store import SCHEMA
from tests.services.engagement.reading import put, set_up
from tests.services.engagement.usual import scans, stages, usual
from tests.services.engagement.world import REP, World

pytestmark = pytest.mark.real
WEEK = "2026-W10"
PRIVATE = {
    *("fold", "fold_facts", "fold_visits", "fold_weeks", "fold_weeks_before"),
    *("pending", "due_at", "review_at", "marked_due", "behind", "live", "fold_version", "partition"),
}
WHOLE = (None, "potential", "general", "priority", "partner", "strategic")


def world_of_all() -> World:
    """Customers of whom nothing is known, all is known, and everything between."""
    world = World()
    world.register("2026-01-05")
    world.goal("2026-01-06", "counted", "0", "4", "2026-03-04", subject=REP, kind="representative")
    for tier in WHOLE:
        for has in ("", "visit", "visit survey concern person goal owner profile"):
            told(world, f"{tier}-{len(has)}", tier, has)
    return world


def told(world: World, customer: str, tier: str | None, has: str) -> None:
    if tier:
        world.tier(tier, "2026-01-10", customer=customer)
    if "visit" in has:
        world.visit("2026-03-02", customer=customer, kind="executive", follow_ups=["prices"])
    if "profile" in has:
        world.customer_registered("2026-01-11", customer, name="海运", region="east")
    if "owner" in has:
        world.assign("2026-01-11", customer=customer)
    if "survey" in has:
        world.survey("2026-02-01", 3, subject=customer)
    if "concern" in has:
        world.concern("2026-02-01", subject=customer)
    if "person" in has:
        world.assess("2026-02-01", subject=customer)
    if "goal" in has:
        world.goal("2026-02-01", "kcr", "0", "2", "2026-12-31", subject=customer)
        world.goal("2026-02-01", "score", "40", "60", "2026-12-31", subject=customer)
    world.review("2026-03-12", customer)


@pytest.fixture(scope="module")
def world() -> World:
    return world_of_all()


@pytest.fixture(scope="module")
def database(world: World, mongo_uri: str, portal: BlockingPortal) -> Iterator[Database[Any]]:
    """One for all that only read."""
    database = portal.call(set_up, mongo_uri, f"test_{secrets.token_hex(6)}", Calendar(), world)
    with database.client:
        put(world, database)
        yield database
        database.client.drop_database(database.name)


def test_the_view_fills_in_what_rows_leave_out(world: World, database: Database[Any]) -> None:
    shown = {row["_id"]: row for row in database.engagement.find()}
    assert len(shown) == 3 * len(WHOLE)
    for customer, row in shown.items():
        expected = {name: value for name, value in world.row(customer).items() if name not in PRIVATE}
        for confidential in ("key_persons", "deciders_never_met", "kcr_cause"):
            del expected["relationship"][confidential]
        where = {"id": customer, "_id": customer, "log": row["log"], "generation": 1}
        fresh = {name: row[name] for name in ("recorded_at", "projected_at")}
        assert row == {**expected, **where, **fresh}


def test_a_customer_of_few_facts_is_stored_in_few_bytes(world: World, database: Database[Any]) -> None:
    sizes = {
        row["_id"]: row["bytes"]
        for row in database.engagement_g1.aggregate([{"$project": {"bytes": {"$bsonSize": "$$ROOT"}}}])
    }
    assert sizes["None-0"] < 350
    assert sizes["potential-5"] < 1200


USUAL = usual("general-5", "partner-5", REP, WEEK, "2026-03-31")


@pytest.mark.parametrize(("view", "query"), USUAL, ids=str)
def test_no_usual_query_scans_a_collection(view: str, query: dict[str, Any], database: Database[Any]) -> None:
    aggregate = {"aggregate": view, "pipeline": [{"$match": query}], "cursor": {}}
    plan = database.command({"explain": aggregate, "verbosity": "executionStats"})
    assert not scans(plan), (view, query)
    assert set(stages(plan)) & {"IXSCAN", "IDHACK", "COUNT_SCAN", "DISTINCT_SCAN"}


@pytest.mark.parametrize("view", [view.name for view in SCHEMA.views])
def test_every_view_has_a_usual_query(view: str) -> None:
    assert view in {name for name, _ in USUAL}
