"""Purchases in large numbers, and what readers must then see."""

from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tests.compose.programs import ROWS, SEND
from tests.compose.project import Project
from tests.events.wire import event

CUSTOMERS = 500


def purchases(prefix: str, count: int) -> list[dict[str, Any]]:
    """Events of today, some customers' a hundred times another's; the prefix is on ids and customers."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return [
        event(
            data={"purchase_id": f"{prefix}-PO-{number}", "amount": str(number % 97 + 1)},
            id=f"{prefix}-event-{number}",
            subject=f"{prefix}-{number * number % CUSTOMERS}",
            time=now,
        )
        for number in range(count)
    ]


def sums(events: list[dict[str, Any]]) -> dict[str, Decimal]:
    """What each customer bought, if every event counts once."""
    total: dict[str, Decimal] = defaultdict(Decimal)
    for one in events:
        total[one["subject"]] += Decimal(one["data"]["amount"])
    return dict(total)


def shown(project: Project, prefix: str) -> dict[str, Decimal]:
    """What a reader sees of these customers."""
    password = project.secret("reader")["GUANXI_MONGO_PASSWORD"]
    rows = project.python(ROWS, {"password": password, "prefix": f"^{prefix}-"})
    return {customer: Decimal(net) for customer, net in rows.items()}


def by_kafka(project: Project, events: list[dict[str, Any]]) -> None:
    """Sends them straight to the inbox, as an upstream of its own."""
    who = ["erp", project.secret("erp")["GUANXI_KAFKA_PASSWORD"]]
    assert project.python(SEND, {"who": who, "events": events}) == len(events)
