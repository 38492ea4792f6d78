"""Local times, moving by days, and the order of several files."""

import random
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.doors.files.field_kinds import DAY_FIELDS
from services.ingest.doors.files.shift import Shift
from services.ingest.doors.files.sorting import sort
from services.ingest.doors.files.times import AMBIGUOUS, NONEXISTENT, LocalTimes, compile_moment
from shared.errors import Malformed
from tests.events.wire import event, raw
from tests.services.ingest.doors.files.memory import HEADER, LONDON, Office


@pytest.mark.parametrize(
    ("local", "instant", "note"),
    [
        ("2025-01-15 12:00", "2025-01-15T12:00:00", None),
        ("2025-07-15 12:00", "2025-07-15T11:00:00", None),
        ("2025-03-30 00:59", "2025-03-30T00:59:00", None),
        ("2025-03-30 01:30", "2025-03-30T01:30:00", NONEXISTENT),  # 02:30 by the new clock
        ("2025-03-30 02:00", "2025-03-30T01:00:00", None),
        ("2025-10-26 01:30", "2025-10-26T00:30:00", AMBIGUOUS),  # the first of the two
        ("2025-10-26 02:00", "2025-10-26T02:00:00", None),
    ],
)
def test_local_times_when_clocks_change(local: str, instant: str, note: str | None) -> None:
    times = LocalTimes(LONDON)
    assert times.instant(compile_moment(["%Y-%m-%d %H:%M"])(local)) == datetime.fromisoformat(instant).replace(
        tzinfo=UTC
    )
    assert dict(times.notes) == ({note: 1} if note else {})


async def test_the_summary_counts_times_that_had_to_be_decided(office: Office) -> None:
    tally = await office.csv("1,2025-10-26 01:30,C1,5", "2,2025-10-26 01:45,C1,5", "3,2025-03-30 01:30,C1,5")
    assert tally.notes == {AMBIGUOUS: 2, NONEXISTENT: 1}


async def test_the_last_event_falls_on_the_day_asked_for_and_wall_times_stay(office: Office) -> None:
    rows = ["1,2011-01-10 08:26,C1,5", "2,2011-07-01 09:00,C1,5", "3,2011-12-09 12:50,,5", "4,2011-12-08 12:50,C1,5"]
    tally = await office.csv(*rows, shift_to=date(2026, 2, 28))
    assert tally.admitted == 3
    moved = {fact.id: fact.time.astimezone(LONDON) for fact in office.servers.log()}
    days = (date(2026, 2, 28) - date(2011, 12, 9)).days
    assert {name: (time.date() - date(2011, 1, 1)).days - days for name, time in moved.items()} == {
        "order-1": 9, "order-2": 181, "order-4": 341,
    }  # fmt: skip
    assert {f"{time:%H:%M}" for time in moved.values()} == {"08:26", "09:00", "12:50"}
    assert (await office.csv(*rows, shift_to=date(2026, 2, 28))).duplicates == 3


async def test_events_are_moved_with_every_day_that_they_name(office: Office) -> None:
    invoice = event("invoice.issued", time="2025-12-31T23:30:00+08:00", data={"due_on": "2026-01-30", "amount": 12.5})
    visit = event(
        "visit.logged",
        time="2025-12-30T10:00:00Z",
        id="v",
        data={"follow_ups": [{"what": "call", "due_on": "2026-01-05"}]},
    )
    odd = event("invoice.issued", id="odd", data={"invoice_id": "odd", "due_on": "soon"}, time="2025-12-29T10:00:00Z")
    file = office.file("e.ndjson", b"\n".join(map(raw, (invoice, visit, odd))))
    tally = await office.run(file, mapping=None, shift_to=date(2026, 2, 20))
    assert (tally.admitted, tally.refusals) == (2, 1)
    found = {fact.id: fact for fact in office.servers.log()}
    assert found["e-1"].time == datetime(2026, 2, 20, 15, 30, tzinfo=UTC)
    assert found["e-1"].data.due_on == date(2026, 3, 22)
    assert found["e-1"].data.amount == "12.50"
    assert found["v"].data.follow_ups[0].due_on == date(2026, 2, 25)


def test_the_fields_that_hold_days_are_known_from_the_models() -> None:
    assert {"occurred_on", "due_on", "paid_on", "valid_until", "active_from", "expires_on"} <= DAY_FIELDS
    assert not {"time", "amount", "kind", "reason"} & DAY_FIELDS


@given(st.dates(date(2000, 1, 1), date(2030, 1, 1)), st.integers(-4000, 4000))
def test_moving_there_and_back_gives_the_same_wall_time(day: date, days: int) -> None:
    zone = ZoneInfo("Europe/London")
    wall = datetime.combine(day, time(12))  # no clocks change at noon
    document: dict[str, Any] = {
        "time": wall.replace(tzinfo=zone).isoformat(),
        "data": {"due_on": wall.date().isoformat(), "n": [1, "x"]},
    }
    there = Shift(days, zone, LocalTimes(zone))(document)
    back = Shift(-days, zone, LocalTimes(zone))(there)
    assert datetime.fromisoformat(back["time"]) == datetime.fromisoformat(document["time"])
    assert back["data"] == document["data"]
    assert datetime.fromisoformat(there["time"]).astimezone(zone).hour == 12


