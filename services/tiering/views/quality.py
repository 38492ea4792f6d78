"""`data_quality`: customers of whom something is missing."""

from typing import Any

from services.tiering.policy import FACTORS
from shared.mongo.schema import Name

Json = dict[str, Any]
RATINGS = [FACTORS.index(factor) for factor in ("strategic_fit", "market_standing", "share_of_wallet")]
FRESHNESS = ("as_of", "log", "recorded_at", "projected_at", "generation")


def quality_pipeline(name: Name) -> list[Json]:
    """Customers of whom something is missing: their registration, an account manager, any rating that the policy
    weighs, or the rate of a currency.
    """
    del name
    ratings = {"$filter": {"input": "$factors", "as": "f", "cond": {"$in": [{"$arrayElemAt": ["$$f", 0]}, RATINGS]}}}
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
