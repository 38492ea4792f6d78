"""Sets of days, each as one whole number: the first day in the low bits, above them a bit for each day from it on. A
set over 800 days takes a hundred bytes, and what is asked of it costs the same however many days it holds. 0 is the
empty set; equal sets are equal numbers.
"""

from itertools import compress, count

Days = int

_LOW = 22
"""Bits of a day's ordinal; the last one of all, in the year 9999, has 22."""
_FIRST = (1 << _LOW) - 1


def with_day(days: Days, day: int) -> Days:
    """The set with one more day."""
    if not days:
        return 1 << _LOW | day
    first = days & _FIRST
    if day >= first:
        return days | 1 << (day - first + _LOW)
    return (days >> _LOW << (first - day) | 1) << _LOW | day


def last_until(days: Days, day: int) -> int | None:
    """The last day up to a day."""
    first = days & _FIRST
    if not days or first > day:
        return None
    return first + ((days >> _LOW) & ((2 << (day - first)) - 1)).bit_length() - 1


def first_after(days: Days, day: int) -> int | None:
    """The first day after a day."""
    first = days & _FIRST
    if first > day:
        return first
    later = days >> (_LOW + 1 + day - first)
    return day + (later & -later).bit_length() if later else None


def bits(days: Days, first: int, last: int) -> int:
    """A bit for each day from `first`, the lowest one, to `last`."""
    begin = days & _FIRST
    if not days or begin > last or first > last:
        return 0
    shifted = days >> (_LOW + first - begin) if first >= begin else days >> _LOW << (begin - first)
    return shifted & ((2 << (last - first)) - 1)


def with_week(days: Days, monday: int, week: int) -> Days:
    """The set with this week's days as given: a bit for each from Monday on."""
    if not days:
        first, all_bits = monday, week
    else:
        first, all_bits = days & _FIRST, days >> _LOW
        if monday < first:
            first, all_bits = monday, all_bits << (first - monday)
        shift = monday - first
        all_bits = all_bits & ~(127 << shift) | week << shift
    if not all_bits:
        return 0
    unused = (all_bits & -all_bits).bit_length() - 1
    return all_bits >> unused << _LOW | (first + unused)


def since(days: Days, first: int) -> Days:
    """The set without its days before a day."""
    begin = days & _FIRST
    if not days or begin >= first:
        return days
    return with_week(0, first, days >> (_LOW + first - begin))


def listed(days: Days) -> list[int]:
    """The days, ascending."""
    return list(compress(count(days & _FIRST), map(int, bin(days >> _LOW)[:1:-1]))) if days else []


def listed_between(days: Days, first: int, last: int) -> list[int]:
    """The days from one to another, ascending."""
    first = max(first, days & _FIRST)
    last = min(last, first + days.bit_length())
    return list(compress(count(first), map(int, bin(bits(days, first, last))[:1:-1])))


def dump(days: Days) -> str:
    """For storage."""
    return f"{days:x}"


def load(stored: str) -> Days:
    """The inverse of `dump`."""
    return int(stored, 16)
