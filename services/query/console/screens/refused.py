"""Refused: what admission did not take, by reason and one by one; a correction is tried, and what passes sent again."""

from services.query.console.asking import Asked, Json, Trouble
from services.query.console.forms import FORMS
from services.query.console.screen import Screen, Tile
from shared.console import SOURCE
from shared.events.refusal import Reason
from shared.keys import Scope

FILTERS = ("code", "source", "subject", "field")
SIZE = 50
FIX = "fix"
CHANGES = (
    ("none", "Nothing: what it lacked is there by now"),
    ("replace", "A value is replaced by another"),
    ("set", "A field gets a value"),
    ("rename", "A field gets another name"),
    ("remove", "A field is removed"),
)
"""What a form can do to events, and in English."""
_NOT_YET: Json = {"counts": {}, "incomplete": 0, "refusals": (), "events": ()}
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


async def _fix(asked: Asked) -> Json:
    """What a correction would do, or has done."""
    job = await asked.job()
    if job is None or job["kind"] != FIX:
        return {"empty": "no_job"}
    found = {**_NOT_YET, **(job["result"] or {})}
    open_, sent = job["status"] in {"queued", "running"}, bool(job["parameters"].get("send"))
    return {"job": job, "found": found, "sent": sent, "again": open_, "passes": passes(job)}


def passes(job: Json) -> bool:
    """Whether what was tried can be sent."""
    tried = job["kind"] == FIX and job["status"] == "done" and not job["parameters"].get("send")
    return bool(tried and (job["result"] or {}).get("counts", {}).get("fit"))


def form_head() -> Json:
    """What the form of a correction needs."""
    codes = [str(one) for one in Reason]
    return {"codes": codes, "changes": CHANGES, "filters": dict.fromkeys(FILTERS, ""), "wrong": {}, "values": {}}


async def _head(asked: Asked) -> Json:
    """The form begins with what was tried, else with what the list is filtered by."""
    filters = {name: asked.query.get(name, "") for name in FILTERS}
    begun = {**{name: filters[name] for name in ("code", "field", "source")}, "path": filters["field"]}
    begun["position"] = asked.query.get("position", "")
    try:
        job = await asked.job()
    except Trouble:
        job = None  # the tile says why
    if job is not None and job["kind"] == FIX:
        said = job["parameters"]
        begun = {name: str(said.get(name) or "") for name in ("field", "source", "change", "path", "old", "new")}
        begun |= {"code": said.get("reason") or "", "position": " ".join(said.get("positions", ()))}
        begun["new_is"] = "number" if isinstance(said.get("new"), int) else "text"
    return {**form_head(), "filters": filters, "values": begun}


SCREEN = Screen(
    "refused",
    "refused",
    "Refused",
    (
        Tile("reasons", "By reason", _reasons),
        Tile("fix", "The correction", _fix),
        Tile("list", "Refused records", _list),
    ),
    scope=Scope.OPS_READ,
    head=_head,
    now_only="The last 30 days, as of now.",
)
