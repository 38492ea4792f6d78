"""Which backups stay and which may go: a rule over their moments and whether they were found good. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Made:
    """A complete backup: its folder's name, the moment that it is of, whether it was read whole and found good."""

    name: str
    made_at: datetime
    good: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """How many days, weeks and months keep one backup each; those without a backup are not counted."""

    daily: int
    weekly: int
    monthly: int = 0


def staying(found: Sequence[Made], kept: Kept) -> set[str]:
    """Names of those that stay: of each day, ISO week and month (UTC) that counts the last good one, or the last where
    none was good; the last of all; and the last good one, whatever its age. While none was found good all stay.
    """
    good = [one for one in found if one.good]
    if not good:
        return {one.name for one in found}
    stay = {_last(found).name, _last(good).name}
    for most, period in ((kept.daily, _day), (kept.weekly, _week), (kept.monthly, _month)):
        by_period: dict[tuple[int, ...], list[Made]] = {}
        for one in found:
            by_period.setdefault(period(one.made_at.astimezone(UTC)), []).append(one)
        for which in sorted(by_period, reverse=True)[:most]:
            of_it = by_period[which]
            stay.add(_last([one for one in of_it if one.good] or of_it).name)
    return stay


Period = Callable[[datetime], tuple[int, ...]]


def _last(found: Sequence[Made]) -> Made:
    return max(found, key=lambda one: (one.made_at, one.name))


def _day(at: datetime) -> tuple[int, ...]:
    return at.year, at.month, at.day


def _week(at: datetime) -> tuple[int, ...]:
    return tuple(at.isocalendar())[:2]


def _month(at: datetime) -> tuple[int, ...]:
    return at.year, at.month
