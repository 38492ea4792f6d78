"""Business days as ordinals (`date.toordinal`): cheap to compare, to add to and to store."""

from datetime import UTC, date, datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo

NEVER = date.max.toordinal()
"""No day that is due is as late as this."""
KNOWN_DAYS = 4096
"""Beginnings of days kept per zone: eleven years; more are computed again."""


class Days:
    """The business days of one time zone (domain.md, Time)."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self.start = lru_cache(KNOWN_DAYS)(self._start)
        """The instant (UTC) at which a day begins, also where clocks change at midnight."""

    def _start(self, day: int) -> datetime:
        return datetime.combine(date.fromordinal(day), time(), self._zone).astimezone(UTC)

    def day(self, instant: datetime) -> int:
        """The day in which an instant (UTC) lies."""
        day = instant.toordinal()
        start = self.start
        while instant < start(day):
            day -= 1
        while instant >= start(day + 1):
            day += 1
        return day


@lru_cache(KNOWN_DAYS)
def iso(day: int) -> str:
    """`YYYY-MM-DD`."""
    return date.fromordinal(day).isoformat()
