"""What `guanxi explain` asks beyond the views: what would change a tier now, and what a policy gave on a day."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

from services.tiering.app import make_domain, read_policies
from services.tiering.domain import CUSTOMERS
from services.tiering.policy import Policy
from services.tiering.rules.changes import would_change
from services.tiering.store import KEY_PERSON_WORK, ORGANISATIONAL
from shared.events.types import TIERS
from shared.mongo import Database, transient_errors
from shared.mongo.generations import current_generation
from shared.mongo.policies import all_adopted
from shared.policies.entitlements import Entitlement
from shared.settings import Settings

Document = dict[str, Any]


async def changes_now(database: Database, settings: Settings, customer: str) -> Document | None:
    """What would change the tier, as of the customer's clock; None where tiering knows nothing of it. The row's own
    `changes` are those of its last change, which may be long ago.
    """
    domain = await make_domain(database, settings)
    collection = database[f"{CUSTOMERS}_g{await current_generation(database, 'tiering')}"]
    async with transient_errors():
        stored = await collection.find_one({"_id": customer})
    if stored is None:
        return None
    state, standing = domain.load(f"customer:{customer}", stored)
    if state.clock is None:
        return None
    return {**would_change(state, standing, domain.policies), "as_of": date.fromordinal(state.today).isoformat()}


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
        "entitlements": None if policy is None else _given(entitled, policy.entitlements[TIERS.index(entitled)]),
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


def _given(tier: str, entitlement: Entitlement) -> Document | None:
    """As the view `customers` shows it."""
    if tier == TIERS[0]:
        return None
    organisational = dict.fromkeys(("relationship_assessment", "group_plan"), tier in ORGANISATIONAL)
    return {**asdict(entitlement), "key_person_work": tier in KEY_PERSON_WORK, **organisational}
