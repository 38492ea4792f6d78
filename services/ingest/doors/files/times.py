"""Times of a file: formats, days without a clock time, and local times of a zone with daylight saving.

A local time that occurs twice (clocks go back) is read as the earlier one. One that does not exist (clocks go forward)
is read by the clock before the change: on a night when 01:00 became 02:00, 01:30 is 02:30 of the new time. Both are
counted for the summary.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import NamedTuple
from zoneinfo import ZoneInfo

from services.ingest.doors.files.formats.cells import Cell, number_text, text_of
from services.ingest.doors.files.forms import SERIAL, SERIAL_1904

AMBIGUOUS = "local times that occur twice, read as the earlier one"
NONEXISTENT = "local times that do not exist, moved forward by the clock change"
_EPOCHS = {SERIAL: datetime(1899, 12, 30), SERIAL_1904: datetime(1904, 1, 1)}  # noqa: DTZ001 - a wall clock's
_SERIALS = Decimal(61), Decimal(2_958_465)
"""Excel's days from March 1900 (before that its calendar has one day too many) to the year 9999."""
_DIGITS = {
    sign: f"(?P<{name}>[0-9]{{{width}}})"
    for sign, name, width in (
        *(("%Y", "year", 4), ("%m", "month", 2), ("%d", "day", 2)),
        *(("%H", "hour", 2), ("%M", "minute", 2), ("%S", "second", 2)),
    )
}
"""What strptime reads as a number of a fixed width."""
_CLOCK = ("%H", "%I", "%c", "%X", "%T")


class Moment(NamedTuple):
    """The time in a cell: on a wall clock, or an instant if it has an offset; `clock` is False for a day without a
    time.
    """

    at: datetime
    clock: bool


ReadMoment = Callable[[Cell], Moment]
"""Reads the moment in a cell. Raises ValueError with what is wrong."""


@dataclass(slots=True)
class LocalTimes:
    """Reads times. `zone` is for times without an offset; None refuses those. `business` is the zone in which days
    without a time begin if `zone` is None. `notes` counts the decisions about ambiguous times.
    """

    zone: ZoneInfo | None
    notes: Counter[str] = field(default_factory=Counter)
    business: ZoneInfo | None = None

    def instant(self, moment: Moment) -> datetime:
        """An instant in UTC; the start of the day if there is no time. Raises ValueError with what is wrong."""
        if moment.at.tzinfo is not None:
            return moment.at.astimezone(UTC)
        zone = self.zone or (None if moment.clock else self.business)
        if zone is None:
            raise ValueError("it has no offset; set the file's `time_zone` in the mapping")
        return self.resolve(moment.at, zone)

    def resolve(self, wall: datetime, zone: ZoneInfo) -> datetime:
        """The instant in UTC at which the clocks of a zone show `wall`."""
        earlier, later = wall.replace(tzinfo=zone, fold=0), wall.replace(tzinfo=zone, fold=1)
        instant = earlier.astimezone(UTC)
        if earlier.utcoffset() != later.utcoffset():
            exists = instant.astimezone(zone).replace(tzinfo=None) == wall
            self.notes[AMBIGUOUS if exists else NONEXISTENT] += 1
        return instant


def compile_moment(layouts: Sequence[str] | None, century_from: int | None = None) -> ReadMoment:
    """How to read the times and days of a column: by the first format that fits, else as ISO 8601. A workbook's own
    dates need no format.
    """
    serials = [_EPOCHS[layout] for layout in layouts or () if layout in _EPOCHS]
    of_text = _by_layouts(layouts, century_from) if layouts else _iso

    def read_text(text: str) -> Moment:
        found = of_text(text) or _midnight(text, of_text) or (_serial(text, serials[0]) if serials else None)
        if found is None:
            raise ValueError(f"{text[:60]!r} is not a time {_expected(layouts)}{_advice(text, layouts)}")
        return found

    def read(cell: Cell) -> Moment:
        if isinstance(cell, str):
            return read_text(cell)
        if isinstance(cell, datetime):
            return Moment(cell, clock=True)
        if isinstance(cell, date):
            return Moment(datetime.combine(cell, time()), clock=False)
        if isinstance(cell, bool | time | timedelta):
            raise ValueError(f"{text_of(cell)!r} is not a time {_expected(layouts)}")  # noqa: TRY004 - a cell's value
        return read_text(number_text(cell))

    return read


def _iso(text: str) -> Moment | None:
    try:
        return Moment(datetime.fromisoformat(text), len(text) > 10)  # 2026-01-31
    except ValueError:
        return None


def _by_layouts(layouts: Sequence[str], century_from: int | None) -> Callable[[str], Moment | None]:
    written = [
        (layout, any(sign in layout for sign in _CLOCK), _at_fixed_places(layout))
        for layout in layouts
        if layout not in _EPOCHS
    ]

    def of_text(text: str) -> Moment | None:
        for layout, clock, quickly in written:
            try:
                found = (quickly and quickly(text)) or datetime.strptime(text, layout)  # noqa: DTZ007 - see LocalTimes
            except ValueError:
                continue
            if century_from is not None and "%y" in layout:
                found = found.replace(year=century_from + (found.year - century_from) % 100)
            return Moment(found, clock)
        return None

    return of_text


def _at_fixed_places(layout: str) -> Callable[[str], datetime | None] | None:
    """Reads what strptime would read, at a tenth of its cost, if the text has all its digits; else None. For layouts of
    such numbers only.
    """
    pieces = re.split(f"({'|'.join(_DIGITS)})", layout)
    names = pieces[1::2]
    if len(set(names)) < len(names) or "%Y" not in names or "%" in "".join(pieces[::2]):
        return None
    written = "".join(_DIGITS[piece] if piece in _DIGITS else re.escape(piece) for piece in pieces)
    match = re.compile(written).fullmatch

    def read(text: str) -> datetime | None:
        found = match(text)
        if found is None:
            return None
        of = {name: int(digits) for name, digits in found.groupdict().items()}
        hour, minute, second = (of.get(name, 0) for name in ("hour", "minute", "second"))
        try:
            return datetime(of["year"], of.get("month", 1), of.get("day", 1), hour, minute, second)  # noqa: DTZ001
        except ValueError:
            return None

    return read


def _midnight(text: str, of_text: Callable[[str], Moment | None]) -> Moment | None:
    """24:00 is the start of the next day."""
    found = of_text(text.replace("24:00", "00:00", 1)) if "24:00" in text else None
    return found and Moment(found.at + timedelta(days=1), clock=True)


def _serial(text: str, epoch: datetime) -> Moment | None:
    """A day as Excel counts it; the fraction is the time of day, which Excel shows to the second."""
    try:
        days = Decimal(text)
    except InvalidOperation:
        return None
    if not days.is_finite() or not _SERIALS[0] <= days <= _SERIALS[1]:
        return None
    seconds = round((days % 1) * 86_400)
    return Moment(epoch + timedelta(days=int(days), seconds=seconds), clock=days % 1 != 0)


def _expected(layouts: Sequence[str] | None) -> str:
    return f"like {' or '.join(layouts)}" if layouts else "such as 2026-01-31T08:15:00+08:00 or 2026-01-31"


def _advice(text: str, layouts: Sequence[str] | None) -> str:
    found = _serial(text, _EPOCHS[SERIAL]) if 4 <= len(text) <= 20 else None
    if found is None or SERIAL in (layouts or ()):
        return ""
    return f"; if it is Excel's number for {found.at:%Y-%m-%d}, add the format {SERIAL}"
