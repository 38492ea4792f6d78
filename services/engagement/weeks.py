"""The weeks of the policy's business calendar, written where `rep_weeks` reads them."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from services.engagement.calendar import build_calendar
from services.engagement.store import last_week, read_weeks, week_documents, write_weeks
from shared.mongo import Database
from shared.mongo.policies import adopted
from shared.policies.adoption import Adopted
from shared.policies.calendar import CalendarChoice, read_calendar
from shared.service import Checked, Difference, Fault
from shared.settings import Settings
from shared.yaml_lines import load

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
    document: Any = load(policy.text, policy.id).value
    return read_calendar(document.get("calendar"))


async def wrong_weeks(database: Database, settings: Settings, now: datetime) -> Checked:
    """Each week that stands must be what the adopted policies say. Those of years that have come or gone since they
    were written may be missing or more.
    """
    expected = {week["week"]: week for week in weeks_around(await adopted(database), settings.zone, now)}
    stored = await read_weeks(database)
    found = []
    for week in stored:
        wanted = expected.get(week["week"], week)
        names = sorted(name for name in wanted if week.get(name) != wanted[name])
        if names:
            said = f"{', '.join(names)}: differs from the policy's calendar; run 'guanxi setup' to write it again"
            found.append(Difference("week_differs", f"week {week['week']}", said))
    missing = {name for name, week in expected.items() if week["begins_at"] <= now} - {week["week"] for week in stored}
    said = "missing in the calendar; run 'guanxi setup' to write it"
    found += [Difference("week_missing", f"week {name}", said) for name in sorted(missing)]
    return Checked("weeks of the calendar", len(stored), found)


async def wrong_zone(database: Database, settings: Settings) -> list[Fault]:
    """The weeks were written by the time zone of whoever set the system up; every process must have the same."""
    week = await last_week(database)
    if week is None:
        return []
    monday = datetime.combine(datetime.fromisoformat(week["from_on"]).date(), time(), settings.zone)
    if week["day_starts"][0] == monday.astimezone(UTC):
        return []
    what = f"the calendar was not written with the time zone configured here, {settings.time_zone}"
    why = "processes with different zones count visits and money on different days"
    return [Fault(what, why, "give every process the same GUANXI_TIME_ZONE")]
