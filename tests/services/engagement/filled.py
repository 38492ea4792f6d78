"""A customer's row as the view `engagement` shows it, made in Python: what the rules say, however it is stored. That
the view does the same is test_real_stored.py's to show.
"""

from copy import deepcopy
from typing import Any

from services.engagement.rules.customer import PROFILE_FIELDS
from services.engagement.rules.shown import NO_ANSWERS, NO_CONCERNS, NO_RELATIONSHIP, NO_VISITS

_HELPERS = ("status", "due_on", "cadence_days", "has")


def filled(document: dict[str, Any]) -> dict[str, Any]:
    """A stored row made whole; the confidential and the private parts stay."""
    row = {name: value for name, value in document.items() if name not in _HELPERS}
    for name in PROFILE_FIELDS:
        row.setdefault(name, None)
    contact: dict[str, Any] = {"last_on": None, "adherence": None, "visits_90d": NO_VISITS, "visits_365d": NO_VISITS}
    contact |= document.get("contact", {})
    contact |= {"status": document["status"], "due_on": document["due_on"]}
    contact |= {"cadence_days": document.get("cadence_days"), "ever_met": contact["last_on"] is not None}
    return deepcopy(
        {
            **row,
            "registered": row.get("registered", False),
            "rated": row.get("rated", False),
            "tier_version": row.get("tier_version", 0),
            "owners": {"account_manager": None, "product_manager": None} | row.get("owners", {}),
            "contact": contact,
            "last_visit": row.get("last_visit"),
            "relationship": NO_RELATIONSHIP | row.get("relationship", {}),
            "satisfaction": NO_ANSWERS | row.get("satisfaction", {}),
            "concerns": row.get("concerns", NO_CONCERNS),
            "goals": row.get("goals", []),
        }
    )
