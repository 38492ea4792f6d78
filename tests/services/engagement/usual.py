"""What readers ask of the views every day (docs/engagement.md), and what MongoDB's explain says of it."""

from collections.abc import Iterator
from typing import Any

Query = tuple[str, dict[str, Any]]


def usual(customer: str, partner: str, representative: str, week: str, day: str) -> list[Query]:
    """Each view with the conditions it is usually read by. `partner`: a partner or strategic customer."""
    return [
        ("engagement", {"_id": customer}),
        ("engagement", {"contact.status": "lapsed"}),
        ("engagement", {"owned_by": representative}),
        ("contact_plan", {}),
        ("contact_plan", {"status": "lapsed"}),
        ("contact_plan", {"owned_by": representative}),
        ("contact_plan", {"owned_by": representative, "due_on": {"$lte": day}}),
        ("contact_plan", {"_id": customer}),
        ("concerns", {}),
        ("concerns", {"customer": customer}),
        ("concerns", {"owned_by": representative}),
        ("key_persons", {}),
        ("key_persons", {"customer": customer}),
        ("relationship_assessments", {}),
        ("relationship_assessments", {"customer": partner}),
        ("tier_care", {}),
        ("tier_quarters", {}),
        ("satisfaction_drops", {"customer": customer}),
        ("staffing", {}),
        ("goals", {}),
        ("goals", {"subject": customer}),
        ("owned_keys", {"owned_by": {"$in": [representative]}}),
        ("owned_keys", {"_id": customer, "owned_by": {"$in": [representative]}}),
        ("member_keys", {"group_id": {"$in": ["G-1", "G-2"]}}),
        *((keys, {}) for keys in ("plan_keys", "concern_keys", "drop_keys", "key_person_keys", "assessment_keys")),
        ("plan_keys", {"owned_by": representative, "tier_order": 0, "due_on": {"$gt": day}}),
        ("concern_keys", {"_id": {"$gt": customer}}),
        ("representative_keys", {"_id": {"$gt": representative}}),
        ("rep_weeks", {"week": week}),
        ("rep_weeks", {"week": week, "representative": representative}),
        ("rep_weeks", {"week": {"$gte": week[:5] + "W01", "$lte": week}, "representative": representative}),
    ]


def stages(plan: Any) -> Iterator[str]:
    """The names of all stages of the winning plans."""
    if isinstance(plan, dict):
        if "stage" in plan:
            yield plan["stage"]
        for name, part in plan.items():
            if name != "rejectedPlans":
                yield from stages(part)
    elif isinstance(plan, list):
        for part in plan:
            yield from stages(part)


def scans(plan: Any) -> list[str]:
    """Where a collection is read from end to end: as a stage, or inside a lookup."""
    found = []
    if isinstance(plan, dict):
        if plan.get("stage") == "COLLSCAN":
            found.append("COLLSCAN")
        if plan.get("collectionScans"):
            found.append("a lookup's scan")
        found += [one for name, part in plan.items() if name != "rejectedPlans" for one in scans(part)]
    elif isinstance(plan, list):
        found += [one for part in plan for one in scans(part)]
    return found
