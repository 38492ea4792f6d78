"""What archives keeps in MongoDB: collections, indexes, and the views that readers are granted. Declarations only."""

from services.archives.domain import CUSTOMERS, OTHERS
from services.archives.views.lists import WITH_GRANTS, grants, profiles
from shared.mongo.policies import ADOPTED_SHAPE, TEMPLATES
from shared.mongo.schema import Index, Schema, View, keys
from shared.mongo.states import freshness_collection

SCHEMA = Schema(
    service="archives",
    collections=(CUSTOMERS, OTHERS, freshness_collection("archives")),
    plain_collections=("archives_positions", "archives_quarantine", TEMPLATES),
    validators={TEMPLATES: ADOPTED_SHAPE},
    indexes=(
        Index(CUSTOMERS, ("partition", "review_at")),
        Index(CUSTOMERS, ("lapsed", "_id"), partial={"lapsed": {"$gt": 0}}),
    ),
    views=(
        View("profiles", CUSTOMERS, profiles, confidential=True),
        View("grants", CUSTOMERS, grants, confidential=True),
        View("profile_keys", CUSTOMERS, keys({"_id": 1}), confidential=True),
        View("grant_keys", CUSTOMERS, keys({"_id": 1}, among=WITH_GRANTS), confidential=True),
    ),
)
