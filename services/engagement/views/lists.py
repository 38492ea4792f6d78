"""`concerns`, `key_persons`, `relationship_assessments`, `goals`: what stands in customers' rows as lists, a row each
(domain.md, What downstream reads).
"""

from collections.abc import Callable
from typing import Any

from services.engagement.rules.concerns import MAX_ABOUT_CHARS
from services.engagement.rules.satisfaction import INSTRUMENTS
from services.engagement.rules.shown import NO_RELATIONSHIP
from services.engagement.rules.tiers import PARTNER, STRATEGIC
from services.engagement.views.contact_plan import FRESHNESS
from services.engagement.views.expressions import Expression, ratio
from services.engagement.views.filled import or_else, owners
from services.engagement.views.freshness import latest
from shared.mongo.texts import shown_text, with_texts

Stage = dict[str, Any]
OF_TIERING = ["score", "net_365d"]
"""Goal metrics that tiering knows; they are read from its view."""
OF_WEEKS = ["counted", "coverage_90d"]
"""Goal metrics of representatives; they are read from rep_weeks."""

WITH_CONCERNS: Stage = {"has": "concerns", "concerns.open": {"$gt": 0}}
WITH_PERSONS: Stage = {"has": "key_persons"}
DROPPED: Stage = {"$or": [{f"satisfaction.{instrument}.dropped": True} for instrument in INSTRUMENTS]}
"""As the index that holds these alone is declared."""
ASSESSED: Stage = {"tier_order": {"$lte": STRATEGIC - PARTNER}}
BY_TIER = {"tier_order": 1, "cadence_days": 1, "_id": 1}
"""As the index has it."""

CONCERN_FIELDS = (
    "source",
    "concern_id",
    "kind",
    "severity",
    "about",
    "raised_on",
    "deadline",
    "answered_at",
    "overdue",
    "reopened",
    "tier",
)
KEY_PERSON_FIELDS = ("person_id", "decision_role", "department", "attitude", "basis", "unfounded", "last_met_on")


def concerns() -> list[Stage]:
    """One row for each open concern."""
    return [
        {"$match": WITH_CONCERNS},
        {"$unwind": "$concerns.list"},
        {"$project": {"_id": 0, **{field: f"$concerns.list.{field}" for field in CONCERN_FIELDS}, **_customer()}},
        *with_texts({"about": shown_text("$about", MAX_ABOUT_CHARS)}, "about"),
    ]


def key_persons() -> list[Stage]:
    """One row for each present key person of a customer. Confidential."""
    path = "relationship.key_persons"
    return [
        {"$match": WITH_PERSONS},
        {"$unwind": f"${path}"},
        {"$project": {"_id": 0, **{field: f"${path}.{field}" for field in KEY_PERSON_FIELDS}, **_customer()}},
    ]


def satisfaction_drops() -> list[Stage]:
    """One row for each customer whose score by some instrument has dropped, with all of its instruments."""
    return [
        {"$match": DROPPED},
        {"$project": {**{name: or_else(f"satisfaction.{name}") for name in INSTRUMENTS}, **_customer()}},
    ]


def relationship_assessments() -> list[Stage]:
    """The key-customer relationship assessment table: one row for each strategic and partner customer. Confidential."""
    assessed = {
        field: or_else(f"relationship.{field}", nothing)
        for field, nothing in NO_RELATIONSHIP.items()
        if field != "assessment_due"
    }
    return [
        {"$match": ASSESSED},
        {"$sort": {"tier_order": 1, "_id": 1}},
        {"$project": {**assessed, **_customer()}},
    ]


def goals(name: Callable[[str], str]) -> list[Stage]:
    """One row for each goal, of customers and of representatives, with `value`, `progress`, `outcome` and its progress.

    What engagement cannot know of one customer is looked up: score and net from tiering, which notes the outcome; a
    representative's weeks from rep_weeks, that of today for the value and that of the last day for the outcome.
    """
    return [
        {"$match": {"has": "goals"}},
        *_unwound("customer"),
        {"$lookup": {"from": "customers", "localField": "tiering_id", "foreignField": "_id", "as": "tiering"}},
        {
            "$set": {
                "value": {
                    "$switch": {
                        "branches": [
                            {
                                "case": {"$eq": ["$metric", metric]},
                                "then": {"$toDouble": {"$ifNull": [{"$first": f"$tiering.{metric}"}, None]}},
                            }
                            for metric in OF_TIERING
                        ],
                        "default": "$value",
                    }
                }
            }
        },
        {"$set": {"outcome": {"$ifNull": ["$outcome", {"$toDouble": _outcome_of_tiering()}]}}},
        {"$unset": ["tiering", "tiering_id"]},
        {"$unionWith": {"coll": name("representatives"), "pipeline": _of_representatives(name)}},
        {
            "$set": {
                "progress": {"$ifNull": ["$progress", _progress("$value")]},
                "outcome_progress": {"$ifNull": ["$outcome_progress", _progress("$outcome")]},
            }
        },
    ]


