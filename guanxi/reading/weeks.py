"""Weeks of the calendar."""

import re
from datetime import date, timedelta

from shared.errors import Malformed

_WEEK = re.compile(r"([0-9]{4})-W([0-9]{2})")


def parse_week(name: str) -> date:
    """The Monday of an ISO week such as 2026-W47. Raises Malformed for what is none."""
    match = _WEEK.fullmatch(name)
    if match is None or not int(match[1]):
        raise Malformed(f"{name!r} is no ISO week such as 2026-W47")
    year, number = int(match[1]), int(match[2])
    last = date(year, 12, 28).isocalendar().week  # 28 December is always in the last week of its year
    if not 1 <= number <= last:
        raise Malformed(f"{name}: there is no such week; {year} has {last}")
    return date.fromisocalendar(year, number, 1)


def last_full_week(today: date) -> tuple[str, date, date]:
    """The ISO week that ended before today, with its Monday and Sunday."""
    sunday = today - timedelta(days=today.isoweekday())
    year, number, _ = sunday.isocalendar()
    return f"{year:04}-W{number:02}", sunday - timedelta(days=6), sunday
