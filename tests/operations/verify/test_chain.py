"""Decisions on the log make one chain per key and service; what lost a race is passed over, what is lost shows."""

from datetime import UTC, date, datetime

from operations.verify.chain import Chains
from operations.verify.findings import Report
from shared.events.codec import decision_id
from shared.events.decisions import ContactLapsed
from shared.events.event import Event, LogPosition
from tests.events.log import event_of

AT = datetime(2026, 3, 2, tzinfo=UTC)


def lapsed(version: int, after: Event | None, *, day: int = 1, name: str | None = None) -> Event:
    data = ContactLapsed(
        version=version,
        after=None if after is None else after.id,
        effective_on=date(2026, 3, day),
        due_on=date(2026, 3, day),
        cadence_days=30,
        tier="general",
    )
    name = name or decision_id("c", data)
    return event_of(data, AT, name=name, source="guanxi/engagement", subject="c", log=LogPosition(1, 0, version))


def kinds(*events: Event) -> list[str]:
    report = Report()
    chains = Chains(report)
    for event in events:
        chains.follow("customer:c", "engagement", event)
    return [finding.kind for finding in report.findings]


ONE = lapsed(1, None)
TWO = lapsed(2, ONE)
THREE = lapsed(3, TWO)


def test_a_chain_without_a_gap_is_fine_and_so_are_repeats() -> None:
    assert kinds(ONE, TWO, THREE) == []
    assert kinds(ONE, ONE, TWO, ONE, TWO, THREE) == []


def test_another_owners_decision_that_came_too_late_is_passed_over_with_what_follows_it() -> None:
    other = lapsed(1, None, day=2)
    assert kinds(ONE, other, lapsed(2, other), lapsed(3, lapsed(2, other)), TWO) == []


def test_a_missing_decision_shows() -> None:
    assert kinds(ONE, THREE) == ["gap_in_versions"]
    assert kinds(TWO) == ["gap_in_versions"]


def test_a_version_that_was_left_out_shows() -> None:
    assert kinds(ONE, lapsed(3, ONE)) == ["gap_in_versions"]


def test_an_id_that_is_not_the_contents_hash_shows() -> None:
    assert kinds(lapsed(1, None, name="made-up")) == ["wrong_id"]
