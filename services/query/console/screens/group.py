"""A group of customers: its figures, and its members by tier."""

from services.query.console.asking import Asked, Json, segment
from services.query.console.screen import Screen, Tile
from shared.keys import Scope

MAX_SHOWN = 200
"""Members listed; the API has them all."""


async def _figures(asked: Asked) -> Json:
    row: Json = await asked.get(f"groups/{segment(asked.ids['id'])}")
    return {"row": row, "members": row["customers"][:MAX_SHOWN], "more": len(row["customers"]) - MAX_SHOWN}


async def _head(asked: Asked) -> Json:
    return {"row": await asked.get(f"groups/{segment(asked.ids['id'])}", fields="group_id,name,registered")}


SCREEN = Screen(
    "group",
    "groups/{id}",
    "Group",
    (Tile("group", "Members", _figures),),
    scope=Scope.CONFIDENTIAL_READ,
    menu=False,
    head=_head,
)
