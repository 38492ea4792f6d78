"""Aggregation expressions that the views share. A variable's name is given without its `$$`."""

from typing import Any

Expression = Any


def ratio(numerator: Expression, denominator: Expression) -> Expression:
    """A ratio as it is shown: half-even to 2 places, in decimals, since 0.615 is no half in binary."""
    return rounded({"$divide": [{"$toDecimal": numerator}, {"$toDecimal": denominator}]})


def rounded(exact: Expression) -> Expression:
    """A decimal as it is shown; what a sum of thirds lacks in the 34th place makes no half less than one."""
    return {"$toDouble": {"$round": [{"$round": [exact, 20]}, 2]}}


def first_where(entries: Expression, condition: Expression) -> Expression:
    """The first entry that meets a condition on `$$this`; missing if none does."""
    return {"$first": {"$filter": {"input": entries, "as": "this", "cond": condition}}}


def holds_on(day: Expression, span: str = "this") -> Expression:
    """Whether a span {from_on, until_on} holds on a day."""
    return {"$and": [{"$lte": [f"$${span}.from_on", day]}, {"$gt": [f"$${span}.until_on", day]}]}


def any_where(entries: Expression, condition: Expression) -> Expression:
    """Whether any entry meets a condition on `$$this`."""
    return {"$anyElementTrue": [{"$map": {"input": entries, "as": "this", "in": condition}}]}


def count_where(entries: Expression, condition: Expression) -> Expression:
    """How many entries meet a condition on `$$this`."""
    return {"$size": {"$filter": {"input": entries, "as": "this", "cond": condition}}}
