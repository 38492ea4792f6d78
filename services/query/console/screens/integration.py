"""Integration: what became of an event, how to have everything and then every change, and what a key may spend."""

import re
from http import HTTPStatus

from services.query.console.asking import Asked, Json, Trouble, segment
from services.query.console.screen import Screen, Tile
from shared.keys import Scope

_ASKED = ("source", "event")


def _given(asked: Asked) -> dict[str, str]:
    return {name: asked.query.get(name, "").strip() for name in _ASKED}


async def _fate(asked: Asked) -> Json:
    given = _given(asked)
    if not all(given.values()):
        return {"empty": "no_event_named"}
    try:
        fate = await asked.get(f"events/{segment(given['source'])}/{segment(given['event'])}")
    except Trouble as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        return {"empty": "no_fate"}
    return {"fate": fate}


async def _following(asked: Asked) -> Json:
    return {"position": (await asked.answer("status")).freshness.get("position")}


async def _limits(asked: Asked) -> Json:
    headers = (await asked.answer("status")).headers
    policy, left = (_numbers(headers.get(name, "")) for name in ("ratelimit-policy", "ratelimit"))
    return {"most": policy.get("q"), "seconds": policy.get("w"), "left": left.get("r"), "again": True}


def _numbers(header: str) -> dict[str, int]:
    """The parameters of `"units";q=2000;w=10`."""
    return {name: int(value) for name, value in re.findall(r";(\w)=(\d+)", header)}


async def _head(asked: Asked) -> Json:
    return {"given": _given(asked)}


SCREEN = Screen(
    "integration",
    "integration",
    "Integration",
    (
        Tile("fate", "What became of an event", _fate),
        Tile("following", "Everything, then every change", _following, scope=Scope.OPS_READ),
        Tile("limits", "Limits", _limits, scope=Scope.OPS_READ),
    ),
    scope=Scope.SUBSCRIPTIONS_MANAGE,
    head=_head,
    now_only="As of now: a refusal is known for 30 days.",
)
