"""How fresh a view is that many rows make up: as the row with the latest clock."""

from collections.abc import Callable
from typing import Any

FIELDS = ("as_of", "recorded_at", "projected_at", "generation")


def latest(collection: str, into: str) -> dict[str, Any]:
    """Look up the freshness of the row with the latest clock, by index."""
    newest = [{"$sort": {"as_of": -1}}, {"$limit": 1}, {"$project": {"_id": 0, **dict.fromkeys(FIELDS, 1)}}]
    return {"$lookup": {"from": collection, "pipeline": newest, "as": into}}


def of_customers(name: Callable[[str], str]) -> list[dict[str, Any]]:
    """Add the freshness of all customers to each document."""
    return [
        latest(name("engagement"), "latest"),
        {"$replaceWith": {"$mergeObjects": ["$$ROOT", {"$first": "$latest"}]}},
        {"$unset": "latest"},
    ]
