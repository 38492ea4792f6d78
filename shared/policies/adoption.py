"""When a version of a policy may be adopted, and which one holds on a day (domain.md, Tiering).

Versions are kept append-only, and one in force is never edited. So a version is announced before its day begins, by
long enough that every process has heard of it: then what was decided is decided the same way again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

NOTICE = timedelta(hours=1)
"""How long before its first day begins a version must have been adopted."""


@dataclass(frozen=True, slots=True)
class Adopted:
    """An adopted policy: `text` is the YAML file as it was; `effective_on` the business day from which it holds, which
    wins over the file's own.
    """

    name: str
    version: int
    effective_on: date
    text: str

    @property
    def id(self) -> str:
        """Name and version, as people write it."""
        return f"{self.name}/{self.version}"


def begins_at(day: date, zone: ZoneInfo) -> datetime:
    """The instant (UTC) at which a business day begins."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def first_possible_day(now: datetime, zone: ZoneInfo) -> date:
    """The first day for which a version can be adopted now."""
    day = (now + NOTICE).astimezone(zone).date()
    return day if begins_at(day, zone) >= now + NOTICE else day + timedelta(1)


def refusal(known: Sequence[Adopted], new: Adopted, now: datetime, zone: ZoneInfo) -> str | None:
    """Why a version can't be adopted now beside those that are known, in a sentence; None when it can.

    The very first one decides everything, whatever its day.
    """
    versions = [one.version for one in known if one.name == new.name]
    if any(version >= new.version for version in versions):
        return f"version {max(versions)} of {new.name} is already adopted: give the file a higher version"
    if not known:
        return None
    possible = first_possible_day(now, zone)
    if new.effective_on < possible:
        return (
            f"{new.effective_on} has begun or begins within the hour; a version needs an hour's notice: the first "
            f"possible day is {possible}"
        )
    first = min(one.effective_on for one in known)
    if new.effective_on <= first:
        return f"the first version is in force from {first} and also applies before: another version must come after it"
    return None


def in_order(known: Sequence[Adopted]) -> list[Adopted]:
    """Versions, given in the order of adoption, in the one in which they take effect. Of those that begin on one day
    the one adopted last holds, and the others never do.
    """
    by_day = {one.effective_on: one for one in known}
    return [by_day[day] for day in sorted(by_day)]


def last_begin(known: Sequence[Adopted], now: datetime, zone: ZoneInfo, *, first_holds: bool = True) -> datetime | None:
    """When the version in force began, None while it is still the first one. first_holds: the first one of those known
    holds from the beginning; else guanxi's own does.
    """
    begun = [begin for one in in_order(known)[first_holds:] if (begin := begins_at(one.effective_on, zone)) <= now]
    return max(begun, default=None)
