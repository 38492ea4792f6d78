"""Documents as the views give them, with what a test is not about filled in."""

from datetime import UTC, datetime
from typing import Any

AT = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
ENTITLEMENTS = {
    "cadence_days": 30,
    "executive_meetings": 0,
    "answer_hours": 72,
    "discount_band": "C",
    "credit_days": 30,
    "allocation_priority": 3,
    "key_person_work": True,
    "relationship_assessment": False,
    "group_plan": False,
}


def factor(value: str | None, points: float, weight: int) -> dict[str, Any]:
    return {"value": value, "points": points, "weight": weight, "known": value is not None}


def customer(**said: Any) -> dict[str, Any]:
    """A row of the view `customers`."""
    return {
        "_id": "C-0042",
        "name": "华芯科技",
        "country": "China",
        "tier": "priority",
        "computed_tier": "priority",
        "tier_since": "2026-03-12",
        "cause": "score",
        "dormant": False,
        "at_risk": False,
        "overridden_until": None,
        "proposed_tier": None,
        "entitled_tier": "priority",
        "entitled_until": None,
        "entitlements": ENTITLEMENTS,
        "net_730d": "12500.00",
        "net_365d": "12500.00",
        "net_90d": "2500.00",
        "currency": "GBP",
        "first_purchase_on": "2025-12-03",
        "last_purchase_on": "2026-11-21",
        "flags": {"unconverted": []},
        "score": 56.6,
        "known_weight": 80,
        "factors": {"purchase_volume": factor("12500.00", 6.32, 80), "growth": factor(None, 3.0, 20)},
        "changes": {"purchase": {"amount": "4000.00", "currency": "GBP", "tier": "partner"}, "falls_on": "2027-01-02"},
        "changes_as_of": "2026-03-12",
        "account_manager": "AM01",
        "product_manager": None,
        "policy": "wholesale-gbp",
        "policy_version": 1,
        "incomplete_since": None,
        "as_of": AT,
        "recorded_at": AT,
        "projected_at": AT,
        **said,
    }


def changed(version: int, on: str, from_tier: str, to_tier: str, **said: Any) -> dict[str, Any]:
    """A TierChanged of the view `tier_history`."""
    return {
        "customer": "C-0042",
        "version": version,
        "kind": "changed",
        "effective_on": on,
        "from": from_tier,
        "to": to_tier,
        "cause": "score",
        "score": "52.4",
        "known_weight": 80,
        "factors": {"purchase_volume": factor("7500.00", 5.63, 80)},
        "policy": "wholesale-gbp",
        "policy_version": 1,
        "computed_tier": to_tier,
        "entitled_tier": to_tier,
        "entitled_until": None,
        "graces": [],
        "would_change": {"purchase": None, "blocked_by": ["score"], "falls_on": None},
        "decided_as_of": AT,
        **said,
    }


def engaged(**contact: Any) -> dict[str, Any]:
    """A row of the view `engagement`."""
    return {
        "_id": "C-0042",
        "contact": {
            "last_on": "2026-10-01",
            "due_on": "2026-10-31",
            "status": "lapsed",
            "ever_met": True,
            "cadence_days": 30,
            "adherence": 0.36,
            "visits_90d": {"total": 1},
            "visits_365d": {"total": 6},
            **contact,
        },
        "last_visit": {"on": "2026-10-01", "consensus": "双方同意下季度增加采购"},
        "satisfaction": {
            "last": {"instrument": "nps", "score": 9, "expectation": 8, "on": "2026-09-01", "touchpoint": None}
        },
        "concerns": {"open": 0, "open_overdue": 0},
        "recorded_at": AT,
        "projected_at": AT,
    }


def planned(customer_id: str, **said: Any) -> dict[str, Any]:
    """A row of the view `contact_plan`."""
    return {
        "_id": customer_id,
        "name": "Harrow & Finch Gifts Ltd",
        "tier": "partner",
        "due_on": "2026-10-31",
        "last_on": "2026-10-01",
        "reasons": ["lapsed"],
        "owners": {"account_manager": "AM01", "product_manager": None},
        **said,
    }


def rep_week(**said: Any) -> dict[str, Any]:
    """A row of the view `rep_weeks`."""
    return {
        "representative": "AM01",
        "role": "account_manager",
        "counted": 4,
        "target": 5,
        "met": False,
        "visits": [{"reason": None}] * 4 + [{"reason": "channel"}] * 2 + [{"reason": "repeat"}],
        "coverage_90d": 0.21,
        **said,
    }
