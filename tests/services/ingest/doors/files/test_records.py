"""Several rows of one record, one row of several records, and rows that would be lost as duplicates."""

import pytest

from services.ingest.doors.files.repeats import MAX_RECORDS
from shared.errors import Malformed
from tests.services.ingest.doors.files.memory import HEADER, MAPPING, Office, reasons

DAY = "2026-02-20"
LINES = f"1,{DAY} 10:00,C1,100.00\n1,{DAY} 10:00,C1,100.00\n"
HEAD = "inv,line,at,customer,amount\n"
A9 = "".join(f"A9,{line},{DAY} 10:00,C1,100.00\n" for line in (1, 2, 3))

PER_LINE = MAPPING.replace("{no}", "{inv}")
GROUPED = f"group_by: inv\n{PER_LINE}".replace('data.amount: "{amount}"', "data.amount: {column: amount, take: sum}")


def bought(office: Office) -> list[str]:
    return [fact.data.amount for fact in office.servers.log()]


async def test_three_lines_of_invoice_a9_are_told_before_sending_and_300_by_group_by(office: Office) -> None:
    file = office.file("a.csv", HEAD + A9)
    warnings: list[str] = []
    one = office.make(file, mapping=PER_LINE)
    tally = await one.run(lambda: None, lambda text: warnings.append(f"{one.tally.sent} sent: {text}"))
    assert warnings == [
        (
            "0 sent: 3 rows would become 1 records and lose what distinguishes them; none of them is sent. For "
            "example 3 rows, 1 record (lines 2, 3, 4): set group_by if they are parts of one record, add a line number "
            "to the id if they are separate records, or set `repeats: first` if they repeat each other."
        )
    ]
    assert (tally.sent, reasons(tally)) == (0, {"conflicting_repeat": 3})
    assert office.refused().count("3 rows, 1 record") == 3
    tally = await office.run(file, mapping=GROUPED)
    assert (tally.read, tally.joined, tally.admitted) == (3, 2, 1)
    assert bought(office) == ["300.00"]


async def test_lines_100_250_100_of_one_invoice_are_told_and_450_by_group_by(office: Office) -> None:
    file = office.file("a.csv", HEAD + A9.replace("2,2026-02-20 10:00,C1,100", "2,2026-02-20 10:00,C1,250"))
    tally = await office.run(file, mapping=PER_LINE)
    assert (tally.sent, reasons(tally)) == (0, {"conflicting_repeat": 3})
    await office.run(file, mapping=GROUPED)
    assert bought(office) == ["450.00"]


async def test_a_line_number_in_the_id_or_repeats_first_are_the_other_ways(office: Office) -> None:
    file = office.file("a.csv", HEAD + A9)
    assert (await office.run(file, mapping=MAPPING.replace("{no}", "{inv}-{line}"))).admitted == 3
    tally = await office.run(file, mapping=f"repeats: first\n{PER_LINE}")
    assert (tally.admitted, tally.duplicates) == (1, 2)


async def test_whole_rows_that_stand_twice_are_repeats_and_count_once(office: Office) -> None:
    tally = await office.run(office.file("a.csv", HEADER + LINES))
    assert (tally.admitted, tally.duplicates, tally.refusals) == (1, 1, 0)


async def test_rows_collide_across_files_too(office: Office) -> None:
    one, two = (
        office.file("a.csv", f"{HEAD}A9,1,{DAY} 10:00,C1,5\n"),
        office.file("b.csv", f"{HEAD}A9,2,{DAY} 10:00,C1,5\n"),
    )
    assert (await office.run(one, two, mapping=PER_LINE)).sent == 0
    assert (await office.run(one, two, mapping=GROUPED)).admitted == 1
    assert bought(office) == ["10.00"]


async def test_revisions_of_a_record_do_not_collide(office: Office) -> None:
    mapping = MAPPING.replace("event:\n  id", "event:\n  revision: {column: rev}\n  id", 1)
    content = f"no,at,customer,amount,rev\n1,{DAY} 10:00,C1,5.00,1\n1,{DAY} 10:00,C1,6.00,2\n"
    assert (await office.run(office.file("a.csv", content), mapping=mapping)).admitted == 2


