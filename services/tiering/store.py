"""What tiering keeps in MongoDB: collections, indexes, and the views that readers are granted. Declarations only."""

from typing import Any

from services.tiering.domain import CUSTOMERS, HISTORY, LISTED, OTHERS
from services.tiering.rows import PROPOSED_TIER, listed_document
from services.tiering.views.customers import customers_pipeline
from services.tiering.views.history import history_pipeline
from services.tiering.views.quality import quality_pipeline
from services.tiering.views.totals import totals_pipeline
from shared.mongo.filling import Moved
from shared.mongo.policies import ADOPTED_SHAPE
from shared.mongo.policies import COLLECTION as POLICIES
from shared.mongo.schema import Index, Schema, View, keys
from shared.mongo.states import freshness_collection

Json = dict[str, Any]

PROPOSED = {"proposed_tier": PROPOSED_TIER}
"""Who awaits an approval."""
OVERRIDDEN = {"overridden_until": {"$gt": ""}}
"""Whose tier is set by hand."""
OVERDUE = {"overdue_order": {"$gt": 0}}
"""Who owes what was due."""

FORMER = (
    Index(CUSTOMERS, ("proposed_tier", "_id"), partial={"proposed_tier": {"$gt": ""}}),
    Index(CUSTOMERS, ("overridden_until", "_id"), partial=OVERRIDDEN),
    Index(CUSTOMERS, ("overdue_order", "_id"), partial=OVERDUE),
)
"""Where earlier versions had the few."""

SCHEMA = Schema(
    service="tiering",
    collections=(CUSTOMERS, OTHERS, HISTORY, LISTED, freshness_collection("tiering")),
    plain_collections=("tiering_positions", "tiering_quarantine", POLICIES),
    sharded={CUSTOMERS: "_id", **dict.fromkeys((HISTORY, LISTED), "customer")},
    indexes=(
        Index(CUSTOMERS, ("partition", "review_at")),
        Index(CUSTOMERS, ("tier", "net_order", "_id")),
        Index(CUSTOMERS, ("account_manager", "_id")),
        Index(LISTED, ("proposed_tier", "_id"), partial={"proposed_tier": {"$gt": ""}}),
        Index(LISTED, ("overridden_until", "_id"), partial=OVERRIDDEN),
        Index(LISTED, ("overdue_order", "_id"), partial=OVERDUE),
        Index(LISTED, ("customer",)),  # for those who compare; the fold finds them by id
        Index(HISTORY, ("customer", "effective_on", "version"), unique=True),
    ),
    dropped=(
        Index(CUSTOMERS, ("partition", "due_at")),
        Index(CUSTOMERS, ("partition", "as_of")),
        Index(CUSTOMERS, ("tier",)),
        Index(CUSTOMERS, ("account_manager",)),
        *FORMER,
    ),
    moved=(Moved(CUSTOMERS, LISTED, {"$or": [PROPOSED, OVERRIDDEN, OVERDUE]}, listed_document),),
    views=(
        View("customers", CUSTOMERS, customers_pipeline),
        View("tier_history", HISTORY, history_pipeline),
        View("data_quality", CUSTOMERS, quality_pipeline),
        View("tier_totals", CUSTOMERS, totals_pipeline),
        View("customer_keys", CUSTOMERS, keys({"_id": 1}, "account_manager")),
        View("customer_keys_by_net", CUSTOMERS, keys({"net_order": -1, "_id": -1}, "tier")),
        View("proposal_keys", LISTED, keys({"_id": 1}, "account_manager", among=PROPOSED)),
        View("override_keys", LISTED, keys({"overridden_until": 1, "_id": 1}, among=OVERRIDDEN)),
        View("overdue_keys", LISTED, keys({"overdue_order": -1, "_id": -1}, among=OVERDUE)),
        View("decision_keys", HISTORY, keys({"customer": 1, "effective_on": 1, "version": 1})),
    ),
    validators={POLICIES: ADOPTED_SHAPE},
    filled=(POLICIES,),
    private=("partition",),
)
