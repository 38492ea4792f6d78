"""`rep_weeks`: each account and product manager in each ISO week, a row even at zero (domain.md, Per representative
and ISO week).

The pipeline begins with the weeks, so that a reader's match on `week` picks one by index, and joins the representatives
before anything costly, so that a match on `representative` takes effect there. All else is looked up per row, by index.
"""

from collections.abc import Callable
from typing import Any

from services.engagement.rules.counting import COVERAGE_DAYS, OWING_ROLES, VISITS_A_WEEK
from services.engagement.rules.days import KEPT_WEEKS
from services.engagement.rules.representative import WHOLE
from services.engagement.views.expressions import (
    Expression,
    any_where,
    count_where,
    first_where,
    holds_on,
    ratio,
)
from services.engagement.views.freshness import FIELDS as _FRESHNESS
from services.engagement.views.freshness import latest
from services.engagement.views.judging import is_burst, judged, near

KEPT_MS = (KEPT_WEEKS - 1) * 7 * 86_400_000
_OWING = [*OWING_ROLES]
Stage = dict[str, Any]
VISIT_FIELDS = ("day", "at", "customer", "source", "visit_id", "kind", "channel", "tier", "reason", "late", "logged_at")
"""The fields of a visit."""


def rep_weeks(name: Callable[[str], str]) -> list[Stage]:
    """The pipeline over the collection of weeks."""
    return [
        *_clock(name),
        *_representatives(name),
        _visits(name),
        _accounts(name),
        {
            "$set": {
                "accounts": {"$first": "$accounts"},
                "now": judged(_marked("now"), "$profile"),
                "days": _days_worked("$profile", "$$this.now"),
                "closed_days": _days_worked("$closed", _known_at_closing()),
                "is_closed": {"$gt": ["$as_of", "$closes_at"]},
            }
        },
        {"$set": {"then": {"$cond": [_is_as_closed(), "$now", judged(_marked("closed"), "$closed")]}}},
        {"$set": {"aim": _aim("$profile", "$days", ""), "closed_aim": _aim("$closed", "$closed_days", "closed_")}},
        {"$set": {"closed_row": _closed_row(), "near": near("$now.visits")}},
        _burst(name),
        {"$project": _row()},
    ]


def _marked(mark: str) -> Expression:
    """The visits as they are now, or as they were when the week closed."""
    return {"$filter": {"input": "$visits", "as": "this", "cond": f"$$this.{mark}"}}


def _is_as_closed() -> Expression:
    """Whether judging again what the week knew at closing can be spared: nothing has changed since."""
    changed = any_where("$visits", {"$ne": ["$$this.now", "$$this.closed"]})
    return {"$and": [{"$eq": ["$profile", "$closed"]}, {"$not": [changed]}]}


def _clock(name: Callable[[str], str]) -> list[Stage]:
    """The latest clock of all customers and representatives says up to which week there are rows."""
    return [
        latest(name, "engagement", "customer_clock"),
        latest(name, "representatives", "representative_clock"),
        {
            "$set": {
                field: {"$max": {"$concatArrays": [f"$customer_clock.{field}", f"$representative_clock.{field}"]}}
                for field in _FRESHNESS
            }
        },
        {
            "$match": {
                "$expr": {
                    "$and": [
                        {"$lte": ["$begins_at", "$as_of"]},
                        {"$gt": ["$closes_at", {"$subtract": ["$as_of", KEPT_MS]}]},
                    ]
                }
            }
        },
        {"$set": {"end": {"$add": ["$monday", -1, count_where("$day_starts", {"$lte": ["$$this", "$as_of"]})]}}},
    ]


def _representatives(name: Callable[[str], str]) -> list[Stage]:
    fields = {"team": 1, "fold.spans": 1, "fold.closed_spans": 1, "fold.absence_spans": 1}
    return [
        {
            "$lookup": {
                "from": name("representatives"),
                "pipeline": [{"$match": {"fold.spans.role": {"$in": _OWING}}}, {"$project": fields}],
                "as": "known",
            }
        },
        {"$unwind": "$known"},
        {"$set": {"representative": "$known._id"}},
        {
            "$set": {
                "profile": first_where("$known.fold.spans", holds_on("$monday")),
                "closed": first_where("$known.fold.closed_spans", holds_on("$monday")),
            }
        },
        {"$match": {"profile.role": {"$in": _OWING}}},
        {
            "$set": {
                name: {"$ifNull": [f"${profile}.reference", "$monday"]}
                for name, profile in (("day", "profile"), ("closed_day", "closed"))
            }
        },
    ]


