"""Files of rows: nothing a spreadsheet would run, Chinese that Excel reads, money to the last digit."""

import csv
import io
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet, types

from operations.jobs.formats import FORMATS, MONEY_PLACES, ROWS_AT_ONCE
from services.query.api.columns import BOM, Column, cell, columns_of
from services.query.api.resources import RESOURCES, Resource
from services.query.api.rows import Customer, Money, Row
from shared.events.money import exponents, format_minor

COLUMNS = (
    Column("customer", "text"),
    Column("net", "money"),
    Column("on", "day"),
    Column("at", "instant"),
    Column("more", "json"),
    Column("count", "integer"),
    Column("share", "number"),
    Column("good", "boolean"),
)
AT = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
ROW = {
    "customer": "客户-一号😀",
    "net": "-12345678901234567890.1234",
    "on": "2026-03-01",
    "at": AT,
    "more": {"a": ["=1+1", "客"]},
    "count": 7,
    "share": 0.1,
    "good": True,
    "private": "must not leave",
}


def written(name: str, rows: Sequence[Any], columns: Sequence[Column] = COLUMNS) -> bytes:
    file = io.BytesIO()
    with FORMATS[name].writer(file, columns) as writer:
        for row in rows:
            writer.write([row])
    assert not file.closed
    return file.getvalue()


def cells(written_bytes: bytes) -> list[list[str]]:
    text = written_bytes.decode()
    assert text.startswith(BOM)
    return list(csv.reader(io.StringIO(text.removeprefix(BOM), newline="")))


def test_csv_is_what_excel_reads() -> None:
    raw = written("csv", [ROW])
    assert raw.startswith(b"\xef\xbb\xbf")
    assert b"\r\n" in raw
    head, row = cells(raw)
    assert head == [column.name for column in COLUMNS]
    assert row == [
        "客户-一号😀",
        "-12345678901234567890.1234",
        "2026-03-01",
        "2026-03-01T08:30:00Z",
        '{"a":["=1+1","客"]}',
        "7",
        "0.1",
        "true",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+cmd|' /C calc'!A0",
        "-2+3",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        " =1+1",
        "＝1",
        "＋1",
        "－1",
        "＠x",
        "+8613800000000",
    ],
)
def test_what_a_spreadsheet_would_run_is_a_text(text: str) -> None:
    (_, (found, *_)) = cells(written("csv", [{"customer": text}]))
    assert found == f"'{text}"


@pytest.mark.parametrize("text", ["-12.50", "-3", "12", "a=1", "客户", "C+1", "", "a,b", 'say "x"', "two\nlines"])
def test_what_is_no_formula_stays_as_it_is(text: str) -> None:
    (_, (found, *_)) = cells(written("csv", [{"customer": text}]))
    assert found == text


@given(st.text())
def test_no_cell_begins_a_formula_and_each_text_can_be_had_back(text: str) -> None:
    found = cell(text)
    assert not found.lstrip(" ").startswith(("=", "+", "@", "\t", "\r")), found
    assert found.removeprefix("'") == text.removeprefix("'")


def test_nothing_is_an_empty_cell_and_a_null() -> None:
    assert cells(written("csv", [{}]))[1] == [""] * len(COLUMNS)
    assert json.loads(written("ndjson", [{}])) == dict.fromkeys(column.name for column in COLUMNS)
    assert table([{}]).to_pylist() == [dict.fromkeys(column.name for column in COLUMNS)]


def test_ndjson_is_a_page_a_line_at_a_time() -> None:
    lines = written("ndjson", [ROW, ROW]).splitlines()
    assert len(lines) == 2
    assert json.loads(lines[0]) == {
        **{name: value for name, value in ROW.items() if name != "private"},
        "at": "2026-03-01T08:30:00Z",
    }


def table(rows: Sequence[Any], columns: Sequence[Column] = COLUMNS) -> Any:
    return parquet.read_table(io.BytesIO(written("parquet", rows, columns)))


def test_parquet_has_exact_money_and_days() -> None:
    found = table([ROW])
    assert types.is_decimal128(found.schema.field("net").type)
    assert types.is_date32(found.schema.field("on").type)
    (row,) = found.to_pylist()
    assert row == {
        "customer": "客户-一号😀",
        "net": Decimal("-12345678901234567890.1234"),
        "on": date(2026, 3, 1),
        "at": AT,
        "more": '{"a":["=1+1","客"]}',
        "count": 7,
        "share": 0.1,
        "good": True,
    }


@given(st.integers(-(10**20), 10**20), st.sampled_from(sorted(exponents())))
def test_money_of_every_currency_is_the_same_to_the_last_digit(minor: int, currency: str) -> None:
    assert exponents()[currency] <= MONEY_PLACES
    text = format_minor(minor, currency)
    (row,) = table([{"net": text}], (Column("net", "money"),)).to_pylist()
    assert row["net"] == Decimal(text)
    assert cells(written("csv", [{"net": text}], (Column("net", "money"),)))[1] == [text]


def test_parquet_writes_groups_and_holds_no_more() -> None:
    rows = [{"customer": str(number)} for number in range(ROWS_AT_ONCE + 1)]
    raw = written("parquet", rows)
    assert parquet.ParquetFile(io.BytesIO(raw)).num_row_groups == 2
    assert [row["customer"] for row in table(rows).to_pylist()] == [row["customer"] for row in rows]


def test_a_file_that_failed_half_way_is_not_ended_as_if_it_were_whole() -> None:
    file = io.BytesIO()

    def fail() -> None:
        with FORMATS["parquet"].writer(file, COLUMNS) as writer:
            writer.write([ROW])
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        fail()
    assert parquet.ParquetFile(io.BytesIO(file.getvalue())).metadata.num_rows == 0


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda one: one.name)
def test_each_list_has_its_columns_in_its_order(resource: Resource) -> None:
    assert [column.name for column in columns_of(resource.row, resource.fields)] == [*resource.fields]


def test_columns_are_of_the_types_that_rows_declare() -> None:
    found = {column.name: column.type for column in columns_of(Customer, ("net_365d", "tier", "tier_since", "as_of"))}
    assert found == {"net_365d": "money", "tier": "text", "tier_since": "day", "as_of": "instant"}


class _WithOptionalMoney(Row):
    amount: Money | None


def test_money_that_may_be_missing_is_money() -> None:
    assert columns_of(_WithOptionalMoney, ("amount",)) == (Column("amount", "money"),)
