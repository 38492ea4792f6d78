"""Satisfaction: what customers answered, by tier, with how many did; their concerns, and whether loops are closed."""

from services.query.console.asking import Asked, Json
from services.query.console.screen import Screen, Tile


async def _care(asked: Asked) -> Json:
    rows = await asked.get("boards/satisfaction")
    return {"rows": rows, "empty": None if rows else "nothing_known"}


SCREEN = Screen(
    "satisfaction",
    "satisfaction",
    "Satisfaction",
    (Tile("answers", "Answers", _care), Tile("concerns", "Concerns and loops", _care)),
)
