"""Reading the views of a made-up world from a real MongoDB."""

from typing import Any

from services.engagement.calendar import Calendar
from tests.services.engagement.reading import put, set_up
from tests.services.engagement.world import REP, World

PLAIN = Calendar()
WEEK = "2026-W10"  # 2026-03-02 ... 2026-03-08


class Reader:
    """Reads the views of one world as it stands."""

    def __init__(self, uri: str, name: str) -> None:
        self.uri, self.name = uri, name

    async def rep_weeks(self, world: World, query: dict[str, Any], calendar: Calendar = PLAIN) -> list[dict[str, Any]]:
        return await self.view("rep_weeks", world, query, calendar)

    async def view(
        self, view: str, world: World, query: dict[str, Any] | None = None, calendar: Calendar = PLAIN
    ) -> list[dict[str, Any]]:
        database = await set_up(self.uri, self.name, calendar, world)
        with database.client:
            put(world, database)
            return list(database[view].find(query or {}))

    async def week(self, world: World, week: str = WEEK, rep: str = REP, calendar: Calendar = PLAIN) -> dict[str, Any]:
        (row,) = await self.rep_weeks(world, {"week": week, "representative": rep}, calendar)
        return row


def general(world: World, *customers: str, owner: str | None = REP) -> None:
    """General customers from 2026-01-11 on."""
    for customer in customers:
        world.tier("general", "2026-01-10", customer=customer)
        if owner is not None:
            world.assign("2026-01-11", owner, customer=customer)
