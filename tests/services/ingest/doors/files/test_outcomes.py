"""What an import tells of each row is what admission made of it."""

import asyncio
import csv
import json
from datetime import timedelta

import pytest

from shared.errors import Transient
from shared.events.facts import PurchaseRecorded, PurchaseRefunded
from tests.events.wire import event, raw
from tests.services.ingest.doors.files.memory import HEADER, Office, reasons
from tests.services.ingest.judging import NOW

DAY = "2026-02-20"
CHUNK = 20


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.ingest.doors.files.reading.CHUNK_ROWS", CHUNK)


async def test_rows_become_facts_on_the_log(office: Office) -> None:
    tally = await office.csv(f"1,{DAY} 10:00,C1,12.50", f"2,{DAY} 11:00,C1,-2.50", f"3,{DAY} 11:30,TEST,1.00")
    assert (tally.read, tally.sent, tally.admitted, tally.refusals) == (3, 2, 2, 0)
    assert tally.skipped == {"test orders": 1}
    bought, refunded = office.servers.log()
    assert (bought.id, bought.source, bought.subject) == ("order-1", "shop", "C1")
    assert bought.data == PurchaseRecorded(purchase_id="1", amount="12.50", currency="GBP")
    assert refunded.data == PurchaseRefunded(refund_id="2", amount="2.50", currency="GBP")
    assert not office.refused_file.exists()


async def test_running_it_again_changes_nothing(office: Office) -> None:
    rows = [f"{n},{DAY} 10:00,C{n % 7},1.00" for n in range(50)]
    assert (await office.csv(*rows)).admitted == 50
    before = office.servers.log()
    tally = await office.csv(*rows)
    assert (tally.admitted, tally.duplicates, tally.refusals) == (0, 50, 0)
    assert office.servers.log() == before


async def test_a_row_twice_in_one_file_counts_once(office: Office) -> None:
    tally = await office.csv(f"1,{DAY} 10:00,C1,5", f"1,{DAY} 10:00,C1,5", f"2,{DAY} 10:00,C1,6.00")
    assert (tally.admitted, tally.duplicates, tally.refusals) == (2, 1, 0)


async def test_refused_rows_are_kept_as_they_were_with_why_and_where(office: Office) -> None:
    tally = await office.csv(
        f"1,{DAY} 10:00,,5.00", f"2,{DAY} 10:00,C1,0.00", f"3,{DAY} 10:00,C1,5.00", '4,noon,"C,1",5.00'
    )
    assert (tally.admitted, tally.refusals) == (1, 3)
    rows = list(csv.DictReader(office.refused().splitlines()))
    assert sorted((row["no"], row["refused_reason"], row["refused_field"], row["refused_line"]) for row in rows) == [
        ("1", "missing_field", "subject", "2"),
        ("2", "invalid_amount", "data.amount", "3"),
        ("4", "invalid_time", "time", "5"),
    ]
    four = next(row for row in rows if row["no"] == "4")
    assert (four["customer"], four["at"], four["refused_text"]) == ("C,1", "noon", "")
    assert "'noon' is not a time like %Y-%m-%d %H:%M" in four["refused_hint"]
    assert four["refused_file"].endswith("orders.csv")


async def test_a_mended_file_of_refused_rows_can_be_imported(office: Office) -> None:
    await office.csv(f"1,{DAY} 10:00,,5.00", f"2,{DAY} 10:00,C1,5.00")
    mended = office.file("mended.csv", office.refused().replace(f"{DAY} 10:00,,", f"{DAY} 10:00,C9,"))
    tally = await office.run(mended)
    assert (tally.admitted, tally.refusals) == (1, 0)


async def test_what_admission_refuses_for_its_age_is_refused(office: Office) -> None:
    office.servers.appended_at = NOW + timedelta(days=30)
    at = (NOW - timedelta(days=759)).strftime("%Y-%m-%d %H:%M")
    tally = await office.csv(f"1,{at},C1,5.00", f"2,{DAY} 10:00,C1,5.00")
    assert (tally.sent, tally.admitted, tally.refusals) == (2, 1, 1)
    ((reason, _), hint), *_ = tally.hints.items()
    assert reason == "invalid_field"
    assert "guanxi rejected show 1/" in hint


