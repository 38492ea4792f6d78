"""The keyed sum that each peer keeps per customer. Runs in the peers' environment, without guanxi's packages."""

import os
from decimal import Decimal
from typing import Any

KAFKA = os.environ.get("GUANXI_KAFKA_BOOTSTRAP", "")
MONGO_URI = os.environ.get("GUANXI_MONGO_URI", "")
DATABASE = os.environ.get("PEER_DATABASE", "")
TOPIC = os.environ.get("PEER_TOPIC", "")
COLLECTION = os.environ.get("PEER_COLLECTION", "")
STATE = os.environ.get("PEER_STATE", "")

_SIGN = {"guanxi.purchase.recorded.v1": 1, "guanxi.purchase.refunded.v1": -1}


def added(known: dict[str, Any] | None, event: dict[str, Any]) -> dict[str, Any]:
    """The sum with one event more: net in minor units, visits, events, last contact."""
    summed = known or {"net_minor": 0, "visits": 0, "events": 0, "last_contact": ""}
    visit = event["type"] == "guanxi.visit.logged.v1"
    amount = int(100 * Decimal(event["data"].get("amount", "0"))) * _SIGN.get(event["type"], 0)
    return {
        "net_minor": summed["net_minor"] + amount,
        "visits": summed["visits"] + visit,
        "events": summed["events"] + 1,
        "last_contact": max(summed["last_contact"], event["time"]) if visit else summed["last_contact"],
    }
