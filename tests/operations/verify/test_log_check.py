"""What the check of the log makes of records, one by one."""

from datetime import UTC, datetime, timedelta

import pytest

from operations.verify.findings import Report
from operations.verify.log import LogCheck, OnLog
from operations.verify.sample import wanted
from shared.events.event import Position
from shared.events.facts import CustomerRegistered
from tests.shared.fakes import LogRecord, event, on_log, purchase, review

NOW = datetime(2026, 3, 3, tzinfo=UTC)
ALL = wanted(2**32)


def record(offset: int, from_inbox: int, *, name: str = "p1", days_later: float = 0) -> LogRecord:
    return on_log(purchase("1.00", name=name, days_later=days_later), offset, from_inbox=from_inbox)


def looked_at(*records: LogRecord, now: datetime = NOW, partitions: int = 1) -> tuple[list[str], OnLog]:
    report, total = Report(), OnLog()
    check = LogCheck(0, partitions, 1, {(1, 0): 100}, ALL, now, total, report)
    for one in records:
        check.look(one)
    return [finding.kind for finding in report.findings], total


def test_records_in_order_are_fine_and_their_positions_known() -> None:
    found, total = looked_at(record(0, 4), record(1, 7), record(2, 8))
    assert found == []
    assert list(total.admitted.without(OnLog().admitted)) == [Position(1, 0, 4), Position(1, 0, 7), Position(1, 0, 8)]


def test_a_batch_that_came_again_is_passed_over() -> None:
    assert looked_at(record(0, 4), record(1, 7), record(2, 4), record(3, 7), record(4, 8))[0] == []


def test_a_record_below_what_readers_have_passed_is_in_no_state() -> None:
    assert looked_at(record(0, 4), record(1, 7), record(2, 5))[0] == ["passed_over"]


def test_a_repeat_with_other_content_shows() -> None:
    assert looked_at(record(0, 4), record(1, 7), record(2, 4, name="p2"))[0] == ["repeat_differs"]


def test_an_offset_that_holds_nothing_shows() -> None:
    assert looked_at(record(0, 4), record(2, 5))[0] == ["hole"]


def test_a_position_beyond_the_inbox_shows() -> None:
    assert looked_at(record(0, 100))[0] == ["not_on_inbox"]


def test_a_key_on_another_partition_than_its_own_shows() -> None:
    kinds = [looked_at(record(0, 4), partitions=partitions)[0] for partitions in (2, 3, 5)]
    assert ["wrong_partition"] in kinds


@pytest.mark.parametrize("days", [30, 4000])
def test_claims_of_records_are_for_good(days: int) -> None:
    assert len(looked_at(record(0, 4), now=NOW + timedelta(days=days))[1].to_be_claimed) == 1


@pytest.mark.parametrize(("days", "count"), [(30, 1), (797, 1), (802, 0)])
def test_claims_of_other_facts_are_forgotten_after_800_days(days: int, count: int) -> None:
    registered = on_log(event(CustomerRegistered(name="上海")), 0, from_inbox=4)
    assert len(looked_at(registered, now=NOW + timedelta(days=days))[1].to_be_claimed) == count


def test_reviews_are_never_claimed() -> None:
    assert len(looked_at(on_log(review(days_later=0), 0, from_inbox=4))[1].to_be_claimed) == 0


def test_a_clock_that_runs_backwards_is_counted() -> None:
    _, total = looked_at(record(0, 4, days_later=1), record(1, 5), record(2, 6, days_later=2))
    assert (total.backwards, total.backwards_most_ms) == (1, 86_400_000)
