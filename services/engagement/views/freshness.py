"""How fresh a view is that many rows make up: the latest clock of them all, and their last event."""

from collections.abc import Callable, Iterable
from typing import Any

from shared.mongo.states import freshness_collection

FRESHNESS = freshness_collection("engagement")
FIELDS = ("as_of", "recorded_at", "projected_at", "generation")


def latest(name: Callable[[str], str], of: str, into: str) -> dict[str, Any]:
    """Look up, as an array of at most one, how fresh the rows of a collection are; each partition has noted it."""
    newest = [
        {"$match": {"_id": {"$gte": f"{of}/", "$lt": f"{of}0"}}},  # the character after the slash
        {"$group": {"_id": None, **{field: {"$max": f"${field}"} for field in FIELDS}}},
        {"$unset": "_id"},
    ]
    return {"$lookup": {"from": name(FRESHNESS), "pipeline": newest, "as": into}}


def of_customers(name: Callable[[str], str]) -> list[dict[str, Any]]:
    """Add the freshness of all customers to each document."""
    return [
        latest(name, "engagement", "latest"),
        {"$replaceWith": {"$mergeObjects": ["$$ROOT", {"$first": "$latest"}]}},
        {"$unset": "latest"},
    ]


def newest(fresh: Iterable[dict[str, Any]], *of: str) -> dict[str, Any]:
    """What `latest` finds of the rows of some collections, in Python; None where nothing was noted."""
    noted = [one for one in fresh if one["_id"].partition("/")[0] in of]
    return {field: max((one[field] for one in noted), default=None) for field in FIELDS}
