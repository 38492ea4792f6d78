"""`concerns`, `key_persons`, `relationship_assessments`, `goals`: what stands in customers' rows as lists, a row each
(domain.md, What downstream reads).
"""

from collections.abc import Callable
from typing import Any

from services.engagement.rules.tiers import PARTNER, STRATEGIC
from services.engagement.views.contact_plan import FRESHNESS
from services.engagement.views.expressions import Expression

Stage = dict[str, Any]
_OF_TIERING = ["score", "net_365d"]
"""Goal metrics that tiering knows; they are read from its view."""
_OF_WEEKS = ["counted", "coverage_90d"]
"""Goal metrics of representatives; they are read from rep_weeks."""


def concerns() -> list[Stage]:
    """One row for each open concern."""
    return [
        {"$match": {"concerns.open": {"$gt": 0}}},
        {"$unwind": "$concerns.list"},
        {"$replaceWith": {"$mergeObjects": ["$concerns.list", _customer(), _freshness()]}},
    ]


def key_persons() -> list[Stage]:
    """One row for each present key person of a customer. Confidential."""
    return [
        {"$unwind": "$relationship.key_persons"},
        {"$replaceWith": {"$mergeObjects": ["$relationship.key_persons", _customer(), _freshness()]}},
    ]


def relationship_assessments() -> list[Stage]:
    """The key-customer relationship assessment table: one row for each strategic and partner customer. Confidential."""
    return [
        {"$match": {"tier_order": {"$lte": STRATEGIC - PARTNER}}},
        {"$sort": {"tier_order": 1, "_id": 1}},
        {"$unset": ["relationship.assessment_due"]},
        {"$replaceWith": {"$mergeObjects": [{"_id": "$_id"}, "$relationship", _customer(), _freshness()]}},
    ]


def goals(name: Callable[[str], str]) -> list[Stage]:
    """One row for each goal, of customers and of representatives, with `value`, `progress`, `outcome` and its progress.

    What engagement cannot know of one customer is looked up: score and net from tiering, with no outcome kept; a
    representative's weeks from rep_weeks, that of today for the value and that of the last day for the outcome.
    """
    return [
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
                            for metric in _OF_TIERING
                        ],
                        "default": "$value",
                    }
                }
            }
        },
        {"$unset": ["tiering", "tiering_id"]},
        {"$unionWith": {"coll": name("representatives"), "pipeline": _of_representatives(name)}},
        {
            "$set": {
                "progress": {"$ifNull": ["$progress", _progress("$value")]},
                "outcome_progress": {"$ifNull": ["$outcome_progress", _progress("$outcome")]},
            }
        },
    ]


def _unwound(scope: str) -> list[Stage]:
    tiering_id = {"$cond": [{"$in": ["$goals.metric", _OF_TIERING]}, "$_id", None]}
    subject = {"subject": "$_id", "scope": scope, "tiering_id": tiering_id}
    return [
        {"$match": {"goals.metric": {"$exists": True}}},
        {"$unwind": "$goals"},
        {"$replaceWith": {"$mergeObjects": ["$goals", subject, _freshness()]}},
    ]


def _of_representatives(name: Callable[[str], str]) -> list[Stage]:
    latest = [{"$sort": {"as_of": -1}}, {"$limit": 1}, {"$project": {"_id": 0, "as_of": 1}}]
    running = {
        "now": {"$lte": [{"$first": "$day_starts"}, "$$as_of"]},
        "due": {"$and": [{"$lte": ["$from_on", "$$due_on"]}, {"$lt": ["$closes_at", "$$as_of"]}]},
    }
    week = {
        which: {
            "$lookup": {
                "from": "weeks",
                "let": {"as_of": "$as_of", "due_on": "$due_on"},
                "pipeline": [
                    {"$match": {"$expr": condition}},
                    {"$sort": {"week": -1}},
                    {"$limit": 1},
                    {"$match": {"$expr": {"$gte": ["$to_on", "$$due_on"]}} if which == "due" else {}},
                ],
                "as": which,
            }
        }
        for which, condition in running.items()
    }
    return [
        *_unwound("representative"),
        {"$unset": "tiering_id"},
        {"$lookup": {"from": name("engagement"), "pipeline": latest, "as": "latest"}},
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
            "let": {"week": {"$ifNull": [{"$first": f"${which}.week"}, None]}, "subject": "$subject"},
            "pipeline": [
                {
                    "$match": {
                        "$expr": {"$and": [{"$eq": ["$week", "$$week"]}, {"$eq": ["$representative", "$$subject"]}]}
                    }
                },
                {"$project": dict.fromkeys(_OF_WEEKS, 1)},
            ],
            "as": which,
        }
    }


def _of_week(which: str) -> Expression:
    return {
        "$switch": {
            "branches": [
                {"case": {"$eq": ["$metric", metric]}, "then": {"$ifNull": [{"$first": f"${which}.{metric}"}, None]}}
                for metric in _OF_WEEKS
            ],
            "default": None,
        }
    }


def _progress(value: str) -> Expression:
    """(now - baseline) / (target - baseline); null where there is no value."""
    way = {"$divide": [{"$subtract": [value, "$baseline"]}, {"$subtract": ["$target", "$baseline"]}]}
    return {"$cond": [{"$eq": [{"$ifNull": [value, None]}, None]}, None, {"$round": [way, 2]}]}


def _customer() -> Stage:
    return {"customer": "$_id", "name": "$name", "customer_tier": "$tier", "owners": "$owners"}


def _freshness() -> Stage:
    return {field: f"${field}" for field in FRESHNESS}
