"""What planning keeps in MongoDB: collections, indexes, and the views that readers are granted. Declarations only."""

from services.planning.domain import CUSTOMERS, GROUPS, OTHERS
from services.planning.views.lists import PLANNED, SERVED, WITH_PLANS, groups, plan_steps, plans, service_use
from shared.mongo.schema import Index, Schema, View, keys
from shared.mongo.states import freshness_collection

SCHEMA = Schema(
    service="planning",
    collections=(CUSTOMERS, OTHERS, GROUPS, freshness_collection("planning")),
    plain_collections=("planning_positions", "planning_quarantine"),
    sharded={CUSTOMERS: "_id"},
    indexes=(
        Index(CUSTOMERS, ("partition", "review_at")),
        Index(CUSTOMERS, ("planned.owed", "_id"), partial=PLANNED),
        Index(CUSTOMERS, ("served.unserved", "_id"), partial=SERVED),
        Index(GROUPS, ("parent_group_id",), partial={"parent_group_id": {"$gt": ""}}),
    ),
    views=(
        View("plans", CUSTOMERS, plans, confidential=True),
        View("plan_steps", CUSTOMERS, plan_steps, confidential=True),
        View("service_use", CUSTOMERS, service_use, confidential=True),
        View("groups", GROUPS, groups),
        View("group_plan_keys", CUSTOMERS, keys({"_id": 1}, among=PLANNED), confidential=True),
        View("group_plan_step_keys", CUSTOMERS, keys({"_id": 1}, among=WITH_PLANS), confidential=True),
        View("service_use_keys", CUSTOMERS, keys({"_id": 1}, among=SERVED), confidential=True),
    ),
)
