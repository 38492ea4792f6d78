"""Refused: what admission did not take, by reason and one by one, and what to do about each."""

from services.query.console.asking import Asked, Json
from services.query.console.forms import FORMS
from services.query.console.screen import Screen, Tile
from shared.console import SOURCE
from shared.events.refusal import Reason
from shared.keys import Scope

FILTERS = ("code", "source", "subject", "field")
SIZE = 50
COUNTED = 500
"""The latest, by which reasons are counted: one page of the API."""


def _filters(asked: Asked) -> dict[str, str]:
    """Those that are given; a field is looked for among the refusals of one code."""
    found = {name: asked.query[name].strip() for name in FILTERS if asked.query.get(name, "").strip()}
    if "code" not in found:
        found.pop("field", None)
    return found


def entered_with(row: Json) -> str | None:
    """The form of the console by which it was entered, which is opened again; None for what came from elsewhere."""
    name = str(row["event"] or "").partition("-")[0]
    return name if row["source"] == SOURCE and row["subject"] and name in FORMS else None


async def _reasons(asked: Asked) -> Json:
    answer = await asked.answer("rejections", size=COUNTED)
    groups: dict[tuple[str, str], Json] = {}
    for row in answer.data:
        group = groups.setdefault((row["code"], row["field"]), {**row, "count": 0, "last": row["at"]})
        group["count"] += 1
        group["at"] = row["at"]
    more = bool(answer.page and answer.page["next"])
    rows = sorted(groups.values(), key=lambda one: (-one["count"], one["code"], one["field"]))
    return {"groups": rows, "more": more, "most": COUNTED, "empty": None if rows else "nothing_refused"}


async def _list(asked: Asked) -> Json:
    filters = _filters(asked)
    answer = await asked.answer("rejections", size=SIZE, cursor=asked.query.get("cursor"), **filters)
    rows: list[Json] = answer.data
    for row in rows:
        row["form"] = entered_with(row)
    following = (answer.page or {}).get("next")
    return {"rows": rows, "next": following, "filters": filters, "empty": None if rows else "nothing_refused"}


async def _head(asked: Asked) -> Json:
    return {"codes": [str(one) for one in Reason], "filters": {name: asked.query.get(name, "") for name in FILTERS}}


SCREEN = Screen(
    "refused",
    "refused",
    "Refused",
    (Tile("reasons", "By reason", _reasons), Tile("list", "Refused records", _list)),
    scope=Scope.OPS_READ,
    head=_head,
    now_only="The last 30 days, as of now.",
)
