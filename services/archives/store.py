"""What archives keeps in MongoDB: collections, indexes, and the views that readers are granted. Declarations only."""

from typing import Any

from services.archives.domain import CUSTOMERS, OTHERS
from services.archives.views.lists import WITH_GRANTS, grants, profiles
from shared.mongo.policies import ADOPTED_SHAPE, TEMPLATES
from shared.mongo.schema import Index, Name, Schema, View, keys
from shared.mongo.states import freshness_collection
from shared.mongo.trail import TRAIL
from shared.trail import KEPT

TRAIL_SHOWN = ("reader", "seq", "at", "customer", "profile", "vendor_id", "items", "grade", "allowed", "by", "reason")
NEWEST = {"at_ms": -1, "_id": -1}
IN_EMERGENCIES = {"by": "break_glass"}


def _trail(_: Name) -> list[dict[str, Any]]:
    return [{"$project": {**dict.fromkeys(TRAIL_SHOWN, 1), "since": 1, "bulk": 1}}]


SCHEMA = Schema(
    service="archives",
    collections=(CUSTOMERS, OTHERS, freshness_collection("archives")),
    plain_collections=("archives_positions", "archives_quarantine", TEMPLATES, TRAIL),
    sharded={CUSTOMERS: "_id"},
    validators={TEMPLATES: ADOPTED_SHAPE},
    indexes=(
        Index(CUSTOMERS, ("partition", "review_at")),
        Index(CUSTOMERS, ("lapsed", "_id"), partial={"lapsed": {"$gt": 0}}),
        Index(TRAIL, ("reader", "seq"), unique=True, generational=False),
        Index(TRAIL, ("reader", "at_ms", "_id"), generational=False),
        Index(TRAIL, ("customer", "at_ms", "_id"), generational=False),
        Index(TRAIL, ("at_ms", "_id"), generational=False),
        Index(TRAIL, ("by", "at_ms", "_id"), partial=IN_EMERGENCIES, generational=False),
        Index(TRAIL, ("at",), expire_after_seconds=int(KEPT.total_seconds()), generational=False),
    ),
    views=(
        View("profiles", CUSTOMERS, profiles, confidential=True),
        View("grants", CUSTOMERS, grants, confidential=True),
        View("profile_keys", CUSTOMERS, keys({"_id": 1}), confidential=True),
        View("grant_keys", CUSTOMERS, keys({"_id": 1}, among=WITH_GRANTS), confidential=True),
        View("access_trail", TRAIL, _trail, generational=False, confidential=True),
        View(
            "access_trail_keys",
            TRAIL,
            keys(NEWEST, "reader", "customer"),
            generational=False,
            confidential=True,
        ),
        View(
            "emergency_read_keys",
            TRAIL,
            keys(NEWEST, "reader", "customer", among=IN_EMERGENCIES),
            generational=False,
            confidential=True,
        ),
    ),
)
