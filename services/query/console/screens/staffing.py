"""Staffing: the visits a week that tiers ask for, against what the roster can do."""

from services.query.console.asking import Asked, Json
from services.query.console.screen import Screen, Tile


async def _staffing(asked: Asked) -> Json:
    rows = await asked.get("staffing")
    return {"row": rows[0] if rows else None, "empty": None if rows else "no_plan"}


SCREEN = Screen(
    "staffing",
    "staffing",
    "Staffing",
    (Tile("staffing", "Visits a week", _staffing),),
    now_only="As of now: past rosters against past tiers are not kept.",
)
