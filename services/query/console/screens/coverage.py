"""Coverage: representatives by weeks; each cell leads to its visits, and to why some do not count."""

from datetime import date, timedelta
from typing import Any

from services.query.console.asking import Asked, Json
from services.query.console.screen import Screen, Tile

WEEKS = 13
"""A quarter."""
MOST_REPRESENTATIVES = 100
"""More do not fit the eye: a team narrows it."""
PAGE = 500
MOST_PAGES = -(-MOST_REPRESENTATIVES * WEEKS // PAGE)
FIELDS = "representative,week,counted,target"


def _weeks(asked: Asked) -> list[str]:
    today = date.fromisoformat(asked.today)
    days = (today - timedelta(weeks=back) for back in reversed(range(WEEKS)))
    return [f"{year}-W{number:02}" for year, number, _ in (day.isocalendar() for day in days)]


async def _total(asked: Asked) -> Json:
    found = await asked.get("boards/coverage", week=_weeks(asked)[-2])
    return {"row": found[0] if found else None, "empty": None if found else "no_weeks"}


async def _grid(asked: Asked) -> Json:
    weeks, team = _weeks(asked), asked.query.get("team") or None
    found: dict[str, dict[str, Any]] = {}
    cursor: str | None = None
    for _ in range(MOST_PAGES):
        answer = await asked.answer("rep-weeks", week_min=weeks[0], team=team, size=PAGE, cursor=cursor, fields=FIELDS)
        for one in answer.data:
            found.setdefault(one["representative"], {})[one["week"]] = one
        cursor = (answer.page or {}).get("next")
        if cursor is None:
            break
    rows = sorted(found.items())[:MOST_REPRESENTATIVES]
    more = cursor is not None or len(found) > MOST_REPRESENTATIVES
    return {
        "weeks": weeks,
        "rows": rows,
        "more": more,
        "most": MOST_REPRESENTATIVES,
        "empty": None if rows else "no_weeks",
    }


SCREEN = Screen(
    "coverage",
    "coverage",
    "Coverage",
    (Tile("total", "The last full week", _total), Tile("grid", "Representatives by weeks", _grid)),
    now_only="The last quarter, each week as it stands now; a week is named by its address.",
)
