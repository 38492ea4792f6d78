"""The views in Python: what each pipeline must show of the documents that it reads. Pure. Readers ask MongoDB; a test
on a real server shows that both agree on generated rows (tests/services/tiering/test_real_views_equal_rules.py).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from services.tiering.policy import FACTORS
from services.tiering.rows import ENTITLEMENTS
from services.tiering.rules.tiers import KEY_PERSON_WORK, ORGANISATIONAL
from services.tiering.views.customers import HELPERS, NULLABLE, SHOWN
from services.tiering.views.quality import FRESHNESS, RATINGS
from shared.events.types import TIERS

Document = dict[str, Any]


def customer_row(document: Document, history: Mapping[str, Document]) -> Document:
    """`customers`: a row in full, by a stored document and the documents of its decisions, by id."""
    row: Document = dict.fromkeys(NULLABLE) | {name: document[name] for name in ("_id", *SHOWN) if name in document}
    changed = row.get("changed_version")
    shown, change = (
        history.get(f"{row['_id']}/{version}", {}) for version in (row.get("since_version", changed), changed)
    )
    flags = row.get("flags", {})
    expected: Document = {"registered": False, "dormant": False, "at_risk": False}
    row = expected | {"computed_tier": row["tier"], "entitled_tier": row["tier"]} | row
    return {name: value for name, value in row.items() if name not in {*HELPERS, "partition"}} | {
        "customer": row["_id"],
        "flags": {name: flags.get(name, []) for name in ("unconverted", "uncounted")},
        "factors": {
            FACTORS[factor]: {"value": value, "points": points, "weight": weight, "known": value is not None}
            for factor, value, points, weight in row["factors"]
        },
        "cause": shown.get("cause"),
        "changes": change.get("would_change"),
        "changes_as_of": document.get("changed_on", row["tier_since"]),
        "log": {**row["log"], "partition": document["partition"]},
        "entitlements": entitlements(row["entitled_tier"], row["entitlements"]),
    }


def entitlements(tier: str, values: Sequence[Any]) -> Document | None:
    """What a tier entitles to, by the values in the order of ENTITLEMENTS; None for nothing."""
    if tier == TIERS[0]:
        return None
    organisational = dict.fromkeys(("relationship_assessment", "group_plan"), tier in ORGANISATIONAL)
    named = dict(zip(ENTITLEMENTS, values, strict=True))
    return {**named, "key_person_work": tier in KEY_PERSON_WORK, **organisational}


def history_row(document: Document) -> Document:
    """`tier_history`: a decision with its explanation."""
    shown = {name: value for name, value in document.items() if name != "after"}
    return {**shown, "as_of": document["decided_as_of"]}


def quality_row(document: Document) -> Document | None:
    """`data_quality`: what is missing of a customer; None where nothing is."""
    rated = [value is not None for factor, value, *_ in document["factors"] if factor in RATINGS]
    missing = {
        "unregistered": document.get("registered") is not True,
        "unowned": document.get("account_manager") is None,
        "unrated": bool(rated) and not any(rated),
        "unconverted": document.get("flags", {}).get("unconverted", []),
    }
    if not any(missing.values()):
        return None
    shown = {name: document[name] for name in ("_id", "tier", *FRESHNESS) if name in document}
    return {**shown, "customer": document["_id"], **missing}


def totals_rows(documents: Sequence[Document]) -> list[Document]:
    """`tier_totals`: customers and their net by tier, in the order of the tiers' names."""
    tiers = sorted({document["tier"] for document in documents})
    of = {tier: [one.get("net_order") or 0 for one in documents if one["tier"] == tier] for tier in tiers}
    return [{"_id": tier, "customers": len(nets), "net_order": sum(nets)} for tier, nets in of.items()]
