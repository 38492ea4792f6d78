"""Every worked example (domain.md, Worked examples) by the oracle: an independent program gets the same results."""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.laws.domain import name_of, worked_examples
from tests.oracle.facts import Logged
from tests.oracle.policies import default_cny
from tests.oracle.tiering import tiering
from tests.oracle.wire import event, logged

NOW = datetime(2026, 6, 1, 4, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")
POLICIES = (default_cny(date(2020, 1, 1)),)
NAMES = {"fit": "strategic_fit", "market": "market_standing", "share": "share_of_wallet"}


def facts(example: dict[str, Any]) -> list[Logged]:
    """The log of an example, in order of time."""
    log: list[Logged] = []

    def said(noun: str, on: str, **data: Any) -> None:
        when = datetime.fromisoformat(on).replace(hour=12, tzinfo=ZONE).astimezone(UTC)
        when = min(when, NOW) + timedelta(seconds=len(log) - 60)
        log.append(logged(event(noun, when, event_id=f"e{len(log)}", **data)))

    for number, one in enumerate(example["facts"]):
        if "rated" in one:
            points = {NAMES[name]: value for name, value in one["rated"].items()}
            said("account.rated", one["on"], rated_by="a", approved_by="b", **points)
        elif "refund" in one:
            said("purchase.refunded", one["on"], refund_id=f"r{number}", amount=one["refund"], currency="CNY")
        else:
            bought = {"purchase_id": f"p{number}", "amount": one["purchase"], "currency": "CNY"}
            said("purchase.recorded", one["on"], **bought, margin_rate=one.get("margin"))
    if bill := example.get("invoice"):
        owed = {"invoice_id": "i1", "amount": bill["amount"], "currency": "CNY", "due_on": bill["due_on"]}
        said("invoice.issued", bill["due_on"], **owed)
        said("invoice.paid", bill["paid_on"], invoice_id="i1", paid_on=bill["paid_on"])
    return sorted(log, key=lambda one: one.time)


@pytest.mark.parametrize("example", worked_examples(), ids=name_of)
def test_a_worked_example_of_domain_md(example: dict[str, Any]) -> None:
    found = tiering(facts(example), POLICIES, ZONE, NOW)
    assert found.tier == example["tier"]
    if "score" in example:
        assert found.judged.score == Fraction(example["score"])
    if "dormant" in example:
        assert found.dormant == (example["dormant"] == "true")
