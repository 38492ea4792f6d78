"""Days and instants as whole numbers, cheap to compare, to add to and to store: business days are ordinals
(`date.toordinal`), instants microseconds since 1970 in UTC. Readers get ISO days and instants.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from shared.events.facts import Fact

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
NEVER = date.max.toordinal()
"""A day after all others: nothing is due as late, and a span until then has no end."""
KNOWN_DAYS = 4096
"""Beginnings of days kept per zone: eleven years; more are computed again."""


def to_micros(instant: datetime) -> int:
    """Microseconds since 1970 of an aware instant."""
    return (instant - EPOCH) // MICROSECOND


def to_instant(micros: int) -> datetime:
    """The aware instant of microseconds since 1970."""
    return EPOCH + timedelta(microseconds=micros)


@lru_cache(KNOWN_DAYS)
def iso(day: int) -> str:
    """A day as readers see it, such as "2026-03-01"."""
    return date.fromordinal(day).isoformat()


def iso_or_none(day: int | None) -> str | None:
    """As `iso`; None stays."""
    return None if day is None else iso(day)


class Days:
    """The business days of one time zone (domain.md, Time)."""

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone
        self.start = lru_cache(KNOWN_DAYS)(self._start)
        """The instant (UTC) at which a day begins, also where clocks change at midnight."""

    def _start(self, day: int) -> datetime:
        return datetime.combine(date.fromordinal(day), time(), self.zone).astimezone(UTC)

    def day(self, instant: datetime) -> int:
        """The day in which an instant (UTC) lies."""
        day = instant.toordinal()
        start = self.start
        while instant < start(day):
            day -= 1
        while instant >= start(day + 1):
            day += 1
        return day

    def counts_on(self, fact: Fact, time: datetime) -> int:
        """The day on which a fact counts: `occurred_on`, else the day of its time."""
        on = fact.occurred_on
        return self.day(time) if on is None else on.toordinal()
