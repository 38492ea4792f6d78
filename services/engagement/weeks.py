"""The weeks of the policy's business calendar, written where `rep_weeks` reads them."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from services.engagement.calendar import build_calendar
from services.engagement.store import week_documents, write_weeks
from shared.mongo import Database
from shared.policies.adoption import Adopted
from shared.policies.calendar import CalendarChoice, read_calendar
from shared.settings import Settings

YEARS_BACK, YEARS_AHEAD = 4, 2
"""State keeps 800 days; governments announce a year at a time."""


async def refresh_weeks(database: Database, policies: Sequence[Adopted], settings: Settings, now: datetime) -> None:
    """Write the weeks around a moment. To be done at set-up, whenever engagement starts, so that new years and newly
    announced holidays come in, and when a policy is adopted.
    """
    await write_weeks(database, weeks_around(policies, settings.zone, now))


def weeks_around(policies: Sequence[Adopted], zone: ZoneInfo, now: datetime) -> list[dict[str, Any]]:
    """The weeks around a moment, each by the calendar of the policy in force on its Monday."""
    first, last = date(now.year - YEARS_BACK, 1, 1), date(now.year + YEARS_AHEAD, 12, 31)
    documents = []
    # From the day of a version to that of the next one; the first decides what was before it too.
    mondays = [_monday_from(one.effective_on) for one in policies[1:]]
    begins = [first, *(min(max(first, monday), last) for monday in mondays)]
    for policy, begin, end in zip(policies, begins, [*begins[1:], last + timedelta(1)], strict=True):
        if begin < end:
            calendar = build_calendar(_choice(policy), range(now.year - YEARS_BACK, now.year + YEARS_AHEAD + 1))
            documents += week_documents(calendar, zone, begin, end - timedelta(1))
    return documents


def _monday_from(day: date) -> date:
    """The first Monday from a day on."""
    return day + timedelta(-day.weekday() % 7)


def _choice(policy: Adopted) -> CalendarChoice:
    document: Any = yaml.safe_load(policy.text)
    return read_calendar(document.get("calendar"))
