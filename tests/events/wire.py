"""Builders of events as they come to the doors: CloudEvents as plain dicts. What a case is not about is filled in, and
nothing is checked. Imports nothing of guanxi, so that the oracles may use it.
"""

import json
from datetime import datetime
from typing import Any

TODAY = "2026-03-01T12:00:00+08:00"
LEAVE_OUT = object()

DATA: dict[str, dict[str, Any]] = {
    "customer.registered": {"name": "上海精密零件有限公司"},
    "account.assigned": {"account_manager": "r-1", "from_on": "2026-03-01"},
    "representative.registered": {"name": "王伟", "role": "account_manager", "active_from": "2020-01-01"},
    "representative.absent": {"absence_id": "a-1", "from_on": "2026-03-02", "to_on": "2026-03-03"},
    "group.registered": {"name": "华南精密集团", "parent_group_id": "g-0"},
    "visit.logged": {
        "visit_id": "v-1",
        "kind": "routine",
        "channel": "onsite",
        "participants": [{"rep_id": "r-1", "role": "account_manager"}],
        "attendees": [{"name": "李娜", "department": "采购"}, {"person_id": "p-7"}, {"department": "质量"}],
        "consensus": "sample order",
        "follow_ups": [{"what": "send a quotation", "due_on": "2026-03-10"}],
    },
    "purchase.recorded": {"purchase_id": "p-1", "amount": "1234.50", "currency": "CNY"},
    "purchase.refunded": {"refund_id": "f-1", "amount": "10.00", "currency": "CNY"},
    "invoice.issued": {"invoice_id": "i-1", "amount": "10.00", "currency": "CNY", "due_on": "2026-04-01"},
    "invoice.paid": {"invoice_id": "i-1", "paid_on": "2026-03-01"},
    "invoice.credited": {
        "credit_id": "k-1",
        "invoice_id": "i-1",
        "amount": "1.00",
        "currency": "CNY",
        "credited_on": "2026-03-01",
    },
    "credit.rated": {"grade": 7, "limit": "50000"},
    "account.rated": {"rated_by": "u-1", "strategic_fit": 7},
    "key_person.assessed": {
        "person_id": "p-7",
        "name": "张敏",
        "title": "采购总监",
        "decision_role": "approve",
        "attitude": 2,
        "assessed_by": "u-1",
    },
    "satisfaction.surveyed": {"survey_id": "s-1", "instrument": "nps", "score": 9},
    "concern.raised": {"concern_id": "c-1", "kind": "complaint", "severity": "major", "about": "late"},
    "concern.resolved": {"concern_id": "c-1", "resolution": "express delivery"},
    "concern.confirmed": {"concern_id": "c-1", "accepted": True, "confirmed_by": "p-7"},
    "tier.overridden": {
        "tier": "partner",
        "reason": "new plant",
        "requested_by": "u-1",
        "approved_by": "u-2",
        "expires_on": "2026-12-31",
    },
    "tier_override.lifted": {"reason": "plant stopped", "lifted_by": "u-1"},
    "tier.approved": {"proposal_version": 3, "approved_by": "u-2"},
    "tier.declined": {"proposal_version": 3, "declined_by": "u-2"},
    "goal.set": {"scope": "customer", "metric": "kcr", "baseline": 1, "target": 2, "due_on": "2026-12-31"},
    "profile.revised": {
        "profile": "cp",
        "template": "cp/1",
        "items": [{"item": "pains", "text": "plans change weekly"}],
        "revised_by": "r-1",
    },
    "profile.reviewed": {"profile": "cp", "sections": ["macro"], "reviewed_by": "r-1"},
    "person.erased": {
        "person_id": "p-7",
        "requested_on": "2026-03-01",
        "basis": "gdpr_17",
        "mode": "erase",
        "decided_by": "r-9",
    },
    "access.granted": {
        "grant_id": "g-1",
        "grantee": "r-2",
        "max_grade": "secret",
        "purpose": "bid",
        "approved_by": "u-2",
        "expires_on": "2026-05-30",
    },
    "group_plan.agreed": {
        "plan_id": "pl-1",
        "from_on": "2026-03-01",
        "to_on": "2026-12-31",
        "objectives": [
            {"objective_id": "o-1", "dimension": "key", "metric": "kcr", "target": "2", "due_on": "2026-12-31"}
        ],
        "steps": [{"step_id": "s-1", "objective_id": "o-1", "what": "visit", "owner": "r-1", "due_on": "2026-06-30"}],
        "agreed_by": "r-1",
        "approved_by": "u-2",
    },
    "plan.covered": {"plan_id": "pl-1", "customer": "00043", "from_on": "2026-03-01", "to_on": "2026-12-31"},
    "plan_step.done": {
        "done_id": "d-1",
        "plan_id": "pl-1",
        "step_id": "s-1",
        "done_on": "2026-03-01",
        "done_by": "r-1",
    },
    "plan.reviewed": {"review_id": "w-1", "plan_id": "pl-1", "findings": "as planned", "reviewed_by": "r-1"},
    "service.delivered": {"delivery_id": "l-1", "service": "training"},
    "trail.sealed": {"sealed_on": "2026-03-01", "part": 1, "parts": 1, "heads": [{"seq": 7, "hash": "0a" * 32}]},
    "record.voided": {"kind": "purchase", "record_id": "p-1", "reason": "typed twice"},
    "customer.reviewed": {},
    "customer.repaired": {"scope": "customer"},
}


SENT = [noun for noun in DATA if noun != "plan.covered"]
"""What comes to a door or the inbox: all but what admission makes of another event."""


def envelope(noun: str, data: Any, /, **attributes: Any) -> dict[str, Any]:
    """A document of the type `guanxi.<noun>.v1` with this data and no other; a time may be a datetime."""
    document: dict[str, Any] = {
        "specversion": "1.0",
        "id": "e-1",
        "source": "erp",
        "type": f"guanxi.{noun}.v1",
        "subject": "00042",
        "time": TODAY,
        "data": data,
        **attributes,
    }
    if isinstance(document["time"], datetime):
        document["time"] = document["time"].isoformat()
    return without(document)


def event(noun: str = "purchase.recorded", /, data: Any = None, **attributes: Any) -> dict[str, Any]:
    """The same with `data` laid over the type's default, as far as it is a dict."""
    if data is None or isinstance(data, dict):
        data = without({**DATA.get(noun, {}), **(data or {})})
    revision = {"revision": 2} if noun == "record.voided" else {}
    return envelope(noun, data, **{**revision, **attributes})


def without(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not LEAVE_OUT}


def raw(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()
