"""Fold and decide of tiering alone, no I/O: purchases per second on one core, for small and for large customers.

`python -m tests.bench.fold_tiering` prints the table; `rates` gives it to others.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

from services.tiering.domain import Tiering
from services.tiering.policy_file import read_policy
from shared.events.codec import decision_id
from shared.events.event import Event, LogPosition
from shared.events.facts import PurchaseRecorded

POLICIES = Path(__file__).parents[2] / "deploy" / "policies"
BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
NAME = "guanxi.purchase.recorded.v1"


@dataclass(frozen=True, slots=True)
class Rate:
    """Purchases per second over all customers, each buying so often a year; decisions made on the way."""

    policy: str
    purchases_a_year: int
    events: int
    decisions: int
    events_per_second: float


def rates(events: int = 100_000, years: int = 2, seed: int = 1) -> list[Rate]:
    """Both policies; customers with 10 and with 100,000 purchases a year. About `events` purchases each."""
    return [
        _rate(policy, a_year, events, years, seed)
        for policy in ("wholesale-gbp", "default-cny")
        for a_year in (10, 1_000, 100_000)
    ]


def _rate(policy: str, a_year: int, events: int, years: int, seed: int) -> Rate:
    domain = Tiering((read_policy((POLICIES / f"{policy}.yaml").read_text(encoding="utf-8"), policy),), ZoneInfo("UTC"))
    _fold(
        domain, _purchases(domain.policies[0].base_currency, 100, a_year, Random(seed))
    )  # warms what is worked out once
    customers = max(1, events // (a_year * years))
    logs = [
        _purchases(domain.policies[0].base_currency, min(events, a_year * years), a_year, Random(seed + n))
        for n in range(customers)
    ]
    began = time.process_time()
    decisions = sum(_fold(domain, log) for log in logs)
    seconds = time.process_time() - began
    count = sum(map(len, logs))
    return Rate(policy, a_year, count, decisions, count / seconds)


def _purchases(currency: str, count: int, a_year: int, random: Random) -> list[Event]:
    step = timedelta(days=365) / a_year
    log = []
    for n in range(count):
        at = BEGIN + n * step
        data = PurchaseRecorded(
            purchase_id=f"p{n}", amount=f"{random.randint(1, 500_000) / 100:.2f}", currency=currency
        )
        log.append(Event(NAME, f"e{n}", "bench", "c", at, data, at, LogPosition(1, 0, n)))
    return log


def _fold(domain: Tiering, log: Sequence[Event]) -> int:
    """What the log processor does with one customer, without a log; gives the number of decisions."""
    state, standing = domain.initial("customer:c")
    decided = 0

    def decide(set_off_by: str | None) -> None:
        nonlocal standing, decided
        for decision in domain.decide(state, standing, set_off_by):
            standing = domain.accept(standing, decision, decision_id("c", decision))
            decided += 1

    for event in log:
        clock = event.clock
        while (due := domain.next_due(state, standing)) is not None and due <= clock:
            domain.advance(state, due)
            decide(None)
        domain.advance(state, clock)
        state = domain.evolve(state, event)
        decide(event.id)
    return decided


def main() -> None:
    """Print the table."""
    print(f"{'policy':<16}{'purchases a year':>18}{'events':>10}{'decisions':>11}{'events/s':>11}{'µs/event':>10}")
    for rate in rates():
        print(
            f"{rate.policy:<16}{rate.purchases_a_year:>18,}{rate.events:>10,}{rate.decisions:>11,}"
            f"{rate.events_per_second:>11,.0f}{1e6 / rate.events_per_second:>10.1f}"
        )


if __name__ == "__main__":
    main()
