"""`customers`: a row in full. It is stored small (rows.py); the view writes it out and leaves out what is private."""

from typing import Any

from services.tiering.domain import HISTORY
from services.tiering.policy import FACTORS
from services.tiering.rows import ENTITLEMENTS
from services.tiering.rules.evolve import MASTER_DATA, ROLES
from services.tiering.rules.tiers import KEY_PERSON_WORK, ORGANISATIONAL
from shared.events.types import TIERS
from shared.mongo.schema import Name

Json = dict[str, Any]

HELPERS = ("proposal", "changed_version", "changed_on", "since_version")
"""Fields that others are made of."""
SHOWN = (
    *("as_of", "log", "recorded_at", "projected_at", "generation", "partition", "incomplete_since"),
    *("tier", "computed_tier", "version", "changed_version", "changed_on", "since_version", "tier_since", "dormant"),
    *("proposal", "proposed_tier", "overridden_until", "entitled_tier", "entitled_until", "entitlements"),
    *("policy", "policy_version", "score", "known_weight", "factors", "currency", "flags", "at_risk"),
    *("net_730d", "net_365d", "net_90d", "overdue", "first_purchase_on", "last_purchase_on", "goal_outcomes"),
    *("registered", *MASTER_DATA, *ROLES, "ratings_lapse_on"),
)
"""The fields of a document that the view `customers` is made of. The others are private, and those of money by day have
names of their own (stored.py)."""


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
                **{field: _default(field, value=None) for field in NULLABLE},
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
        {"$unset": [*HELPERS, "decided", "shown", "change"]},
    ]


NULLABLE = (
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
    "overdue",
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
