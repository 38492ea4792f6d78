"""Subscriptions: where changes are sent to, how each stands, whose changes wait; one of them, and what may be done."""

from secrets import token_hex

from services.query.console.asking import Asked, Json, segment
from services.query.console.fresh import BEHIND, FRESH, LATE
from services.query.console.screen import Screen, Tile
from shared.events.types import TIERS
from shared.keys import Scope
from shared.mongo.subscriptions import MAX_LISTED
from shared.subscriptions import TYPES

FILTERED = (*(f"type-{one}" for one in TYPES), *(f"tier-{one}" for one in TIERS))
"""Names of what is ticked."""
ENDED = ("gone", "unconfirmed", "stopped")


def state_of(one: Json) -> str:
    """A subscription in one word of fresh.py: red where somebody must act, amber where something waits."""
    health = one["health"]
    if one["status"] in ENDED or health["stands_still"] or health["dead"]:
        return LATE
    return BEHIND if one["status"] != "active" or health["parked"] else FRESH


def form_head() -> Json:
    """What the empty form needs. once: the same for a form that is sent twice, which makes one subscription."""
    known = {"types": TYPES, "tiers_known": TIERS}
    return {**known, "filtered": FILTERED, "once": token_hex(16), "values": {}, "wrong": {}, "made": None}


async def _list(asked: Asked) -> Json:
    rows: list[Json] = await asked.get("subscriptions")
    for one in rows:
        one["state"] = state_of(one)
    rows.sort(key=lambda one: (one["state"] != LATE, one["state"] != BEHIND))
    return {"rows": rows, "again": True, "empty": None if rows else "no_subscriptions"}


async def _head(_: Asked) -> Json:
    return form_head()


async def _one(asked: Asked) -> Json:
    found: Json = await asked.get(f"subscriptions/{segment(asked.ids['id'])}")
    return {"one": {**found, "state": state_of(found)}}


async def _health(asked: Asked) -> Json:
    return {**await _one(asked), "again": True}


async def _parked(asked: Asked) -> Json:
    rows = await asked.get(f"subscriptions/{segment(asked.ids['id'])}/parked")
    return {"rows": rows, "most": MAX_LISTED, "again": True, "empty": None if rows else "nobody_parked"}


async def _head_of_one(asked: Asked) -> Json:
    return {**await _one(asked), "today": asked.today, "values": {}, "wrong": {}, "secret": None}


SCREEN = Screen(
    "subscriptions",
    "subscriptions",
    "Subscriptions",
    (Tile("list", "Where changes are sent to", _list),),
    scope=Scope.SUBSCRIPTIONS_MANAGE,
    head=_head,
    says={"delete": "The subscription is deleted."},
    now_only="As of now: past deliveries are told by the receiver.",
)
ONE = Screen(
    "subscription",
    "subscriptions/{id}",
    "Subscription",
    (Tile("health", "How it stands", _health), Tile("parked", "Customers whose changes wait", _parked)),
    scope=Scope.SUBSCRIPTIONS_MANAGE,
    menu=False,
    head=_head_of_one,
    says={
        "pause": "It is paused: nothing is sent, and changes wait for 30 days.",
        "resume": "It goes on.",
        "retry": "The dead ones are tried again.",
        "backfill": "How all customers stand is sent first, then the changes.",
        "replay": "What was sent since that day is sent again.",
    },
)
