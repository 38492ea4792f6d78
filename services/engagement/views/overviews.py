"""`tier_care`: satisfaction and concerns by tier; `staffing`: the visits a week that the tiers ask for against what the
roster can do. Both read every customer.
"""

from collections.abc import Callable
from typing import Any

from services.engagement.rules.concerns import SEVERITIES
from services.engagement.rules.satisfaction import INSTRUMENTS
from services.engagement.views.expressions import Expression

Stage = dict[str, Any]
VISITS_A_WEEK = 5
_OWING_ROLES = ["account_manager", "product_manager"]
_FRESHNESS = ("as_of", "recorded_at", "projected_at", "generation")


def tier_care() -> list[Stage]:
    """One row for each tier: answers of all its customers together, by instrument and year; open concerns; loops."""
    years = ("this_year", "last_year")
    tallies = {
        f"{instrument}_{year}_{part}": {"$sum": f"$satisfaction.{instrument}.{year}.{part}"}
        for instrument in INSTRUMENTS
        for year in years
        for part in ("n", "sum")
    }
    counted = ("open", "open_overdue", "answered_in_time", "overdue", "reopened")
    concerns = {name: {"$sum": f"$concerns.{name}"} for name in counted}
    concerns |= {name: {"$sum": f"$concerns.open_by_severity.{name}"} for name in SEVERITIES}
    concerns |= {name: {"$sum": f"$concerns.loop.{name}"} for name in ("judged", "closed")}
    return [
        {
            "$group": {
                "_id": "$tier",
                "tier_order": {"$first": "$tier_order"},
                "customers": {"$sum": 1},
                **tallies,
                **concerns,
                **{field: {"$max": f"${field}"} for field in _FRESHNESS},
            }
        },
        {"$sort": {"tier_order": 1}},
        {
            "$project": {
                "tier": "$_id",
                "customers": 1,
                **{
                    instrument: {year: _pooled(instrument, f"{instrument}_{year}") for year in years}
                    for instrument in INSTRUMENTS
                },
                "concerns": {
                    **{name: f"${name}" for name in counted},
                    "open_by_severity": {name: f"${name}" for name in SEVERITIES},
                    "loop_rate": _ratio("$closed", "$judged"),
                },
                **dict.fromkeys(_FRESHNESS, 1),
            }
        },
    ]


def _pooled(instrument: str, tally: str) -> Expression:
    total = {"$multiply": [f"${tally}_sum", 1 if instrument == "ces" else 100]}
    return {"n": f"${tally}_n", "value": _ratio(total, f"${tally}_n")}


def _ratio(numerator: Expression, denominator: str) -> Expression:
    return {"$cond": [{"$eq": [denominator, 0]}, None, {"$round": [{"$divide": [numerator, denominator]}, 2]}]}


def staffing(name: Callable[[str], str]) -> list[Stage]:
    """One row: visits a week by tier as the cadences ask for them, and 5 for each full-time representative in service;
    `short_per_week` is what is lacking.
    """
    in_service = [
        {"$match": {"role": {"$in": _OWING_ROLES}}},
        {"$match": {"$expr": {"$lte": ["$active_from", "$$today"]}}},
        {"$match": {"$expr": {"$gte": [{"$ifNull": ["$active_until", "9999"]}, "$$today"]}}},
        {"$group": {"_id": None, "representatives": {"$sum": 1}, "fte": {"$sum": "$fte"}}},
    ]
    asked = {"$divide": [7, "$contact.cadence_days"]}
    can = {"$multiply": [VISITS_A_WEEK, {"$ifNull": [{"$first": "$roster.fte"}, 0]}]}
    return [
        {"$match": {"contact.cadence_days": {"$gt": 0}}},
        {
            "$group": {
                "_id": "$tier",
                "tier_order": {"$first": "$tier_order"},
                "customers": {"$sum": 1},
                "asked": {"$sum": asked},
                **{field: {"$max": f"${field}"} for field in _FRESHNESS},
            }
        },
        {"$sort": {"tier_order": 1}},
        {
            "$group": {
                "_id": "all",
                "customers": {"$sum": "$customers"},
                "asked_per_week": {"$sum": "$asked"},
                "tiers": {
                    "$push": {"tier": "$_id", "customers": "$customers", "asked_per_week": {"$round": ["$asked", 2]}}
                },
                **{field: {"$max": f"${field}"} for field in _FRESHNESS},
            }
        },
        {
            "$lookup": {
                "from": name("representatives"),
                "let": {"today": {"$dateToString": {"date": "$as_of", "format": "%Y-%m-%d"}}},
                "pipeline": in_service,
                "as": "roster",
            }
        },
        {
            "$project": {
                "customers": 1,
                "tiers": 1,
                "asked_per_week": {"$round": ["$asked_per_week", 2]},
                "representatives": {"$ifNull": [{"$first": "$roster.representatives"}, 0]},
                "fte": {"$round": [{"$ifNull": [{"$first": "$roster.fte"}, 0]}, 2]},
                "can_per_week": {"$round": [can, 2]},
                "short_per_week": {"$round": [{"$max": [0, {"$subtract": ["$asked_per_week", can]}]}, 2]},
                **dict.fromkeys(_FRESHNESS, 1),
            }
        },
    ]
