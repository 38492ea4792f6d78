"""Satisfaction: what customers answered, by tier, year and quarter, with how many did; whose score fell; their
concerns, and whether loops are closed.
"""

from datetime import date

from services.query.console.asking import Asked, Json
from services.query.console.screen import Screen, Tile

SCALES = (("nps", (-100, 100)), ("csat", (0, 100)), ("ces", (1, 7)))
"""Instruments, each with its lowest and its highest value."""
QUARTERS = 8
"""Two years, as boards/satisfaction-quarters has them."""
SIZE = 50


async def _care(asked: Asked) -> Json:
    rows = await asked.get("boards/satisfaction")
    return {"rows": rows, "scales": SCALES, "empty": None if rows else "nothing_known"}


def quarters_until(today: date) -> list[str]:
    """The last quarters, the earliest first."""
    last = today.year * 4 + (today.month - 1) // 3
    return [f"{at // 4}-Q{at % 4 + 1}" for at in range(last - QUARTERS + 1, last + 1)]


async def _quarters(asked: Asked) -> Json:
    rows = await asked.get("boards/satisfaction-quarters")
    answered = {one["instrument"] for one in rows}
    scales = [(name, scale) for name, scale in SCALES if name in answered]
    shown = quarters_until(date.fromisoformat(asked.today))
    return {"rows": rows, "quarters": shown, "scales": scales, "empty": None if rows else "nothing_known"}


async def _drops(asked: Asked) -> Json:
    answer = await asked.answer("satisfaction-drops", size=SIZE, cursor=asked.query.get("cursor"))
    rows = [
        {**row, "fell": [{"instrument": name, **row[name]} for name, _ in SCALES if (row[name] or {}).get("dropped")]}
        for row in answer.data
    ]
    following = (answer.page or {}).get("next")
    return {"rows": rows, "next": following, "empty": None if rows else "nobody_fell"}


SCREEN = Screen(
    "satisfaction",
    "satisfaction",
    "Satisfaction",
    (
        Tile("drops", "Whose score fell", _drops),
        Tile("quarters", "By quarter", _quarters),
        Tile("answers", "Answers", _care),
        Tile("concerns", "Concerns and loops", _care),
    ),
    now_only="As of now: past quarters are above.",
)