async def test_a_mapping_that_loses_most_rows_sends_nothing(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_RECORDS >= 100_000
    monkeypatch.setattr("services.ingest.doors.files.repeats.MAX_RECORDS", 2)
    rows = "".join(f"A{n % 3},{n},{DAY} 10:00,C1,5\n" for n in range(9))
    with pytest.raises(Malformed, match="more than 2 records would be made from several rows each: 3 rows, 1 record"):
        await office.run(office.file("a.csv", HEAD + rows), mapping=PER_LINE)
    assert not office.servers.log()


async def test_rows_of_a_record_that_differ_where_they_should_not_are_refused_together(office: Office) -> None:
    rows = f"A9,1,{DAY} 10:00,C1,5\nB1,1,{DAY} 10:00,C1,5\nA9,2,{DAY} 10:00,C2,5\n"
    tally = await office.run(office.file("a.csv", HEAD + rows), mapping=GROUPED)
    assert (tally.admitted, tally.refused) == (1, {("invalid_field", "subject"): 2})
    assert "the rows of this record differ: 'C1' and 'C2'" in next(iter(tally.hints.values()))
    assert office.refused().count("A9,") == 2


VISIT = """
group_by: visit
event: {id: "v-{visit}", source: crm, subject: "{customer}", time: {column: at}}
rules:
  - event:
      type: guanxi.visit.logged.v1
      data.visit_id: "{visit}"
      data.kind: routine
      data.channel: onsite
      data.participants.0.rep_id: R1
      data.participants.0.role: account_manager
      data.attendees.*.name: {column: who}
      data.attendees.*.department: {column: dept}
      data.consensus: {column: note, take: last}
"""


async def test_attendees_of_several_rows_become_a_list(office: Office) -> None:
    rows = f"7,C1,{DAY},李娜,采购,a\n7,C1,{DAY},王伟,,b\n8,C1,{DAY},Anna,IT,\n7,C1,{DAY},,研发,\n"
    tally = await office.run(office.file("a.csv", f"visit,customer,at,who,dept,note\n{rows}"), mapping=VISIT)
    assert (tally.read, tally.joined, tally.admitted) == (4, 2, 2), tally.hints
    visit = next(fact.data for fact in office.servers.log() if fact.data.visit_id == "7")
    assert [attendee.department for attendee in visit.attendees] == ["采购", None, "研发"]
    assert office.servers.text(visit.consensus) == "b"


async def test_rows_of_a_record_need_not_stand_together(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "services.ingest.doors.files.sorting.Sorter.__init__.__kwdefaults__", {"run_rows": 7, "max_runs": 500}
    )
    rows = "".join(f"A{n % 10},{n},{DAY} 10:00,C1,1.00\n" for n in range(100))
    tally = await office.run(office.file("a.csv", HEAD + rows), mapping=GROUPED)
    assert (tally.joined, tally.admitted) == (90, 10)
    assert bought(office) == ["10.00"] * 10


async def test_too_many_rows_of_one_record_are_refused(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.ingest.doors.files.grouping.MAX_RECORD_ROWS", 2)
    tally = await office.run(office.file("a.csv", HEAD + A9 + f"B1,1,{DAY} 10:00,C1,5\n"), mapping=GROUPED)
    assert (tally.admitted, reasons(tally)) == (1, {"too_many": 3})


async def test_rows_that_continue_the_one_above_have_its_cells(office: Office) -> None:
    mapping = f"fill_down: [inv, at, customer]\n{GROUPED}"
    rows = f"A9,1,{DAY} 10:00,C1,5\n,2,,,6\n,3,,,7\nB1,1,{DAY} 10:00,,8\n"
    tally = await office.run(office.file("a.csv", HEAD + rows), mapping=mapping)
    assert (bought(office), tally.refused) == (["18.00"], {("missing_field", "subject"): 1})


RECORDS = """
event: {source: erp, subject: "{c}"}
rules:
  - records:
      - event:
          {id: "p-{nr}", type: guanxi.purchase.recorded.v1, time: "{d}", data.purchase_id: "{nr}", data.amount: "{amt}",
           data.currency: CNY, data.margin_rate: "{m}"}
      - event:
          {id: "i-{nr}", type: guanxi.invoice.issued.v1, time: "{d}", data.invoice_id: "{nr}", data.amount: "{amt}",
           data.currency: CNY, data.due_on: "{due}"}
      - when: {column: paid, empty: false}
        event:
          {id: "y-{nr}", type: guanxi.invoice.paid.v1, time: "{paid}", data.invoice_id: "{nr}", data.paid_on: "{paid}"}
"""


async def test_one_row_becomes_several_records(office: Office) -> None:
    content = (
        "nr,c,d,amt,m,due,paid\n1,BA,2026-02-02,5000.00,0.30,2026-02-10,2026-02-09\n2,BA,2026-02-03,7.00,,2026-03-04,\n"
    )
    tally = await office.run(office.file("a.csv", content), mapping=RECORDS)
    assert (tally.read, tally.admitted, tally.refusals) == (2, 5, 0), tally.hints
    assert [fact.id for fact in office.servers.log()] == ["p-1", "i-1", "p-2", "i-2", "y-1"]


async def test_a_common_field_goes_where_the_type_knows_it(office: Office) -> None:
    mapping = RECORDS.replace('subject: "{c}"}', 'subject: "{c}", data.margin_rate: "{m}"}')
    content = "nr,c,d,amt,m,due,paid\n1,BA,2026-02-02,5.00,0.30,2026-02-10,\n"
    assert (await office.run(office.file("a.csv", content), mapping=mapping)).admitted == 2


async def test_two_records_of_a_row_under_one_id_are_told(office: Office) -> None:
    mapping = """
event: {source: crm, id: "c-{no}", subject: "{no}", time: "2026-02-01T00:00:00Z"}
rules:
  - records:
      - event: {type: guanxi.customer.registered.v1, data.name: "{name}"}
      - event: {type: guanxi.account.assigned.v1, data.account_manager: R1, data.from_on: "2026-02-01"}
"""
    tally = await office.run(office.file("a.csv", "no,name\n7,华芯\n"), mapping=mapping)
    assert (tally.sent, reasons(tally)) == (0, {"conflicting_repeat": 2})


BAD = {
    "take without group_by": ("{column: a, take: sum}", "`take` and `.` need group_by"),
    "column and text": ('{column: a, text: "{b}"}', "either a column or a text"),
    "no column": ("{absolute: true}", "either a column or a text"),
}


@pytest.mark.parametrize("name", BAD)
def test_mistakes_in_values_are_said(office: Office, name: str) -> None:
    value, message = BAD[name]
    mapping = MAPPING.replace('"{amount}"', value)
    with pytest.raises(Malformed, match=message):
        office.make(office.file("a.csv", HEADER), mapping=mapping)
