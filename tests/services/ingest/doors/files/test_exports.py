"""Exports of systems that people have, from the file to events: the guessed mapping, and the corrections it needed.

The files of `exports` are made up after the columns that each system documents.
"""
# ruff: noqa: E501 - lines of files

from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from guanxi.cli import app
from services.ingest.doors.files.guess import guess_file
from services.ingest.doors.files.mapping import parse_mapping
from shared.errors import Malformed
from shared.events.facts import InvoiceIssued, PurchaseRecorded, SatisfactionSurveyed, VisitLogged
from tests.services.ingest.doors.files.memory import Office

EXPORTS = Path(__file__).parent / "exports"
SHANGHAI = ZoneInfo("Asia/Shanghai")


def guessed(path: Path, *corrections: tuple[str, str]) -> str:
    """The guessed mapping with corrections, each of which must change something."""
    text = guess_file(path, SHANGHAI)
    for old, new in corrections:
        assert old in text, f"{old!r} is not in\n{text}"
        text = text.replace(old, new)
    return text


def checks(text: str) -> list[str]:
    """What the proposal asks a person to check."""
    return [line[4:] for line in text.splitlines() if line.startswith("# - ")]


async def test_an_erpnext_list_of_sales_invoices(office: Office) -> None:
    path = EXPORTS / "erpnext-sales-invoices.csv"
    assert checks(guessed(path)) == [
        "subject: a name is not a safe id: it must be spelled the same everywhere",
        "skip: these do not count; the others are Paid, Overdue, Unpaid, Draft, Cancelled",
    ]
    # Customer holds the customer's id in ERPNext; nothing had to be corrected but the name of the source.
    mapping = guessed(path, ('source: "erpnext-sales-invoices"', "source: erpnext"))
    tally = await office.run(path, mapping=mapping)
    assert (tally.read, tally.admitted, tally.refusals) == (6, 3, 0), tally.hints
    assert tally.skipped == {"not in force": 2, "totals": 1}
    first, second, _ = sorted(office.servers.log(), key=lambda fact: fact.id)
    assert (first.source, first.subject) == ("erpnext", "CUST-0007")
    assert first.data == InvoiceIssued(
        occurred_on=date(2026, 1, 5), invoice_id="ACC-SINV-2026-00041", amount="1495.18", currency="EUR",
        due_on=date(2026, 2, 4),
    )  # fmt: skip
    assert second.data.amount == "12000.00"


async def test_an_odoo_export_of_invoices_with_their_lines(office: Office) -> None:
    path = EXPORTS / "odoo-invoices-with-lines.xlsx"
    # The proposal sums up the lines; nothing had to be corrected.
    tally = await office.run(path, mapping=guessed(path))
    assert (tally.read, tally.joined, tally.admitted, tally.refusals) == (6, 3, 3, 0), tally.hints
    amounts = {fact.data.invoice_id: (fact.subject, fact.data.amount) for fact in office.servers.log()}
    assert amounts == {
        "INV/2026/00007": ("Azure Interior", "660.80"),  # 210 + 450.5 + 0.30000000000000004
        "INV/2026/00008": ("Deco Addict", "901.00"),
        "INV/2026/00009": ("Azure Interior", "220.00"),  # two lines that are alike
    }
    # As purchases beside them, from the same file, in one run.
    also = guessed(
        path,
        ("guanxi.invoice.issued.v1", "guanxi.purchase.recorded.v1"),
        ("data.invoice_id", "data.purchase_id"),
        ("invoice-{Number}", "purchase-{Number}"),
    )
    lines = [line for line in also.splitlines() if "data.due_on" not in line]
    tally = await office.run(path, mapping="\n".join(lines))
    assert (tally.admitted, tally.refusals) == (3, 0), tally.hints


async def test_an_alipay_statement_in_gbk(office: Office) -> None:
    path = EXPORTS / "alipay-statement.csv"
    assert "data.currency: no column has the currency" in checks(guessed(path))
    assert "Found: gb18030" in guessed(path)
    # What we paid ourselves is in it too: that only a person knows.
    mapping = guessed(path, ("rules:\n", 'rules:\n  - when: {column: "收/支", equals: 支出}\n    skip: paid by us\n'))
    tally = await office.run(path, mapping=mapping)
    assert (tally.admitted, tally.refusals) == (2, 0), tally.hints
    assert tally.skipped == {"no record": 7, "not in force": 1, "paid by us": 1}
    first = office.servers.log()[0]
    assert (first.subject, first.time.astimezone(SHANGHAI)) == (
        "上海华芯科技有限公司",
        datetime(2026, 1, 15, 9, 12, 3, tzinfo=SHANGHAI),
    )
    assert first.data == PurchaseRecorded(
        purchase_id="2026011522001400001000000001", amount="12000.00", currency="CNY", product_line="控制器 A3"
    )


