"""What the feed keeps in MongoDB: collections, indexes, and the views that readers are granted. Declarations only."""

from typing import Any

from services.feed.domain import CUSTOMERS, OTHERS
from services.feed.rules.state import MOVEMENTS, TIMELINE
from shared.mongo.schema import Index, Name, Schema, View, keys
from shared.mongo.states import freshness_collection, marks_collection

Json = dict[str, Any]
MARKS_KEPT_SECONDS = 31 * 86_400
"""A day longer than guanxi.changes keeps what they lead to."""
KNOWN = ("from_on", "recorded_at", "ended_at")
"""What says on which days a movement held, and since when that is known."""
OF_A_RECORD = {"record": {"$exists": True}}
"""Lines that are asked for by their event: all other facts have claims that name it."""
FRESHNESS = ("as_of", "log", "recorded_at", "projected_at", "generation", "incomplete_since")


def search_pipeline(name: Name) -> list[Json]:
    """What a customer is found by, and how much has been told of it."""
    del name
    shown = {"customer": "$_id", "partition": 1, "sequence": 1}
    return [{"$project": {"name": 1, "terms": 1, **shown, **dict.fromkeys(FRESHNESS, 1)}}]


def whole(name: Name) -> list[Json]:
    """All of a row: it holds nothing private."""
    del name
    return []


SCHEMA = Schema(
    service="feed",
    collections=(CUSTOMERS, OTHERS, TIMELINE, MOVEMENTS, freshness_collection("feed")),
    plain_collections=("feed_positions", "feed_quarantine", marks_collection("feed")),
    sharded={CUSTOMERS: "_id", TIMELINE: "customer", MOVEMENTS: "customer"},
    indexes=(
        Index(CUSTOMERS, ("partition", "review_at")),
        Index(CUSTOMERS, ("terms",)),
        Index(TIMELINE, ("customer", "offset"), unique=True),
        Index(TIMELINE, ("event", "source"), partial=OF_A_RECORD),
        Index(MOVEMENTS, ("customer", "version"), unique=True),
        Index(MOVEMENTS, ("from_on", "to_on", "_id")),
        Index(MOVEMENTS, ("to_on", "_id")),
        Index(MOVEMENTS, ("recorded_at", "_id")),
        Index(marks_collection("feed"), ("log_generation", "partition", "offset"), unique=True, generational=False),
        Index(marks_collection("feed"), ("at",), expire_after_seconds=MARKS_KEPT_SECONDS, generational=False),
    ),
    views=(
        View("search", CUSTOMERS, search_pipeline),
        View("timeline", TIMELINE, whole),
        View("movements", MOVEMENTS, whole),
        View("timeline_keys", TIMELINE, keys({"customer": -1, "offset": -1})),
        View("movement_keys", MOVEMENTS, keys({"customer": 1, "version": 1})),
        View("movement_keys_by_day", MOVEMENTS, keys({"from_on": 1, "to_on": 1, "_id": 1}, "customer")),
        View("movement_keys_by_end", MOVEMENTS, keys({"to_on": -1, "_id": -1}, "customer", *KNOWN)),
    ),
)
