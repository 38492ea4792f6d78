"""My week: what was owed, what counted, and why the rest did not."""

from datetime import date, timedelta

from services.query.console.asking import Asked, Json
from services.query.console.screen import Screen, Tile
from services.query.console.screens.whose import representative

WEEKS = 13
"""A quarter."""


def _iso(day: date) -> str:
    year, number, _ = day.isocalendar()
    return f"{year}-W{number:02}"


async def _quarter(asked: Asked, whose: str) -> list[Json]:
    """The weeks of the last quarter: one question, whoever of the page's tiles asks it."""
    first = _iso(date.fromisoformat(asked.today) - timedelta(weeks=WEEKS - 1))
    weeks: list[Json] = await asked.get("rep-weeks", representative=whose, week_min=first, size=WEEKS)
    return weeks


async def _weeks(asked: Asked) -> Json:
    whose = representative(asked)
    if whose is None:
        return {"weeks": [], "empty": "no_representative"}
    weeks = await _quarter(asked, whose)
    weeks.sort(key=lambda one: one["week"], reverse=True)
    most = max((max(one["counted"], one["target"] or 0) for one in weeks), default=0)
    return {"weeks": weeks, "most": max(1, most), "whose": whose, "empty": None if weeks else "no_week"}


async def _visits(asked: Asked) -> Json:
    whose = representative(asked)
    if whose is None:
        return {"shown": None, "empty": "no_representative"}
    wanted = asked.query.get("week") or _iso(date.fromisoformat(asked.today))
    shown = next((one for one in await _quarter(asked, whose) if one["week"] == wanted), None)
    if shown is None:
        found = await asked.get("rep-weeks", representative=whose, week=wanted)
        shown = found[0] if found else None
    empty = "no_week" if shown is None else None if shown["visits"] else "no_visits"
    return {"shown": shown, "wanted": wanted, "empty": empty}


async def _goals(asked: Asked) -> Json:
    whose = representative(asked)
    goals = await asked.get("goals", subject=whose) if whose else []
    return {"goals": goals, "empty": None if goals else "no_goals"}


async def _head(asked: Asked) -> Json:
    return {"whose": representative(asked)}


SCREEN = Screen(
    "week",
    "week",
    "My week",
    (Tile("weeks", "Weeks", _weeks), Tile("visits", "Visits of the week", _visits), Tile("goals", "Goals", _goals)),
    head=_head,
    now_only="Each week as it stands now; another one is chosen above.",
)
