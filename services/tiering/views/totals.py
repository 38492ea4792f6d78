"""`tier_totals`: how many customers each tier has, and their net."""

from collections.abc import Callable
from typing import Any

from shared.events.types import TIERS

Stage = dict[str, Any]


def totals_pipeline(name: Callable[[str], str]) -> list[Stage]:
    """How many customers each tier has, and their net of 365 days in minor units; read from an index alone."""
    del name
    count = {"customers": {"$sum": 1}, "net_order": {"$sum": "$net_order"}}
    return [{"$match": {"tier": {"$in": list(TIERS)}}}, {"$group": {"_id": "$tier", **count}}]
