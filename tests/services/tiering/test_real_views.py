"""The views `customers` and `tier_history` on a real MongoDB."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from services.tiering.domain import CUSTOMERS
from services.tiering.store import SCHEMA
from shared.mongo import connect
from shared.mongo.schema import apply
from shared.settings import Settings
from tests.services.tiering.given import (
    Given,
    assigned,
    best,
    given,
    overridden,
    pounds,
    purchase,
    rated,
    registered,
    wholesale,
)

pytestmark = pytest.mark.real
AT = datetime(2026, 6, 1, tzinfo=UTC)


class Reader:
    """Stores a customer as the log processor would, and reads a view."""

    def __init__(self, uri: str, name: str) -> None:
        self._settings = Settings(mongo_uri=SecretStr(uri), mongo_database=name)

    async def read(self, view: str, customer: Given) -> list[dict[str, Any]]:
        database = connect(self._settings)
        try:
            await apply(database, SCHEMA, 1)
            freshness = {"log": {"generation": 1, "offset": 7}, "recorded_at": AT, "projected_at": AT, "generation": 1}
            document = {"_id": "c", **customer.entity.document(), "partition": 3, **freshness}
            await database[f"{CUSTOMERS}_g1"].insert_one(document)
            for row in customer.entity.history:
                await database[f"{row.collection}_g1"].insert_one({"_id": row.id, **(row.document or {})})
            return await database[view].find().to_list(None)
        finally:
            database.client.close()


@pytest.fixture
def reader(mongo_uri: str, mongo_database: str) -> Reader:
    return Reader(mongo_uri, mongo_database)


async def test_a_customer_in_full(reader: Reader) -> None:
    one = given(
        registered("2026-01-01", name="长城工业", country="CN"),
        assigned("2026-01-01", account_manager="ann"),
        *best("2026-01-10"),
        rated("2026-02-01", fit="5"),
    )
    (row,) = await reader.read("customers", one)
    assert row["customer"] == "c"
    assert (row["name"], row["country"], row["industry"], row["registered"]) == ("长城工业", "CN", None, True)
    assert (row["account_manager"], row["product_manager"]) == ("ann", None)
    assert (row["tier"], row["computed_tier"], row["entitled_tier"]) == ("priority", "priority", "partner")
    assert (row["entitled_until"], row["tier_since"], row["cause"]) == ("2026-03-03", "2026-02-01", "gate")
    assert (row["score"], row["known_weight"], row["dormant"], row["at_risk"]) == (77.0, 85, False, False)
    assert row["factors"]["strategic_fit"] == {"value": "5.00", "points": 5.0, "weight": 25, "known": True}
    assert row["factors"]["growth"] == {"value": None, "points": 3.0, "weight": 15, "known": False}
    assert row["entitlements"] == {
        "cadence_days": 14,
        "executive_meetings": 2,
        "answer_hours": 48,
        "discount_band": "B",
        "credit_days": 60,
        "allocation_priority": 2,
        "key_person_work": True,
        "relationship_assessment": True,
        "group_plan": True,
    }
    assert row["changes"]["rating"]["strategic_fit"]["points"] == "6.00"
    assert (row["net_365d"], row["currency"], row["flags"]) == (
        "100000000.00",
        "CNY",
        {"unconverted": [], "uncounted": []},
    )
    assert row["version"] == 4
    fresh = {name: row[name] for name in ("as_of", "log", "recorded_at", "projected_at", "generation")}
    assert fresh["log"] == {"generation": 1, "partition": 3, "offset": 7}


async def test_nothing_private_is_in_the_view(reader: Reader) -> None:
    (row,) = await reader.read("customers", wholesale(pounds("500", "2026-01-10")))
    private = {"fold", "due_at", "live", "fold_version", "partition", "changed_version", "since_version", "changed_on"}
    private |= {"change", "shown", "decided", "marked_due", "behind", "pending", "proposal"}
    assert not private & row.keys()
    assert not [name for name in row if name.startswith("fold")]


async def test_what_goes_on_under_an_override_is_told_apart_from_the_tier_shown(reader: Reader) -> None:
    one = wholesale(pounds("500", "2026-01-10"), overridden("partner", "2026-01-12", until="2026-12-01"))
    (row,) = await reader.read("customers", one.when(pounds("4500", "2026-02-03")))
    assert (row["tier"], row["tier_since"], row["cause"]) == ("partner", "2026-01-12", "override")
    assert (row["computed_tier"], row["changes_as_of"]) == ("priority", "2026-02-03")
    assert row["changes"]["purchase"]["tier"] == "partner"


async def test_a_customer_of_whom_nothing_is_decided(reader: Reader) -> None:
    (row,) = await reader.read("customers", given(registered("2026-01-01", name="a")))
    assert (row["tier"], row["version"], row["entitlements"], row["changes"]) == ("potential", 0, None, None)


async def test_the_history_has_every_decision_with_its_explanation(reader: Reader) -> None:
    one = wholesale(pounds("500", "2026-01-10"), overridden("partner", "2026-01-12", until="2026-03-01"), "2026-03-02")
    rows = sorted(await reader.read("tier_history", one), key=lambda row: row["version"])
    assert [(row["effective_on"], row["from"], row["to"], row["cause"]) for row in rows] == [
        ("2026-01-10", "potential", "general", "first_purchase"),
        ("2026-01-12", "general", "partner", "override"),
        ("2026-03-02", "partner", "general", "override_ended"),
    ]
    assert rows[0]["factors"]["purchase_volume"]["value"] == "500.00"
    assert rows[0]["set_off_by"] == "e1"
    assert rows[0]["would_change"]["purchase"]["tier"] == "priority"


async def test_data_quality_names_what_is_missing(reader: Reader) -> None:
    (row,) = await reader.read("data_quality", given(purchase("5", "2026-01-10", currency="CHF")))
    missing = {name: row[name] for name in ("unregistered", "unowned", "unrated", "unconverted")}
    assert missing == {"unregistered": True, "unowned": True, "unrated": True, "unconverted": ["CHF"]}


async def test_data_quality_asks_for_no_rating_that_the_policy_does_not_weigh(reader: Reader) -> None:
    (row,) = await reader.read("data_quality", wholesale(pounds("5", "2026-01-10")))
    assert not row["unrated"]


async def test_data_quality_does_not_list_those_of_whom_all_is_known(reader: Reader) -> None:
    known = [registered("2026-01-01", name="a"), assigned("2026-01-01", account_manager="ann"), *best("2026-01-10")]
    assert await reader.read("data_quality", given(*known)) == []
