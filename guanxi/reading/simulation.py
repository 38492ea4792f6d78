"""The result of a simulated policy, for people, spreadsheets and machines."""

import csv
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from rich.table import Table

from guanxi.reading.tables import movements_matrix
from guanxi.reading.words import listed, money
from operations.policy.tally import Move, Tally, visits
from services.tiering.policy import Policy
from shared.events.types import TIERS
from shared.spreadsheet import safe_cell


def headline(tally: Tally, adopted: Policy, tried: Policy, since: str, as_of: str) -> str:
    """What was compared with what."""
    return (
        f"{tried.name} version {tried.version}, {since}, against {adopted.name} version {adopted.version}, "
        f"as of {as_of}: {tally.customers:,} customers"
    )


def matrix(tally: Tally) -> Table:
    """Who would move, from (rows) to (columns)."""
    cells = [{"from": TIERS[a], "to": TIERS[b], "customers": count} for (a, b), count in tally.moved.items()]
    return movements_matrix(cells)


def lines(tally: Tally, adopted: Policy, tried: Policy) -> Iterator[str]:
    """The sums, in sentences."""
    up, down = (
        [pair for pair in tally.moved if (pair[1] > pair[0]) is higher and pair[0] != pair[1]]
        for higher in (True, False)
    )
    for pairs, word in ((up, "up"), (down, "down")):
        net = money(tried.money(sum(tally.net_moved[pair] for pair in pairs)), tried.base_currency)
        yield f"{sum(tally.moved[pair] for pair in pairs):,} would move {word}, with a net of 365 days of {net}"
    yield f"{tally.customers - tally.moves:,} would keep their tier"
    if tally.awaiting:
        yield f"{tally.awaiting:,} would await approval to become strategic"
    if tally.unconverted:
        told = listed(f"{currency} ({count:,} customers)" for currency, count in sorted(tally.unconverted.items()))
        yield f"left out, no exchange rate in the policy: {told}"
    if tally.unreadable:
        yield f"{tally.unreadable:,} customers or representatives are left out: one of their records can't be folded"
    week = visits(tally, adopted, tried)
    yield f"visits a week that the cadences require: {_one(week.before)} now, {_one(week.after)} then"
    short = f"{_one(week.short)} short" if week.short else "enough"
    yield (
        f"the representatives can make {_one(week.capacity)}: 5 for each of {_one(tally.fte)} full-time "
        "representatives "
        f"({tally.representatives} people); {short}"
    )


def _one(value: Fraction) -> str:
    return f"{float(round(value, 1)):,.1f}"


def largest(tally: Tally) -> Iterator[str]:
    """The customers with the largest net among those that would move, with their owners."""
    if not tally.largest:
        return
    yield f"{'customer':<16}{'from':<11}{'to':<11}{'score':>6}{'then':>7}{'net of 365 days':>20}  owner"
    for _, _, move in sorted(tally.largest, reverse=True):
        to = f"{move.to_tier}{'*' if move.awaits else ''}"
        figures = f"{move.score:>6}{move.new_score:>7}{money(move.net_365d, move.currency):>20}"
        yield f"{move.customer:<15} {move.from_tier:<11}{to:<11}{figures}  {move.account_manager or 'nobody'}"
    if any(move.awaits for _, _, move in tally.largest):
        yield "** and would await approval to become strategic"


def write_csv(path: Path, moves: Iterable[Move]) -> None:
    """All moves, one row each. Cells that a spreadsheet would read as a formula are escaped."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(Move._fields)
        for move in moves:
            writer.writerow([_cell(value) for value in move])


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return safe_cell(str(value).lower() if isinstance(value, bool) else str(value))
