"""Policy: the one in force, those adopted, and another one tried over the log: who would move, at what cost."""

from typing import Any

from services.query.console.asking import Asked, Json, Trouble
from services.query.console.screen import Screen, Tile
from shared.keys import Scope


def held(policies: list[Json], today: str) -> Json | None:
    """Which of the adopted policies, the latest in front, is in force; before any has begun, the first to begin."""
    begun = [one for one in policies if one["effective_on"] <= today]
    if begun:
        return max(begun, key=lambda one: one["effective_on"])
    return min(policies, key=lambda one: one["effective_on"], default=None)


async def _force(asked: Asked) -> Json:
    policies = await asked.get("policies")
    return {"policies": policies, "held": held(policies, asked.today), "empty": None if policies else "no_policy"}


async def _trial(asked: Asked) -> Json:
    job = await asked.job()
    if job is None or job["kind"] != "simulate":
        return {"empty": "no_job"}
    said: Json = (job["result"] or {}).get("summary") or {}
    open_ = job["status"] in {"queued", "running"}
    return {"job": job, "trial": said, "differences": (job["result"] or {}).get("differences", ()), "again": open_}


async def _head(asked: Asked) -> Json:
    """The text of the policy that was tried, else of the one in force."""
    parameters: dict[str, Any] = {}
    try:
        job = await asked.job()
        parameters = (job or {}).get("parameters", {})
        one = None if "policy" in parameters else held(await asked.get("policies"), asked.today)
    except Trouble:
        one = None  # the tiles say why
    text = parameters.get("policy") or (one or {}).get("text", "")
    return {"text": text, "on": parameters.get("on") or "", "wrong": []}


SCREEN = Screen(
    "policy",
    "policy",
    "Policy",
    (Tile("trial", "The trial", _trial, scope=Scope.OPS_READ), Tile("force", "Adopted", _force)),
    head=_head,
    now_only="As of now: each policy says the day from which it holds.",
)
