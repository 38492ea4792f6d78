"""What tiering keeps in MongoDB: collections, indexes, and the views that readers are granted. Declarations only.

A row is stored small (projection.py); the view `customers` writes it out in full and leaves out what is private.
"""

from typing import Any

from services.tiering.domain import CUSTOMERS, HISTORY, OTHERS
from services.tiering.policy import FACTORS
from services.tiering.projection import ENTITLEMENTS
from services.tiering.rules.evolve import MASTER_DATA, ROLES
from shared.events.types import TIERS
from shared.mongo.schema import Index, Name, Schema, View
from shared.mongo.states import freshness_collection

Json = dict[str, Any]

PRIVATE = (
    "fold",
    "pending",
    "marked_due",
    "behind",
    "live",
    "fold_version",
    "due_at",
    "review_at",
    "partition",
    "proposal",
    "changed_version",
    "changed_on",
    "since_version",
)
SHOWN = (
    *("as_of", "log", "recorded_at", "projected_at", "generation", "partition", "incomplete_since"),
    *("tier", "computed_tier", "version", "changed_version", "changed_on", "since_version", "tier_since", "dormant"),
    *("proposal", "proposed_tier", "overridden_until", "entitled_tier", "entitled_until", "entitlements"),
    *("policy", "policy_version", "score", "known_weight", "factors", "currency", "flags", "at_risk"),
    *("net_730d", "net_365d", "net_90d", "first_purchase_on", "last_purchase_on", "goal_outcomes"),
    *("registered", *MASTER_DATA, *ROLES, "ratings_lapse_on"),
)
"""The fields of a document that the view `customers` is made of. The others are private, and those of money by day have
names of their own (rules/document.py)."""
FRESHNESS = ("as_of", "log", "recorded_at", "projected_at", "generation")
KEY_PERSON_WORK = ("priority", "partner", "strategic")
"""Tiers that owe key-person work (domain.md, what each tier owes and gets)."""
ORGANISATIONAL = ("partner", "strategic")
"""Tiers that owe a relationship assessment and a group plan."""


def customers_pipeline(name: Name) -> list[Json]:
    """A row in full: absent fields as they are meant, factors and entitlements by name; `cause` of the tier shown, and
    `changes` of the last change, which under an override may be another one that changed the computed tier alone.
    """
    return [
        {"$project": dict.fromkeys(SHOWN, 1)},
        {"$set": {"since_version": _default("since_version", value="$changed_version")}},
        {"$set": {"decided": [_decision("since_version"), _decision("changed_version")]}},
        {"$lookup": {"from": name(HISTORY), "localField": "decided", "foreignField": "_id", "as": "decided"}},
        {"$set": {"shown": _first("since_version"), "change": _first("changed_version")}},
        {
            "$set": {
                "customer": "$_id",
                "registered": _default("registered", value=False),
                "computed_tier": _default("computed_tier", value="$tier"),
                "entitled_tier": _default("entitled_tier", value="$tier"),
                **{field: _default(field, value=None) for field in _NULLABLE},
                "dormant": _default("dormant", value=False),
                "at_risk": _default("at_risk", value=False),
                "flags": {name: {"$ifNull": [f"$flags.{name}", []]} for name in ("unconverted", "uncounted")},
                "factors": _factors(),
                "cause": {"$ifNull": ["$shown.cause", None]},
                "changes": {"$ifNull": ["$change.would_change", None]},
                "changes_as_of": {"$ifNull": ["$changed_on", "$tier_since", None]},
                "log": {"$mergeObjects": ["$log", {"partition": "$partition"}]},
            }
        },
        {"$set": {"entitlements": _entitlements()}},
        {"$unset": [*PRIVATE, "decided", "shown", "change"]},
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


def _decision(version: str) -> Json:
    """The id of the document that a decision has left."""
    return {"$concat": ["$_id", "/", {"$toString": f"${version}"}]}


def _first(version: str) -> Json:
    """Of the decisions looked up, the one of a version; they come in any order."""
    is_it = {"$eq": ["$$one.version", f"${version}"]}
    return {"$first": {"$filter": {"input": "$decided", "as": "one", "cond": is_it}}}


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
    """All decisions; the tier as of a day is the `to` of the last change with `effective_on` up to it. A decision does
    not age: `as_of` is the instant that it was decided as of.
    """
    del name
    return [{"$set": {"as_of": "$decided_as_of"}}, {"$unset": ["after"]}]


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


POLICY_SHAPE: Json = {
    "bsonType": "object",
    "required": ["_id", "name", "version", "effective_on", "text", "sha256", "adopted_at"],
    "properties": {
        "version": {"bsonType": "int", "minimum": 1},
        "effective_on": {"bsonType": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"},
        "text": {"bsonType": "string"},
        "sha256": {"bsonType": "string", "pattern": "^[0-9a-f]{64}$"},
        "adopted_at": {"bsonType": "date"},
    },
}
"""Every process decides by what stands there, so what is no policy must not come in."""

SCHEMA = Schema(
    service="tiering",
    collections=(CUSTOMERS, OTHERS, HISTORY, freshness_collection("tiering")),
    plain_collections=("tiering_positions", "tiering_quarantine", "policies"),
    indexes=(
        Index(CUSTOMERS, ("partition", "review_at")),
        Index(CUSTOMERS, ("tier",)),
        Index(CUSTOMERS, ("account_manager",)),
        Index(HISTORY, ("customer", "effective_on", "version"), unique=True),
    ),
    dropped=(Index(CUSTOMERS, ("partition", "due_at")), Index(CUSTOMERS, ("partition", "as_of"))),
    views=(
        View("customers", CUSTOMERS, customers_pipeline),
        View("tier_history", HISTORY, history_pipeline),
        View("data_quality", CUSTOMERS, quality_pipeline),
    ),
    validators={"policies": POLICY_SHAPE},
)
