"""`tier_care`: satisfaction and concerns by tier; `staffing`: the visits a week that the tiers ask for against what the
roster can do. How many customers there are is counted in the index; read are those who answered or complained.
"""

from collections.abc import Callable
from typing import Any

from services.engagement.rules.concerns import SEVERITIES
from services.engagement.rules.counting import OWING_ROLES, VISITS_A_WEEK
from services.engagement.rules.satisfaction import INSTRUMENTS
from services.engagement.views import freshness
from services.engagement.views.expressions import Expression, ratio, rounded
from shared.events.types import TIERS

Stage = dict[str, Any]
_OWING_ROLES = [*OWING_ROLES]
_BELOW_GENERAL = len(TIERS) - 1
YEARS = ("this_year", "last_year")
COUNTED = ("open", "open_overdue", "answered_in_time", "overdue", "reopened")


def tier_care(name: Callable[[str], str]) -> list[Stage]:
    """One row for each tier: answers of all its customers together, by instrument and year; open concerns; loops."""
    tallies = {
        f"{instrument}_{year}_{part}": f"$satisfaction.{instrument}.{year}.{part}"
        for instrument in INSTRUMENTS
        for year in YEARS
        for part in ("n", "sum")
    }
    tallies |= {counted: f"$concerns.{counted}" for counted in COUNTED}
    tallies |= {severity: f"$concerns.open_by_severity.{severity}" for severity in SEVERITIES}
    tallies |= {part: f"$concerns.loop.{part}" for part in ("judged", "closed")}
    customers = [
        {"$match": {"tier_order": {"$gte": 0}}},
        {"$group": {"_id": "$tier_order", "customers": {"$sum": 1}}},
    ]
    return [
        {"$match": {"has": {"$in": ["satisfaction", "concerns"]}}},
        {"$group": {"_id": "$tier_order", **{tally: {"$sum": path} for tally, path in tallies.items()}}},
        {"$unionWith": {"coll": name("engagement"), "pipeline": customers}},
        {"$group": {"_id": "$_id", **{tally: {"$sum": f"${tally}"} for tally in ("customers", *tallies)}}},
        {"$sort": {"_id": 1}},
        *freshness.of_customers(name),
        {
            "$project": {
                "_id": _tier("$_id"),
                "tier": _tier("$_id"),
                "customers": 1,
                **{
                    instrument: {year: _pooled(instrument, f"{instrument}_{year}") for year in YEARS}
                    for instrument in INSTRUMENTS
                },
                "concerns": {
                    **{counted: f"${counted}" for counted in COUNTED},
                    "open_by_severity": {severity: f"${severity}" for severity in SEVERITIES},
                    "loop_rate": _ratio("$closed", "$judged"),
                },
                **dict.fromkeys(freshness.FIELDS, 1),
            }
        },
    ]


def tier_quarters() -> list[Stage]:
    """One row for each tier, instrument and calendar quarter in which its customers of now answered."""
    answered = [
        {
            "$map": {
                "input": {"$ifNull": [f"$satisfaction.{instrument}.quarters", []]},
                "as": "one",
                "in": {"$mergeObjects": ["$$one", {"instrument": instrument}]},
            }
        }
        for instrument in INSTRUMENTS
    ]
    of = {"tier": "$tier_order", "instrument": "$answers.instrument", "quarter": "$answers.quarter"}
    worth = {"$cond": [{"$eq": ["$_id.instrument", "ces"]}, 1, 100]}
    return [
        {"$match": {"has": "satisfaction"}},
        {"$project": {"tier_order": 1, "answers": {"$concatArrays": answered}}},
        {"$unwind": "$answers"},
        {"$group": {"_id": of, "n": {"$sum": "$answers.n"}, "sum": {"$sum": "$answers.sum"}}},
        {"$sort": {"_id": 1}},
        {
            "$project": {
                "_id": 0,
                "tier": _tier("$_id.tier"),
                "instrument": "$_id.instrument",
                "quarter": "$_id.quarter",
                "n": 1,
                "value": _ratio({"$multiply": ["$sum", worth]}, "$n"),
            }
        },
    ]


