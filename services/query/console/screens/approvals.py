"""Approvals: who is proposed for strategic, and what speaks for it."""

from services.query.console.asking import Asked, Json
from services.query.console.screen import Screen, Tile
from services.query.console.screens.customer import waterfall

SIZE = 20


async def _proposals(asked: Asked) -> Json:
    answer = await asked.answer("proposals", size=SIZE, cursor=asked.query.get("cursor"))
    rows: list[Json] = answer.data
    for row in rows:
        history = await asked.get("tier-history", customer=row["customer"], size=500)
        proposed = [one for one in history if one["kind"] == "proposed" and one["proposed_tier"]]
        row["proposal"] = proposed[-1] if proposed else None
        row["made"] = waterfall(row["factors"])
        # An owner does not approve their own customer; the screen says so.
        row["own"] = row["account_manager"] in {asked.person.id, asked.person.representative}
    following = (answer.page or {}).get("next")
    return {"rows": rows, "next": following, "empty": None if rows else "no_proposals"}


SCREEN = Screen("approvals", "approvals", "Approvals", (Tile("proposals", "Proposed for strategic", _proposals),))
