"""Bad files: what is wrong is named by line, and everything else goes through."""

import gzip
from typing import Any

import pytest

from services.ingest.doors.files.plan import inputs_of
from shared.errors import Malformed
from tests.services.ingest.doors.files.memory import HEADER, MAPPING, Office, reasons

DAY = "2026-02-20"
GOOD = f"8,{DAY} 10:00,C1,5.00\n"
LATER = f"9,{DAY} 10:00,C1,6.00\n"


async def test_a_byte_order_mark_and_windows_line_ends_are_fine(office: Office) -> None:
    tally = await office.run(
        office.file("a.csv", b"\xef\xbb\xbf" + (HEADER + GOOD + LATER).replace("\n", "\r\n").encode())
    )
    assert (tally.admitted, tally.refusals) == (2, 0)


async def test_quotes_hold_commas_quotes_and_line_ends(office: Office) -> None:
    tally = await office.run(
        office.file("a.csv", f'{HEADER}"8",{DAY} 10:00,"C ""1"", North",5.00\n9,{DAY} 10:00,"C\n1",5\n')
    )
    assert (tally.admitted, reasons(tally)) == (1, {"invalid_id": 1})  # a line end is no part of an id
    assert office.servers.log()[0].subject == 'C "1", North'


async def test_gzipped_files_are_read_whatever_their_name(office: Office) -> None:
    tally = await office.run(office.file("a.csv", gzip.compress((HEADER + GOOD).encode())))
    assert tally.admitted == 1


async def test_blank_lines_and_spaces_around_cells_do_not_count(office: Office) -> None:
    tally = await office.run(office.file("a.csv", f" no , at,customer ,amount\n\n 8 ,{DAY} 10:00, C1 , 5.00 \n\n"))
    assert (tally.read, tally.admitted) == (1, 1)
    assert office.servers.log()[0].subject == "C1"


async def test_leading_zeros_stay(office: Office) -> None:
    await office.csv(f"0008,{DAY} 10:00,007,5.00")
    fact = office.servers.log()[0]
    assert (fact.id, fact.subject, fact.data.purchase_id) == ("order-0008", "007", "0008")


async def test_the_last_line_needs_no_end(office: Office) -> None:
    tally = await office.run(office.file("a.csv", HEADER + GOOD + LATER.rstrip("\n")))
    assert (tally.admitted, tally.refusals) == (2, 0)


BAD_ROWS: dict[str, tuple[bytes, str, str]] = {
    "too few cells": (b"1,2026-02-20 10:00,C1\n", "invalid_field", "3 cells, the header has 4"),
    "too many cells": (b"1,2026-02-20 10:00,C1,5.00,x\n", "invalid_field", "5 cells, the header has 4"),
    "a quote that is not closed": (b'1,2026-02-20 10:00,"C1,5.00\n', "invalid_field", "quote|delimiter"),
    "text after a quote": (b'1,2026-02-20 10:00,"C"1,5.00\n', "invalid_field", "expected after"),
    "a time of another form": (b"1,20.02.2026,C1,5.00\n", "invalid_time", "column at: '20.02.2026' is not a time"),
    "an amount that is not a number": (
        b"1,2026-02-20 10:00,C1,five\n",
        "invalid_field",
        "column amount: 'five' is not a number",
    ),
    "NaN": (b"1,2026-02-20 10:00,C1,NaN\n", "invalid_field", "column amount: 'NaN' is not a number"),
    "Infinity": (b"1,2026-02-20 10:00,C1,Infinity\n", "invalid_field", "not a number"),
    "an amount of a million digits": (
        b"1,2026-02-20 10:00,C1," + b"9" * 60_000 + b"\n",
        "invalid_field",
        "not a number",
    ),
    "too many decimals": (b"1,2026-02-20 10:00,C1,5.0012\n", "inexact_amount", "GBP has 2 decimals"),
    "an empty cell": (b"1,2026-02-20 10:00,,5.00\n", "missing_field", "subject"),
    "a control character": (b"1\x07,2026-02-20 10:00,C1,5.00\n", "invalid_id", "id"),
    "a null byte": (b"1\x00,2026-02-20 10:00,C1,5.00\n", "invalid_field|invalid_id", ""),
    "an id of 10,000 characters": (b"x" * 10_000 + b",2026-02-20 10:00,C1,5.00\n", "invalid_id", "id"),
    "a line of two megabytes": (b"x" * 2_000_000 + b"\n", "invalid_field", "too long for a row"),
}


