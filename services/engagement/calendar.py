"""The business calendar: which days of a week are worked, from a maintained library and the operator's own days.

Countries by the library `holidays`; China's make-up working weekends (调休) included. What a government has not
announced yet, the library can't know: public holidays then stand where the law puts them, and no weekend is worked.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from shared.errors import Stop
from shared.policies.calendar import CalendarChoice

_WEEKEND = frozenset({5, 6})


@dataclass(frozen=True, slots=True)
class Calendar:
    """Days off and worked weekend days; Monday to Friday are worked otherwise."""

    days_off: frozenset[date] = frozenset()
    worked_weekend_days: frozenset[date] = frozenset()

    def is_worked(self, day: date) -> bool:
        """Whether a day is a working day."""
        if day.weekday() in _WEEKEND:
            return day in self.worked_weekend_days
        return day not in self.days_off

    def worked_days(self, monday: date) -> list[date]:
        """The working days of a week."""
        return [day for offset in range(7) if self.is_worked(day := monday + timedelta(offset))]


def build_calendar(choice: CalendarChoice, years: Iterable[int]) -> Calendar:
    """The calendar that a policy asks for, over some years. Raises Stop when the library does not know the country."""
    years = list(years)
    off, worked = choice.days_off, choice.worked_days
    if choice.country is None:
        return Calendar(off, worked)
    import holidays  # noqa: PLC0415 - slow, and who only walks the list of services needs no holiday

    try:
        public = holidays.country_holidays(choice.country, subdiv=choice.subdivision, years=years)
    except NotImplementedError as error:
        raise Stop(f"the policy's calendar: {error}") from None
    make_up = {day for day in public.weekend_workdays if day.year in years}
    return Calendar((frozenset(public) | off) - worked, (frozenset(make_up) | worked) - off)
