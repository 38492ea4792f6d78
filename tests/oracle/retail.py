"""What the demo's real invoices must come to: tier, score and net of every customer, in plain loops over the file.

Meaning of the file as the demo gives it: local time of Europe/London, moved by whole days; an amount above zero is a
purchase, below zero a refund on its own day, zero is refused, and so is a row without a customer. It is history: each
customer is decided as of its invoices' own times, in the order of time, ties in the order of the file. Policy
wholesale-gbp. Shares nothing with tests/oracle/tiering.py, so that each proves the other.
"""

import csv
import gzip
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")
WIDE = Context(prec=50)
POUND = 100
RANKS = ("potential", "general", "priority", "partner", "strategic")
THRESHOLDS = {"strategic": (80, 77), "partner": (65, 62), "priority": (45, 42)}
VOLUME = ((100, 0), (1_000, 3), (10_000, 6), (100_000, 10))
GROWTH_FLOOR = 10_000 * POUND


class Line(NamedTuple):
    """One invoice of a customer; below zero is a refund."""

    invoice_no: str
    time: datetime
    on: date
    pence: int


@dataclass
class File:
    """The file's rows by customer, each customer's in the order in which they are folded."""

    customers: dict[str, list[Line]] = field(default_factory=dict)
    read: int = 0
    without_customer: int = 0
    zero: int = 0

    @property
    def admitted(self) -> int:
        return sum(len(lines) for lines in self.customers.values())

    @property
    def pence(self) -> int:
        return sum(line.pence for lines in self.customers.values() for line in lines)


class Change(NamedTuple):
    on: date
    tier: str
    score: Decimal


@dataclass(frozen=True)
class Customer:
    """What a reader must see of one customer as of an instant."""

    tier: str
    score: Decimal
    net_730d_pence: int
    changes: list[Change]

    @property
    def version(self) -> int:
        return len(self.changes)

    def tier_on(self, on: date) -> str:
        """The tier as of an earlier day."""
        earlier = [change.tier for change in self.changes if change.on <= on]
        return earlier[-1] if earlier else "potential"


def load(path: Path, last_on: date, first_rows: int | None = None) -> File:
    """The file with its dates moved so that the last falls on a day; `first_rows` takes a slice and moves it alone."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text))[:first_rows]
    moved = timedelta((last_on - max(_local(row).date() for row in rows)).days)
    file = File(read=len(rows))
    for row in rows:
        pence = int(Decimal(row["amount_gbp"]) * POUND)
        if not row["customer_id"]:
            file.without_customer += 1
        elif pence == 0:
            file.zero += 1
        else:
            local = _local(row) + moved
            line = Line(row["invoice_no"], local.replace(tzinfo=LONDON).astimezone(UTC), local.date(), pence)
            file.customers.setdefault(row["customer_id"], []).append(line)
    for lines in file.customers.values():
        lines.sort(key=lambda line: line.time)
    return file


def customer(lines: Sequence[Line], as_of: datetime) -> Customer:
    """Tier one customer, day after day, up to an instant."""
    tier, changes = "potential", list[Change]()
    seen: list[Line] = []
    today = lines[0].on
    last_day = as_of.astimezone(LONDON).date()
    for line in [*lines, None]:
        until = last_day if line is None else line.on
        while today < until:
            today += timedelta(1)
            tier = _decide(seen, today, tier, changes)
        if line is not None:
            seen.append(line)
            tier = _decide(seen, today, tier, changes)
    return Customer(tier, score(seen, today), _net(seen, today, 729, 0), changes)


def score(lines: Sequence[Line], today: date) -> Decimal:
    """0-100, one decimal: 80 for volume, 20 for growth."""
    return _score(_volume(_net(lines, today, 364, 0)), _growth(lines, today))


@cache
def _score(volume: Decimal, growth: Decimal) -> Decimal:
    return _rounded((80 * volume + 20 * growth) / 10, "0.1")


def _local(row: dict[str, str]) -> datetime:
    return datetime.strptime(row["invoice_date"], "%Y-%m-%d %H:%M")  # noqa: DTZ007 - local to London, as the file is


def _decide(lines: Sequence[Line], today: date, present: str, changes: list[Change]) -> str:
    bought_365d, bought_730d = _net(lines, today, 364, 0) > 0, _net(lines, today, 729, 0) > 0
    now = score(lines, today)
    tier = "general" if bought_365d or bought_730d else "potential"
    for higher, (enter, hold) in reversed(THRESHOLDS.items()):
        asked = hold if RANKS.index(higher) <= RANKS.index(present) else enter
        if bought_365d and now >= asked:
            tier = higher
    if tier != present:
        changes.append(Change(today, tier, now))
    return tier


def _net(lines: Sequence[Line], today: date, from_days_ago: int, to_days_ago: int) -> int:
    first, last = today - timedelta(from_days_ago), today - timedelta(to_days_ago)
    return sum(line.pence for line in lines if first <= line.on <= last)


@cache
def _volume(pence: int) -> Decimal:
    """Points on straight lines in log10 between pounds, two places."""
    if pence <= VOLUME[0][0] * POUND:
        return Decimal(0)
    for (x0, y0), (x1, y1) in pairwise(VOLUME):
        if pence <= x1 * POUND:
            steps = WIDE.log10(WIDE.divide(pence, x0 * POUND))
            decades = WIDE.log10(WIDE.divide(x1, x0))
            return _rounded(WIDE.add(y0, WIDE.divide(WIDE.multiply(y1 - y0, steps), decades)), "0.01")
    return Decimal(VOLUME[-1][1])


def _growth(lines: Sequence[Line], today: date) -> Decimal:
    """3 until the first purchase is 730 days old; then the year against the year before, two places."""
    purchases = [line.on for line in lines if line.pence > 0]
    if not purchases or (today - min(purchases)).days < 730:
        return Decimal(3)
    current, previous = _net(lines, today, 364, 0), _net(lines, today, 729, 365)
    value = Decimal(max(current, 0) - max(previous, 0)) / max(previous, GROWTH_FLOOR)
    return _rounded(min(max(5 + 10 * value, Decimal(0)), Decimal(10)), "0.01")


def _rounded(value: Decimal, to: str) -> Decimal:
    return value.quantize(Decimal(to), ROUND_HALF_EVEN)
