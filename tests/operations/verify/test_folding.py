"""Deciding again over the records of one partition: what is as it was decided, and what is not."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from local.stack.paths import REPOSITORY
from operations.verify.findings import Report
from operations.verify.folding import Refold
from operations.verify.sample import wanted
from services.tiering.domain import Tiering
from services.tiering.policy_file import read_policy
from shared.events.codec import decision_id, encode
from shared.events.decisions import TierChanged
from shared.events.event import Event, LogPosition, Position
from shared.events.facts import CustomerRepaired
from shared.fold.entity import Entity, new_entity
from tests.events.log import event_of
from tests.shared.fakes import LogRecord, event, purchase

TEXT = (REPOSITORY / "deploy" / "policies" / "default-cny.yaml").read_text(encoding="utf-8")
TIERING = Tiering((read_policy(TEXT, "default-cny.yaml"),), ZoneInfo("Asia/Shanghai"))
BIG, SMALL = "5000000.00", "100.00"


def on_log(one: Event, offset: int) -> LogRecord:
    position = None if isinstance(one.data, TierChanged) else Position(1, 0, offset)
    value, headers = encode(one, position)
    timestamp = int(one.recorded_at.timestamp() * 1000)
    return LogRecord(0, offset, timestamp, f"customer:{one.subject}".encode(), value, headers)


class Service:
    """What the service itself would put on the log: facts, and behind each what it decides."""

    def __init__(self) -> None:
        self.entity: Entity[Any, Any] = new_entity(TIERING, "customer:c0")
        self.records: list[LogRecord] = []
        self.decided: list[Event] = []

    def fact(self, fact: Event, *, published: bool = True) -> "Service":
        fact = replace(fact)
        self._put(fact)
        made = list(self.entity.fold(fact, deciding=True))
        for decision in made:
            if published:
                self.decision(decision)
        return self

    def decision(self, decision: Event) -> "Service":
        self._put(decision)
        list(self.entity.fold(decision, deciding=True))
        self.decided.append(decision)
        return self

    def _put(self, one: Event) -> None:
        one.log = LogPosition(1, 0, len(self.records))
        self.records.append(on_log(one, len(self.records)))


def found(records: Sequence[LogRecord], *, until: int | None = None, forecasts: bool = False) -> list[tuple[str, str]]:
    report = Report()
    refold = Refold(TIERING, 1, wanted(2**32), report, deciding=True, keep_rows=True, forecasts_may_differ=forecasts)
    end = len(records) if until is None else until
    refold.feed(records[:end])
    refold.close(records[end:])
    refold.report_undecided()
    return [(finding.kind, finding.said) for finding in report.findings]


def changed(decision: Event, **said: Any) -> Event:
    """The same decision with other content, and the id that goes with it."""
    data = decision.data.model_copy(update=said)
    name = decision_id(decision.subject, data)
    return event_of(data, decision.time, name=name, source=decision.source, subject=decision.subject)


def test_what_the_service_decided_is_decided_again() -> None:
    service = Service().fact(purchase(BIG)).fact(purchase(SMALL, name="p2", days_later=800))
    assert len(service.decided) == 3
    assert found(service.records) == []


def test_a_decision_that_comes_after_the_end_is_waited_for() -> None:
    service = Service().fact(purchase(BIG))
    assert found(service.records, until=1) == []


def test_a_decision_that_never_came_shows_at_the_record_that_asks_for_it() -> None:
    service = Service().fact(purchase(BIG), published=False)
    ((kind, said),) = found(service.records)
    assert kind == "not_decided"
    assert "would be, at this record: potential → general, because of first_purchase" in said


def test_another_tier_than_the_rules_give_shows_with_both() -> None:
    service = Service().fact(purchase(BIG), published=False)
    (pending,) = service.entity.pending
    at = datetime(2026, 3, 2, 9, tzinfo=UTC)
    made = event_of(pending.decision, at, name=pending.id, source="guanxi/tiering")
    service.decision(changed(made, to_tier="partner"))
    ((kind, said),) = found(service.records)
    assert kind == "decided_differently"
    assert said.startswith("decided: potential → partner, ")
    assert said.endswith("differs in to partner, would be general")


def test_a_forecast_by_fewer_policies_is_no_difference_where_one_was_adopted_since() -> None:
    for forecasts, kinds in ((True, []), (False, ["decided_differently"])):
        service = Service().fact(purchase(BIG), published=False)
        (pending,) = service.entity.pending
        at = datetime(2026, 3, 2, 9, tzinfo=UTC)
        made = event_of(pending.decision, at, name=pending.id, source="guanxi/tiering")
        service.decision(changed(made, would_change={"falls_on": "2030-01-01"}))
        service.fact(purchase(SMALL, name="p2", days_later=400))
        assert [kind for kind, _ in found(service.records, forecasts=forecasts)] == kinds


def test_a_repeated_position_is_folded_once() -> None:
    service = Service().fact(purchase(BIG))
    again = service.records[0]
    repeated = LogRecord(0, len(service.records), again.timestamp, again.key, again.value, again.headers)
    assert found([*service.records, repeated]) == []


def test_who_was_frozen_and_repaired_decided_nothing_meanwhile_and_decides_at_the_marker() -> None:
    frozen = Service().fact(purchase(BIG), published=False).fact(purchase(BIG, name="p2"), published=False)
    entity = frozen.entity
    entity.pending.clear()
    entity.head = entity.standing
    marker = event(CustomerRepaired(), name="repair-1")
    frozen._put(marker)
    for decision in list(entity.decide_now("repair-1")):
        frozen.decision(decision)
    assert frozen.decided[0].data.set_off_by == "repair-1"
    assert found(frozen.records) == []
    assert [kind for kind, _ in found(frozen.records[:3])] == ["not_decided"]


def test_a_marker_for_who_was_not_frozen_changes_nothing() -> None:
    service = Service().fact(purchase(BIG), published=False)
    (pending,) = service.entity.pending
    service._put(event(CustomerRepaired(), name="repair-1"))
    at = datetime(2026, 3, 2, 9, tzinfo=UTC)
    service.decision(event_of(pending.decision, at, name=pending.id, source="guanxi/tiering"))
    assert pending.decision.effective_on == date(2026, 3, 2)
    assert found(service.records) == []