def _outcome_of_tiering() -> Expression:
    """What tiering noted of the same goal, null where it has not."""
    noted = {
        "$filter": {
            "input": {"$ifNull": [{"$first": "$tiering.goal_outcomes"}, []]},
            "as": "one",
            "cond": {"$and": [{"$eq": ["$$one.metric", "$metric"]}, {"$eq": ["$$one.due_on", "$due_on"]}]},
        }
    }
    return {"$getField": {"field": "outcome", "input": {"$first": noted}}}


def _unwound(scope: str) -> list[Stage]:
    tiering_id = {"$cond": [{"$in": ["$goals.metric", OF_TIERING]}, "$_id", None]}
    subject = {"subject": "$_id", "scope": scope, "tiering_id": tiering_id}
    return [
        {"$unwind": "$goals"},
        {"$replaceWith": {"$mergeObjects": ["$goals", subject, _freshness()]}},
    ]


def _of_representatives(name: Callable[[str], str]) -> list[Stage]:
    running = {
        "now": {"$lte": ["$begins_at", "$$as_of"]},
        "due": {"$and": [{"$lte": ["$begins_at", "$$as_of"]}, {"$lte": ["$from_on", "$$due_on"]}]},
    }
    week = {
        which: {
            "$lookup": {
                "from": "weeks",
                "let": {"as_of": "$as_of", "due_on": "$due_on"},
                "pipeline": [
                    {"$match": {"$expr": condition}},
                    {"$sort": {"begins_at": -1}},
                    {"$limit": 1},
                    {"$match": {"$expr": {"$lt": ["$closes_at", "$$as_of"]}} if which == "due" else {}},
                ],
                "as": which,
            }
        }
        for which, condition in running.items()
    }
    return [
        {"$match": {"goals.metric": {"$exists": True}}},
        *_unwound("representative"),
        {"$unset": "tiering_id"},
        latest(name, "engagement", "latest"),
        {"$set": {"as_of": {"$max": ["$as_of", {"$first": "$latest.as_of"}]}}},
        *week.values(),
        *(_row_of(which) for which in week),
        {"$set": {"value": _of_week("now"), "outcome": _of_week("due")}},
        {"$unset": ["latest", "now", "due"]},
    ]


def _row_of(which: str) -> Stage:
    """The representative's row of a week that was found."""
    return {
        "$lookup": {
            "from": "rep_weeks",
            "localField": f"{which}.week",
            "foreignField": "week",
            "let": {"subject": "$subject"},
            "pipeline": [
                {"$match": {"$expr": {"$eq": ["$representative", "$$subject"]}}},
                {"$project": dict.fromkeys(OF_WEEKS, 1)},
            ],
            "as": which,
        }
    }


def _of_week(which: str) -> Expression:
    return {
        "$switch": {
            "branches": [
                {"case": {"$eq": ["$metric", metric]}, "then": {"$ifNull": [{"$first": f"${which}.{metric}"}, None]}}
                for metric in OF_WEEKS
            ],
            "default": None,
        }
    }


def _progress(value: str) -> Expression:
    """(now - baseline) / (target - baseline); null where there is no value."""
    now, baseline, target = ({"$toDecimal": path} for path in (value, "$baseline", "$target"))
    way = ratio({"$subtract": [now, baseline]}, {"$subtract": [target, baseline]})
    return {"$cond": [{"$eq": [{"$ifNull": [value, None]}, None]}, None, way]}


def _customer() -> Stage:
    """Whose row it is. A condition on `customer`, `owned_by` or `customer_tier` can use an index."""
    return {
        "customer": "$_id",
        "name": or_else("name"),
        "customer_tier": "$tier",
        "owners": owners(),
        "owned_by": 1,
        **dict.fromkeys(FRESHNESS, 1),
    }


def _freshness() -> Stage:
    return {field: f"${field}" for field in FRESHNESS}
