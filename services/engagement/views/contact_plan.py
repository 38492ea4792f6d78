"""`engagement`: a customer's row; `contact_plan`: whom to visit and why, by tier, then earliest due, then id
(domain.md, Contact plan; What downstream reads).
"""

from typing import Any

Stage = dict[str, Any]
PRIVATE = ("fold", "pending", "marked_due", "behind", "due_at", "live", "fold_version", "partition")
FRESHNESS = ("as_of", "log", "recorded_at", "projected_at", "generation", "incomplete_since")
_STATUSES = ["on_track", "due_soon", "lapsed"]


def engagement() -> list[Stage]:
    """All public fields of a customer; the persons of its decision chain are in `key_persons`."""
    confidential = ["relationship.key_persons", "relationship.deciders_never_met"]
    return [{"$unset": [*PRIVATE, *confidential]}]


def contact_plan() -> list[Stage]:
    """One row for each customer that a contact is owed to. `reasons`, most pressing first, is never empty."""
    reasons = {
        "never_met": {"$not": ["$contact.ever_met"]},
        "lapsed": {"$eq": ["$contact.status", "lapsed"]},
        "due_soon": {"$eq": ["$contact.status", "due_soon"]},
        "concern_overdue": {"$gt": ["$concerns.open_overdue", 0]},
        "concern_open": {"$gt": ["$concerns.open", 0]},
        "satisfaction_dropped": {
            "$or": [f"$satisfaction.{instrument}.dropped" for instrument in ("nps", "csat", "ces")]
        },
        "decider_never_met": {"$gt": [{"$size": "$relationship.deciders_never_met"}, 0]},
        "unowned": "$unowned",
        "cadence": {"$eq": ["$contact.status", "on_track"]},
    }
    return [
        {"$match": {"contact.status": {"$in": _STATUSES}}},
        {"$sort": {"tier_order": 1, "contact.due_on": 1, "_id": 1}},
        {
            "$set": {
                "unowned": {
                    "$and": [
                        {"$eq": ["$owners.account_manager", None]},
                        {"$eq": ["$owners.product_manager", None]},
                    ]
                }
            }
        },
        {
            "$project": {
                "id": 1,
                "name": 1,
                "tier": 1,
                "tier_order": 1,
                "status": "$contact.status",
                "due_on": "$contact.due_on",
                "last_on": "$contact.last_on",
                "cadence_days": "$contact.cadence_days",
                "adherence": "$contact.adherence",
                "reasons": {
                    "$concatArrays": [{"$cond": [condition, [reason], []]} for reason, condition in reasons.items()]
                },
                "owners": 1,
                "unowned": 1,
                "unrated": {"$not": ["$rated"]},
                "registered": 1,
                "last_consensus": "$last_visit.consensus",
                "follow_ups": {"$ifNull": ["$last_visit.follow_ups", []]},
                "open_concerns": "$concerns.open",
                "concerns": "$concerns.list",
                **dict.fromkeys(FRESHNESS, 1),
            }
        },
    ]
