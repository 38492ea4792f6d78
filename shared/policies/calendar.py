"""The business calendar that a policy file asks for: whose public holidays, and days of the operator's own.

Pure: which days those are is looked up where the calendar is built (services/engagement/calendar.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from shared.errors import Malformed

MAX_OWN_DAYS = 2000
_FIELDS = ("country", "subdivision", "days_off", "worked_days")


@dataclass(frozen=True, slots=True)
class CalendarChoice:
    """country: ISO 3166 such as "CN", None for Monday to Friday without holidays; subdivision: as ISO 3166-2 has it
    behind the country, such as "ENG"; `days_off` and `worked_days` win over the country's.
    """

    country: str | None = None
    subdivision: str | None = None
    days_off: frozenset[date] = frozenset()
    worked_days: frozenset[date] = frozenset()


def read_calendar(section: Mapping[str, Any] | None) -> CalendarChoice:
    """The `calendar` section of a policy file; raises Malformed with the place of what it should not hold."""
    given = {} if section is None else section
    if not isinstance(given, Mapping):
        raise Malformed("calendar: expected a mapping")
    for name in given:
        if name not in _FIELDS:
            raise Malformed(f"calendar.{name}: unknown; known are {', '.join(_FIELDS)}")
    country = _code(given, "country", 2)
    subdivision = _code(given, "subdivision", 3)
    off, worked = _days(given, "days_off"), _days(given, "worked_days")
    if off & worked:
        raise Malformed(f"calendar.worked_days: {min(off & worked)} is also a day off")
    return CalendarChoice(country, subdivision, off, worked)


def _code(given: Mapping[str, Any], name: str, max_chars: int) -> str | None:
    value = given.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not (value.isalnum() and value.isascii() and len(value) <= max_chars):
        raise Malformed(f"calendar.{name}: expected a code of up to {max_chars} letters such as CN, not {value!r}")
    return value.upper()


def _days(given: Mapping[str, Any], name: str) -> frozenset[date]:
    values = given.get(name) or []
    if not isinstance(values, list) or len(values) > MAX_OWN_DAYS:
        raise Malformed(f"calendar.{name}: expected a list of at most {MAX_OWN_DAYS} days")
    for value in values:
        if type(value) is not date:
            raise Malformed(f"calendar.{name}: expected a day such as 2026-05-01, not {value!r}")
    return frozenset(values)
