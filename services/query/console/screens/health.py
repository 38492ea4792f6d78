"""Health: how far each service has come, whether the door is ready, and what the doctor found when it last looked."""

from datetime import datetime
from http import HTTPStatus

from services.query.console.asking import Asked, Json, Trouble
from services.query.console.fresh import Clock
from services.query.console.screen import Screen, Tile
from shared.keys import Scope

_CLOCK = Clock()


async def _services(asked: Asked) -> Json:
    said: Json = await asked.get("status")
    for one in said["services"]:
        fresh = {"generations": {one["service"]: 1}, "behind": one["behind"], "as_of": one["as_of"]}
        one["state"] = _CLOCK.of(fresh, asked.now)
        at = one["as_of"] and datetime.fromisoformat(one["as_of"])
        one["age_seconds"] = (asked.now - at).total_seconds() if at else None
    return {"said": said}


async def _door(asked: Asked) -> Json:
    if asked.door is None:
        raise Trouble(HTTPStatus.SERVICE_UNAVAILABLE, "door", "the console has no way to the door")
    checks = await asked.door.ready()
    return {"now": asked.now, "checks": checks, "ready": all(one == "ok" for one in checks.values()), "again": True}


async def _doctor(asked: Asked) -> Json:
    lines = await asked.get("findings")
    ill = [one for one in lines if one["found"] != "ok"]
    return {
        "ill": ill,
        "well": [one for one in lines if one["found"] == "ok"],
        "at": lines[0]["at"] if lines else None,
        "empty": None if lines else "not_examined",
    }


SCREEN = Screen(
    "health",
    "health",
    "Health",
    (Tile("services", "Services", _services), Tile("door", "The door", _door), Tile("doctor", "The doctor", _doctor)),
    scope=Scope.OPS_READ,
    now_only="As of now: the past stands in the metrics.",
)
