"""Approvals: who is proposed for strategic, and what speaks for it; which tiers set by hand are about to end."""

import asyncio
from datetime import date, timedelta

from services.query.console.asking import Asked, Json
from services.query.console.screen import Screen, Tile
from services.query.console.screens.customer import waterfall

SIZE = 20
AT_ONCE = 5
"""Questions: a person may ask 16 at once."""
SOON_DAYS = 30
"""Time to ask for an override anew, by somebody else than who approves it."""
MOST_ENDING = 50


async def _proposals(asked: Asked) -> Json:
    answer = await asked.answer("proposals", size=SIZE, cursor=asked.query.get("cursor"))
    rows: list[Json] = answer.data
    for start in range(0, len(rows), AT_ONCE):
        await asyncio.gather(*(_add_proposal(asked, row) for row in rows[start : start + AT_ONCE]))
    for row in rows:
        row["made"] = waterfall(row["factors"])
        # An owner does not approve their own customer; the screen says so.
        row["own"] = row["account_manager"] in {asked.person.id, asked.person.representative}
    following = (answer.page or {}).get("next")
    return {"rows": rows, "next": following, "empty": None if rows else "no_proposals"}


async def _add_proposal(asked: Asked, row: Json) -> None:
    """The decision that proposed it, the latest."""
    history = await asked.get("tier-history", customer=row["customer"], size=500)
    proposed = [one for one in history if one["kind"] == "proposed" and one["proposed_tier"]]
    row["proposal"] = proposed[-1] if proposed else None


async def _ending(asked: Asked) -> Json:
    last = date.fromisoformat(asked.today) + timedelta(days=SOON_DAYS)
    before = (last + timedelta(days=1)).isoformat()
    answer = await asked.answer("overrides", size=MOST_ENDING, overridden_until_before=before)
    more = bool(answer.page and answer.page["next"])
    empty = None if answer.data else "nothing_ends"
    return {"rows": answer.data, "until": last.isoformat(), "more": more, "most": MOST_ENDING, "empty": empty}


SCREEN = Screen(
    "approvals",
    "approvals",
    "Approvals",
    (
        Tile("proposals", "Proposed for strategic", _proposals),
        Tile("ending", "Tiers set by hand that end within 30 days", _ending),
    ),
    now_only="As of now: past proposals stand among the decisions of each customer.",
)
