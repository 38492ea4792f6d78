"""Today: whom to contact, why, and what was agreed last."""

from datetime import date, timedelta
from typing import Any

from services.query.console.asking import Asked, Json
from services.query.console.screen import Screen, Tile
from services.query.console.screens.whose import representative

AHEAD_DAYS = 7
"""Whoever is due within a week can be planned now."""
NEXT_CARDS = 12
"""Shown where nobody is due: whoever has time goes on with these."""
MOST_CARDS = 40
"""More is a list and no day's work: Customers has them all."""


async def _plan(asked: Asked) -> Json:
    whose = representative(asked)
    nobody = False
    until = (date.fromisoformat(asked.today) + timedelta(days=AHEAD_DAYS + 1)).isoformat()
    filters = {"owned_by": whose, "due_on_before": until} if whose else {}
    answer = await asked.answer("contact-plan", size=MOST_CARDS, **filters)
    if whose and not answer.data:
        nobody = True
        answer = await asked.answer("contact-plan", size=NEXT_CARDS, owned_by=whose)
    rows: list[Any] = answer.data
    rows.sort(key=lambda one: (one["due_on"] > asked.today, one["due_on"]) if whose else (False, ""))
    empty = None if rows else ("nobody_due" if whose else "no_plan")
    return {
        "rows": rows,
        "whose": whose,
        "nobody": nobody,
        "more": bool(answer.page and answer.page["next"]),
        "empty": empty,
    }


async def _week(asked: Asked) -> Json:
    whose = representative(asked)
    if whose is None:
        return {"week": None, "empty": "no_representative"}
    year, number, _ = date.fromisoformat(asked.today).isocalendar()
    found = await asked.get("rep-weeks", representative=whose, week=f"{year}-W{number:02}")
    return {"week": found[0] if found else None, "whose": whose, "empty": None if found else "no_week"}


async def _head(asked: Asked) -> Json:
    return {"whose": representative(asked), "now": asked.now}


SCREEN = Screen(
    "today",
    "today",
    "Today",
    (Tile("week", "This week", _week), Tile("plan", "Whom to contact", _plan)),
    head=_head,
    kept=True,
    now_only="As of now: whom to contact is worked out again with each event, and past plans are not kept.",
)
