"""Tiers: how many are where, who moved between two days, and who they are."""

from datetime import date, timedelta

from services.query.console.asking import Asked, Json
from services.query.console.screen import Screen, Tile
from shared.events.types import TIERS

DAYS = 90
"""A quarter."""
MOST_MOVED = 50


def _between(asked: Asked) -> tuple[str, str]:
    """The two days: those of the address where they are days, else the last quarter."""
    today = date.fromisoformat(asked.today)
    days = {"from": today - timedelta(days=DAYS), "to": today}
    for name in days:
        try:
            days[name] = date.fromisoformat(asked.query.get(name, ""))
        except ValueError:
            continue
    after, until = sorted(days.values())
    return after.isoformat(), until.isoformat()


def _asked_for(asked: Asked) -> dict[str, str]:
    """What the API calls them: changes after the first day, up to the second."""
    after, until = _between(asked)
    last = date.fromisoformat(until)
    before = last + timedelta(days=1) if last < date.max else last
    return {"from_on_after": after, "from_on_before": before.isoformat()}


async def _now(asked: Asked) -> Json:
    rows = await asked.get("boards/tiers")
    return {"rows": rows, "all": sum(one["customers"] for one in rows), "empty": None if rows else "nothing_known"}


async def _flows(asked: Asked) -> Json:
    after, until = _between(asked)
    flows = await asked.get("boards/movements", **_asked_for(asked))
    return {"flows": flows, "after": after, "until": until, "empty": None if flows else "nobody_moved"}


async def _moved(asked: Asked) -> Json:
    moves = {name: asked.query[f"moved_{name}"] for name in ("from", "to") if asked.query.get(f"moved_{name}") in TIERS}
    answer = await asked.answer(
        "movements", **_asked_for(asked), **moves, size=MOST_MOVED, cursor=asked.query.get("cursor")
    )
    following = (answer.page or {}).get("next")
    names = ("from", "to", "moved_from", "moved_to")
    days = {name: asked.query[name] for name in names if name in asked.query}
    return {
        "rows": answer.data,
        "next": following,
        "days": days,
        "moves": moves,
        "empty": None if answer.data else "nobody_moved",
    }


async def _head(asked: Asked) -> Json:
    after, until = _between(asked)
    return {"after": after, "until": until}


SCREEN = Screen(
    "tiers",
    "tiers",
    "Tiers",
    (Tile("now", "Now", _now), Tile("flows", "Movements", _flows), Tile("moved", "Who moved", _moved)),
    head=_head,
)
