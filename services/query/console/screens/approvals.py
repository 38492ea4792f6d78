"""Approvals: who is proposed for strategic, and what speaks for it; which tiers set by hand are about to end."""

from datetime import date, timedelta

from services.query.console.asking import Asked, Json
from services.query.console.screen import Screen, Tile
from services.query.console.screens.customer import waterfall

SIZE = 20
PAGE, MOST_PAGES = 500, 20
"""Of decisions: as many as 20 customers have."""
SOON_DAYS = 30
"""Time to ask for an override anew, by somebody else than who approves it."""
MOST_ENDING = 50


async def _proposals(asked: Asked) -> Json:
    answer = await asked.answer("proposals", size=SIZE, cursor=asked.query.get("cursor"))
    rows: list[Json] = answer.data
    proposed = await _proposed(asked, [row["customer"] for row in rows])
    for row in rows:
        row["proposal"] = proposed.get(row["customer"])
        row["made"] = waterfall(row["factors"])
        # An owner does not approve their own customer; the screen says so.
        manager = row["account_manager"]
        row["own"] = manager is not None and manager in {asked.person.id, asked.person.representative}
    following = (answer.page or {}).get("next")
    return {"rows": rows, "next": following, "empty": None if rows else "no_proposals"}


async def _proposed(asked: Asked, customers: list[str]) -> dict[str, Json]:
    """The decision that proposed each, the latest."""
    found: dict[str, Json] = {}
    cursor: str | None = None
    for _ in range(MOST_PAGES if customers else 0):
        answer = await asked.answer("tier-history", customer=customers, size=PAGE, cursor=cursor)
        # From old to new, so that the latest stays.
        found |= {one["customer"]: one for one in answer.data if one["kind"] == "proposed" and one["proposed_tier"]}
        cursor = (answer.page or {}).get("next")
        if cursor is None:
            break
    return found


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
