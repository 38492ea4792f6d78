"""Tables of the views' documents. Pure: from documents to what a console prints."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from rich import box
from rich.cells import cell_len, set_cell_size
from rich.table import Table

from guanxi.reading.words import (
    FACTOR_WORDS,
    HIGHEST_FIRST,
    day,
    days_between,
    factor_adds,
    factor_value,
    listed,
    money,
    percent,
    rank,
)

Document = dict[str, Any]


NAME_COLUMNS = 24
REPRESENTATIVE_COLUMNS = 19


def _table(*columns: str, right: Sequence[str] = (), wrapped: Sequence[str] = ()) -> Table:
    """Columns in `right` are numbers; those in `wrapped` wrap on a narrow terminal."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1))
    for column in columns:
        table.add_column(
            column, justify="right" if column in right else "left", no_wrap=column not in wrapped, overflow="fold"
        )
    return table


def _short(text: str, columns: int = NAME_COLUMNS) -> str:
    """Cut to a width in columns, so that the table keeps its shape; a Chinese character takes two."""
    return text if cell_len(text) <= columns else f"{set_cell_size(text, columns - 1).rstrip()}…"


def tiers(rows: Sequence[Document], currency: str) -> Table:
    """Customers by tier, highest first, zeros included."""
    net = f"net of 365 days, {currency}"
    table = _table("tier", "customers", net, "at risk", "dormant", right=("customers", net, "at risk", "dormant"))
    by_tier = {row["_id"]: row for row in rows}
    for tier in HIGHEST_FIRST:
        row = by_tier.get(tier, {})
        sums = (f"{row.get('customers', 0):,}", money(str(row.get("net_365d", "0"))))
        table.add_row(tier, *sums, f"{row.get('at_risk', 0):,}", f"{row.get('dormant', 0):,}")
    total = sum((Decimal(str(row["net_365d"])) for row in rows), Decimal())
    counted = [f"{sum(row[name] for row in rows):,}" for name in ("customers", "at_risk", "dormant")]
    table.add_row("all", counted[0], money(str(total)), *counted[1:])
    return table


def movements_by_month(rows: Sequence[Document]) -> Table:
    """Moves into each tier from below (+) and above (-), by month."""
    into = [f"{sign}{tier}" for tier in HIGHEST_FIRST for sign in ("+", "-")]
    into = [name for name in into if name not in {"-strategic", "+potential"}]
    table = _table("month", *into, right=into)
    table.padding = (0, 1, 0, 0)
    months: dict[str, Counter[str]] = {}
    for row in rows:
        sign = "+" if rank(row["to"]) > rank(row["from"]) else "-"
        months.setdefault(row["month"], Counter())[f"{sign}{row['to']}"] += row["customers"]
    for month, counts in sorted(months.items()):
        table.add_row(month, *(f"{counts[name]:,}" if counts[name] else "." for name in into))
    return table


def movements_matrix(rows: Sequence[Document]) -> Table:
    """From (rows) to (columns), over all months."""
    table = _table("from \\ to", *HIGHEST_FIRST, right=HIGHEST_FIRST)
    counts: Counter[tuple[str, str]] = Counter()
    for row in rows:
        counts[row["from"], row["to"]] += row["customers"]
    for tier in HIGHEST_FIRST:
        cells = (f"{counts[tier, to]:,}" if counts[tier, to] else "." for to in HIGHEST_FIRST)
        table.add_row(tier, *cells)
    return table


def largest(rows: Sequence[Document]) -> Table:
    """Customers with score and why: what each factor adds to it."""
    table = _table("customer", "name", "tier", "score", "why", right=("score",), wrapped=("why",))
    for row in rows:
        factors = row["factors"]
        why = " + ".join(
            f"{FACTOR_WORDS[name]} {factor_value(name, factors[name]['value'], '')}: {factor_adds(factors[name]):.1f}"
            for name in FACTOR_WORDS
            if name in factors
        )
        table.add_row(row["_id"], _short(row["name"] or "(not registered)"), row["tier"], f"{row['score']:.1f}", why)
    return table


def week(rows: Sequence[Document], names: Mapping[str, str]) -> Table:
    """Each representative's week; "90 d": of the general customers owned, how many had a countable visit in 90 days."""
    right = ("counted", "target", "visits", "90 d")
    last = "not counted, as"
    table = _table(
        "representative", "role", "counted", "target", "met", "visits", "90 d", last, right=right, wrapped=(last,)
    )
    for row in rows:
        who = f"{row['representative']} {names.get(row['representative'], '')}".rstrip()
        met = {True: "yes", False: "no", None: "exempt"}[row["met"]]
        reasons = Counter(visit["reason"] for visit in row["visits"] if visit["reason"])
        why = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common(2))
        table.add_row(
            _short(who, REPRESENTATIVE_COLUMNS),
            row["role"].removesuffix("_manager"),
            str(row["counted"]),
            "-" if row["target"] is None else str(row["target"]),
            met,
            str(len(row["visits"])),
            percent(row["coverage_90d"]),
            why,
        )
    return table


def visits(rows: Sequence[Document]) -> Table:
    """Every visit of some weeks; those that do not count with the reason."""
    table = _table("representative", "day", "customer", "kind", "channel", "tier", "counts", wrapped=("customer",))
    for row in rows:
        for visit in row["visits"]:
            counts = "yes" if visit["reason"] is None else f"no: {visit['reason'].replace('_', ' ')}"
            late = ", late" if visit["late"] else ""
            who = _short(row["representative"], REPRESENTATIVE_COLUMNS)
            kind = visit["kind"].replace("_", " ")
            table.add_row(who, visit["day"], visit["customer"], kind, visit["channel"], visit["tier"], counts + late)
    return table


def plan(rows: Sequence[Document], today: date) -> Table:
    """Whom to contact, in the contact plan's order; "over": days since it was due."""
    table = _table("customer", "name", "tier", "due", "over", "last", "owner", "why", right=("over",), wrapped=("why",))
    for row in rows:
        over = days_between(row["due_on"], today)
        why = [reason.replace("_", " ") for reason in row["reasons"] if reason not in {"lapsed", "cadence"}]
        owner = row["owners"].get("account_manager") or "nobody"
        table.add_row(
            row["_id"],
            _short(row["name"] or "(not registered)"),
            row["tier"],
            day(row["due_on"]),
            "-" if over is None or over < 0 else str(over),
            day(row["last_on"]) if row["last_on"] else "never",
            owner,
            listed(why[:2]),
        )
    return table
