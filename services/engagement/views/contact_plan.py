"""`contact_plan`: whom to visit and why, by tier, then earliest due, then id; and the views of a customer's own lists
(domain.md, Contact plan; What downstream reads).
"""

from typing import Any

Stage = dict[str, Any]
PRIVATE = ("fold", "pending", "marked_due", "due_at", "live", "fold_version", "partition")
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


def concerns() -> list[Stage]:
    """One row for each open concern."""
    return [
        {"$match": {"concerns.open": {"$gt": 0}}},
        {"$unwind": "$concerns.list"},
        {"$replaceWith": {"$mergeObjects": ["$concerns.list", _customer(), _freshness()]}},
    ]


def key_persons() -> list[Stage]:
    """One row for each present key person of a customer. Confidential."""
    return [
        {"$unwind": "$relationship.key_persons"},
        {"$replaceWith": {"$mergeObjects": ["$relationship.key_persons", _customer(), _freshness()]}},
    ]


def goals(representatives: str) -> list[Stage]:
    """One row for each goal, of customers and of representatives."""
    unwound: list[Stage] = [
        {"$unwind": "$goals"},
        {"$replaceWith": {"$mergeObjects": ["$goals", {"subject": "$_id", "scope": "$scope"}, _freshness()]}},
    ]
    return [
        {"$set": {"scope": "customer"}},
        *unwound,
        {"$unionWith": {"coll": representatives, "pipeline": [{"$set": {"scope": "representative"}}, *unwound]}},
    ]


def _customer() -> Stage:
    return {"customer": "$_id", "name": "$name", "customer_tier": "$tier", "owners": "$owners"}


def _freshness() -> Stage:
    return {field: f"${field}" for field in FRESHNESS}
