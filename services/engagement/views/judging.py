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


def burst(visits: Expression, others: Expression) -> Expression:
    """Whether 5 visits of 2 or more days were logged within 10 minutes, backfilled ones aside, one of them among
    `visits`; `others` are those of the representative's other weeks that were logged near them.
    """
    own = {"$map": {"input": visits, "as": "this", "in": {"$mergeObjects": ["$$this", {"own": True}]}}}
    live = {"$filter": {"input": {"$concatArrays": [own, others]}, "as": "this", "cond": {"$not": ["$$this.backfill"]}}}
    since = {"$subtract": ["$$this.logged_at", "$$first.logged_at"]}
    within = {
        "$filter": {
            "input": "$$live",
            "as": "this",
            "cond": {"$and": [{"$gte": [since, 0]}, {"$lte": [since, BURST_MS]}]},
        }
    }
    is_one = {
        "$let": {
            "vars": {"within": within},
            "in": {
                "$and": [
                    {"$gte": [{"$size": "$$within"}, BURST_VISITS]},
                    {"$gt": [{"$size": {"$setUnion": ["$$within.date", []]}}, 1]},
                    {"$in": [True, "$$within.own"]},
                ]
            },
        }
    }
    any_is = {"$anyElementTrue": [{"$map": {"input": "$$live", "as": "first", "in": is_one}}]}
    return {"$let": {"vars": {"live": live}, "in": any_is}}
