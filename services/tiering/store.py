"""What tiering keeps in MongoDB: collections, indexes, and the views that readers are granted. Declarations only.

A row is stored small (projection.py); the view `customers` writes it out in full and leaves out what is private.
"""

from typing import Any

from services.tiering.domain import CUSTOMERS, HISTORY, OTHERS
from services.tiering.policy import FACTORS
from services.tiering.projection import ENTITLEMENTS
from shared.events.types import TIERS
from shared.mongo.schema import Index, Name, Schema, View

Json = dict[str, Any]

PRIVATE = (
    "fold",
    "pending",
    "marked_due",
    "behind",
    "live",
    "fold_version",
    "due_at",
    "partition",
    "proposal",
    "changed_version",
)
FRESHNESS = ("as_of", "log", "recorded_at", "projected_at", "generation")
KEY_PERSON_WORK = ("priority", "partner", "strategic")
"""Tiers that owe key-person work (domain.md, what each tier owes and gets)."""
ORGANISATIONAL = ("partner", "strategic")
"""Tiers that owe a relationship assessment and a group plan."""


def customers_pipeline(name: Name) -> list[Json]:
    """A row in full: absent fields as they are meant, factors and entitlements by name, the last change's `changes`."""
    return [
        {"$set": {"change": {"$concat": ["$_id", "/", {"$toString": "$changed_version"}]}}},
        {"$lookup": {"from": name(HISTORY), "localField": "change", "foreignField": "_id", "as": "change"}},
        {
            "$set": {
                "customer": "$_id",
                "registered": _default("registered", value=False),
                "computed_tier": _default("computed_tier", value="$tier"),
                "entitled_tier": _default("entitled_tier", value="$tier"),
                **{field: _default(field, value=None) for field in _NULLABLE},
                "dormant": _default("dormant", value=False),
                "at_risk": _default("at_risk", value=False),
                "flags": {"unconverted": {"$ifNull": ["$flags.unconverted", []]}},
                "factors": _factors(),
                "cause": {"$ifNull": [{"$first": "$change.cause"}, None]},
                "changes": {"$ifNull": [{"$first": "$change.would_change"}, None]},
                "changes_as_of": _default("tier_since", value=None),
            }
        },
        {"$set": {"entitlements": _entitlements()}},
        {"$unset": [*PRIVATE, "change"]},
    ]


_NULLABLE = (
    "name",
    "industry",
    "country",
    "region",
    "group_id",
    "account_manager",
    "product_manager",
    "entitled_until",
    "proposed_tier",
    "overridden_until",
    "tier_since",
    "first_purchase_on",
    "last_purchase_on",
    "ratings_lapse_on",
    "incomplete_since",
)


def _default(field: str, *, value: Any) -> Json:
    return {"$ifNull": [f"${field}", value]}


def _factors() -> Json:
    one = {
        "k": {"$arrayElemAt": [list(FACTORS), {"$arrayElemAt": ["$$f", 0]}]},
        "v": {
            "value": {"$arrayElemAt": ["$$f", 1]},
            "points": {"$arrayElemAt": ["$$f", 2]},
            "weight": {"$arrayElemAt": ["$$f", 3]},
            "known": {"$ne": [{"$arrayElemAt": ["$$f", 1]}, None]},
        },
    }
    return {"$arrayToObject": {"$map": {"input": "$factors", "as": "f", "in": one}}}


def _entitlements() -> Json:
    given = {name: {"$arrayElemAt": ["$entitlements", place]} for place, name in enumerate(ENTITLEMENTS)}
    tier = {"$in": ["$entitled_tier", list(KEY_PERSON_WORK)]}
    organisational = {"$in": ["$entitled_tier", list(ORGANISATIONAL)]}
    return {
        "$cond": [
            {"$eq": ["$entitled_tier", TIERS[0]]},
            None,
            {
                **given,
                "key_person_work": tier,
                "relationship_assessment": organisational,
                "group_plan": organisational,
            },
        ]
    }


def history_pipeline(name: Name) -> list[Json]:
    """All decisions; the tier as of a day is the `to` of the last change with `effective_on` up to it."""
    del name
    return [{"$unset": ["graces", "after"]}]


def quality_pipeline(name: Name) -> list[Json]:
    """Customers of whom something is missing: their registration, an account manager, any rating that the policy
    weighs, or the rate of a currency.
    """
    del name
    rated = [FACTORS.index(factor) for factor in ("strategic_fit", "market_standing", "share_of_wallet")]
    ratings = {"$filter": {"input": "$factors", "as": "f", "cond": {"$in": [{"$arrayElemAt": ["$$f", 0]}, rated]}}}
    known = {"$map": {"input": "$ratings", "as": "f", "in": {"$ne": [{"$arrayElemAt": ["$$f", 1]}, None]}}}
    return [
        {"$set": {"ratings": ratings}},
        {
            "$project": {
                "customer": "$_id",
                "tier": 1,
                "unregistered": {"$ne": ["$registered", True]},
                "unowned": {"$eq": [{"$ifNull": ["$account_manager", None]}, None]},
                "unrated": {"$and": [{"$ne": ["$ratings", []]}, {"$not": [{"$anyElementTrue": [known]}]}]},
                "unconverted": {"$ifNull": ["$flags.unconverted", []]},
                **dict.fromkeys(FRESHNESS, 1),
            }
        },
        {
            "$match": {
                "$or": [
                    {"unregistered": True},
                    {"unowned": True},
                    {"unrated": True},
                    {"unconverted": {"$ne": []}},
                ]
            }
        },
    ]


SCHEMA = Schema(
    service="tiering",
    collections=(CUSTOMERS, OTHERS, HISTORY),
    plain_collections=("tiering_positions", "tiering_quarantine", "policies"),
    indexes=(
        Index(CUSTOMERS, ("partition", "due_at")),
        Index(CUSTOMERS, ("partition", "as_of")),
        Index(CUSTOMERS, ("tier",)),
        Index(CUSTOMERS, ("account_manager",)),
        Index(HISTORY, ("customer", "effective_on", "version"), unique=True),
    ),
    views=(
        View("customers", CUSTOMERS, customers_pipeline),
        View("tier_history", HISTORY, history_pipeline),
        View("data_quality", CUSTOMERS, quality_pipeline),
    ),
)
