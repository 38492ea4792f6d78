"""What the metrics say of folding, and how many series they can become."""

from pathlib import Path
from typing import Any

import pytest

from shared import metrics
from shared.errors import Transient
from shared.events.registry import MODELS
from tests.events.wire import event
from tests.services.ingest.doors.http.door import Door
from tests.shared.fakes import LogRecord, on_log, purchase
from tests.shared.fold.test_processor import World
from tests.sim.toy import POISON

PURCHASE = "guanxi.purchase.recorded.v1"
FEW_VALUES = {
    "type": len(MODELS) + 1,
    "outcome": 10,
    "reason": 40,
    "by": 2,
    "step": 20,
    "topic": 4,
    "why": 10,
    "port": 2,
    "check": 40,
    "handler": 10,
    "status": 20,
    "service": 3,
    "kind": 3,
    "severity": 3,
    "of": 5,
    "done": 2,
    "state": 2,
    "end": 5,
    "version": 1,
    "partition": 1000,
    "generation": 3,  # of Python's garbage collector
}
"""Every label, and a bound on its values. None could stand for a customer, a record or an upstream."""


def value(name: str, **labels: str) -> float:
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


def records(outcome: str, type_: str = PURCHASE) -> float:
    return value("guanxi_log_records_total", type=type_, outcome=outcome)


async def test_folding_counts_by_type_and_outcome_once_it_has_taken_effect() -> None:
    world = World()
    before = records("folded"), records("repeated"), records("passed over", metrics.UNREAD)
    committed, failed = (value("guanxi_transactions_total", outcome=one) for one in ("committed", "failed"))
    unknown = LogRecord(0, 2, 0, b"customer:c0", b"{}", [("type", b"guanxi.novelty.v1"), ("position", b"1/0/9/0")])
    batch = on_log(purchase("60.00"), 0), on_log(purchase("60.00"), 1, from_inbox=0), unknown
    world.appended.fail.append(Transient("Kafka is away"))
    with pytest.raises(Transient):
        await world.fold(*batch)
    await world.fold(*batch)
    after = records("folded"), records("repeated"), records("passed over", metrics.UNREAD)
    assert [a - b for a, b in zip(after, before, strict=True)] == [1, 1, 1]
    assert value("guanxi_transactions_total", outcome="committed") - committed == 1
    assert value("guanxi_transactions_total", outcome="failed") - failed == 1


async def test_a_frozen_customer_and_what_is_skipped_for_it_are_counted() -> None:
    world = World()
    before = records("frozen"), records("skipped")
    poison: Any = {"product_line": POISON}
    await world.fold(on_log(purchase("60.00", **poison), 0), on_log(purchase("70.00", name="p2"), 1))
    assert (records("frozen") - before[0], records("skipped") - before[1]) == (1, 1)


async def test_a_lost_race_for_the_positions_is_counted_as_moved() -> None:
    world = World()
    other = world.another()
    await other.positions([0])
    moved = value("guanxi_transactions_total", outcome="moved")
    await world.fold(on_log(purchase("60.00"), 0))
    with pytest.raises(Transient):
        await other.process({0: [on_log(purchase("60.00"), 0)]})
    assert value("guanxi_transactions_total", outcome="moved") - moved == 1


async def test_the_door_counts_what_an_inbox_that_does_not_answer_has_not_taken(tmp_path: Path) -> None:
    door = Door(tmp_path)
    door.inbox.away = True
    before = [value("guanxi_door_events_total", type=PURCHASE, outcome=one) for one in ("unavailable", "accepted")]
    await door.post(event())
    after = [value("guanxi_door_events_total", type=PURCHASE, outcome=one) for one in ("unavailable", "accepted")]
    assert [a - b for a, b in zip(after, before, strict=True)] == [1, 0]


def test_every_label_has_few_values() -> None:
    found = {name for family in metrics.REGISTRY.collect() for sample in family.samples for name in sample.labels}
    declared: set[str] = set()
    for one in vars(metrics).values():
        declared |= set(getattr(one, "_labelnames", ()))
    assert (found | declared) - {"le"} <= set(FEW_VALUES)


def test_every_metric_says_what_it_is() -> None:
    for family in metrics.REGISTRY.collect():
        assert family.documentation
