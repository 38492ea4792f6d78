"""Columns as files write them: headers, numbers, days, ids."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.doors.files.forms import NumberForm
from services.ingest.doors.files.ids import compile_id, spoilt
from services.ingest.doors.files.mapping import parse_mapping
from services.ingest.doors.files.numbers import compile_number, number_as_text
from services.ingest.doors.files.times import compile_moment
from shared.errors import Malformed
from tests.services.ingest.doors.files.memory import HEADER, MAPPING, Office, reasons

DAY = "2026-02-20"


async def amounts(
    office: Office, *cells: str, form: str = "", currency: str = "EUR", delimiter: str = ";"
) -> list[str]:
    """What becomes of amounts: the fact's amount, or why it was refused."""
    mapping = (f"columns: {{amount: {{number: {form}}}}}\n" if form else "") + MAPPING.replace("GBP", currency)
    rows = "".join(f"{n}{delimiter}{DAY} 10:00{delimiter}C1{delimiter}{cell}\n" for n, cell in enumerate(cells))
    await office.run(office.file("a.csv", HEADER.replace(",", delimiter) + rows), mapping=mapping)
    taken = {fact.id: fact.data.amount for fact in office.servers.log()}
    return [taken.get(f"order-{n}", "refused") for n in range(len(cells))]


async def test_sales_report_and_period_above_the_header_are_found_or_sayable(office: Office) -> None:
    content = f"Sales report;;\nPeriod;;\nno;at;customer;amount\n1;{DAY} 10:00;C1;5.00\n"
    one = office.make(office.file("a.csv", content))
    assert (await one.run(lambda: None)).admitted == 1
    assert one.said[0].endswith("cells separated by semicolons, header on line 3")
    assert (await office.run(office.file("b.csv", content), mapping=f"header: 3\n{MAPPING}")).duplicates == 1
    with pytest.raises(Malformed, match="no column 'no', 'customer'"):
        office.make(office.file("c.csv", content), mapping=f"header: 1\n{MAPPING}")


async def test_sep_on_the_first_line_names_the_delimiter(office: Office) -> None:
    tally = await office.run(office.file("a.csv", f"sep=;\r\nno;at;customer;amount\r\n1;{DAY} 10:00;C,1;5.00\r\n"))
    assert tally.admitted == 1
    assert office.servers.log()[0].subject == "C,1"


async def test_nameless_and_doubled_columns_do_no_harm(office: Office) -> None:
    content = f"no,at,customer,amount,,,note,note\n1,{DAY} 10:00,C1,10.00,,,a,b\n2,{DAY} 10:00,C1,10.00,x,,,\n"
    assert (await office.run(office.file("a.csv", content))).admitted == 2


async def test_a_doubled_column_is_named_by_its_number(office: Office) -> None:
    content = f"no,at,customer,amount,amount\n1,{DAY} 10:00,C1,10.00,20.00\n"
    with pytest.raises(Malformed, match="'amount' appears twice; use its number: #4 and #5"):
        office.make(office.file("a.csv", content))
    mapping = MAPPING.replace("column: amount", "column: 5").replace("{amount}", "{#5}")
    await office.run(office.file("b.csv", content), mapping=mapping)
    assert office.servers.log()[0].data.amount == "20.00"


async def test_a_file_without_a_header_is_read_by_the_numbers_of_its_columns(office: Office) -> None:
    mapping = f"header: none\n{MAPPING}"
    for number, name in enumerate(("no", "at", "customer", "amount"), start=1):
        mapping = mapping.replace(f"column: {name}", f"column: {number}").replace(f"{{{name}}}", f"{{#{number}}}")
    assert (await office.run(office.file("a.csv", f"1,{DAY} 10:00,C1,10.00\n"), mapping=mapping)).admitted == 1


async def test_a_row_with_surplus_empty_cells_is_fine(office: Office) -> None:
    tally = await office.run(office.file("a.csv", f"{HEADER}1,{DAY} 10:00,C1,10.00,,,\n2,{DAY} 10:00,C1,10.00,x\n"))
    assert (tally.admitted, reasons(tally)) == (1, {"invalid_field": 1})


