"""The answers to people's questions about relationships: whom to contact next, how a week went, how a customer stands.
Documents come as the views have them; nothing is computed here that a view says already.
"""

import re
from datetime import date, timedelta
from difflib import get_close_matches
from typing import Any

from services.engagement.store.rep_weeks import StoredWeeks
from shared.errors import Malformed
from shared.mongo import transient_errors
from shared.mongo.questions import Questions

Document = dict[str, Any]
MAX_CANDIDATES = 2_000
"""Ids compared for a suggestion."""
MAX_SUGGESTIONS = 5
_WEEK = re.compile(r"([0-9]{4})-W([0-9]{2})")


class EngagementQuestions(Questions):
    """What the views say of relationships."""

    async def customer(self, customer: str) -> Document | None:
        """A customer's contact, relationship, satisfaction and concerns."""
        return await self.one("engagement", customer)

    async def weeks(self, week: str, representative: str | None = None) -> list[Document]:
        """The rows of an ISO week such as 2026-W47, of all representatives or of one."""
        match = {"week": week} | ({"representative": representative} if representative else {})
        return await self.rows("rep_weeks", [{"$match": match}, {"$sort": {"role": 1, "_id": 1}}])

    async def has_weeks(self, representative: str) -> bool:
        """Whether a representative has a row in any week, that is, was registered in a role that owes visits."""
        return bool(await self.rows("rep_weeks", [{"$match": {"representative": representative}}, {"$limit": 1}]))

    async def plan(
        self,
        count: int,
        *,
        status: str | None = None,
        owner: str | None = None,
        unowned: bool = False,
        unrated: bool = False,
    ) -> list[Document]:
        """The first rows of the contact plan."""
        match: Document = {"status": status} if status else {}
        match |= {name: True for name, wanted in (("unowned", unowned), ("unrated", unrated)) if wanted}
        if owner:
            match["owned_by"] = owner
        return await self.rows("contact_plan", [{"$match": match}, {"$limit": count}])

    async def lapsed(self) -> list[Document]:
        """{_id: tier, customers, never_met}: contacts that are overdue."""
        group = {
            "_id": "$tier",
            "customers": {"$sum": 1},
            "never_met": {"$sum": {"$cond": [{"$eq": ["$last_on", None]}, 1, 0]}},
        }
        return await self.rows("contact_plan", [{"$match": {"status": "lapsed"}}, {"$group": group}])

    async def goals(self, subject: str) -> list[Document]:
        """The goals of a customer or a representative, by metric."""
        return await self.rows("goals", [{"$match": {"subject": subject}}, {"$sort": {"metric": 1}}])

    async def near(self, wanted: str) -> list[tuple[str, str | None]]:
        """Ids with names that someone may have meant: similar ids, or names that contain the text."""
        prefix = re.escape(wanted[: max(1, len(wanted) - 2)])
        async with transient_errors():
            alike = self.database["engagement"].find({"_id": {"$regex": f"^{prefix}"}}, {"name": 1})
            names = {row["_id"]: row.get("name") async for row in alike.limit(MAX_CANDIDATES)}
            named = self.database["engagement"].find(
                {"name": {"$regex": re.escape(wanted), "$options": "i"}}, {"name": 1}
            )
            found = [(row["_id"], row.get("name")) async for row in named.limit(MAX_SUGGESTIONS)]
        longer = sorted(name for name in names if name.startswith(wanted))
        close = longer[:MAX_SUGGESTIONS] or get_close_matches(wanted, names, n=MAX_SUGGESTIONS, cutoff=0.5)
        return (found + [(one, names[one]) for one in close if (one, names[one]) not in found])[:MAX_SUGGESTIONS]

    async def names_of_representatives(self) -> dict[str, str]:
        """Names by id, from the confidential and erasable `people`; empty for readers without access to it."""
        async with transient_errors():
            people = self.database["people"].find({"key": {"$regex": "^representative:"}}, {"key": 1, "name": 1})
            return {row["key"].partition(":")[2]: row["name"] async for row in people if row.get("name")}

    async def like_unknown(self, representative: str) -> dict[str, str] | None:
        """Of an id that nobody was ever registered under the ids like it, with their names; None of a known one."""
        if await self.has_weeks(representative):
            return None
        names = await self.names_of_representatives()
        if representative in names:
            return None
        return {one: names[one] for one in get_close_matches(representative, names, n=MAX_SUGGESTIONS)}


stored_weeks = StoredWeeks
"""The weeks of representatives in one generation, from rows where they stand."""


def parse_week(name: str) -> date:
    """The Monday of an ISO week such as 2026-W47. Raises Malformed for anything else."""
    match = _WEEK.fullmatch(name)
    if match is None or not int(match[1]):
        raise Malformed(f"{name!r} is not an ISO week such as 2026-W47")
    year, number = int(match[1]), int(match[2])
    last = date(year, 12, 28).isocalendar().week  # 28 December is always in the last week of its year
    if not 1 <= number <= last:
        raise Malformed(f"{name}: there is no such week; {year} has {last}")
    return date.fromisocalendar(year, number, 1)


def last_full_week(today: date) -> tuple[str, date, date]:
    """The ISO week that ended before today, with its Monday and Sunday."""
    sunday = today - timedelta(days=today.isoweekday())
    year, number, _ = sunday.isocalendar()
    return f"{year:04}-W{number:02}", sunday - timedelta(days=6), sunday