async def test_a_dry_run_judges_and_sends_nothing(office: Office) -> None:
    tally = await office.csv(f"1,{DAY} 10:00,C1,5", f"2,{DAY} 10:00,,5", dry_run=True)
    assert (tally.read, tally.fit, tally.sent, tally.refusals) == (2, 1, 0, 1)
    assert office.servers.log() == []


async def test_events_go_to_the_inbox_as_the_file_has_them(office: Office) -> None:
    one = (
        b'{"type":"guanxi.purchase.recorded.v1", "specversion":"1.0","id":"1","source":"s","subject":"C1",'
        b'"time":"2026-02-20T10:00:00Z","data":{"purchase_id":"1","amount":1.50,"currency":"GBP","colour":"red"}}'
    )
    file = office.file("events.ndjson", b"\xef\xbb\xbf" + one + b"\r\n\r\n" + raw(event(subject="")) + b'\n{"id": "x')
    tally = await office.run(file, mapping=None)
    assert [record.value for records in office.servers.inbox.values() for record in records] == [one]
    assert (tally.read, tally.admitted, reasons(tally)) == (3, 1, {"invalid_id": 1, "not_json": 1})
    lines = [json.loads(line) for line in office.refused().splitlines()]
    assert sorted((line["refused_line"], line["refused_reason"]) for line in lines) == [
        (3, "invalid_id"),
        (4, "not_json"),
    ]
    cut = next(line for line in lines if line["refused_line"] == 4)
    assert cut["refused_text"] == '{"id": "x'
    assert "no line end" in cut["refused_hint"]


async def test_an_import_of_many_chunks_keeps_few_rows_at_a_time(office: Office) -> None:
    count = 12 * CHUNK + 7
    tally = await office.csv(*(f"{n},{DAY} 10:00,C{n % 500},1.00" for n in range(count)))
    assert (tally.read, tally.sent, tally.admitted, tally.unknown) == (count, count, count, 0)


async def test_a_broken_connection_says_what_was_done_and_the_next_run_goes_on(office: Office) -> None:
    rows = [f"{n},{DAY} 10:00,C{n % 7},1.00" for n in range(3 * CHUNK)]
    office.servers.append_fails_after = 2 * CHUNK
    file = office.file("orders.csv", HEADER + "\n".join(rows))
    one = office.make(file)
    with pytest.raises(Transient, match="no broker"):
        await one.run(lambda: None)
    assert one.tally.sent == 2 * CHUNK
    office.servers.append_fails_after = None
    tally = await office.run(file)
    assert (tally.admitted + tally.duplicates, tally.refusals) == (3 * CHUNK, 0)
    assert len(office.servers.log()) == 3 * CHUNK


async def test_an_interrupted_import_can_be_run_again(office: Office) -> None:
    rows = [f"{n},{DAY} 10:00,C{n % 7},1.00" for n in range(3 * CHUNK)]
    file = office.file("orders.csv", HEADER + "\n".join(rows))
    office.servers.admission_runs = False
    one = office.make(file)
    begun = asyncio.Event()
    running = asyncio.create_task(one.run(begun.set))
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert one.tally.sent > 0
    assert one.tally.unknown == one.tally.sent
    office.servers.admission_runs = True
    tally = await office.run(file)
    assert tally.admitted + tally.duplicates == 3 * CHUNK
    assert len(office.servers.log()) == 3 * CHUNK


async def test_admission_that_stands_still_is_said_and_ends_the_import(office: Office) -> None:
    office.servers.stall_seconds = 0.0
    office.servers.admission_runs = False
    file = office.file("orders.csv", f"{HEADER}1,{DAY} 10:00,C1,5\n")
    one = office.make(file)
    with pytest.raises(Transient, match="admission has not moved"):
        await one.run(lambda: None)
    assert one.tally.unknown == 1