@pytest.mark.parametrize(("bad", "reason", "hint"), BAD_ROWS.values(), ids=BAD_ROWS)
async def test_a_bad_row_is_refused_and_its_neighbours_go_through(
    office: Office, bad: bytes, reason: str, hint: str
) -> None:
    tally = await office.run(office.file("a.csv", (HEADER + GOOD).encode() + bad + LATER.encode()))
    assert [fact.data.amount for fact in office.servers.log()] == ["5.00", "6.00"]
    ((found, _), text), *more = tally.hints.items()
    assert not more
    assert found in reason.split("|")
    assert any(part in text for part in hint.split("|")), text
    assert (tally.read, tally.admitted, tally.refusals) == (3, 2, 1)
    assert ",3," in office.refused() or office.refused().count("\n") > 1


async def test_a_row_of_another_encoding_than_the_rest_is_refused(office: Office) -> None:
    bad = "1,2026-02-20 10:00,Café,5.00\n".encode("latin-1")
    good = "".join(f"{n},{DAY} 10:00,Müller {n},5.00\n" for n in range(10, 30)).encode()
    tally = await office.run(office.file("a.csv", HEADER.encode() + good + bad + LATER.encode()))
    assert (tally.admitted, reasons(tally)) == (21, {"not_utf8": 1})
    assert "line 22, byte 23: 0xE9 is not utf-8" in next(iter(tally.hints.values()))


async def test_a_row_that_is_cut_off_at_the_end_says_so(office: Office) -> None:
    tally = await office.run(office.file("a.csv", HEADER + GOOD + LATER[:9]))
    assert (tally.admitted, tally.refusals) == (1, 1)
    assert "the file may be truncated" in next(iter(tally.hints.values()))


async def test_an_open_quote_before_the_end_of_a_long_file_costs_one_row(office: Office) -> None:
    rows = "".join(f"{n},{DAY} 10:00,C{n},1.00\n" for n in range(5000))
    tally = await office.run(office.file("a.csv", f'{HEADER}x,{DAY} 10:00,"C1,5.00\n{rows}'))
    assert (tally.read, tally.admitted, tally.refusals) == (5001, 5000, 1)


async def test_the_mapping_names_the_encoding(office: Office) -> None:
    row = f"1,{DAY} 10:00,华芯科技,5.00\n"
    for encoding in ("gb18030", "utf-8"):
        mapping = f"encoding: {encoding}\n{MAPPING}"
        tally = await office.run(office.file("a.csv", (HEADER + row).encode(encoding)), mapping=mapping)
        assert (tally.admitted + tally.duplicates, tally.refusals) == (1, 0)
    assert office.servers.log()[0].subject == "华芯科技"


FILES: dict[str, tuple[bytes, str]] = {
    "an empty file": (b"", "empty"),
    "columns missing": (b"no,at,kunde\n", "no column 'customer', 'amount'; it has no, at, kunde"),
    "a column twice": (b"no,at,no,customer,amount\n", "'no' appears twice; use its number: #1 and #3"),
    "a header with an open quote": (b'no,"at\n', "line 1: .*quote"),
}


@pytest.mark.parametrize(("content", "message"), FILES.values(), ids=FILES)
def test_a_file_that_can_not_be_used_is_named_before_anything_is_sent(
    office: Office, content: bytes, message: str
) -> None:
    good, bad = office.file("good.csv", HEADER + GOOD), office.file("bad.csv", content)
    with pytest.raises(Malformed, match=message) as raised:
        office.make(good, bad)
    assert "bad.csv" in str(raised.value)


@pytest.mark.parametrize("cut", [lambda b: b[:-6], lambda b: b[: len(b) // 2], lambda b: b + b"\x1f\x8bnonsense"])
async def test_a_damaged_archive_is_said_and_the_other_files_are_read(office: Office, cut: Any) -> None:
    rows = "".join(f"{n},{DAY} 10:00,C{n * 7919 % 1000},{n % 97}.5\n" for n in range(1, 2000))
    damaged = office.file("damaged.csv.gz", cut(gzip.compress((HEADER + rows).encode())))
    other = office.file("other.csv", f"{HEADER}x1,{DAY} 10:00,C1,5.00\n")
    tally = await office.run(damaged, other)
    assert len(tally.damaged) == 1
    assert "damaged.csv.gz: damaged or truncated after line" in tally.damaged[0]
    assert tally.admitted == tally.read > 1
    assert "order-x1" in {fact.id for fact in office.servers.log()}


def test_files_that_are_missing_or_lack_a_mapping_are_said(office: Office) -> None:
    rows, events = office.file("a.csv", HEADER), office.file("a.ndjson", "")
    mapping = office.file("shop.yaml", MAPPING)
    with pytest.raises(Malformed, match="no such file"):
        inputs_of([(mapping, [office.folder / "nowhere.csv"])])
    with pytest.raises(Malformed, match="no such file"):
        inputs_of([(mapping, [office.folder])])
    with pytest.raises(Malformed, match="--map"):
        inputs_of([(None, [rows])])
    with pytest.raises(Malformed, match="needs no mapping"):
        inputs_of([(mapping, [events])])
    office.refused_file = rows
    with pytest.raises(Malformed, match="one of the files to import"):
        office.make(rows)
