"""The views of planning: a customer's plans in one row, each step in one, the services that it used in one. No text
stands in any.
"""

from typing import Any

from shared.mongo.schema import Name

Json = dict[str, Any]
PLANNED, SERVED = {"planned": {"$exists": True}}, {"served": {"$exists": True}}
WITH_PLANS = {"plans": {"$exists": True}}
FRESHNESS = ("as_of", "log", "recorded_at", "projected_at", "generation", "incomplete_since")
STEP = (
    *("step_id", "objective_id", "owner", "person_id", "status", "due_on", "original_due", "moved_days", "done_on"),
    *("slippage_days", "overdue_days"),
)
"""The fields of a step."""
OWING = ("owed", "covered", "covered_by", "uncovered_from", "due_on", "lapsed", "unassessed")
USE = ("services", "unserved", "help_rate", "unknown_services")
"""Named one by one: through a merge of documents MongoDB would not find a customer by its index."""


def plans(name: Name) -> list[Json]:
    """A row for each customer that is owed a plan or has one; steps are a view of their own."""
    del name
    return [
        {"$match": PLANNED},
        {"$set": {"customer": "$_id", **{field: f"$planned.{field}" for field in OWING}}},
        {"$unset": ["planned", "served", "partition", "plans.steps"]},
    ]


def plan_steps(name: Name) -> list[Json]:
    """A row for each step of each plan that stands."""
    del name
    own = {"$concat": ["$_id", "/", "$plans.source", "/", "$plans.plan_id", "/", "$plans.steps.step_id"]}
    fields = {field: f"$plans.steps.{field}" for field in STEP}
    of = {"customer": "$_id", "tier": 1, "source": "$plans.source", "plan_id": "$plans.plan_id"}
    return [
        {"$match": WITH_PLANS},
        {"$unwind": "$plans"},
        {"$unwind": "$plans.steps"},
        {"$project": {"_id": own, **of, **fields, **dict.fromkeys(FRESHNESS, 1)}},
    ]


def service_use(name: Name) -> list[Json]:
    """A row for each customer that uses services or may."""
    del name
    return [
        {"$match": SERVED},
        {"$set": {"customer": "$_id", **{field: f"$served.{field}" for field in USE}}},
        {"$unset": ["planned", "served", "partition", "plans"]},
    ]


def groups(name: Name) -> list[Json]:
    """A row for each registered group: its name and the group above it."""
    del name
    return [{"$set": {"group_id": "$_id"}}, {"$unset": "partition"}]


def groups_in_python(document: Json) -> list[Json]:
    """What `groups` shows of a stored document, what is private aside."""
    return [{name: value for name, value in document.items() if name != "partition"} | {"group_id": document["_id"]}]


def plans_in_python(document: Json) -> list[Json]:
    """What `plans` shows of a stored document, what is private aside."""
    if "planned" not in document:
        return []
    left_out = {"planned", "served", "partition", "plans"}
    row = {name: value for name, value in document.items() if name not in left_out}
    row |= {**document["planned"], "customer": document["_id"]}
    if "plans" in document:
        row["plans"] = [{name: value for name, value in one.items() if name != "steps"} for one in document["plans"]]
    return [row]


def plan_steps_in_python(document: Json) -> list[Json]:
    """What `plan_steps` shows of a stored document."""
    kept = {field: document[field] for field in FRESHNESS if field in document}
    return [
        {
            **step,
            "_id": f"{document['_id']}/{plan['source']}/{plan['plan_id']}/{step['step_id']}",
            "customer": document["_id"],
            "tier": document["tier"],
            "source": plan["source"],
            "plan_id": plan["plan_id"],
            **kept,
        }
        for plan in document.get("plans", ())
        for step in plan["steps"]
    ]


def service_use_in_python(document: Json) -> list[Json]:
    """What `service_use` shows of a stored document, what is private aside."""
    if "served" not in document:
        return []
    left_out = {"planned", "served", "partition", "plans"}
    row = {name: value for name, value in document.items() if name not in left_out}
    return [row | {**document["served"], "customer": document["_id"]}]