async def test_totals_behind_the_rows_are_skipped_by_rule_whatever_their_width(office: Office) -> None:
    mapping = MAPPING.replace("rules:", 'rules:\n  - when: {column: "no", begins_with: Total}\n    skip: totals')
    tally = await office.run(office.file("a.csv", f"{HEADER}1,{DAY} 10:00,C1,10.00\nTotal,10.00\n"), mapping=mapping)
    assert (tally.admitted, tally.skipped, tally.refusals) == (1, {"totals": 1}, 0)


async def test_12_000_beside_1_495_18_is_never_taken_as_twelve(office: Office) -> None:
    cells = ["12.000", "1.495,18", "13,75"]
    assert "12.00" not in await amounts(office, *cells)
    office.servers = type(office.servers)()
    german = "{decimal: ',', thousands: '.'}"
    assert await amounts(office, *cells, form=german) == ["12000.00", "1495.18", "13.75"]


@pytest.mark.parametrize(("cell", "currency"), [("12.000", "EUR"), ("12.500", "CNY"), ("1.000", "JPY")])
async def test_three_decimals_are_refused_unless_the_column_says_what_they_are(
    office: Office, cell: str, currency: str
) -> None:
    assert await amounts(office, cell, currency=currency) == ["refused"]
    assert "ambiguous_amount" in office.refused()
    by_point = await amounts(office, cell, currency=currency, form="{decimal: '.'}")
    assert by_point == [{"12.000": "12.00", "12.500": "12.50", "1.000": "1"}[cell]]


async def test_a_condition_does_not_take_12_000_for_twelve_either(office: Office) -> None:
    mapping = MAPPING.replace("below: 0", "below: 100")
    tally = await office.run(office.file("a.csv", f"{HEADER}1,{DAY} 10:00,C1,12.000\n"), mapping=mapping)
    assert "may mean thousands; set the column's `number` format" in next(iter(tally.hints.values()))


SAYABLE = {
    "(12.50)": ("{minus: brackets}", "-12.5"),
    "12.50-": ("{minus: behind}", "-12.5"),
    "'-4.0": ("{}", "-4"),
    "3,100": ("{thousands: ','}", "3100"),
    "€ 12.50": ("{currency: €}", "12.5"),
    "12.50 EUR": ("{currency: [€, EUR]}", "12.5"),
    "-€ 12.50": ("{currency: €}", "-12.5"),
    "(¥1,234.56)": ("{minus: brackets, currency: ¥, thousands: ','}", "-1234.56"),
    "1 234,56": ("{decimal: ',', thousands: ' '}", "1234.56"),
    "1'234.56": ('{thousands: "\'"}', "1234.56"),
    "1’234.56": ('{thousands: "\'"}', "1234.56"),
    "1\u00a0234,56": ("{decimal: ',', thousands: ' '}", "1234.56"),
    "1\u202f234,56": ("{decimal: ',', thousands: ' '}", "1234.56"),
    "\u221212.50": ("{}", "-12.5"),
    "12,34,567.00": ("{thousands: ','}", "1234567"),
    "22 %": ("{percent: true}", "0.22"),
    "7,5%": ("{decimal: ',', percent: true}", "0.075"),
    "22": ("{percent: true}", "0.22"),
    "123450": ("{divide_by: 100}", "1234.5"),
    "33.33333": ("{round_to: 2}", "33.33"),
    ",5": ("{decimal: ','}", "0.5"),
}


@pytest.mark.parametrize("cell", SAYABLE)
def test_numbers_that_had_no_way_to_be_said(cell: str) -> None:
    form, expected = SAYABLE[cell]
    mapping = parse_mapping(f"columns: {{a: {{number: {form}}}}}\nrules: [{{skip: x}}]", "m")
    read = mapping.columns["a"].number
    assert read is not None
    assert number_as_text(compile_number(read)(cell)) == expected


NOT_SO = {
    "12.50-": "{}", "(12.50)": "{}", "1,2345": "{thousands: ','}", "1,23": "{thousands: ','}", "1.2.3": "{}",
    "€ 12.50": "{}", "12.50": "{decimal: ','}", "--5": "{}", "(-5)": "{minus: brackets}", "5%": "{}", "": "{}",
    "1 234": "{}", "1e5": "{}", "١٢": "{}", "NaN": "{}",
}  # fmt: skip


