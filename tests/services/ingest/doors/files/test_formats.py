"""What files come as: text in any encoding, workbooks, archives, and what only pretends to be one of them."""

import gzip
import re
from datetime import date
from pathlib import Path

import pytest

from services.ingest.doors.files.formats.encodings import look
from shared.errors import Malformed
from tests.services.ingest.doors.files.memory import HEADER, MAPPING, Office, reasons
from tests.services.ingest.doors.files.workbooks import ORDERS, Rows, ods, xlsx, zipped

BOOKS = Path(__file__).parent / "books"
ROWS = f"{HEADER}0008,2026-02-20 10:00,华芯,5.50\n0009,2026-02-20 00:00,C1,6.00\n"
EXPECTED = [("order-0008", "华芯", "5.50"), ("order-0009", "C1", "6.00")]


def books() -> dict[str, bytes]:
    return {
        "xlsx": xlsx(Orders=ORDERS),
        "xls": (BOOKS / "orders.xls").read_bytes(),
        "xlsb": (BOOKS / "orders.xlsb").read_bytes(),
        "ods": ods(ORDERS),
    }


def facts(office: Office) -> list[tuple[str, str, str]]:
    return sorted((fact.id, fact.subject, fact.data.amount) for fact in office.servers.log())


@pytest.mark.parametrize("packed", ["", ".gz", ".zip"])
@pytest.mark.parametrize("kind", ["csv", "xlsx", "xls", "xlsb", "ods"])
async def test_every_format_gives_the_same_events(office: Office, kind: str, packed: str) -> None:
    content = ROWS.encode() if kind == "csv" else books()[kind]
    if packed == ".gz":
        content = gzip.compress(content)
    elif packed == ".zip":
        content = zipped({"__MACOSX/._orders": "x", f"export/orders.{kind}": content})
    tally = await office.run(office.file(f"orders.{kind}{packed}", content))
    assert (tally.admitted, tally.refusals) == (2, 0), tally.hints
    assert facts(office) == EXPECTED


async def test_a_workbooks_day_without_a_clock_time_is_kept_as_a_day(office: Office) -> None:
    await office.run(office.file("orders.xlsx", xlsx(Orders=ORDERS)))
    days = {fact.id: fact.data.occurred_on for fact in office.servers.log()}
    assert days == {"order-0008": None, "order-0009": date(2026, 2, 20)}


async def test_a_sheet_is_found_by_its_columns_or_named(office: Office) -> None:
    other: Rows = [["no", "at", "customer", "amount"], ["7", "2026-02-20 10:00", "C7", 7.0]]
    file = office.file("orders.xlsx", xlsx(Notes=[["about"]], Orders=ORDERS, Other=other))
    one = office.make(file)
    assert one.said == [f"{file}: sheet Orders"]
    assert (await one.run(lambda: None)).admitted == 2
    for sheet in ("Other", 3):
        tally = await office.run(file, mapping=f"sheet: {sheet}\n{MAPPING}")
        assert tally.read == 1
    with pytest.raises(Malformed, match="no sheet 'X'; it has Notes, Orders, Other"):
        office.make(file, mapping=f"sheet: X\n{MAPPING}")
    nothing = office.file("nothing.xlsx", xlsx(A=[["x"]], B=[["y"]]))
    with pytest.raises(Malformed, match=r"no sheet has the columns .*set `sheet` to one of: A, B"):
        office.make(nothing)


async def test_a_title_above_the_header_and_numbers_with_noise(office: Office) -> None:
    rows: Rows = [
        ["Report"],
        [],
        [None, "no", "at", "customer", "amount"],
        [None, 8.0, "2026-02-20 10:00", 17.0, 0.1 + 0.2],
    ]
    one = office.make(office.file("orders.xlsx", xlsx(Sheet=rows)))
    assert "header on line 3" in one.said[0]
    assert (await one.run(lambda: None)).admitted == 1
    fact = office.servers.log()[0]
    assert (fact.id, fact.subject, fact.data.amount) == ("order-8", "17", "0.30")


ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "gb18030", "gbk"]


@pytest.mark.parametrize("encoding", ENCODINGS)
async def test_encoding_utf_8_sig_and_any_other_of_python_may_be_named(office: Office, encoding: str) -> None:
    tally = await office.run(office.file("a.csv", ROWS.encode(encoding)), mapping=f"encoding: {encoding}\n{MAPPING}")
    assert (tally.admitted, tally.refusals) == (2, 0)
    assert facts(office) == EXPECTED


@pytest.mark.parametrize("encoding", ENCODINGS)
async def test_an_encoding_is_found_by_looking_and_said(office: Office, encoding: str) -> None:
    one = office.make(office.file("a.csv", ROWS.encode(encoding)))
    tally = await one.run(lambda: None)
    assert facts(office) == EXPECTED, tally.hints
    quiet = encoding in {"utf-8", "utf-8-sig"}
    assert [said.rpartition(": ")[2] for said in one.said] == ([] if quiet else [encoding.replace("gbk", "gb18030")])


