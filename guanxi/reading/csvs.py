"""Documents of the views as CSV for spreadsheets: a header, then one line each. Pure."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from shared.spreadsheet import safe_cell

Document = dict[str, Any]

PLAN = (
    "customer", "name", "tier", "status", "due_on", "last_on", "cadence_days", "adherence", "reasons",
    "account_manager", "product_manager", "unowned", "unrated", "registered", "last_consensus", "follow_ups",
    "open_concerns",
)  # fmt: skip
WEEK = (
    "week", "representative", "role", "team", "fte", "days_worked", "owned_general", "target", "exempt", "counted",
    "met", "customers", "visits", "uncounted", "late", "burst", "coverage_90d", "closed_counted", "closed_target",
    "restated",
)  # fmt: skip
VISITS = (
    "week", "representative", "day", "customer", "visit_id", "source", "kind", "channel", "tier", "counted", "reason",
    "late", "logged_at",
)  # fmt: skip


def as_csv(columns: Sequence[str], rows: Iterable[Document]) -> str:
    """A header and one line per row; lists are joined by "; ", unknown values are empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row.get(column)) for column in columns])
    return out.getvalue().rstrip("\n")


def plan_rows(plan: Iterable[Document]) -> Iterable[Document]:
    """The contact plan, one line per customer."""
    return ({**row, "customer": row["_id"], **row["owners"]} for row in plan)


def week_rows(weeks: Iterable[Document]) -> Iterable[Document]:
    """Weeks of representatives, one line per representative."""
    for row in weeks:
        closed = row["closed"] or {}
        shown = {"visits": len(row["visits"]), "closed_counted": closed.get("counted")}
        yield {**row, **row["flags"], **shown, "closed_target": closed.get("target")}


def visit_rows(weeks: Iterable[Document]) -> Iterable[Document]:
    """Every visit of these weeks, one line each, with the reason if it does not count."""
    for row in weeks:
        where = {"week": row["week"], "representative": row["representative"]}
        yield from ({**where, **visit, "counted": visit["reason"] is None} for visit in row["visits"])


def field_rows(documents: dict[str, Any]) -> Iterable[Document]:
    """Documents as lines of field and value; nested fields by path, list entries by index."""
    for name, value in documents.items():
        for path, leaf in _leaves(name, value):
            yield {"field": path, "value": leaf}


def _leaves(path: str, value: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for name, part in value.items():
            yield from _leaves(f"{path}.{name}", part)
    elif isinstance(value, list) and any(isinstance(part, dict) for part in value):
        for place, part in enumerate(value):
            yield from _leaves(f"{path}.{place}", part)
    else:
        yield path, value


def _cell(value: Any) -> str:
    if value is None or value in ({}, []):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list):
        return _cell("; ".join(str(part) for part in value))
    return safe_cell(str(value))
