"""Customers: a list with filters, page after page; a row that does not move comes exactly once."""

from services.query.console.asking import Asked, Json
from services.query.console.screen import Screen, Tile
from shared.events.types import TIERS

FILTERS = ("tier", "net_365d_min", "net_365d_max", "account_manager")
SIZE = 50


async def _list(asked: Asked) -> Json:
    filters = {name: asked.query[name] for name in FILTERS if asked.query.get(name)}
    cursor = asked.query.get("cursor")
    if asked.query.get("overdue"):
        filters = {"overdue": "1"}
        answer = await asked.answer("overdue", size=SIZE, cursor=cursor)
    else:
        answer = await asked.answer("customers", size=SIZE, cursor=cursor, **filters, **_sort(filters))
    following = (answer.page or {}).get("next")
    return {
        "rows": answer.data,
        "next": following,
        "filters": filters,
        "begun": asked.query.get("cursor") is not None,
        "empty": None if answer.data else "no_customers",
    }


def _sort(filters: Json) -> Json:
    """By net where nothing forbids it, since the largest are looked for most."""
    return {} if "account_manager" in filters else {"sort": "-net_365d"}


async def _head(asked: Asked) -> Json:
    filters = {name: asked.query.get(name, "") for name in (*FILTERS, "overdue")}
    return {"tiers": tuple(reversed(TIERS)), "filters": filters}


SCREEN = Screen(
    "customers",
    "customers",
    "Customers",
    (Tile("list", "Customers", _list),),
    head=_head,
    now_only="As of now: for the tiers of another day see Tiers, or the customer.",
)