SAMPLES = {
    "gb18030": ["订单编号,客户名称,金额", "上海,张伟"],
    "big5": ["訂單編號,客戶名稱,金額", "臺灣積體電路製造,採購部"],
    "shift_jis": ["注文番号,顧客名,金額", "株式会社トヨタ,購買部"],
    "euc_kr": ["주문번호,고객명,금액", "삼성전자,구매부"],
    "cp1252": ["Rechnungsdatum;Fälligkeit;Währung", "Müller GmbH;Straße 5"],
    "cp1250": ["Kraków,Łódź,Wrocław"],
    "cp1251": ["Номер заказа,Клиент,Сумма"],
}


@pytest.mark.parametrize("encoding", SAMPLES)
def test_encodings_are_told_apart(encoding: str) -> None:
    assert look([line.encode(encoding) for line in SAMPLES[encoding]]).name == encoding


@pytest.mark.parametrize("ends", ["\r", "\r\n", "\n"])
async def test_lines_may_end_with_a_carriage_return_alone(office: Office, ends: str) -> None:
    tally = await office.run(office.file("a.csv", ROWS.replace("\n", ends)))
    assert (tally.admitted, tally.refusals) == (2, 0)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
async def test_a_delimiter_is_found_by_looking_and_said(office: Office, delimiter: str) -> None:
    one = office.make(office.file("a.csv", ROWS.replace(",", delimiter)))
    assert (await one.run(lambda: None)).admitted == 2
    assert len(one.said) == (delimiter != ",")


PRETENDERS: dict[str, tuple[bytes, str]] = {
    "orders.xls": (
        b"<html><body><table><tr><td>no</td></tr></table>",
        "a web page (HTML), despite its name; open",
    ),
    "old.xls": (
        b'<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet">',
        "XML spreadsheet",
    ),
    "orders.csv": (b"%PDF-1.7", "a PDF document; export the data"),
    "table.csv": (b"PAR1....", "a Parquet file; convert"),
    "events.ndjson": (b'[\n {"id": 1}]', "one JSON array; write one event per line"),
    "many.zip": (zipped({"a.csv": "x", "b.csv": "y"}), "a zip archive of 2 files (a.csv, b.csv); unpack it"),
    "letter.xlsx": (zipped({"[Content_Types].xml": "", "word/document.xml": ""}), "an Office document without sheets"),
    "x.csv": (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive; unpack it first"),
    "locked.xlsx": (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le"),
        "a workbook with a password; save it without one",
    ),
    "broken.xlsx": (xlsx(A=ORDERS)[:400], "damaged"),
}


@pytest.mark.parametrize("name", PRETENDERS)
def test_a_file_of_another_kind_than_it_pretends_to_be_is_named_for_what_it_is(office: Office, name: str) -> None:
    content, message = PRETENDERS[name]
    with pytest.raises(Malformed, match=re.escape(message)) as raised:
        office.make(office.file(name, content), mapping=None if "ndjson" in name else MAPPING)
    assert name in str(raised.value)


async def test_a_workbook_named_csv_is_read_as_the_workbook_that_it_is(office: Office) -> None:
    assert (await office.run(office.file("orders.csv", xlsx(A=ORDERS)))).admitted == 2


def test_a_workbook_that_unpacks_to_more_than_memory_is_refused(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.ingest.doors.files.formats.packed.MAX_WORKBOOK_BYTES", 1 << 20)
    bomb = zipped({"[Content_Types].xml": "", "xl/workbook.xml": "", "xl/worksheets/sheet1.xml": "0" * (2 << 20)})
    with pytest.raises(Malformed, match="a workbook larger than 1 MB; save the sheet as CSV"):
        office.make(office.file("bomb.xlsx", bomb))


async def test_refused_rows_of_a_workbook_are_kept_as_text_and_can_be_mended(office: Office) -> None:
    rows = [*ORDERS, ["0010", date(2026, 2, 20), None, 7.25]]
    tally = await office.run(office.file("orders.xlsx", xlsx(A=rows)))
    assert reasons(tally) == {"missing_field": 1}
    assert "0010,2026-02-20,,7.25,missing_field,subject" in office.refused()


async def test_a_file_of_refused_rows_is_read_whatever_the_mapping_says_of_the_original(office: Office) -> None:
    mapping = f"encoding: gb18030\ndelimiter: ';'\nheader: 2\n{MAPPING}"
    content = "订单;;;\nno;at;customer;amount\n1;2026-02-20 10:00;;5\n2;2026-02-20 10:00;华芯;5\n".encode("gb18030")
    assert (await office.run(office.file("a.csv", content), mapping=mapping)).admitted == 1
    mended = office.file("mended.csv", office.refused().replace("10:00,,", "10:00,明远,"))
    tally = await office.run(mended, mapping=mapping)
    assert (tally.admitted, tally.refusals) == (1, 0)
