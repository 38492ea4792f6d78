"""One group of customers, as text for people: members by tier, net, risks, concerns, relationship, plans."""

from collections.abc import Iterator
from typing import Any

from guanxi.reading.words import instant, listed

Document = dict[str, Any]
MAX_SHOWN = 50
"""Members listed; --json has them all."""
_LABEL = 14


def group_of_customers(row: Document) -> str:
    """The text. row: as PlanningQuestions.group answers."""
    name = row["name"] or ("(no name)" if row["registered"] else "(not registered)")
    above = f"  below {row['parent_group_id']}" if row["parent_group_id"] else ""
    return "\n".join([f"group {row['group_id']}  {name}{above}", *_figures(row), *_members(row)])


def _figures(row: Document) -> Iterator[str]:
    if row["cycle"]:
        yield _line("flag", f"{listed(row['cycle'])} lie below each other: none of them has a group above it")
    if row["groups"]:
        yield _line("groups below", listed(row["groups"]))
    tiers = listed([f"{number} {tier}" for tier, number in row["tiers"].items()])
    yield _line("members", f"{row['members']}" + (f" ({tiers})" if tiers else ""))
    for currency, net in row["net_365d"].items():
        yield _line("net, 365 days", f"{net} {currency}")
    yield _line("at risk", f"{row['at_risk']}")
    yield _line("concerns", f"{row['concerns_open']} open, {row['concerns_overdue']} of them overdue")
    if row["kcr_mean"] is not None:
        yield _line(
            "relationship", f"{row['kcr_mean']} on average, {row['kcr_least']} at least (-1 opposed ... 3 coach)"
        )
    yield _line("plans lapsed", f"{row['plans_lapsed']}")
    if row["incomplete"]:
        yield _line("incomplete", listed(row["incomplete"]))
    if row["as_of"] is not None:
        yield _line("as of", f"{instant(row['as_of'])} or later")


def _members(row: Document) -> Iterator[str]:
    if row["customers"]:
        yield ""
    for one in row["customers"][:MAX_SHOWN]:
        of = "" if one["group_id"] == row["group_id"] else f"  of {one['group_id']}"
        net = f"{one['net_365d']} {one['currency']}".rstrip()
        yield _line(one["tier"], f"{one['customer']}  {one['name'] or '(not registered)'}  {net}{of}")
    if len(row["customers"]) > MAX_SHOWN:
        yield f"  and {len(row['customers']) - MAX_SHOWN} more"


def _line(label: str, text: str) -> str:
    return f"  {label:<{_LABEL}}{text}"
