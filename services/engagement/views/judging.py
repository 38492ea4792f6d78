"""Which visits of a representative's week count, and why the others don't (domain.md, Per representative and ISO
week), as rules/counting.py says in Python. The reasons that a customer's rows can't know are found here.
"""

from datetime import timedelta

from services.engagement.rules.counting import BURST, BURST_VISITS, CAP_CUSTOMERS_A_DAY
from services.engagement.views.expressions import Expression

BURST_MS = BURST // timedelta(milliseconds=1)


def judged(visits: Expression, profile: str) -> Expression:
    """{visits: each with its `reason` or null, counted: the customers}. `visits` are sorted by (day, time, source,
    visit_id), `profile` is the path of the registration as on Monday.
    """
    state = "$$value"
    reason = {
        "$switch": {
            "branches": [
                {"case": {"$ne": ["$$this.flaw", None]}, "then": "$$this.flaw"},
                {"case": {"$not": [{"$in": [f"{profile}.role", "$$this.roles"]}]}, "then": "other_role"},
                {"case": {"$not": [{"$in": [f"{profile}.role", "$$this.first"]}]}, "then": "joint"},
                {"case": {"$lt": ["$$this.date", f"{profile}.active_from"]}, "then": "inactive"},
                {"case": {"$gt": ["$$this.date", f"{profile}.active_until"]}, "then": "inactive"},
                {
                    "case": {
                        "$and": [
                            {"$not": [{"$in": ["$$this.customer", "$$met_today"]}]},
                            {"$gte": [{"$size": "$$met_today"}, CAP_CUSTOMERS_A_DAY]},
                        ]
                    },
                    "then": "over_cap",
                },
                {"case": {"$in": ["$$this.customer", f"{state}.counted"]}, "then": "repeat"},
            ],
            "default": None,
        }
    }
    # A repeat takes its place among the day's customers like a visit that counts.
    meets = {"$in": ["$$reason", [None, "repeat"]]}
    met_today = {"$cond": [{"$eq": [f"{state}.date", "$$this.date"]}, f"{state}.met_today", []]}
    return {
        "$reduce": {
            "input": visits,
            "initialValue": {"visits": [], "counted": [], "date": None, "met_today": []},
            "in": {
                "$let": {
                    "vars": {"met_today": met_today},
                    "in": {
                        "$let": {
                            "vars": {"reason": reason},
                            "in": {
                                "visits": {
                                    "$concatArrays": [
                                        f"{state}.visits",
                                        [{"$mergeObjects": ["$$this", {"reason": "$$reason"}]}],
                                    ]
                                },
                                "counted": _with(f"{state}.counted", "$$this.customer", {"$eq": ["$$reason", None]}),
                                "date": "$$this.date",
                                "met_today": _with("$$met_today", "$$this.customer", meets),
                            },
                        }
                    },
                }
            },
        }
    }


def _with(entries: Expression, entry: Expression, condition: Expression) -> Expression:
    """The entries, and one more where a condition holds."""
    added = {"$cond": [{"$and": [condition, {"$not": [{"$in": [entry, entries]}]}]}, [entry], []]}
    return {"$concatArrays": [entries, added]}


def near(visits: Expression) -> Expression:
    """The spans of logging, as `visit_rows` has them in `logged_in`, in which another visit may stand that was logged
    within 10 minutes of one of these, backfilled ones aside.
    """
    span = {"$toLong": {"$floor": {"$divide": [{"$toLong": "$$this.logged_at"}, BURST_MS]}}}
    names = [{"$concat": ["$representative", "/", {"$toString": {"$add": [span, shift]}}]} for shift in (-1, 0, 1)]
    live = {"$filter": {"input": visits, "as": "this", "cond": {"$not": ["$$this.backfill"]}}}
    # Never empty: a lookup by nothing goes through the whole collection.
    none = [{"$concat": ["$representative", "/"]}]
    return {"$reduce": {"input": live, "initialValue": none, "in": {"$setUnion": ["$$value", names]}}}


def is_burst(monday: Expression) -> list[Expression]:
    """Stages over `visit_rows` of the spans above: a document where 5 visits of 2 or more days were logged within 10
    minutes, backfilled ones aside, one of them in the week of `monday`. A window that moves over them, since all visits
    of a representative may have been logged within minutes, as where another system is taken over.
    """
    window = {"window": {"range": [0, BURST_MS], "unit": "millisecond"}}
    return [
        {"$unwind": "$visits"},
        {"$match": {"visits.now": True, "visits.backfill": False}},
        {"$project": {"at": "$visits.logged_at", "day": "$visits.date", "own": {"$eq": ["$monday", monday]}}},
        {
            "$setWindowFields": {
                "sortBy": {"at": 1},
                "output": {
                    "visits": {"$sum": 1, **window},
                    "first": {"$min": "$day", **window},
                    "last": {"$max": "$day", **window},
                    "own": {"$max": "$own", **window},
                },
            }
        },
        {"$match": {"visits": {"$gte": BURST_VISITS}, "own": True, "$expr": {"$lt": ["$first", "$last"]}}},
        {"$limit": 1},
        {"$project": {"_id": 1}},
    ]