@pytest.mark.parametrize("cell", NOT_SO)
def test_a_number_that_is_not_written_as_its_column_says_is_refused(cell: str) -> None:
    mapping = parse_mapping(f"columns: {{a: {{number: {NOT_SO[cell]}}}}}\nrules: [{{skip: x}}]", "m")
    form = mapping.columns["a"].number
    assert form is not None
    with pytest.raises(ValueError, match="is not a number in this column's format"):
        compile_number(form)(cell)


@given(
    st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**12), max_value=10**12),
    st.sampled_from([(".", ","), (",", "."), (",", " "), (".", "'"), (".", None), (",", None)]),
    st.sampled_from(["front", "behind", "brackets"]),
    st.sampled_from(["", "€", "CNY"]),
)
def test_every_number_is_read_back_as_its_form_writes_it(
    number: Decimal, signs: tuple[str, str | None], minus: str, currency: str
) -> None:
    decimal, thousands = signs
    text = f"{abs(number):,.2f}".replace(",", "\0").replace(".", decimal).replace("\0", thousands or "")
    text = f"{text} {currency}".strip()
    if number < 0:
        text = {"front": f"-{text}", "behind": f"{text}-", "brackets": f"({text})"}[minus]
    form = NumberForm.model_validate(
        {"decimal": decimal, "thousands": thousands, "minus": minus, "currency": [currency] if currency else []}
    )
    assert compile_number(form)(text) == number


def test_excels_serial_numbers_are_sayable_as_dates() -> None:
    read = compile_moment(["serial"])
    assert read("46354") == (datetime(2026, 11, 28), False)  # noqa: DTZ001 - a wall clock
    assert read("46354.5") == (datetime(2026, 11, 28, 12), True)  # noqa: DTZ001
    assert read(46354.5) == read("46354.5")
    assert compile_moment(["serial 1904"])("44892").at.date() == date(2026, 11, 28)
    with pytest.raises(ValueError, match="Excel's number for 2026-11-28, add the format serial"):
        compile_moment(["%d.%m.%Y"])("46354")


async def test_days_of_several_forms_are_tried_in_order(office: Office) -> None:
    mapping = (
        MAPPING.replace('time: {column: at, format: "%Y-%m-%d %H:%M"}', "time: {column: at}")
        + 'columns:\n  at: {date: ["%d.%m.%Y %H:%M", "%d.%m.%Y", "%d.%m.%y", serial], century_from: 1950}\n'
    )
    cells = ["20.02.2026 10:00", "20.02.2026", "20.02.26", "46073", "20.02.2026 24:00", "2026-02-20"]
    rows = "".join(f"{n},{cell},C1,5.00\n" for n, cell in enumerate(cells))
    tally = await office.run(office.file("a.csv", HEADER + rows), mapping=mapping)
    found = {fact.id: (fact.time, fact.data.occurred_on) for fact in office.servers.log()}
    midnight = datetime(2026, 2, 20, tzinfo=UTC)
    assert found == {
        "order-0": (datetime(2026, 2, 20, 10, tzinfo=UTC), None),
        "order-1": (midnight, date(2026, 2, 20)),
        "order-2": (midnight, date(2026, 2, 20)),
        "order-3": (midnight, date(2026, 2, 20)),
        "order-4": (datetime(2026, 2, 21, tzinfo=UTC), None),
    }
    assert reasons(tally) == {"invalid_time": 1}


@pytest.mark.parametrize(("century_from", "year"), [(1950, 1969), (1970, 2069), (2000, 2069)])
def test_two_digit_years_are_of_the_stated_century(century_from: int, year: int) -> None:
    assert compile_moment(["%d.%m.%y"], century_from)("01.02.69").at.year == year
    with pytest.raises(Malformed, match="set century_from"):
        parse_mapping('columns: {a: {date: "%d.%m.%y"}}\nrules: [{skip: x}]', "m")


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/Los_Angeles", None])
async def test_a_cell_without_a_clock_time_sets_occurred_on_whatever_the_zones(
    office: Office, zone: str | None
) -> None:
    mapping = MAPPING.replace('{column: at, format: "%Y-%m-%d %H:%M"}', "{column: at}")
    mapping = mapping.replace("Europe/London", zone) if zone else mapping.replace("time_zone: Europe/London\n", "")
    tally = await office.run(office.file("a.csv", f"{HEADER}1,{DAY},C1,5.00\n"), mapping=mapping)
    assert tally.admitted == 1, tally.hints
    assert office.servers.log()[0].data.occurred_on == date(2026, 2, 20)


