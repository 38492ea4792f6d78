"""Policy: the one in force, those adopted, and another one tried over the log: who would move, at what cost; what was
tried can be adopted for a day.
"""

from typing import Any
from zoneinfo import ZoneInfo

from services.query.console.asking import Asked, Json, Trouble
from services.query.console.screen import Screen, Tile
from shared.keys import Scope
from shared.policies.adoption import first_possible_day

TRIAL, ADOPTION = "simulate", "adopt"


def held(policies: list[Json], today: str) -> Json | None:
    """Which of the adopted policies, the latest in front, is in force; before any has begun, the first to begin."""
    begun = [one for one in policies if one["effective_on"] <= today]
    if begun:
        return max(begun, key=lambda one: one["effective_on"])
    return min(policies, key=lambda one: one["effective_on"], default=None)


def first_day(asked: Asked) -> str:
    """The first day for which a policy can be adopted now."""
    return first_possible_day(asked.now, ZoneInfo(str(asked.zone))).isoformat()


async def _force(asked: Asked) -> Json:
    job = await asked.job()  # before the policies, so that what it adopts shows once it is done
    adopting = job is not None and job["kind"] == ADOPTION and job["status"] in {"queued", "running"}
    policies = await asked.get("policies")
    said = {"policies": policies, "held": held(policies, asked.today), "again": adopting}
    return {**said, "empty": None if policies else "no_policy"}


async def _trial(asked: Asked) -> Json:
    job = await asked.job()
    if job is None or job["kind"] not in {TRIAL, ADOPTION}:
        return {"empty": "no_job"}
    open_, result = job["status"] in {"queued", "running"}, job["result"] or {}
    said: Json = {"job": job, "trial": {}, "adopted": None, "again": open_, "on": "", "first": first_day(asked)}
    if job["kind"] == ADOPTION:
        return {**said, "adopted": result or None}
    on = max(job["parameters"].get("on") or "", said["first"])
    return {**said, "trial": result.get("summary") or {}, "differences": result.get("differences", ()), "on": on}


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
    return {"text": text, "on": parameters.get("on") or "", "wrong": [], "adopting": None}


SCREEN = Screen(
    "policy",
    "policy",
    "Policy",
    (Tile("trial", "Trial and adoption", _trial, scope=Scope.OPS_READ), Tile("force", "Adopted", _force)),
    head=_head,
    now_only="As of now: each policy says the day from which it holds.",
)
