"""The answers to people's questions about tiers: who is in which, what moved, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from services.tiering.domain import CUSTOMERS
from services.tiering.policy import Policies, Policy, in_force
from services.tiering.policy_file import read_policies, read_policy
from services.tiering.rules.changes import would_change
from services.tiering.service import SERVICE
from services.tiering.views.in_python import entitlements
from shared.errors import Malformed, Transient
from shared.events.types import TIERS
from shared.mongo import Database, transient_errors
from shared.mongo.generations import current_generation
from shared.mongo.policies import all_adopted
from shared.mongo.questions import Questions
from shared.policies.adoption import in_order
from shared.settings import Settings

Document = dict[str, Any]


class TierQuestions(Questions):
    """What the views say of tiers."""

    async def customer(self, customer: str) -> tuple[Document | None, list[Document]]:
        """A customer's row, and its history by version."""
        row = await self.one("customers", customer)
        return row, await self.rows("tier_history", [{"$match": {"customer": customer}}, {"$sort": {"version": 1}}])

    async def tiers(self, ids: Document | None = None) -> list[Document]:
        """{_id: tier, customers, dormant, at_risk, net: sum of net_365d} of all customers, or of some ids."""
        group = {
            "_id": "$tier",
            "customers": {"$sum": 1},
            "dormant": {"$sum": {"$cond": ["$dormant", 1, 0]}},
            "at_risk": {"$sum": {"$cond": ["$at_risk", 1, 0]}},
            "net_365d": {"$sum": {"$toDecimal": "$net_365d"}},
        }
        return await self.rows("customers", [*_among(ids), {"$group": group}])

    async def net_730d(self, ids: Document | None = None) -> list[Document]:
        """{_id: currency, net, customers} over all customers."""
        group = {"_id": "$currency", "net": {"$sum": {"$toDecimal": "$net_730d"}}, "customers": {"$sum": 1}}
        return await self.rows("customers", [*_among(ids), {"$group": group}, {"$sort": {"_id": 1}}])

    async def largest(self, count: int) -> list[Document]:
        """The customers with the largest net of the last 365 days."""
        order: list[Document] = [{"$set": {"_net": {"$toDecimal": "$net_365d"}}}, {"$sort": {"_net": -1, "_id": 1}}]
        return await self.rows("customers", [*order, {"$limit": count}, {"$unset": "_net"}])

    async def movements(self) -> list[Document]:
        """{month, from, to, customers}: changes of the tier shown, by the month in which they took effect."""
        moved = {"kind": "changed", "$expr": {"$ne": ["$from", "$to"]}}
        by = {"month": {"$substrBytes": ["$effective_on", 0, 7]}, "from": "$from", "to": "$to"}
        return await self.rows(
            "tier_history",
            [
                {"$match": moved},
                {"$group": {"_id": by, "customers": {"$sum": 1}}},
                {"$replaceWith": {"$mergeObjects": ["$_id", {"customers": "$customers"}]}},
                {"$sort": {"month": 1, "from": 1, "to": 1}},
            ],
        )


def _among(ids: Document | None) -> list[Document]:
    return [{"$match": {"_id": ids}}] if ids else []


async def changes_now(database: Database, settings: Settings, customer: str) -> Document | None:
    """What would change the tier, as of the customer's clock; None where tiering knows nothing of it. The row's own
    `changes` are those of its last change, which may be long ago.
    """
    domain = await SERVICE.domain(database, settings)
    collection = database[f"{CUSTOMERS}_g{await current_generation(database, 'tiering')}"]
    async with transient_errors():
        stored = await collection.find_one({"_id": customer})
    if stored is None:
        return None
    state, standing = domain.load(f"customer:{customer}", stored)
    if state.clock is None:
        return None
    return {**would_change(state, standing, domain.policies), "as_of": date.fromordinal(state.today).isoformat()}


def what_is_wrong(text: str) -> list[str]:
    """Each problem of a policy's text, with its line; none of what can be tried."""
    try:
        read_policy(text, "policy")
    except Malformed as error:
        return str(error).splitlines()
    return []