async def test_a_hubspot_export_of_meetings(office: Office) -> None:
    path = EXPORTS / "hubspot-meetings.csv"
    assert "data.participants.0.role: no column has the representative's role" in checks(guessed(path))
    mapping = guessed(
        path,
        (
            "data.kind: routine",
            "data.kind: {column: Meeting name, values: {技术交流: technical_exchange}, default: routine}",
        ),
    )
    tally = await office.run(path, mapping=mapping)
    assert tally.refusals == 1  # "Quarterly review" is no word of `values`; the correction was wrong, and it is said
    assert "'Quarterly review' is not one of 技术交流" in next(iter(tally.hints.values()))
    words = "{column: Meeting name, values: {技术交流: technical_exchange, Quarterly review: routine}}"
    tally = await office.run(path, mapping=guessed(path, ("data.kind: routine", f"data.kind: {words}")))
    assert (tally.admitted, tally.duplicates, tally.skipped) == (1, 1, {"not in force": 2}), tally.hints
    visit = next(fact.data for fact in office.servers.log() if fact.data.visit_id == "51400000123")
    assert isinstance(visit, VisitLogged)
    assert (visit.channel, visit.participants[0].rep_id) == ("onsite", "R-07")
    assert office.servers.text(visit.consensus) == "Agreed: price list from March\nand a trial of A3"


GUESSES = {
    "german purchases": (
        "Bestellnummer;Kundennr.;Auftragsdatum;Betrag (EUR);Währung\nB1;K1;13.02.2026;1.495,18;EUR\nB2;K1;14.02.2026;-12,00;EUR\n",
        ["purchases", 'number: {decimal: ",", thousands: "."}', 'date: "%d.%m.%Y"', "purchase.refunded"],
    ),
    "chinese roster": (
        "工号,姓名,岗位,所属团队,入职日期\nE01,张伟,客户经理,华东,2024-03-01\n",
        ["roster", 'subject: "{工号}"', "客户经理", "account_manager", "data.active_from"],
    ),
    "english customers": (
        "Customer ID,Customer Name,Industry,Country\n007,Acme,Steel,DE\n", ["customers", "customer.registered", "{Customer ID}"],
    ),
    "chinese survey": (
        "答卷编号,客户编号,提交时间,推荐度\n1,K1,2026/2/3 10:15:00,9\n", ["surveys", "nps (0-10), csat", "%Y/%m/%d %H:%M:%S"],
    ),
    "german visits": (
        "Besuchsnummer;Vertreter;Kundennummer;Besuchsdatum;Kontaktart;Ansprechpartner;Ergebnis\n1;R1;K1;13.02.26;Vor Ort;Jörg;gut\n",
        ["visits", "century_from: 1950", '"Vor Ort": onsite'],
    ),
    "days that may be months": (
        "Order ID,Customer ID,Order Date,Total\n1,K1,01/02/2026,5.00\n", ["CHECK: %m/%d/%Y also fits every cell"],
    ),
    "thousands or three decimals": (
        "Order ID,Customer ID,Order Date,Total\n1,K1,2026-02-01,12.000\n", ["'12.000' may mean thousands or three decimals"],
    ),
    "spoilt ids": (
        "Order ID,Customer ID,Order Date,Total\n1,1.23E+11,2026-02-01,5.00\n", ["1 look damaged: '1.23E+11'"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GUESSES)
def test_a_guess_has_reasons_and_says_what_it_is_unsure_of(office: Office, name: str) -> None:
    content, expected = GUESSES[name]
    text = guess_file(office.file("export.csv", content), SHANGHAI)
    parse_mapping(text, "guess")
    for part in expected:
        assert part in text, text
    assert "# The first rows as events:\n# {" in text or "refused" in text


async def test_a_guessed_survey_is_imported_as_it_is(office: Office) -> None:
    file = office.file("export.csv", GUESSES["chinese survey"][0])
    assert (await office.run(file, mapping=guess_file(file, SHANGHAI))).admitted == 1
    data = office.servers.log()[0].data
    assert isinstance(data, SatisfactionSurveyed)
    assert (data.score, data.instrument) == (9, "nps")


def test_guess_prints_a_mapping_and_sends_nothing() -> None:
    result = CliRunner().invoke(app, ["import", "--guess", str(EXPORTS / "erpnext-sales-invoices.csv")])
    assert result.exit_code == 0
    parse_mapping(result.output, "guess")
    result = CliRunner().invoke(app, ["import", "--guess", "a.csv", "b.csv"])
    assert (result.exit_code, "one file" in result.output) == (2, True)


def test_a_file_that_says_nothing_can_not_be_guessed(office: Office) -> None:
    with pytest.raises(Malformed, match="could not tell what any column contains"):
        guess_file(office.file("a.csv", "x,y\n1,2\n"), SHANGHAI)
    with pytest.raises(Malformed, match="empty"):
        guess_file(office.file("b.csv", ""), SHANGHAI)
    with pytest.raises(Malformed, match="contains events"):
        guess_file(office.file("c.ndjson", "{}"), SHANGHAI)
