"""Weeks of the calendar."""

from datetime import date, timedelta


def last_full_week(today: date) -> tuple[str, date, date]:
    """The ISO week that ended before today, with its Monday and Sunday."""
    sunday = today - timedelta(days=today.isoweekday())
    year, number, _ = sunday.isocalendar()
    return f"{year:04}-W{number:02}", sunday - timedelta(days=6), sunday
