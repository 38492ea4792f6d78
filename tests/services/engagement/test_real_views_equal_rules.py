"""Every view on a real MongoDB shows what the same view in Python shows (services/engagement/views/in_python.py)."""

import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal
from hypothesis import HealthCheck, given, settings
from pymongo.database import Database

from services.engagement.calendar import Calendar
from services.engagement.store import SCHEMA
from services.engagement.views import in_python as views
from services.engagement.views.freshness import FRESHNESS
from tests.services.engagement.reading import set_up
from tests.services.engagement.stored_rows import Document, Stored, of_customers, of_weeks
from tests.services.engagement.world import World

pytestmark = pytest.mark.real
TRIES = settings.default.max_examples if settings.default else 50
GENERATED = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@pytest.fixture(scope="module")
def database(mongo_uri: str, portal: BlockingPortal) -> Iterator[Database[Any]]:
    database = portal.call(set_up, mongo_uri, f"test_{secrets.token_hex(6)}", Calendar(), World())
    with database.client:
        yield database
        database.client.drop_database(database.name)


def put(stored: Stored, database: Database[Any]) -> None:
    collections = {
        "weeks": stored.weeks,
        "customers": stored.customers,
        f"{FRESHNESS}_g1": stored.fresh,
        "engagement_g1": stored.engagement,
        "representatives_g1": stored.representatives,
        "visit_rows_g1": stored.visit_rows,
        "account_rows_g1": stored.account_rows,
    }
    for name, documents in collections.items():
        database[name].delete_many({})
        if documents:
            database[name].insert_many(documents)


def shown(database: Database[Any], view: str) -> list[Document]:
    return [_in_order(row) for row in database[view].find()]


def _in_order(row: Document) -> Document:
    """MongoDB keeps no order among the customers of a week."""
    for part in (row, row.get("closed")):
        if part and isinstance(part.get("customers"), list):
            part["customers"].sort()
    return row


_NAMES = ("_id", "week", "representative", "customer", "concern_id", "person_id", "scope", "subject", "metric")


def by_name(rows: list[Document]) -> list[Document]:
    return sorted(rows, key=lambda row: [str(row.get(name)) for name in _NAMES])


def agree(view: str, found: list[Document], wanted: list[Document]) -> None:
    """Says of the first rows that differ in which fields they do."""
    assert len(found) == len(wanted), view
    for one, other in zip(found, wanted, strict=True):
        names = [name for name in sorted({*one, *other}) if one.get(name, ...) != other.get(name, ...)]
        assert not names, (view, {name: (one.get(name, ...), other.get(name, ...)) for name in names})


def rep_weeks(stored: Stored) -> list[Document]:
    of = stored.weeks, stored.representatives, stored.visit_rows, stored.account_rows, stored.fresh
    return views.rep_week_rows(*of)


@given(of_weeks())
@GENERATED
def test_weeks(database: Database[Any], stored: Stored) -> None:
    put(stored, database)
    agree("rep_weeks", by_name(shown(database, "rep_weeks")), by_name(rep_weeks(stored)))


@given(of_customers())
@settings(GENERATED, max_examples=max(5, TRIES // 3))  # the view `goals` looks up weeks for each goal
def test_customers(database: Database[Any], stored: Stored) -> None:
    put(stored, database)
    rows, fresh = stored.engagement, stored.fresh
    expected = {
        "engagement": [views.engagement_row(row) for row in rows],
        "contact_plan": views.contact_plan_rows(rows),
        "concerns": views.concern_rows(rows),
        "key_persons": views.key_person_rows(rows),
        "relationship_assessments": views.relationship_assessment_rows(rows),
        "tier_care": views.tier_care_rows(rows, fresh),
        "tier_quarters": views.tier_quarter_rows(rows),
        "satisfaction_drops": views.satisfaction_drop_rows(rows),
        "staffing": views.staffing_rows(rows, stored.representatives, stored.weeks, fresh),
        "goals": views.goal_rows(
            rows,
            stored.representatives,
            {one["_id"]: one for one in stored.customers},
            stored.weeks,
            rep_weeks(stored),
            fresh,
        ),
    }
    keys = {
        "plan_keys": {row["id"] for row in expected["contact_plan"]},
        "concern_keys": {row["customer"] for row in expected["concerns"]},
        "key_person_keys": {row["customer"] for row in expected["key_persons"]},
        "drop_keys": {row["customer"] for row in expected["satisfaction_drops"]},
        "assessment_keys": {row["customer"] for row in expected["relationship_assessments"]},
        "owned_keys": {row["_id"] for row in rows},
        "member_keys": {row["_id"] for row in rows if row.get("group_id")},
        "representative_keys": {one["_id"] for one in stored.representatives},
    }
    assert {*expected, *keys, "rep_weeks"} == {view.name for view in SCHEMA.views}
    for view, ids in keys.items():
        assert sorted(row["_id"] for row in database[view].find()) == sorted(ids), view
    for view, wanted in expected.items():
        found = shown(database, view)
        order = list if view in {"contact_plan", "relationship_assessments", "tier_quarters"} else by_name
        agree(view, order(found), order(wanted))
