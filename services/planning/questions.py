"""The answers to people's questions about planning: a customer's plans, steps, services; a group of customers."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from services.planning.rules.groups import MAX_LEVELS, Member, cycle_of, roll_up, tree
from shared.errors import Malformed
from shared.mongo.questions import Questions

Document = dict[str, Any]
MAX_ABOVE = 100
"""Groups above one that are looked at for a cycle."""
MAX_GROUPS = 2_000
"""Groups below one that are rolled up."""
MAX_MEMBERS = 10_000
"""Customers that are rolled up."""
_ASKED = 500
"""Ids in one query."""
_TIER = ("name", "tier", "net_365d", "currency", "at_risk", "as_of", "incomplete_since")
_CARE = ("concerns.open", "concerns.open_overdue", "relationship.key_relationship", "as_of", "incomplete_since")
_PLAN = ("lapsed", "as_of", "incomplete_since")


class PlanningQuestions(Questions):
    """What the views say of planning."""

    async def plans(self, customer: str) -> Document | None:
        """Whether a plan is owed, and a customer's plans without their steps; None where there is neither."""
        return await self.one("plans", customer)

    async def steps(self, customer: str) -> list[Document]:
        """The steps of a customer's plans, by plan, then due day."""
        order = {"plan_id": 1, "source": 1, "due_on": 1, "_id": 1}
        return await self.rows("plan_steps", [{"$match": {"customer": customer}}, {"$sort": order}])

    async def service_use(self, customer: str) -> Document | None:
        """The services that a customer used and may use; None where there are neither."""
        return await self.one("service_use", customer)

    async def group(self, group: str) -> Document | None:
        """A group of customers: its figures over the present members of it and of the groups below it, as the views
        have them now; None where it is not registered and nobody names it. Raises Malformed where there are too many.
        """
        known = await self._above(group)
        below, level = dict[str, Document](), [group]
        parents = {name: row["parent_group_id"] for name, row in known.items()}
        cycle = cycle_of(group, parents)
        for _ in range(MAX_LEVELS):
            level = [one["_id"] for one in await self._below(level, below) if one["_id"] not in cycle]
        found = tree(group, parents | {name: row["parent_group_id"] for name, row in below.items()})
        members = await self._members(found.groups)
        if not members and group not in known:
            return None
        row = known.get(group, {})
        return {
            "group_id": group,
            "registered": group in known,
            "name": row.get("name"),
            "parent_group_id": None if cycle else row.get("parent_group_id"),
            "cycle": list(found.cycle),
            "groups": list(found.groups[1:]),
            **roll_up(members),
        }

    async def _above(self, group: str) -> dict[str, Document]:
        """The rows of a group and of those above it."""
        known: dict[str, Document] = {}
        one: str | None = group
        while one is not None and one not in known and len(known) < MAX_ABOVE:
            row = await self.one("groups", one)
            if row is None:
                break
            known[one], one = row, row["parent_group_id"]
        return known

    async def _below(self, level: Sequence[str], below: dict[str, Document]) -> list[Document]:
        """The rows of the groups right below some, which are added to those known."""
        rows = await self._in("groups", "parent_group_id", level, ("parent_group_id",))
        below |= {row["_id"]: row for row in rows}
        if len(below) > MAX_GROUPS:
            raise Malformed(f"more than {MAX_GROUPS} groups lie below; ask for one of them")
        return rows

    async def _members(self, groups: Sequence[str]) -> list[Member]:
        of = {row["_id"]: row["group_id"] for row in await self._in("member_keys", "group_id", groups, ("group_id",))}
        if len(of) > MAX_MEMBERS:
            raise Malformed(f"more than {MAX_MEMBERS} customers are members; ask for a group below")
        tiers, care, plans = [
            {row["_id"]: row for row in await self._in(view, "_id", of, fields)}
            for view, fields in (("customers", _TIER), ("engagement", _CARE), ("plans", _PLAN))
        ]
        return [
            _member(one, group, tiers.get(one, {}), care.get(one, {}), plans.get(one, {})) for one, group in of.items()
        ]

    async def _in(self, view: str, field: str, values: Iterable[str], fields: Sequence[str]) -> list[Document]:
        shown = {"$project": dict.fromkeys(("_id", *fields), 1)}
        found: list[Document] = []
        asked = list(values)
        for start in range(0, len(asked), _ASKED):
            among = {"$match": {field: {"$in": asked[start : start + _ASKED]}}}
            found += await self.rows(view, [among, {"$limit": MAX_MEMBERS + 1}, shown])
        return found


def _member(customer: str, group: str, tier: Document, care: Document, plan: Document) -> Member:
    """What the rows of a customer say; a row that is not there yet makes it incomplete."""
    rows = [row for row in (tier, care, plan) if row]
    kcr = care.get("relationship", {}).get("key_relationship")
    return Member(
        customer,
        group,
        tier.get("name"),
        tier.get("tier", "potential"),
        Decimal(tier.get("net_365d") or 0),
        tier.get("currency") or "",
        bool(tier.get("at_risk")),
        care.get("concerns", {}).get("open", 0),
        care.get("concerns", {}).get("open_overdue", 0),
        None if kcr is None else Decimal(str(kcr)),
        bool(plan.get("lapsed")),
        min((row["as_of"] for row in rows if row.get("as_of") is not None), default=None),
        not tier or not care or any(row.get("incomplete_since") is not None for row in rows),
    )
