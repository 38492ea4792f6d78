"""Weeks of the business calendar, and when records became known to them."""

from datetime import UTC, date, datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo

from shared.events.decisions import Decision
from shared.events.event import Event
from shared.facts.days import EPOCH, KNOWN_DAYS, Days, to_micros

HOUR_MICROS = 3_600_000_000
_DAY_MICROS = 24 * HOUR_MICROS
_EPOCH_DAY = EPOCH.toordinal()
KEPT_WEEKS = 115
"""State keeps what lies within 800 days (domain.md); whole weeks, so that no week is ever half known."""
_CLOSING_DAYS = 9
"""Days from a week's Monday to the following Wednesday, on which it closes at noon."""


def monday_of(day: int) -> int:
    """The Monday of a day's ISO week. (Ordinal 1 is a Monday.)"""
    return day - (day - 1) % 7


@lru_cache(maxsize=1024)
def week_name(monday: int) -> str:
    """The ISO week of a Monday, such as "2026-W09"."""
    year, week, _ = date.fromordinal(monday).isocalendar()
    return f"{year:04}-W{week:02}"


def first_kept_day(today: int) -> int:
    """The Monday from which on state keeps what happened."""
    return monday_of(today) - 7 * KEPT_WEEKS


class BusinessTime(Days):
    """Business days and weeks of one time zone, with instants in microseconds: the rules add hours and compare."""

    def __init__(self, zone: ZoneInfo) -> None:
        super().__init__(zone)
        # Few days are asked for again and again, and what a time zone says of one costs a microsecond.
        self.start_of = lru_cache(KNOWN_DAYS)(self._start_of)
        self.closes_at = lru_cache(KNOWN_DAYS)(self._closes_at)

    def day_at(self, micros: int) -> int:
        """The business day of an instant."""
        day = micros // _DAY_MICROS + _EPOCH_DAY
        if micros < self.start_of(day):
            return day - 1
        return day + 1 if micros >= self.start_of(day + 1) else day

    def day_of(self, event: Event) -> int:
        """The business day on which an event's fact counts."""
        return self.counts_on(event.data, event.time)

    def _start_of(self, day: int) -> int:
        """The instant at which a business day begins."""
        return to_micros(self.start(day))

    def _closes_at(self, monday: int) -> int:
        """The instant at which the week of a Monday closes: noon of the following Wednesday."""
        wednesday = date.fromordinal(monday + _CLOSING_DAYS)
        return to_micros(datetime.combine(wednesday, time(12), self.zone).astimezone(UTC))

    def open_week(self, known: int) -> int:
        """The Monday of the first week that was still open when a record became known: it and all later weeks know
        the record when they close.
        """
        monday = monday_of(self.day_at(known)) - 7
        return monday if known <= self.closes_at(monday) else monday + 7

    def known_from(self, event: Event) -> int:
        """The Monday of the first week that knows an event when it closes."""
        return self.open_week(known_at(event))


def known_at(event: Event) -> int:
    """When a fact counts as appended: a backfilled one when it occurred. A decision counts as of the clock that it
    was made by, so that the hour of a sweep changes nothing.
    """
    return to_micros(event.time if isinstance(event.data, Decision) else event.clock)
