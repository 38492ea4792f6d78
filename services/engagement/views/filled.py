"""Puts back what rows leave out (rules/shown.py), so that readers find every field of every customer.

A condition on a field that is put back by `$ifNull` can't use an index; one on `contact.status` and `contact.due_on`
can, as those are renamed only. Lists are therefore made from the rows as stored: their first stage says whose.
"""

from typing import Any

from services.engagement.rules.customer import PROFILE_FIELDS
from services.engagement.rules.shown import NO_ANSWERS, NO_CONCERNS, NO_RELATIONSHIP, NO_VISITS
from services.engagement.views.expressions import Expression
from shared.facts.owners import OWNING_ROLES

HELPERS = ["status", "due_on", "cadence_days", "has"]
"""Fields that stand at the top for the indexes' sake."""


def or_else(path: str, nothing: Any = None) -> Expression:
    """A field, or what it says where it says nothing."""
    return {"$ifNull": [f"${path}", {"$literal": nothing}]}


def owners() -> Expression:
    """Both owners, null where there is none."""
    return {role: or_else(f"owners.{role}") for role in OWNING_ROLES}


def filled() -> dict[str, Any]:
    """The stage that makes a stored row whole."""
    return {
        "$set": {
            "id": "$_id",
            "registered": or_else("registered", nothing=False),
            "rated": or_else("rated", nothing=False),
            **{name: or_else(name) for name in PROFILE_FIELDS},
            "tier_version": or_else("tier_version", 0),
            "owners": owners(),
            "contact.status": "$status",
            "contact.due_on": "$due_on",
            "contact.last_on": or_else("contact.last_on"),
            "contact.ever_met": {"$ne": [or_else("contact.last_on"), None]},
            "contact.cadence_days": or_else("cadence_days"),
            "contact.adherence": or_else("contact.adherence"),
            "contact.visits_90d": or_else("contact.visits_90d", NO_VISITS),
            "contact.visits_365d": or_else("contact.visits_365d", NO_VISITS),
            "last_visit": or_else("last_visit"),
            "relationship": {"$mergeObjects": [{"$literal": NO_RELATIONSHIP}, "$relationship"]},
            "satisfaction": {"$mergeObjects": [{"$literal": NO_ANSWERS}, "$satisfaction"]},
            "concerns": or_else("concerns", NO_CONCERNS),
            "goals": or_else("goals", []),
        }
    }