def _visits(name: Callable[[str], str]) -> Stage:
    """All of the representative's visits of the week, in the order of the cap."""
    same = [{"$eq": ["$representative", "$$representative"]}, {"$eq": ["$monday", "$$monday"]}]
    return {
        "$lookup": {
            "from": name("visit_rows"),
            "let": {"representative": "$representative", "monday": "$monday"},
            "pipeline": [
                {"$match": {"$expr": {"$and": same}}},
                {"$unwind": "$visits"},
                {"$replaceWith": {"$mergeObjects": ["$visits", {"customer": "$customer"}]}},
                {"$sort": {"date": 1, "time": 1, "source": 1, "visit_id": 1}},
            ],
            "as": "visits",
        }
    }


def _burst(name: Callable[[str], str]) -> Stage:
    """Whether visits of the week, with those of the representative's other weeks, were logged in a burst."""
    return {
        "$lookup": {
            "from": name("visit_rows"),
            "localField": "near",
            "foreignField": "logged_in",
            "let": {"monday": "$monday"},
            "pipeline": is_burst("$$monday"),
            "as": "burst",
        }
    }


def _accounts(name: Callable[[str], str]) -> Stage:
    """How many general customers the representative owned, as now known and as known at closing, and how many of them
    had a countable visit of theirs in 90 days. Each visit counts by what was registered as on the Monday of
    its own week.
    """
    is_role = {"$eq": ["$role", "$$role"]}
    was_role = {"$eq": ["$role", "$$closed_role"]}
    owned_at_end = any_where("$spans", holds_on("$$end"))
    visited = any_where("$visited", _visited_as("$$this"))
    counts = {
        "named": {"$and": [is_role, {"$lte": ["$named_from", "$$day"]}]},
        "owned": {"$and": [is_role, any_where("$spans", holds_on("$$day"))]},
        "closed_named": {"$and": [was_role, {"$lte": ["$closed_named_from", "$$closed_day"]}]},
        "closed_owned": {"$and": [was_role, any_where("$closed_spans", holds_on("$$closed_day"))]},
        "owned_at_end": {"$and": [is_role, owned_at_end]},
        "covered": {"$and": [is_role, owned_at_end, visited]},
    }
    return {
        "$lookup": {
            "from": name("account_rows"),
            "let": {
                "representative": "$representative",
                "day": "$day",
                "closed_day": "$closed_day",
                "end": "$end",
                "role": "$profile.role",
                "closed_role": "$closed.role",
                "registered": "$known.fold.spans",
            },
            "pipeline": [
                {"$match": {"$expr": {"$eq": ["$representative", "$$representative"]}}},
                {
                    "$group": {
                        "_id": None,
                        **{name_: {"$sum": {"$cond": [condition, 1, 0]}} for name_, condition in counts.items()},
                    }
                },
            ],
            "as": "accounts",
        }
    }


def _visited_as(taken: str) -> Expression:
    """Whether one of the days on which the representative was first listed in a role lies in the 90 days, in active
    service, and in a week for which that role was the registered one.
    """
    # Days ascend. For the present week the last one tells; only an earlier week looks through them.
    within = {"$and": [{"$gte": ["$$day", "$$first"]}, {"$lte": ["$$day", "$$last"]}]}
    looked_through = {"$anyElementTrue": [{"$map": {"input": f"{taken}.days", "as": "day", "in": within}}]}
    first = {"$max": ["$$span.weeks_from", "$$span.active_from", {"$subtract": ["$$end", COVERAGE_DAYS - 1]}]}
    last = {"$min": [{"$subtract": ["$$span.weeks_until", 1]}, "$$span.active_until", "$$end"]}
    in_span = {
        "$let": {
            "vars": {"first": first, "last": last, "latest": {"$last": f"{taken}.days"}},
            "in": {
                "$and": [{"$gte": ["$$latest", "$$first"]}, {"$or": [{"$lte": ["$$latest", "$$last"]}, looked_through]}]
            },
        }
    }
    held = {"$and": [{"$eq": ["$$span.role", f"{taken}.role"]}, in_span]}
    return {"$anyElementTrue": [{"$map": {"input": "$$registered", "as": "span", "in": held}}]}


def _days_worked(profile: str, counts: Expression) -> Expression:
    """The week's working days in active service less absences, in hundredths; `counts` says which absences (`$$this`)
    do. Parts of one day are added, a whole day at most.
    """
    absent = {"$and": [{"$lte": ["$$this.from_on", "$$day"]}, {"$gte": ["$$this.to_on", "$$day"]}, counts]}
    parts = {
        "$map": {"input": "$known.fold.absence_spans", "in": {"$cond": [absent, {"$ifNull": ["$$this.part", 100]}, 0]}}
    }
    in_service = {
        "$and": [{"$gte": ["$$day", f"{profile}.active_from"]}, {"$lte": ["$$day", f"{profile}.active_until"]}]
    }
    works = {"$cond": [in_service, {"$max": [0, {"$subtract": [100, {"$sum": parts}]}]}, 0]}
    return {"$sum": {"$map": {"input": "$working", "as": "day", "in": works}}}