async def test_date_and_clock_time_may_stand_in_two_columns(office: Office) -> None:
    mapping = MAPPING.replace('time: {column: at, format: "%Y-%m-%d %H:%M"}', 'time: "{at} {clock}"')
    content = f"no,at,clock,customer,amount\n1,{DAY},09:30:00,C1,5.00\n"
    await office.run(office.file("a.csv", content), mapping=mapping)
    assert office.servers.log()[0].time == datetime(2026, 2, 20, 9, 30, tzinfo=UTC)


SPOILT = ["1.23E+11", "#N/A", "NULL", '="00123"', "'00123", "17850.0", "5-Mar", "#NV", "nan", "a\ufffdb", 1.5e16]


@pytest.mark.parametrize("cell", SPOILT)
def test_an_id_that_looks_spoilt_is_refused_with_a_hint_unless_as_is(cell: str | float) -> None:
    with pytest.raises(ValueError, match=r"spreadsheet|none|export"):
        compile_id("checked")(cell)
    assert compile_id("as_is")(cell)


@pytest.mark.parametrize("cell", ["00123", "C-1", "12E4", "MAR-05", "E10", "1.0.2", "NA", "nullify", "华芯", 123.0])
def test_a_sound_id_is_taken(cell: str | float) -> None:
    assert spoilt(cell) is None


async def test_spoilt_ids_are_refused_row_by_row_and_the_mapping_may_take_them(office: Office) -> None:
    rows = [f"1,{DAY} 10:00,1.23E+11,5.00", f'2,{DAY} 10:00,"=""00123""",5.00', f"3,{DAY} 10:00,C1,5.00"]
    tally = await office.csv(*rows)
    assert (tally.admitted, tally.refused) == (1, {("invalid_id", "subject"): 2})
    await office.csv(rows[1], mapping=f"ids: unwrapped\n{MAPPING}")
    await office.csv(rows[0], mapping=f"columns: {{customer: {{ids: as_is}}}}\n{MAPPING}")
    assert {fact.subject for fact in office.servers.log()} == {"C1", "00123", "1.23E+11"}


async def test_words_for_nothing_count_as_empty_cells_where_the_mapping_lists_them(office: Office) -> None:
    tally = await office.csv(f"1,{DAY} 10:00,-,5", f"1,{DAY} 10:00,NULL,5", mapping=f'empty: ["-", "NULL"]\n{MAPPING}')
    assert reasons(tally) == {"missing_field": 2}


async def test_a_bare_no_is_told_to_be_a_truth_value(office: Office) -> None:
    mapping = MAPPING.replace("column: customer", "column: No")
    with pytest.raises(Malformed, match="YAML reads a bare yes, no, on or off as true or false; quote the name"):
        office.make(office.file("a.csv", HEADER), mapping=mapping)


async def test_fields_take_what_their_model_holds_without_being_told(office: Office) -> None:
    mapping = """
event: {source: s, id: "e-{no}", subject: "{customer}", time: {column: at}}
columns: {due: {date: "%d.%m.%Y"}}
rules:
  - when: {column: score, empty: false}
    event:
      type: guanxi.satisfaction.surveyed.v1
      data.survey_id: "{no}"
      data.instrument: nps
      data.score: "{score}"
  - event:
      type: guanxi.invoice.issued.v1
      data.invoice_id: "{no}"
      data.amount: "5.00"
      data.currency: {column: currency, default: EUR}
      data.due_on: "{due}"
"""
    content = f"no,at,customer,score,due,currency\n1,{DAY},C1,9,,\n2,{DAY},C1,,20.03.2026,\n"
    tally = await office.run(office.file("a.csv", content), mapping=mapping)
    assert tally.admitted == 2, tally.hints
    survey, invoice = (fact.data for fact in office.servers.log())
    assert (survey.score, invoice.due_on, invoice.currency) == (9, date(2026, 3, 20), "EUR")
