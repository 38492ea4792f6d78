"""Tiers: how many are where, who moved between two days, and who they are."""

from datetime import date, datetime, timedelta

from services.query.console.asking import Asked, Json
from services.query.console.screen import Screen, Tile
from shared.events.types import TIERS

DAYS = 90
"""A quarter."""
MOST_MOVED = 50


def _between(asked: Asked) -> tuple[str, str]:
    """The two days: those of the address where they are days, else the quarter up to the day that is looked at."""
    days: dict[str, date] = {}
    for name in ("from", "to", "on"):
        try:
            days[name] = date.fromisoformat(asked.query.get(name, ""))
        except ValueError:
            continue
    until = days.get("on") or days.get("to") or date.fromisoformat(asked.today)
    after = days.get("from", until - timedelta(days=DAYS))
    if after > until and "on" in days:  # the day was moved before the first one
        after = until - timedelta(days=DAYS)
    after, until = sorted((after, until))
    return after.isoformat(), until.isoformat()


def _asked_for(asked: Asked) -> dict[str, str]:
    """What the API calls them: changes after the first day, up to the second."""
    after, until = _between(asked)
    last = date.fromisoformat(until)
    before = last + timedelta(days=1) if last < date.max else last
    return {"from_on_after": after, "from_on_before": before.isoformat()}


def _known_at(asked: Asked) -> dict[str, str]:
    return {name: said for name, said in asked.times().items() if name == "known_at"}


async def _now(asked: Asked) -> Json:
    times = asked.times()
    if times:
        times = {"on": asked.today, **times}
        rows = await asked.get("boards/held", **times)
    else:
        rows = await asked.get("boards/tiers")
    count = sum(one["customers"] for one in rows)
    return {"rows": rows, "all": count, "then": times, "empty": None if rows else "nothing_known"}


async def _flows(asked: Asked) -> Json:
    after, until = _between(asked)
    flows = await asked.get("boards/movements", **_asked_for(asked), **_known_at(asked))
    return {"flows": flows, "after": after, "until": until, "kept": _kept(asked)} | (
        {"empty": None if flows else "nobody_moved"}
    )


async def _moved(asked: Asked) -> Json:
    moves = {name: asked.query[f"moved_{name}"] for name in ("from", "to") if asked.query.get(f"moved_{name}") in TIERS}
    answer = await asked.answer(
        "movements", **_asked_for(asked), **moves, size=MOST_MOVED, cursor=asked.query.get("cursor")
    )
    known = _known_at(asked).get("known_at")
    # A page may be short: what came to the log later was not known then.
    rows = [one for one in answer.data if known is None or _at(one["recorded_at"]) <= _at(known)]
    following = (answer.page or {}).get("next")
    return {
        "rows": rows,
        "next": following,
        "days": _kept(asked, "moved_from", "moved_to"),
        "kept": _kept(asked),
        "moves": moves,
        "empty": None if rows or following else "nobody_moved",
    }


def _kept(asked: Asked, *names: str) -> dict[str, str]:
    """What of the address its links keep."""
    return {name: asked.query[name] for name in ("from", "to", "on", "known_at", *names) if asked.query.get(name)}


def _at(instant: str) -> datetime:
    return datetime.fromisoformat(instant)


async def _head(asked: Asked) -> Json:
    after, until = _between(asked)
    return {"after": after, "until": until}


SCREEN = Screen(
    "tiers",
    "tiers",
    "Tiers",
    (Tile("now", "Customers by tier", _now), Tile("flows", "Movements", _flows), Tile("moved", "Who moved", _moved)),
    head=_head,
    past=True,
)