def _tier(order: str) -> Expression:
    return {"$arrayElemAt": [list(reversed(TIERS)), order]}


def _pooled(instrument: str, tally: str) -> Expression:
    total = {"$multiply": [f"${tally}_sum", 1 if instrument == "ces" else 100]}
    return {"n": f"${tally}_n", "value": _ratio(total, f"${tally}_n")}


def _ratio(numerator: Expression, denominator: str) -> Expression:
    return {"$cond": [{"$eq": [denominator, 0]}, None, ratio(numerator, denominator)]}


def staffing(name: Callable[[str], str]) -> list[Stage]:
    """One row: visits a week by tier as the cadences ask for them, and 5 for each full-time representative in service;
    `short_per_week` is what is lacking.
    """
    in_service = [
        {"$match": {"fold.spans.role": {"$in": _OWING_ROLES}, "role": {"$in": _OWING_ROLES}}},
        {"$match": {"$expr": {"$lte": ["$active_from", "$$today"]}}},
        {"$match": {"$expr": {"$gte": [{"$ifNull": ["$active_until", "9999"]}, "$$today"]}}},
        {"$group": {"_id": None, "representatives": {"$sum": 1}, "fte": {"$sum": {"$toDecimal": "$fte"}}}},
    ]
    fte = {"$toDecimal": {"$ifNull": [{"$first": "$roster.fte"}, 0]}}
    can = {"$multiply": [VISITS_A_WEEK, fte]}
    return [
        {"$match": {"tier_order": {"$lt": _BELOW_GENERAL}, "cadence_days": {"$gt": 0}}},
        {"$group": {"_id": {"tier": "$tier_order", "cadence": "$cadence_days"}, "customers": {"$sum": 1}}},
        {
            "$group": {
                "_id": "$_id.tier",
                "customers": {"$sum": "$customers"},
                "asked": {"$sum": {"$divide": [{"$toDecimal": {"$multiply": [7, "$customers"]}}, "$_id.cadence"]}},
            }
        },
        {"$sort": {"_id": 1}},
        {
            "$group": {
                "_id": "all",
                "customers": {"$sum": "$customers"},
                "asked_per_week": {"$sum": "$asked"},
                "tiers": {
                    "$push": {
                        "tier": _tier("$_id"),
                        "customers": "$customers",
                        "asked_per_week": rounded("$asked"),
                    }
                },
            }
        },
        *freshness.of_customers(name),
        _week_of("$as_of"),
        {
            "$lookup": {
                "from": name("representatives"),
                "let": {"today": _today()},
                "pipeline": in_service,
                "as": "roster",
            }
        },
        {
            "$project": {
                "customers": 1,
                "tiers": 1,
                "asked_per_week": rounded("$asked_per_week"),
                "representatives": {"$ifNull": [{"$first": "$roster.representatives"}, 0]},
                "fte": rounded(fte),
                "can_per_week": rounded(can),
                "short_per_week": rounded({"$max": [0, {"$subtract": ["$asked_per_week", can]}]}),
                **dict.fromkeys(freshness.FIELDS, 1),
            }
        },
    ]


def _week_of(instant: str) -> Stage:
    """Look up the business week of an instant."""
    begun = [
        {"$match": {"$expr": {"$lte": ["$begins_at", "$$at"]}}},
        {"$sort": {"begins_at": -1}},
        {"$limit": 1},
    ]
    return {"$lookup": {"from": "weeks", "let": {"at": instant}, "pipeline": begun, "as": "week"}}


def _today() -> Expression:
    """The business day of `as_of`, such as "2026-03-01", by the week's days."""
    begun = {"$filter": {"input": {"$first": "$week.day_starts"}, "as": "day", "cond": {"$lte": ["$$day", "$as_of"]}}}
    monday = {"$dateFromString": {"dateString": {"$first": "$week.from_on"}}}
    later = {"$multiply": [{"$subtract": [{"$size": {"$ifNull": [begun, []]}}, 1]}, 86_400_000]}
    return {"$dateToString": {"date": {"$add": [monday, later]}, "format": "%Y-%m-%d"}}
