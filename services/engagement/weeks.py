"""The weeks of the policy's business calendar, written where `rep_weeks` reads them."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import yaml

from services.engagement.calendar import build_calendar
from services.engagement.store import week_documents, write_weeks
from shared.mongo import Database
from shared.mongo.policies import Adopted
from shared.policies.calendar import CalendarChoice, read_calendar
from shared.settings import Settings

YEARS_BACK, YEARS_AHEAD = 4, 2
"""State keeps 800 days; governments announce a year at a time."""


async def refresh_weeks(database: Database, policies: Sequence[Adopted], settings: Settings, now: datetime) -> None:
    """Write the weeks around a moment by the calendar of the policy adopted last. To be done at set-up and whenever
    engagement starts, so that new years and newly announced holidays come in.
    """
    calendar = build_calendar(_choice(policies[-1]), range(now.year - YEARS_BACK, now.year + YEARS_AHEAD + 1))
    first, last = date(now.year - YEARS_BACK, 1, 1), date(now.year + YEARS_AHEAD, 12, 31)
    await write_weeks(database, week_documents(calendar, settings.zone, first, last))


def _choice(policy: Adopted) -> CalendarChoice:
    document: Any = yaml.safe_load(policy.text)
    return read_calendar(document.get("calendar"))
