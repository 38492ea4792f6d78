"""Examples in the HTTP door's reference; a test sends each to a door and compares the answers."""

from typing import Any

from services.ingest.doors.http.events import ACCEPTED_NOTE
from shared.positions import Mark, Of, encode

PURCHASE: dict[str, Any] = {
    "specversion": "1.0",
    "id": "order-2026-004711",
    "source": "erp/orders",
    "type": "guanxi.purchase.recorded.v1",
    "subject": "C-000817",
    "time": "2026-11-20T10:15:00+08:00",
    "data": {"purchase_id": "004711", "amount": "128500.00", "currency": "CNY", "margin_rate": 0.22},
}
VISIT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "visit-88231",
    "source": "crm",
    "type": "guanxi.visit.logged.v1",
    "subject": "C-000817",
    "time": "2026-11-20T14:00:00+08:00",
    "data": {
        "visit_id": "88231",
        "kind": "routine",
        "channel": "onsite",
        "participants": [{"rep_id": "R-12", "role": "account_manager"}],
        "attendees": [{"name": "王小明", "department": "采购部"}],
        "consensus": "试用三个月后续签",
    },
}
NO_AMOUNT: dict[str, Any] = {
    **PURCHASE,
    "id": "order-2026-004712",
    "data": {"purchase_id": "004712", "currency": "CNY", "colour": "red"},
}
ONE_ACCEPTED: dict[str, Any] = {
    "accepted": 1,
    "duplicate": 0,
    "refused": 0,
    "position": encode(Mark(Of.INBOX, 1, {4: 1207})),
    "note": ACCEPTED_NOTE,
    "events": [
        {
            "index": 0,
            "id": PURCHASE["id"],
            "status": "accepted",
            "code": None,
            "field": None,
            "hint": None,
            "ignored": [],
            "did_you_mean": {},
        }
    ],
}