async def policies_by_version(database: Database) -> dict[tuple[str, int], Policy]:
    """Every adopted version, by name and number."""
    read = read_policies([one for one, _ in await all_adopted(database)])
    return {(policy.name, policy.version): policy for policy in read}


def as_of_day(
    history: Sequence[Document], on: str, policies: Mapping[tuple[str, int], Policy] | None = None
) -> Document:
    """What held on a day (YYYY-MM-DD), by the decisions that had taken effect by then, the day's own included.

    since, before: of the tier shown, which a change of the computed tier alone leaves as it is; decision: the last
    change, with its explanation, None before the first one; entitlements: what the tier entitled to gave by the policy
    of that decision, None for nothing.
    """
    past = [entry for entry in history if entry["effective_on"] <= on]
    changes = [entry for entry in past if entry["kind"] == "changed"]
    if not changes:
        nothing = dict.fromkeys(("since", "before", "cause", "entitled_until", "entitlements", "decision"))
        potential = TIERS[0]
        return {"on": on, "tier": potential, "computed_tier": potential, "entitled_tier": potential, **nothing} | {
            "proposed_tier": None
        }
    last = changes[-1]
    shown = next((entry for entry in reversed(changes) if entry["from"] != entry["to"]), None)
    entitled, until = _entitled(last, on)
    policy = (policies or {}).get((last["policy"], last["policy_version"]))
    given = None if policy is None else policy.entitlements[TIERS.index(entitled)]
    proposals = [entry for entry in past if entry["kind"] != "changed" or entry["computed_tier"] == TIERS[-1]]
    return {
        "on": on,
        "tier": last["to"],
        "computed_tier": last["computed_tier"],
        "since": shown and shown["effective_on"],
        "before": shown and shown["from"],
        "cause": shown and shown["cause"],
        "proposed_tier": proposals[-1].get("proposed_tier") if proposals else None,
        "entitled_tier": entitled,
        "entitled_until": until,
        "entitlements": None if given is None else entitlements(entitled, astuple(given)),
        "currency": None if policy is None else policy.base_currency,
        "decision": last,
    }


def _entitled(change: Document, on: str) -> tuple[str, str | None]:
    """The highest tier whose entitlements run on that day, and until when they do beyond the tier shown."""
    shown = TIERS.index(change["to"])
    running = [
        (rank, grace["until"])
        for grace in change["graces"]
        if grace["until"] >= on and (rank := TIERS.index(grace["tier"])) > shown
    ]
    rank, until = max(running, default=(shown, None))
    return TIERS[rank], until


class AdoptedPolicies:
    """The adopted versions as the rules use them. They are read again once others are adopted: a version that is there
    is never edited. adopted: the ids of those that are, by the caller's last look; all methods raise Transient while
    MongoDB is away.
    """

    def __init__(self, database: Database, zone: ZoneInfo) -> None:
        self._database, self._zone = database, zone
        self._known: tuple[Sequence[str], Policies, Mapping[tuple[str, int], Policy]] = (), (), {}

    async def base_currency(self, adopted: Sequence[str]) -> str:
        """In which money is shown today, by the policy in force. Raises Transient while none is adopted."""
        policies = (await self._read(adopted))[1]
        if not policies:
            raise Transient("no policy is adopted yet; run 'guanxi setup'")
        return in_force(policies, datetime.now(self._zone).date().toordinal()).base_currency

    async def by_version(self, adopted: Sequence[str]) -> Mapping[tuple[str, int], Policy]:
        """Every adopted version, by name and number."""
        return (await self._read(adopted))[2]

    async def _read(self, adopted: Sequence[str]) -> tuple[Sequence[str], Policies, Mapping[tuple[str, int], Policy]]:
        if not adopted or self._known[0] != adopted:
            found = [one for one, _ in await all_adopted(self._database)]
            read = {(one.name, one.version): policy for one, policy in zip(found, read_policies(found), strict=True)}
            self._known = adopted, tuple(read[one.name, one.version] for one in in_order(found)), read
        return self._known
