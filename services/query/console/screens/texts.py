"""The texts of a customer's profiles, each read by a button through the one door; and who read what, for auditors."""

from datetime import date, datetime, time, timedelta

from services.archives.questions import ITEMS
from services.query.console.asking import Asked, Json
from services.query.console.screen import Screen, Tile
from shared.keys import Scope

SIZE = 50
FILTERS = ("customer", "reader", "on")


async def _emergencies(asked: Asked) -> Json:
    rows = await asked.get("emergency-reads", customer=asked.ids["id"], size=SIZE)
    return {"rows": rows, "empty": None if rows else "no_emergency"}


async def _head(_: Asked) -> Json:
    return {"kinds": ITEMS, "read": None, "wrong": None}


async def _trail(asked: Asked) -> Json:
    filters = {name: said for name in FILTERS if (said := asked.query.get(name, "").strip())}
    given: Json = {name: filters[name] for name in ("customer", "reader") if name in filters}
    try:
        begins = datetime.combine(date.fromisoformat(filters.get("on", "")), time(), asked.zone)
    except ValueError:
        begins = None
    if begins is not None:
        given |= {"at_after": begins.isoformat(), "at_before": (begins + timedelta(days=1)).isoformat()}
    answer = await asked.answer("access-trail", size=SIZE, cursor=asked.query.get("cursor"), **given)
    following = (answer.page or {}).get("next")
    return {"rows": answer.data, "next": following, "filters": filters, "empty": None if answer.data else "no_reading"}


async def _filters(asked: Asked) -> Json:
    return {"filters": {name: asked.query.get(name, "") for name in FILTERS}}


SCREEN = Screen(
    "texts",
    "customers/{id}/texts",
    "Texts of profiles",
    (Tile("emergencies", "Read in emergencies", _emergencies),),
    scope=Scope.TEXTS_READ,
    menu=False,
    head=_head,
)
TRAIL = Screen(
    "trail",
    "trail",
    "Who read what",
    (Tile("list", "Readings of texts", _trail),),
    scope=Scope.TRAIL_READ,
    head=_filters,
    now_only="The last three years, as of now.",
)
