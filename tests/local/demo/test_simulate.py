"""The simulated part of the demo: repeatable, valid, bounded, and different enough to show every rule."""

import json
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from local.demo.cloudevents import CloudEvent, ndjson
from local.demo.customers import Customer, summarise
from local.demo.names import is_chinese
from local.demo.simulate import SOURCE, simulate
from shared.events.registry import FACTS

LONDON = ZoneInfo("Europe/London")
DAYS = (date(2025, 11, 14), date(2026, 11, 22))
COUNTRIES = ("United Kingdom", "United Kingdom", "United Kingdom", "Germany", "Hong Kong", "Unspecified")


def customers(count: int = 400) -> list[Customer]:
    return [
        Customer(str(20_000 + n), COUNTRIES[n % 6], DAYS[0] + timedelta(days=n % 300), Decimal(count - n))
        for n in range(count)
    ]


@pytest.fixture(scope="module")
def events() -> list[CloudEvent]:
    return list(simulate(customers(), DAYS, 7, LONDON))


def of_type(events: list[CloudEvent], name: str) -> list[CloudEvent]:
    return [event for event in events if event["type"] == f"guanxi.{name}.v1"]


def test_the_same_seed_gives_the_same_events_and_another_seed_others(events: list[CloudEvent]) -> None:
    assert list(simulate(customers(), DAYS, 7, LONDON)) == events
    assert list(simulate(customers(), DAYS, 8, LONDON)) != events


def test_every_event_is_one_that_the_doors_take(events: list[CloudEvent]) -> None:
    for event in events:
        FACTS[event["type"]].door.model_validate(event["data"])


def test_every_event_says_that_it_is_simulated_and_has_an_id_of_its_own(events: list[CloudEvent]) -> None:
    assert {event["source"] for event in events} == {SOURCE}
    assert SOURCE.startswith("simulated/")
    assert len({event["id"] for event in events}) == len(events)


def test_no_event_lies_outside_the_period(events: list[CloudEvent]) -> None:
    days = [datetime.fromisoformat(event["time"]).astimezone(LONDON).date() for event in events]
    assert DAYS[0] <= min(days)
    assert max(days) <= DAYS[1]


def test_every_customer_is_registered_before_its_first_purchase(events: list[CloudEvent]) -> None:
    known = {e["subject"]: datetime.fromisoformat(e["time"]) for e in of_type(events, "customer.registered")}
    for customer in customers():
        assert known[customer.id].date() <= customer.first_on


def test_nearly_every_customer_is_owned_and_a_leaver_s_accounts_are_handed_over(
    events: list[CloudEvent],
) -> None:
    owners: defaultdict[str, list[str]] = defaultdict(list)
    for event in of_type(events, "account.assigned"):
        owners[event["subject"]].append(event["data"]["account_manager"])
    assert 0.95 * 400 < len(owners) < 400
    assert any(len(terms) == 2 for terms in owners.values())
    leaver = next(e["subject"] for e in of_type(events, "representative.registered") if "active_until" in e["data"])
    assert all(terms[-1] != leaver for terms in owners.values())


def test_companies_and_persons_have_english_and_chinese_names(events: list[CloudEvent]) -> None:
    for name in ("customer.registered", "representative.registered"):
        chinese = [is_chinese(event["data"]["name"]) for event in of_type(events, name)]
        assert any(chinese)
        assert not all(chinese)


def test_visits_show_each_reason_for_not_counting(events: list[CloudEvent]) -> None:
    visits = [event["data"] for event in of_type(events, "visit.logged")]
    assert any(visit["kind"] == "exhibition" for visit in visits)
    assert any(visit["channel"] not in {"onsite", "hosted"} for visit in visits)
    assert any(not visit["attendees"] for visit in visits)
    assert any("consensus" not in visit and "follow_ups" not in visit for visit in visits)
    assert any(len(visit["participants"]) == 2 for visit in visits)
    weekly = Counter(
        (event["data"]["participants"][0]["rep_id"], event["subject"], week(event))
        for event in of_type(events, "visit.logged")
    )
    assert max(weekly.values()) > 1, "nobody goes back to the same customer within a week"
    daily = Counter(
        (event["data"]["participants"][0]["rep_id"], event["time"][:10]) for event in of_type(events, "visit.logged")
    )
    assert max(daily.values()) > 6, "no day is over the cap"


def test_nobody_visits_on_a_weekend_or_while_absent(events: list[CloudEvent]) -> None:
    absent = defaultdict(list)
    for event in of_type(events, "representative.absent"):
        if "part" not in event["data"]:
            absent[event["subject"]].append((event["data"]["from_on"], event["data"]["to_on"]))
    for event in of_type(events, "visit.logged"):
        day = event["time"][:10]
        assert date.fromisoformat(day).weekday() < 5
        for one in event["data"]["participants"]:
            assert not any(start <= day <= end for start, end in absent[one["rep_id"]])


def test_the_volume_is_bounded_by_the_sales_force_and_not_by_the_customers() -> None:
    few = Counter(event["type"] for event in simulate(customers(400), DAYS, 7, LONDON))
    many = Counter(event["type"] for event in simulate(customers(4000), DAYS, 7, LONDON))
    assert many["guanxi.visit.logged.v1"] < 1.2 * few["guanxi.visit.logged.v1"]
    assert many.total() < 25_000


def test_a_file_of_events_has_one_line_each_with_chinese_as_it_is(events: list[CloudEvent]) -> None:
    lines = list(ndjson(events))
    assert [json.loads(line) for line in lines] == events
    assert all(line.count(b"\n") == 1 for line in lines)
    assert any(is_chinese(line.decode()) for line in lines)


def week(event: CloudEvent) -> tuple[int, int]:
    year, number, _ = date.fromisoformat(event["time"][:10]).isocalendar()
    return year, number


def test_the_invoices_are_moved_so_that_the_last_falls_on_the_given_day() -> None:
    rows = [
        {"invoice_date": "2010-12-01 08:26", "customer_id": "7", "country": "EIRE", "amount_gbp": "10.50"},
        {"invoice_date": "2010-12-03 08:26", "customer_id": "", "country": "EIRE", "amount_gbp": "1.00"},
        {"invoice_date": "2010-12-05 08:26", "customer_id": "8", "country": "Malta", "amount_gbp": "99.00"},
        {"invoice_date": "2010-12-11 08:26", "customer_id": "7", "country": "EIRE", "amount_gbp": "-0.50"},
    ]
    found = summarise(rows, last_on=date(2026, 11, 22))
    assert (found.rows, found.first_on, found.last_on) == (4, date(2026, 11, 12), date(2026, 11, 22))
    assert found.customers == (
        Customer("8", "Malta", date(2026, 11, 16), Decimal("99.00")),
        Customer("7", "EIRE", date(2026, 11, 12), Decimal("10.00")),
    )


def test_an_empty_invoices_file_is_refused() -> None:
    with pytest.raises(ValueError, match="no rows"):
        summarise([], last_on=DAYS[1])
