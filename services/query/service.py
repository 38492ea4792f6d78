"""Query as a value: the read API over the views of the others."""

from services.query.console.store import COLLECTIONS, INDEXES
from services.query.settings import QuerySettings
from shared.mongo.findings import COLLECTION as FINDINGS
from shared.mongo.jobs import COLLECTION as JOBS
from shared.mongo.jobs import PIECES
from shared.mongo.schema import Schema
from shared.mongo.subscriptions import COLLECTION as SUBSCRIPTIONS
from shared.mongo.subscriptions import LANES
from shared.mongo.uploads import COLLECTIONS as UPLOADS
from shared.mongo.uploads import INDEXES as OF_UPLOADS
from shared.service import Service
from shared.topics import CHANGES

READ = ("find",)
_VIEWS = (
    *("customers", "tier_history", "tier_totals", "customer_keys", "customer_keys_by_net", "decision_keys"),
    *("engagement", "contact_plan", "concerns", "tier_care", "staffing", "rep_weeks", "goals"),
    *("owned_keys", "plan_keys", "concern_keys", "representative_keys", "proposal_keys"),
    *("override_keys", "overdue_keys", "satisfaction_drops", "drop_keys", "tier_quarters"),
    *("timeline", "movements", "search"),
    *("rejections", "rejection_keys"),
    *("timeline_keys", "movement_keys", "movement_keys_by_day", "movement_keys_by_end"),
)
_STANDING = (
    *("admission_positions", "tiering_positions", "engagement_positions", "archives_positions"),
    *("planning_positions", "feed_positions", "tiering_fresh", "engagement_fresh", "archives_fresh"),
    *("weeks", "rep_week_notes", "rep_week_heads", "rep_week_rows"),
    *("planning_fresh", "feed_fresh", "claims", "fates", "feed_marks"),
)
"""How far everybody has come, how fresh the rows are, and what became of events, and
where a position of the log begins on the changes."""

SERVICE = Service(
    name="query",
    schema=Schema(
        "query",
        plain_collections=(*COLLECTIONS, *UPLOADS),
        indexes=(*INDEXES, *OF_UPLOADS),
        fleeting=(*COLLECTIONS, *UPLOADS),
    ),
    entry="services.query.app:run",
    settings=QuerySettings,
    reads=(CHANGES,),
    rights={
        **dict.fromkeys((*_VIEWS, *_STANDING), READ),
        JOBS: ("find", "insert", "update"),
        PIECES: READ,
        SUBSCRIPTIONS: ("find", "insert", "remove", "update"),
        LANES: ("find", "remove", "update"),
        FINDINGS: READ,
    },
)
