"""Which visits of a representative's week count, and why the others don't (domain.md, Per representative and ISO
week). The reasons that a customer's rows can't know are found here.
"""

from services.engagement.views.expressions import Expression

CAP_CUSTOMERS_A_DAY = 6
BURST_VISITS = 5
BURST_MS = 10 * 60_000


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


def burst(visits: Expression) -> Expression:
    """Whether 5 visits of 2 or more days were logged within 10 minutes, backfilled ones aside. Of more than 5, some 5
    in a row are of 2 days where any are.
    """
    live = {"$filter": {"input": visits, "as": "this", "cond": {"$not": ["$$this.backfill"]}}}
    five = {"$slice": ["$$logged", "$$at", BURST_VISITS]}
    apart = {"$subtract": [{"$last": "$$five.logged_at"}, {"$first": "$$five.logged_at"}]}
    return {
        "$let": {
            "vars": {"logged": {"$sortArray": {"input": live, "sortBy": {"logged_at": 1}}}},
            "in": {
                "$anyElementTrue": [
                    {
                        "$map": {
                            "input": {"$range": [0, {"$max": [0, {"$subtract": [{"$size": "$$logged"}, 4]}]}]},
                            "as": "at",
                            "in": {
                                "$let": {
                                    "vars": {"five": five},
                                    "in": {
                                        "$and": [
                                            {"$lte": [apart, BURST_MS]},
                                            {"$gt": [{"$size": {"$setUnion": ["$$five.date", []]}}, 1]},
                                        ]
                                    },
                                }
                            },
                        }
                    }
                ]
            },
        }
    }
