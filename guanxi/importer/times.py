"""Times of a file: formats, and local times of a zone with daylight saving.

A local time that comes twice (clocks go back) is taken as the earlier one. One that never was (clocks go
forward) is read by the clock before the change: 01:30 of a night on which 01:00 became 02:00 is 02:30 of the
new time. Both are counted, so that the summary can say so.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

AMBIGUOUS = "local times that came twice, taken as the earlier"
NONEXISTENT = "local times that never were, moved on by the change of clocks"


@dataclass(slots=True)
class LocalTimes:
    """Reads times. `zone` is for times without an offset; None refuses those. `notes` counts what had to be
    decided.
    """

    zone: ZoneInfo | None
    notes: Counter[str] = field(default_factory=Counter)

    def instant(self, text: str, layout: str | None) -> datetime:
        """An instant in UTC. Raises ValueError with what is wrong."""
        found = _parse(text, layout)
        if found.tzinfo is not None:
            return found.astimezone(UTC)
        if self.zone is None:
            raise ValueError("it has no offset; name the time_zone of the file in the mapping")
        return self.resolve(found, self.zone)

    def resolve(self, wall: datetime, zone: ZoneInfo) -> datetime:
        """The instant in UTC at which the clocks of a zone show `wall`."""
        earlier, later = wall.replace(tzinfo=zone, fold=0), wall.replace(tzinfo=zone, fold=1)
        instant = earlier.astimezone(UTC)
        if earlier.utcoffset() != later.utcoffset():
            exists = instant.astimezone(zone).replace(tzinfo=None) == wall
            self.notes[AMBIGUOUS if exists else NONEXISTENT] += 1
        return instant


def read_day(text: str, layout: str | None) -> date:
    """A day. Raises ValueError with what is wrong."""
    if layout:
        return _parse(text, layout).date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text[:60]!r} is no day such as 2026-01-31") from None


def _parse(text: str, layout: str | None) -> datetime:
    try:
        return datetime.strptime(text, layout) if layout else datetime.fromisoformat(text)  # noqa: DTZ007 - see resolve
    except ValueError:
        expected = f"like {layout}" if layout else "such as 2026-01-31T08:15:00+08:00"
        raise ValueError(f"{text[:60]!r} is no time {expected}") from None
