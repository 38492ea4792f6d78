"""Every view on a real MongoDB shows what the same view in Python shows (services/tiering/views/in_python.py)."""

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from pymongo import MongoClient
from pymongo.database import Database

from services.tiering.domain import CUSTOMERS, HISTORY, LISTED
from services.tiering.policy import FACTORS
from services.tiering.rows import ENTITLEMENTS, listed_document
from services.tiering.store import SCHEMA
from services.tiering.views import in_python as views
from shared.events.types import TIERS
from shared.mongo import connect
from shared.mongo.schema import apply
from shared.settings import Settings

pytestmark = pytest.mark.real
Document = dict[str, Any]
AT = datetime(2026, 6, 1, tzinfo=UTC)
VERSIONS = st.integers(1, 4)
TIER = st.sampled_from(TIERS)
DAY = st.sampled_from(("2026-02-01", "2026-03-01"))
CURRENCIES = st.lists(st.sampled_from(("CHF", "SEK")), unique=True)
OPTIONAL: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(("computed_tier", "entitled_tier"), TIER),
    **dict.fromkeys(("changed_version", "since_version"), VERSIONS),
    **dict.fromkeys(("changed_on", "tier_since", "entitled_until", "overridden_until"), DAY),
    **dict.fromkeys(("first_purchase_on", "ratings_lapse_on"), DAY),
    **dict.fromkeys(("dormant", "at_risk", "registered"), st.just(True)),
    **dict.fromkeys(("name", "region", "account_manager", "product_manager"), st.just("王")),
    "proposal": st.just({"version": 2, "declined": False}),
    "proposed_tier": st.just("strategic"),
    "overdue_order": st.integers(1, 9),
    "flags": st.fixed_dictionaries({}, optional={"unconverted": CURRENCIES, "uncounted": CURRENCIES}),
    "incomplete_since": st.just({"partition": 3, "offset": 4}),
}


@st.composite
def documents(draw: st.DrawFn, customer: str) -> Document:
    """A row as rows.py makes it: what is absent or as expected is left out."""
    factors = sorted(draw(st.sets(st.integers(0, len(FACTORS) - 1), min_size=1)))
    return {
        "_id": customer,
        "as_of": AT,
        "log": {"generation": 1, "offset": 7},
        "recorded_at": AT,
        "projected_at": AT,
        "generation": 1,
        "partition": 3,
        "tier": draw(TIER),
        "version": draw(VERSIONS),
        "score": 40.5,
        "factors": [[one, draw(st.none() | st.just("5.00")), 5.0, 25] for one in factors],
        "entitlements": [draw(st.none() | st.integers(0, 9)) for _ in ENTITLEMENTS],
        "fold": "{}",
        "fold:CNY:1": "private",
        "due_at": None,
        **draw(st.fixed_dictionaries({}, optional=OPTIONAL)),
    }


@st.composite
def decisions(draw: st.DrawFn, customer: str) -> list[Document]:
    return [
        {
            "_id": f"{customer}/{version}",
            "customer": customer,
            "version": version,
            "effective_on": draw(DAY),
            "kind": "changed",
            "after": draw(st.none() | st.just("id")),
            "cause": draw(st.sampled_from(("score", "gate", "override"))),
            "would_change": draw(st.none() | st.just({"falls_on": None})),
            "decided_as_of": AT,
        }
        for version in sorted(draw(st.sets(VERSIONS)))
    ]


@pytest.fixture(scope="module")
def database(mongo_uri: str, portal: BlockingPortal) -> Iterator[Database[Any]]:
    name = f"test_{secrets.token_hex(6)}"
    portal.call(set_up, mongo_uri, name)
    client: MongoClient[Any] = MongoClient(mongo_uri, tz_aware=True)
    with client:
        yield client[name]
        client.drop_database(name)


async def set_up(uri: str, name: str) -> None:
    database = connect(Settings(mongo_uri=SecretStr(uri), mongo_database=name))
    try:
        await apply(database, SCHEMA, 1)
    finally:
        database.client.close()


@given(documents("a"), documents("b"), decisions("a"), decisions("b"))
def test_views(database: Database[Any], one: Document, two: Document, of_one: Any, of_two: Any) -> None:
    rows, history = [one, two], [*of_one, *of_two]
    listed = [{"_id": row["_id"], **found} for row in rows if (found := listed_document(row))]
    for collection, stored in ((CUSTOMERS, rows), (HISTORY, history), (LISTED, listed)):
        database[f"{collection}_g1"].delete_many({})
        if stored:
            database[f"{collection}_g1"].insert_many(stored)
    by_id = {document["_id"]: document for document in history}
    expected = {
        "customers": [views.customer_row(row, by_id) for row in rows],
        "tier_history": [views.history_row(document) for document in history],
        "data_quality": [shown for row in rows if (shown := views.quality_row(row)) is not None],
        "tier_totals": views.totals_rows(rows),
    }
    keys = {
        "customer_keys": {row["_id"] for row in rows},
        "customer_keys_by_net": {row["_id"] for row in rows},
        "decision_keys": {document["_id"] for document in history},
        "override_keys": {row["_id"] for row in rows if "overridden_until" in row},
        "overdue_keys": {row["_id"] for row in rows if "overdue_order" in row},
        "proposal_keys": {row["_id"] for row in rows if row.get("proposed_tier") == "strategic"},
    }
    assert {*expected, *keys} == {view.name for view in SCHEMA.views}
    for view, ids in keys.items():
        assert sorted(row["_id"] for row in database[view].find()) == sorted(ids), view
    for view, wanted in expected.items():
        assert sorted(database[view].find(), key=lambda row: str(row["_id"])) == wanted, view
