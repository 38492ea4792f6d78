"""Shifts an event by whole days: its time on the wall clock of a zone, and every day in its data."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from services.ingest.doors.files.field_kinds import DAY_FIELDS
from services.ingest.doors.files.times import LocalTimes
from shared.events.codec import format_instant


@dataclass(frozen=True, slots=True)
class Shift:
    """Moves documents by `days`; the local time of day in `zone` stays the same across daylight saving."""

    days: int
    zone: ZoneInfo
    times: LocalTimes

    def __call__(self, document: dict[str, Any]) -> dict[str, Any]:
        """A moved copy. Values that are not times or days stay unchanged, for the door to refuse."""
        moved = {**document, "data": self._data(document.get("data"))}
        time = event_time(document)
        if time is not None:
            wall = time.astimezone(self.zone).replace(tzinfo=None)
            moved["time"] = format_instant(self.times.resolve(wall + timedelta(days=self.days), self.zone))
        return moved

    def _data(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._day(item) if name in DAY_FIELDS else self._data(item) for name, item in value.items()}
        return [self._data(item) for item in value] if isinstance(value, list) else value

    def _day(self, value: Any) -> Any:
        try:
            return (date.fromisoformat(value) + timedelta(days=self.days)).isoformat()
        except (TypeError, ValueError, OverflowError):
            return value


def event_time(document: dict[str, Any]) -> datetime | None:
    """The time of an event's document; None if it has no valid time."""
    try:
        time = datetime.fromisoformat(document["time"])
    except (KeyError, TypeError, ValueError):
        return None
    return time if time.tzinfo is not None else None