async def test_several_files_are_taken_in_the_order_of_time(office: Office) -> None:
    files = [
        office.file(name, HEADER + "".join(f"{no},2026-02-{day} 10:00,C1,5\n" for no, day in rows))
        for name, rows in {
            "sorted.csv": [(1, 10), (4, 13), (6, 15)],
            "not.csv": [(3, 12), (2, 11), (7, 15)],
            "more.csv": [(5, 14), (8, 16)],
        }.items()
    ]
    await office.run(*files)
    assert [fact.id for fact in office.servers.log()] == [f"order-{n}" for n in range(1, 9)]


async def test_history_is_taken_customer_by_customer_and_ties_keep_the_file_order(office: Office) -> None:
    tally = await office.csv(
        "1,2012-02-02 10:00,B,5", "2,2012-02-01 10:00,B,5", "3,2011-02-01 10:00,A,5", "4,2012-02-01 10:00,B,5",
        backfill=True,
    )  # fmt: skip
    assert tally.admitted == 4
    sent = sorted(
        (record for records in office.servers.inbox.values() for record in records),
        key=lambda r: (r.partition, r.offset),
    )
    assert {tuple(record.headers) for record in sent} == {(("backfill", b"1"),)}
    assert all(fact.backfill for fact in office.servers.log())
    of_b = [fact.id for fact in office.servers.log() if fact.subject == "B"]
    assert of_b == ["order-2", "order-4", "order-1"]


async def test_history_of_customers_with_live_events_is_refused_unless_it_is_known(office: Office) -> None:
    office.servers.live_customers = {"B"}
    rows = ["1,2012-02-02 10:00,B,5", "2,2012-02-01 10:00,A,5"]
    tally = await office.csv(*rows, backfill=True)
    assert (tally.admitted, tally.refused) == (1, {("customer_is_live", "subject"): 1})
    tally = await office.csv(*rows, backfill=True, as_late=True)
    assert (tally.admitted, tally.duplicates, tally.late, tally.refusals) == (1, 1, 1, 0)
    tally = await office.csv(*rows, backfill=True)
    assert (tally.duplicates, tally.refusals) == (2, 0)


async def test_a_live_event_amid_a_customers_history_makes_the_rest_late(office: Office) -> None:
    count = 1500
    file = office.file("a.csv", HEADER + "".join(f"{n},2012-02-01 10:00,A,1\n" for n in range(count)))
    one = office.make(file, backfill=True)
    tally = await one.run(lambda: office.servers.live_customers.add("A") if one.tally.sent else None)
    assert (tally.admitted, tally.refusals) == (count, 0)
    assert tally.late == count - 1000


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 95])
def test_more_rows_than_fit_into_memory_are_sorted(count: int) -> None:
    rows = list(range(count))
    shuffled = random.Random(count).sample(rows, count)
    assert list(sort(shuffled, lambda row: row, run_rows=10)) == rows


def test_sorting_keeps_the_order_of_equals() -> None:
    rows = [(n % 3, n) for n in range(50)]
    assert list(sort(rows, lambda row: row[0], run_rows=7)) == sorted(rows, key=lambda row: row[0])


def test_sorting_has_a_limit() -> None:
    with pytest.raises(Malformed, match="more than 20 rows"):
        list(sort(range(25), lambda row: row, run_rows=10, max_runs=2))


def test_sorting_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    rows = sort(range(100), lambda row: row, run_rows=10)
    next(rows)
    assert list(tmp_path.iterdir())
    rows.close()  # type: ignore[attr-defined]
    assert not list(tmp_path.iterdir())


@given(
    layout=st.permutations(["%Y", "%m", "%d"]).map("-".join)
    | st.sampled_from(["%d.%m.%Y %H:%M", "%Y%m%d%H%M%S", "%Y"]),
    pieces=st.lists(st.sampled_from(["0", "1", "2", "9", "12", "31", "2024", *"-.: ٣"]), max_size=16),
    when=st.datetimes(),
)
def test_the_quick_reading_of_digits_is_that_of_strptime(layout: str, pieces: list[str], when: datetime) -> None:
    for text in ("".join(pieces), when.strftime(layout), when.strftime(layout).replace("0", "", 1)):
        try:
            right = datetime.strptime(text, layout)  # noqa: DTZ007 - a wall clock's
        except ValueError:
            with pytest.raises(ValueError, match="is not a time"):
                compile_moment([layout])(text)
        else:
            assert compile_moment([layout])(text).at == right
