"""What engagement needs in MongoDB: collections, indexes, views, and the weeks of the business calendar."""

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from pymongo import ReplaceOne

from services.engagement.calendar import Calendar
from services.engagement.domain import CUSTOMERS, REPRESENTATIVES
from services.engagement.rules.coverage import ACCOUNT_ROWS, VISIT_ROWS
from services.engagement.rules.days import BusinessTime, monday_of, week_name
from services.engagement.store.rep_weeks import COLLECTIONS, INDEXES, WEEKS
from services.engagement.stored import PRIVATE_FIELDS
from services.engagement.stored_visits import VISITS
from services.engagement.views import contact_plan as plan
from services.engagement.views import lists, overviews
from services.engagement.views.freshness import FRESHNESS
from services.engagement.views.rep_weeks import rep_weeks
from shared.facts.days import iso, to_instant
from shared.mongo import Database, transient_errors
from shared.mongo.schema import Index, Schema, View, keys

MAX_WEEKS = 10_000
"""Of the calendar: two centuries."""


SCHEMA = Schema(
    service="engagement",
    collections=(CUSTOMERS, REPRESENTATIVES, VISIT_ROWS, ACCOUNT_ROWS, VISITS, FRESHNESS),
    plain_collections=("engagement_positions", "engagement_quarantine", WEEKS, *COLLECTIONS),
    sharded={CUSTOMERS: "_id"} | dict.fromkeys((VISIT_ROWS, ACCOUNT_ROWS, VISITS), "customer"),
    indexes=(
        Index(CUSTOMERS, ("partition", "review_at")),
        # Each index costs every write; those below only where their field is there, and one serves all lists.
        Index(CUSTOMERS, ("tier_order", "cadence_days", "_id")),
        Index(CUSTOMERS, ("status", "tier_order", "due_on", "_id"), partial={"status": {"$gt": ""}}),
        Index(CUSTOMERS, ("owned_by", "tier_order", "due_on", "_id"), partial={"owned_by": {"$gt": ""}}),
        Index(CUSTOMERS, ("has", "_id"), partial={"has": {"$gt": ""}}),
        Index(CUSTOMERS, ("group_id", "_id"), partial={"group_id": {"$gt": ""}}),
        Index(CUSTOMERS, ("tier_order", "_id"), partial=lists.DROPPED),
        Index(REPRESENTATIVES, ("fold.spans.role",)),
        Index(REPRESENTATIVES, ("goals.metric",), sparse=True),
        Index(VISIT_ROWS, ("representative", "monday")),
        Index(VISIT_ROWS, ("customer",)),
        Index(VISITS, ("customer",)),  # for those who compare; the fold finds them by id
        Index(VISIT_ROWS, ("logged_in",), sparse=True),
        Index(ACCOUNT_ROWS, ("representative",)),
        Index(ACCOUNT_ROWS, ("customer",)),
        Index(WEEKS, ("week",), unique=True, generational=False),
        Index(WEEKS, ("begins_at",), generational=False),
        *INDEXES,
    ),
    dropped=(
        Index(CUSTOMERS, ("tier_order", "cadence_days")),
        Index(CUSTOMERS, ("has",)),
        Index(CUSTOMERS, ("partition", "due_at")),
        Index(CUSTOMERS, ("as_of", "partition")),
        Index(REPRESENTATIVES, ("as_of",)),
    ),
    views=(
        View("engagement", CUSTOMERS, lambda _: plan.engagement()),
        View("contact_plan", CUSTOMERS, lambda _: plan.contact_plan()),
        View("concerns", CUSTOMERS, lambda _: lists.concerns()),
        View("key_persons", CUSTOMERS, lambda _: lists.key_persons(), confidential=True),
        View("relationship_assessments", CUSTOMERS, lambda _: lists.relationship_assessments(), confidential=True),
        View("tier_care", CUSTOMERS, overviews.tier_care),
        View("tier_quarters", CUSTOMERS, lambda _: overviews.tier_quarters()),
        View("satisfaction_drops", CUSTOMERS, lambda _: lists.satisfaction_drops()),
        View("staffing", CUSTOMERS, overviews.staffing),
        View("rep_weeks", WEEKS, rep_weeks, generational=False),
        View("goals", CUSTOMERS, lists.goals),
        View("owned_keys", CUSTOMERS, keys({}, "owned_by")),
        View("plan_keys", CUSTOMERS, keys(plan.ORDER, "status", "owned_by", among=plan.OWED)),
        View("member_keys", CUSTOMERS, keys({"group_id": 1, "_id": 1}, among={"group_id": {"$gt": ""}})),
        View("concern_keys", CUSTOMERS, keys({"_id": 1}, "owned_by", among=lists.WITH_CONCERNS)),
        View("drop_keys", CUSTOMERS, keys({"tier_order": 1, "_id": 1}, among=lists.DROPPED)),
        View("key_person_keys", CUSTOMERS, keys({"_id": 1}, among=lists.WITH_PERSONS), confidential=True),
        View("assessment_keys", CUSTOMERS, keys(lists.BY_TIER, among=lists.ASSESSED), confidential=True),
        View("representative_keys", REPRESENTATIVES, keys({"_id": 1}, "team", "role", "manager")),
    ),
    filled=(WEEKS,),
    fleeting=COLLECTIONS,
    private=PRIVATE_FIELDS,
)


def week_documents(calendar: Calendar, zone: ZoneInfo, first: date, last: date) -> list[dict[str, Any]]:
    """The ISO weeks from one day's to another's, as the collection `weeks` holds them: days as ordinals, the
    instants at which they begin, and the one at which the week closes.
    """
    time = BusinessTime(zone)
    return [
        {
            "week": week_name(monday),
            "monday": monday,
            "sunday": monday + 6,
            "from_on": iso(monday),
            "to_on": iso(monday + 6),
            "working": [day.toordinal() for day in calendar.worked_days(date.fromordinal(monday))],
            "begins_at": to_instant(time.start_of(monday)),
            "day_starts": [to_instant(time.start_of(day)) for day in range(monday, monday + 7)],
            "closes_at": to_instant(time.closes_at(monday)),
        }
        for monday in range(monday_of(first.toordinal()), last.toordinal() + 1, 7)
    ]


async def write_weeks(database: Database, documents: list[dict[str, Any]]) -> None:
    """Put the weeks into the collection that `rep_weeks` begins with; those there are replaced."""
    async with transient_errors():
        await database[WEEKS].bulk_write(
            [ReplaceOne({"week": document["week"]}, document, upsert=True) for document in documents], ordered=False
        )


async def read_weeks(database: Database) -> list[dict[str, Any]]:
    """All weeks that are stored, as `week_documents` makes them."""
    async with transient_errors():
        return await database[WEEKS].find({}, {"_id": 0}).to_list(MAX_WEEKS)


async def last_week(database: Database) -> dict[str, Any] | None:
    """The latest week that is stored."""
    async with transient_errors():
        found: dict[str, Any] | None = await database[WEEKS].find_one({}, sort=[("week", -1)])
    return found
