"""`engagement`: a customer's row; `contact_plan`: whom to visit and why, by tier, then earliest due, then id
(domain.md, Contact plan; What downstream reads).
"""

from typing import Any

from services.engagement.rules.concerns import MAX_ABOUT_CHARS
from services.engagement.rules.satisfaction import INSTRUMENTS
from services.engagement.rules.visits import MAX_NOTE_CHARS
from services.engagement.views.filled import HELPERS, filled, or_else, owners
from shared.mongo.texts import Expression, shown_text, with_texts

Stage = dict[str, Any]
FRESHNESS = ("as_of", "log", "recorded_at", "projected_at", "generation", "incomplete_since")
STATUSES = ["on_track", "due_soon", "lapsed"]
OWED: Stage = {"status": {"$in": STATUSES}}
"""Whom a contact is owed to."""
ORDER = {"tier_order": 1, "due_on": 1, "_id": 1}


def engagement() -> list[Stage]:
    """All public fields of a customer; the persons of its decision chain are in `key_persons`."""
    confidential = ["relationship.key_persons", "relationship.deciders_never_met", "relationship.kcr_cause"]
    visit = {
        "$mergeObjects": [
            "$last_visit",
            {"consensus": note("$last_visit.consensus"), "follow_ups": notes("$last_visit.follow_ups")},
        ]
    }
    shown = {
        "last_visit": {"$cond": [{"$eq": ["$last_visit", None]}, None, visit]},
        "concerns.list": concerns_told("$concerns.list"),
    }
    paths = ("last_visit.consensus", "last_visit.follow_ups", "concerns.list.about")
    return [filled(), *with_texts(shown, *paths), {"$unset": [*HELPERS, *confidential]}]


def note(kept: Expression) -> Expression:
    """What was agreed or promised at a visit."""
    return shown_text(kept, MAX_NOTE_CHARS)


def notes(kept: Expression) -> Expression:
    """Several of them."""
    return {"$map": {"input": kept, "as": "one", "in": note("$$one")}}


def concerns_told(listed: Expression) -> Expression:
    """A row's concerns, each with the text of what it is about."""
    told = {"$mergeObjects": ["$$one", {"about": shown_text("$$one.about", MAX_ABOUT_CHARS)}]}
    return {"$map": {"input": listed, "as": "one", "in": told}}


def contact_plan() -> list[Stage]:
    """One row for each customer that a contact is owed to. `reasons`, most pressing first, is never empty."""
    reasons = {
        "never_met": {"$eq": [or_else("contact.last_on"), None]},
        "lapsed": {"$eq": ["$status", "lapsed"]},
        "due_soon": {"$eq": ["$status", "due_soon"]},
        "concern_overdue": {"$gt": [or_else("concerns.open_overdue", 0), 0]},
        "concern_open": {"$gt": [or_else("concerns.open", 0), 0]},
        "satisfaction_dropped": {"$or": [f"$satisfaction.{instrument}.dropped" for instrument in INSTRUMENTS]},
        "decider_never_met": {"$gt": [{"$size": or_else("relationship.deciders_never_met", [])}, 0]},
        "unowned": _unowned(),
        "cadence": {"$eq": ["$status", "on_track"]},
    }
    return [
        {"$match": OWED},
        {"$sort": ORDER},
        {
            "$project": {
                "id": "$_id",
                "name": or_else("name"),
                "tier": 1,
                "tier_order": 1,
                "status": 1,
                "due_on": 1,
                "last_on": or_else("contact.last_on"),
                "cadence_days": 1,
                "adherence": or_else("contact.adherence"),
                "reasons": {
                    "$concatArrays": [{"$cond": [condition, [reason], []]} for reason, condition in reasons.items()]
                },
                "owners": owners(),
                "owned_by": 1,
                "unowned": _unowned(),
                "unrated": {"$not": ["$rated"]},
                "registered": or_else("registered", nothing=False),
                "last_visit_on": or_else("last_visit.on"),
                "last_consensus": or_else("last_visit.consensus"),
                "follow_ups": or_else("last_visit.follow_ups", []),
                "open_concerns": or_else("concerns.open", 0),
                "concerns": or_else("concerns.list", []),
                **dict.fromkeys(FRESHNESS, 1),
            }
        },
        *with_texts(
            {
                "last_consensus": note("$last_consensus"),
                "follow_ups": notes("$follow_ups"),
                "concerns": concerns_told("$concerns"),
            },
            "last_consensus",
            "follow_ups",
            "concerns.about",
        ),
    ]


def _unowned() -> Stage:
    return {"$not": ["$owned_by"]}
