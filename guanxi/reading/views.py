"""What is asked of the views. Documents come as MongoDB has them; nothing is computed here that a view says already."""

import re
from difflib import get_close_matches
from typing import Any

from shared.mongo import Database, transient_errors

Document = dict[str, Any]
MAX_CANDIDATES = 2_000
"""Ids looked at for a suggestion."""
MAX_SUGGESTIONS = 5


class Views:
    """The views of one database. All methods raise Transient where MongoDB does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tiers(self, ids: Document | None = None) -> list[Document]:
        """{_id: tier, customers, dormant, at_risk, net: sum of net_365d} of all customers, or of some ids."""
        group = {
            "_id": "$tier",
            "customers": {"$sum": 1},
            "dormant": {"$sum": {"$cond": ["$dormant", 1, 0]}},
            "at_risk": {"$sum": {"$cond": ["$at_risk", 1, 0]}},
            "net_365d": {"$sum": {"$toDecimal": "$net_365d"}},
        }
        return await self._aggregate("customers", [*_match(ids), {"$group": group}])

    async def net_730d(self, ids: Document | None = None) -> list[Document]:
        """{_id: currency, net, customers} over all customers."""
        group = {"_id": "$currency", "net": {"$sum": {"$toDecimal": "$net_730d"}}, "customers": {"$sum": 1}}
        return await self._aggregate("customers", [*_match(ids), {"$group": group}, {"$sort": {"_id": 1}}])

    async def largest(self, count: int) -> list[Document]:
        """The customers with the largest net of the last 365 days."""
        order: list[Document] = [{"$set": {"_net": {"$toDecimal": "$net_365d"}}}, {"$sort": {"_net": -1, "_id": 1}}]
        return await self._aggregate("customers", [*order, {"$limit": count}, {"$unset": "_net"}])

    async def movements(self) -> list[Document]:
        """{month, from, to, customers}: changes of the tier shown, by the month in which they took effect."""
        moved = {"kind": "changed", "$expr": {"$ne": ["$from", "$to"]}}
        by = {"month": {"$substrBytes": ["$effective_on", 0, 7]}, "from": "$from", "to": "$to"}
        return await self._aggregate(
            "tier_history",
            [
                {"$match": moved},
                {"$group": {"_id": by, "customers": {"$sum": 1}}},
                {"$replaceWith": {"$mergeObjects": ["$_id", {"customers": "$customers"}]}},
                {"$sort": {"month": 1, "from": 1, "to": 1}},
            ],
        )

    async def weeks(self, week: str, representative: str | None = None) -> list[Document]:
        """Each representative's row of an ISO week such as 2026-W47, or that of one."""
        match = {"week": week} | ({"representative": representative} if representative else {})
        return await self._aggregate("rep_weeks", [{"$match": match}, {"$sort": {"role": 1, "_id": 1}}])

    async def has_weeks(self, representative: str) -> bool:
        """Whether a representative has a row in any week: who was registered in a role that owes visits."""
        return bool(await self._aggregate("rep_weeks", [{"$match": {"representative": representative}}, {"$limit": 1}]))

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
        return await self._aggregate("contact_plan", [{"$match": match}, {"$limit": count}])

    async def lapsed(self) -> list[Document]:
        """{_id: tier, customers, never_met}: contacts that are overdue."""
        group = {
            "_id": "$tier",
            "customers": {"$sum": 1},
            "never_met": {"$sum": {"$cond": [{"$eq": ["$last_on", None]}, 1, 0]}},
        }
        return await self._aggregate("contact_plan", [{"$match": {"status": "lapsed"}}, {"$group": group}])

    async def customer(self, customer: str) -> tuple[Document | None, list[Document], Document | None]:
        """A customer's row, its history by version, and its engagement."""
        async with transient_errors():
            row = await self._database["customers"].find_one({"_id": customer})
            engagement = await self._database["engagement"].find_one({"_id": customer})
        history = await self._aggregate("tier_history", [{"$match": {"customer": customer}}, {"$sort": {"version": 1}}])
        return row, history, engagement

    async def goals(self, subject: str) -> list[Document]:
        """The goals of a customer or a representative, by metric."""
        return await self._aggregate("goals", [{"$match": {"subject": subject}}, {"$sort": {"metric": 1}}])

    async def near(self, wanted: str) -> list[tuple[str, str | None]]:
        """Ids, with names, that someone may have meant: alike ids, or names that contain the text."""
        prefix = re.escape(wanted[: max(1, len(wanted) - 2)])
        async with transient_errors():
            alike = self._database["engagement"].find({"_id": {"$regex": f"^{prefix}"}}, {"name": 1})
            names = {row["_id"]: row.get("name") async for row in alike.limit(MAX_CANDIDATES)}
            named = self._database["engagement"].find(
                {"name": {"$regex": re.escape(wanted), "$options": "i"}}, {"name": 1}
            )
            found = [(row["_id"], row.get("name")) async for row in named.limit(MAX_SUGGESTIONS)]
        longer = sorted(name for name in names if name.startswith(wanted))
        close = longer[:MAX_SUGGESTIONS] or get_close_matches(wanted, names, n=MAX_SUGGESTIONS, cutoff=0.5)
        return (found + [(one, names[one]) for one in close if (one, names[one]) not in found])[:MAX_SUGGESTIONS]

    async def names_of_representatives(self) -> dict[str, str]:
        """By id, from `people`, which is confidential and can be erased: readers without a grant see none."""
        async with transient_errors():
            people = self._database["people"].find({"key": {"$regex": "^representative:"}}, {"key": 1, "name": 1})
            return {row["key"].partition(":")[2]: row["name"] async for row in people if row.get("name")}

    async def _aggregate(self, view: str, pipeline: list[Document]) -> list[Document]:
        async with transient_errors():
            return [document async for document in self._database[view].aggregate(pipeline, allowDiskUse=True)]


def _match(ids: Document | None) -> list[Document]:
    return [{"$match": {"_id": ids}}] if ids else []
