"""Concerns: what is late now, what soon will be, and what the customer has still to confirm."""

from datetime import datetime, timedelta

from services.query.console.asking import Asked, Json
from services.query.console.screen import Screen, Tile

SOON = timedelta(hours=24)
MOST = 500
"""Of one page of the API; more are said to be there."""
GROUPS = ("overdue", "soon", "to_confirm", "later")


async def _open(asked: Asked) -> Json:
    whose = asked.query.get("owned_by") or None
    answer = await asked.answer("concerns", size=MOST, owned_by=whose)
    groups: dict[str, list[Json]] = {name: [] for name in GROUPS}
    for one in answer.data:
        groups[_group(one, asked.now)].append(one)
    for rows in groups.values():
        rows.sort(key=lambda one: one["deadline"] or "9")
    more = bool(answer.page and answer.page["next"])
    return {
        "groups": groups,
        "more": more,
        "most": MOST,
        "now": asked.now,
        "empty": None if answer.data else "no_concerns",
    }


def _group(one: Json, now: datetime) -> str:
    if one["answered_at"]:
        return "to_confirm"
    if one["overdue"]:
        return "overdue"
    deadline = one["deadline"] and datetime.fromisoformat(one["deadline"])
    if deadline and deadline <= now:
        return "overdue"
    return "soon" if deadline and deadline <= now + SOON else "later"


SCREEN = Screen(
    "concerns",
    "concerns",
    "Concerns",
    (Tile("open", "Open concerns", _open),),
    now_only="As of now: past ones stand in the timeline of each customer.",
)