def _known_at_closing() -> Expression:
    return {"$and": [{"$lte": ["$$this.known_from", "$monday"]}, {"$gt": ["$$this.known_until", "$monday"]}]}


def _aim(profile: str, days: str, prefix: str) -> Expression:
    """{exempt: null or why, target}. target = min(owned where known, max(1, round half up(5 x fte x min(1, days/5)))),
    in whole numbers: 5 x fte x days / 5 is fte x days, both in hundredths here.
    """
    named = {"$gt": [{"$ifNull": [f"$accounts.{prefix}named", 0]}, 0]}
    owned = {"$ifNull": [f"$accounts.{prefix}owned", 0]}
    share = {"$multiply": [f"{profile}.fte_hundredths", {"$min": [VISITS_A_WEEK * WHOLE, days]}]}
    asked: Expression = {"$max": [1, {"$toInt": {"$floor": {"$divide": [{"$add": [share, 5000]}, 10_000]}}}]}
    exempt = {
        "$switch": {
            "branches": [
                {"case": {"$eq": [days, 0]}, "then": "no_days"},
                {"case": {"$and": [named, {"$eq": [owned, 0]}]}, "then": "none_owned"},
            ],
            "default": None,
        }
    }
    target = {"$cond": [named, {"$min": [owned, asked]}, asked]}
    return {
        "$let": {
            "vars": {"exempt": exempt},
            "in": {"exempt": "$$exempt", "target": {"$cond": [{"$eq": ["$$exempt", None]}, target, None]}},
        }
    }


def _closed_row() -> Expression:
    """What the row was when the week closed; null until then, and where the representative was not known then."""
    is_closed = {"$and": ["$is_closed", {"$in": ["$closed.role", _OWING]}]}
    row = {
        "counted": {"$size": "$then.counted"},
        "customers": {"$setUnion": ["$then.counted", []]},
        "target": "$closed_aim.target",
        "exempt": "$closed_aim.exempt",
    }
    return {"$cond": [is_closed, row, None]}


def _visit() -> Expression:
    return {field: f"$$this.{field}" for field in VISIT_FIELDS}


def _row() -> Stage:
    counted = {"$size": "$now.counted"}
    same_as_closed = {
        "$and": [
            {"$setEquals": ["$now.counted", "$then.counted"]},
            {"$eq": ["$aim.target", "$closed_aim.target"]},
            {"$eq": ["$aim.exempt", "$closed_aim.exempt"]},
        ]
    }
    covered, owned_at_end = {"$ifNull": ["$accounts.covered", 0]}, {"$ifNull": ["$accounts.owned_at_end", 0]}
    return {
        "_id": {"$concat": ["$week", "/", "$representative"]},
        "week": 1,
        "from_on": 1,
        "to_on": 1,
        "representative": 1,
        "team": "$known.team",
        "role": "$profile.role",
        "fte": {"$divide": ["$profile.fte_hundredths", 100]},
        "days_worked": {"$divide": ["$days", 100]},
        "owned_general": {
            "$cond": [
                {"$gt": [{"$ifNull": ["$accounts.named", 0]}, 0]},
                {"$ifNull": ["$accounts.owned", 0]},
                None,
            ]
        },
        "target": "$aim.target",
        "exempt": "$aim.exempt",
        "counted": counted,
        "customers": {"$setUnion": ["$now.counted", []]},
        "met": {"$cond": [{"$eq": ["$aim.exempt", None]}, {"$gte": [counted, "$aim.target"]}, None]},
        "visits": {
            "$map": {"input": "$now.visits", "as": "this", "in": {field: f"$$this.{field}" for field in VISIT_FIELDS}}
        },
        "uncounted": count_where("$now.visits", {"$ne": ["$$this.reason", None]}),
        "flags": {"late": count_where("$now.visits", "$$this.late"), "burst": {"$ne": ["$burst", []]}},
        "coverage_90d": {
            "$cond": [
                {"$eq": [owned_at_end, 0]},
                None,
                ratio(covered, owned_at_end),
            ]
        },
        "covered_90d": covered,
        "closed": "$closed_row",
        "restated": {"$and": ["$is_closed", {"$not": [same_as_closed]}]},
        **dict.fromkeys(_FRESHNESS, 1),
    }
