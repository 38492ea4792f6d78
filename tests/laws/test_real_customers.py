"""The real customers under both policies are what the oracle says, on ten dates spread over the year, and at its end.

Every decision, tier, score and sum; without servers. GUANXI_REAL_CUSTOMERS says how many of the 4,371 are taken
(tests/e2e proves all of them through the whole path, by the policy of the demo).
"""

import os
from datetime import UTC, date, datetime, timedelta

import pytest

from local.stack.paths import REPOSITORY
from services.tiering.domain import Tiering
from tests.laws.drive import begin, events
from tests.laws.policies import service_policies
from tests.laws.test_tiering_equals_oracle import expected_row, row, told, weighed
from tests.oracle.facts import REVIEWED, Logged
from tests.oracle.policies import Policy, default_cny, wholesale_gbp
from tests.oracle.retail import LONDON, File, Line, load
from tests.oracle.test_retail import logged
from tests.oracle.tiering import AT_THE_END, tierings

PATH = REPOSITORY / "data" / "online-retail" / "invoices.csv.gz"
CUSTOMERS = int(os.environ.get("GUANXI_REAL_CUSTOMERS", "16"))
LAST_ON = date(2026, 6, 14)
DATES = [datetime(2025, 7, 1, 12, tzinfo=UTC) + timedelta(days) for days in range(0, 360, 38)]
FIRST = date(2020, 1, 1)

pytestmark = pytest.mark.timeout(3600)


@pytest.fixture(scope="module")
def file() -> File:
    return load(PATH, LAST_ON)


def watched(lines: list[Line]) -> list[Logged]:
    """A customer's log, with a look at it on each of the dates."""
    looks = [Logged({"type": REVIEWED, "id": AT_THE_END, "time": at.isoformat()}, at) for at in DATES]
    return sorted([*map(logged, lines), *looks], key=lambda one: one.clock)


def taken(file: File) -> list[str]:
    """Spread over all customers; of these the ones with most invoices are the likeliest to move."""
    names = sorted(file.customers, key=lambda name: (len(file.customers[name]), name))
    return names[:: max(1, len(names) // CUSTOMERS)][:CUSTOMERS]


@pytest.mark.parametrize("policy", [default_cny(FIRST), wholesale_gbp(FIRST)], ids=lambda policy: policy.name)
def test_a_real_customer_is_what_the_oracle_says(file: File, policy: Policy) -> None:
    assert len(DATES) == 10
    domain, changes = Tiering(service_policies((policy,)), LONDON), 0
    for name in taken(file):
        log = watched(file.customers[name])
        outcomes = iter(tierings(log, (policy,), LONDON, []))
        driven = begin(domain)
        for one, event in zip(log, events(log), strict=True):
            is_look, is_known = one.event["type"] == REVIEWED, driven.state.clock is not None
            outcome = next(outcomes) if is_look else None
            if is_known or not is_look:
                driven.fold(event)
            if outcome is not None and is_known:
                expected = [weighed(decision, policy) for decision in outcome.decisions]
                assert row(driven.document()) == expected_row(outcome), (name, outcome.as_of)
                assert [told(decision) for decision in driven.decisions] == expected, (name, outcome.as_of)
        changes += len(driven.decisions)
    assert changes >= CUSTOMERS // 2
