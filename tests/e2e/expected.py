"""What the oracle says of the real invoices, and what the views and the log say, in the same words."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.e2e.world import LogRecord, World
from tests.oracle import retail
from tests.oracle.facts import Json

AS_OF_DATES = tuple(timedelta(days) for days in (0, 1, 7, 30, 61, 90, 180, 270, 364, 373))
"""Before today: days as of which the tier is asked for."""
FRESHNESS = (
    "log",
    "recorded_at",
    "projected_at",
    "as_of",
    "partition",
    "fold",
    "due_at",
    "live",
    "marked_due",
    "behind",
)


def assert_views_equal_oracle(world: World, file: retail.File) -> None:
    """Every customer's row and history are the oracle's, as of the row's own clock."""
    rows = {row["_id"]: row for row in world.documents("customers")}
    history: dict[str, list[Json]] = {}
    for document in sorted(world.documents("tier_history"), key=lambda one: one["version"]):
        history.setdefault(document["customer"], []).append(document)
    assert file.customers.keys() <= rows.keys()
    assert all(rows[name]["tier"] == "potential" for name in rows.keys() - file.customers.keys())  # never bought
    expected = {name: retail.customer(lines, rows[name]["as_of"]) for name, lines in file.customers.items()}
    assert {name: _told(rows[name], history.get(name, [])) for name in expected} == {
        name: _wanted(customer) for name, customer in expected.items()
    }
    for name, customer in expected.items():
        for ago in AS_OF_DATES:
            on = _day(rows[name]["as_of"]) - ago
            assert _tier_on(history.get(name, []), on) == customer.tier_on(on), (name, on)
    assert sum(Decimal(row["net_730d"]) for row in rows.values()) == Decimal(file.pence) / 100


def _told(row: Json, history: list[Json]) -> Json:
    return {
        "tier": row["tier"],
        "score": Decimal(str(row["score"])),
        "net_730d": Decimal(row["net_730d"]),
        "version": row["version"],
        "changes": [(one["effective_on"], one["to"], Decimal(one["score"])) for one in history],
    }


def _wanted(customer: retail.Customer) -> Json:
    return {
        "tier": customer.tier,
        "score": customer.score,
        "net_730d": Decimal(customer.net_730d_pence) / 100,
        "version": customer.version,
        "changes": [(change.on.isoformat(), change.tier, change.score) for change in customer.changes],
    }


def _tier_on(history: Iterable[Json], on: date) -> str:
    earlier = [one["to"] for one in history if one["effective_on"] <= on.isoformat()]
    return str(earlier[-1]) if earlier else "potential"


def _day(instant: datetime) -> date:
    return instant.astimezone(retail.LONDON).date()


def assert_log_holds_each_once(log: Iterable[LogRecord], file: retail.File) -> None:
    """Once repeated positions are skipped, each admitted invoice stands on the log exactly once, each customer's in
    the order of their times, and no other fact does."""
    folded: dict[str, list[str]] = {}
    for record in not_repeated(log):
        if not record.type.startswith("guanxi.purchase."):
            continue
        event = json.loads(record.value)
        data: Mapping[str, Any] = event["data"]
        folded.setdefault(event["subject"], []).append(data.get("purchase_id") or data["refund_id"])
    wanted = {name: [line.invoice_no for line in lines] for name, lines in file.customers.items()}
    assert Counter(map(len, folded.values())) == Counter(map(len, wanted.values()))
    assert folded == wanted


def not_repeated(log: Iterable[LogRecord]) -> Iterator[LogRecord]:
    """What a reader of the log folds: nothing that is not above the highest position of its inbox partition."""
    highest: dict[tuple[int, int, int], tuple[int, int]] = {}
    for record in log:
        if record.position is not None:
            source, reached = (record.partition, *record.position[:2]), record.position[2:]
            if reached <= highest.get(source, (-1, -1)):
                continue
            highest[source] = reached
        yield record


def comparable(documents: Iterable[Json]) -> dict[Any, Json]:
    """Documents without what says only when and from where they were written."""
    return {
        document["_id"]: {name: value for name, value in document.items() if name not in FRESHNESS}
        for document in documents
    }
