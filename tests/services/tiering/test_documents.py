"""The stored document: small, complete, and in MongoDB's types."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import bson
import pytest

from services.tiering.domain import CUSTOMERS, OTHERS, Tiering
from services.tiering.rules.sales import Book, Bought
from services.tiering.store import SCHEMA
from services.tiering.views.customers import SHOWN
from shared.events.facts import RecordVoided
from shared.fold.entity import new_entity
from tests.events.log import event_of
from tests.services.tiering.given import (
    CNY,
    GBP,
    SHANGHAI,
    Given,
    approved,
    assigned,
    best,
    credit,
    given,
    invoice,
    overridden,
    pounds,
    purchase,
    refund,
    registered,
    wholesale,
)


def reloaded(one: Given) -> dict[str, Any]:
    document: dict[str, Any] = bson.decode(bson.encode(one.row), bson.CodecOptions(tz_aware=True, tzinfo=UTC))
    return one.domain.document(*one.domain.load("customer:c", document))


RICH = [
    registered("2026-01-01", name="长城工业", country="CN"),
    assigned("2026-01-01", account_manager="ann"),
    *best("2026-01-10"),
    credit("9.25", "2026-01-10", valid_until="2027-01-01"),
    refund("12.34", "2026-01-11", currency="USD"),
    invoice("77", "2026-01-12", due_on="2026-03-01", name="$.a"),
    approved(2, "2026-01-13"),
    overridden("partner", "2026-01-14", until="2026-04-01"),
    purchase("5", "2023-01-01", recorded_on="2026-01-15"),
]


def test_loading_gives_back_what_was_stored() -> None:
    for until in range(len(RICH) + 1):
        one = given(*RICH[:until], "2026-01-20")
        assert reloaded(one) == one.row


def test_the_clock_is_kept_to_the_microsecond() -> None:
    one = given(purchase("5", "2026-01-01"))
    odd = one.domain.days.start(date(2026, 1, 2).toordinal()) + timedelta(microseconds=1234567)
    one.domain.advance(one.entity.state, odd)
    document = one.row
    assert document["as_of"].microsecond == 234000
    state, _ = one.domain.load("customer:c", document)
    assert one.domain.clock(state) == odd


def test_ten_purchases_take_little_more_than_a_kilobyte() -> None:
    """With the sums of the windows, which spare opening the days."""
    ten = [pounds(f"{n}123.45", f"2026-{n:02}-10") for n in range(1, 11)]
    one = wholesale(registered("2026-01-01", name="Regency & Sons", country="United Kingdom"), *ten)
    assert len(bson.encode(one.row)) < 1175
    bare = wholesale(*ten)
    assert len(bson.encode(bare.row)) < 1000


def test_a_second_year_of_daily_purchases_takes_no_more_than_its_buckets() -> None:
    first = date(2024, 1, 1)
    daily = [pounds("10", (first + timedelta(n)).isoformat()) for n in range(800)]
    one = wholesale(*daily)
    assert days_of(one, "GBP") == [first.toordinal() + n for n in range(70, 800)]
    assert days_of(one, "bought") == [first.toordinal() + n for n in range(800)]
    assert len(bson.encode(one.row)) < 15_000


def days_of(one: Given, name: str) -> list[int]:
    """The days of a currency's blocks; they are many, so that blocks are narrow."""
    span = Bought.DAYS if name == "bought" else Book.DAYS
    blocks = [
        (int(field.split(":")[2]), it[0]) for field, it in one.stored.items() if field.startswith(f"fold:{name}:")
    ]
    return [number * span + place for number, places in sorted(blocks) for place in places]


def test_days_of_purchases_survive_while_revisions_cross() -> None:
    """Gross can cancel out although counts do not, as long as one revision has been undone before it came."""
    one = wholesale(pounds("80", "2026-01-10"))
    state, day = one.entity.state, date(2026, 1, 10).toordinal()
    for _ in range(2):
        state.sell(day, "GBP", -1, (-4000, 0, 0, 0))
    assert reloaded(one) == one.row
    assert one.stored["fold:bought:180"] == [[day % 4096], [-1]]
    assert "first_purchase_on" not in one.row


def test_dollars_and_dots_of_upstream_are_no_field_names() -> None:
    def names(value: Any) -> list[str]:
        if isinstance(value, dict):
            return [*value, *(name for part in value.values() for name in names(part))]
        return [name for part in value for name in names(part)] if isinstance(value, list) else []

    assert not [name for name in names(given(*RICH).row) if "$" in name or "." in name]


def test_what_the_view_is_made_of_is_all_that_is_public() -> None:
    shown: set[str] = set()
    for until in range(len(RICH) + 1):
        shown |= given(*RICH[:until], "2026-01-20", "2026-04-20").row.keys()
    assert {name for name in shown if not name.startswith("fold")} <= {*SHOWN, "net_order", "overdue_order"}


def test_a_representative_leaves_no_customer() -> None:
    domain = Tiering((CNY,), SHANGHAI)
    assert (domain.collection("customer:x"), domain.collection("representative:x")) == (CUSTOMERS, OTHERS)
    entity = new_entity(domain, "representative:r")
    at = datetime(2026, 1, 1, tzinfo=UTC)
    fact = RecordVoided(kind="absence", record_id="a", reason="x")
    event = event_of(fact, at, name="e", source="hr", subject="r")
    assert not [*entity.fold(event, deciding=True)]
    assert {OTHERS, CUSTOMERS} <= set(SCHEMA.collections)


@pytest.mark.parametrize("zone_day", ["2026-03-29", "2026-10-25"])
def test_days_are_those_of_the_zone_when_clocks_change(zone_day: str) -> None:
    one = wholesale(pounds("500", zone_day))
    assert one.row["first_purchase_on"] == zone_day
    start = one.domain.days.start(date.fromisoformat(zone_day).toordinal())
    assert one.domain.days.day(start) == one.domain.days.day(start - timedelta(microseconds=1)) + 1


def test_next_due_is_the_beginning_of_the_first_day_that_changes_an_input() -> None:
    one = wholesale(pounds("500", "2026-01-10"))
    expected = one.domain.days.start(date(2026, 4, 10).toordinal())
    assert one.domain.next_due(one.entity.state, one.entity.standing) == expected


def test_nothing_is_due_for_a_customer_without_anything_that_time_changes() -> None:
    one = given(registered("2026-01-01", name="a"))
    assert one.domain.next_due(one.entity.state, one.entity.standing) is None
    assert given().domain.next_due(*given().domain.initial("customer:c")) is None


def test_days_at_the_end_of_time_are_never_due() -> None:
    one = given(
        invoice("1", "2026-01-01", due_on="9999-12-31"), overridden("partner", "2026-01-02", until="9999-12-31")
    )
    one.when("2028-01-01")
    assert one.domain.next_due(one.entity.state, one.entity.standing) is None


def test_history_has_a_document_per_decision() -> None:
    one = wholesale()
    (decision,) = one.entity.fold(one.event(pounds("500", "2026-01-10")), deciding=True)
    row = one.domain.history("customer:a/b", decision)
    assert row is not None
    assert (row.collection, row.id) == ("tier_history", "a/b/1")
    expected = {"customer": "a/b", "version": 1, "kind": "changed", "to": "general", "effective_on": "2026-01-10"}
    assert {name: row.document[name] for name in expected} == expected  # type: ignore[index]
    assert row.document["policy"] == GBP.name  # type: ignore[index]
    bson.encode(row.document)  # type: ignore[arg-type]
