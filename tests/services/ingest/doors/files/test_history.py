"""Several files and mappings as one history; and a history that comes in a second run."""

import asyncio
import tempfile
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from guanxi.cli import app
from services.ingest.doors.files.mapping import parse_mapping
from services.ingest.doors.files.plan import Input, inputs_of, read_plan
from shared.errors import Malformed
from shared.events.decisions import TierChanged
from tests.services.ingest.doors.files.memory import HEADER, MAPPING, Office, reasons
from tests.services.ingest.doors.files.workbooks import xlsx
from tests.services.tiering.given import given as a_customer

BA = "nr,c,d,amt,m,due,paid\n1,BA,2026-02-02,5000000.00,0.30,2026-03-04,2026-03-01\n"
COMMON = """
event: {source: erp, subject: "{c}"}
rules:
  - event:
"""
PURCHASE = (
    COMMON
    + """
      {id: "p-{nr}", type: guanxi.purchase.recorded.v1, time: "{d}", data.purchase_id: "{nr}", data.amount: "{amt}",
       data.currency: CNY, data.margin_rate: "{m}"}
"""
)
INVOICE = (
    COMMON
    + """
      {id: "i-{nr}", type: guanxi.invoice.issued.v1, time: "{d}", data.invoice_id: "{nr}", data.amount: "{amt}",
       data.currency: CNY, data.due_on: "{due}"}
"""
)
PAYMENT = (
    COMMON
    + """
      {id: "y-{nr}", type: guanxi.invoice.paid.v1, time: "{paid}", data.invoice_id: "{nr}", data.paid_on: "{paid}"}
"""
)
RATING = (
    COMMON
    + """
      {id: "r-{c}", type: guanxi.account.rated.v1, time: "{d}", data.rated_by: "{by}", data.strategic_fit: "{fit}"}
"""
)


def ids(office: Office) -> list[str]:
    return [fact.id for fact in office.servers.log()]


async def test_one_csv_as_purchase_invoice_and_payment_is_one_history_in_one_run(office: Office) -> None:
    file = office.file("ba.csv", BA)
    inputs = [Input(file, parse_mapping(text, "m")) for text in (PAYMENT, PURCHASE, INVOICE)]
    tally = await office.make_of(inputs, backfill=True).run(lambda: None)
    assert (tally.read, tally.admitted, tally.refusals) == (3, 3, 0), tally.hints
    assert ids(office) == ["p-1", "i-1", "y-1"]


async def test_in_one_run_it_is_priority_as_of_the_day_that_it_was_due(office: Office) -> None:
    """By default-cny: payment counts from the day that an invoice was due, and 38.8 points become 50.3."""
    file = office.file("ba.csv", BA)
    inputs = [Input(file, parse_mapping(text, "m")) for text in (PAYMENT, PURCHASE, INVOICE)]
    await office.make_of(inputs, backfill=True).run(lambda: None)
    customer = a_customer()
    for fact in office.servers.log():
        customer.fold(fact)
    decided = [*customer.decisions, *customer.when("2026-03-10").decisions]
    changes = [(one.to_tier, one.effective_on) for one in decided if isinstance(one, TierChanged)]
    assert changes == [("general", date(2026, 2, 2)), ("priority", date(2026, 3, 4))]


async def test_the_same_in_three_runs_is_customer_has_history(office: Office) -> None:
    file = office.file("ba.csv", BA)
    await office.run(file, mapping=PAYMENT, backfill=True)
    office.servers.clocks["BA"] = datetime(2026, 3, 1, tzinfo=UTC)
    tally = await office.run(file, mapping=PURCHASE, backfill=True)
    assert (tally.sent, tally.refused) == (0, {("customer_has_history", "subject"): 1})
    assert "earlier history moved this customer's clock to 2026-03-01" in next(iter(tally.hints.values()))
    assert "customer_has_history" in office.refused()
    tally = await office.run(file, mapping=PURCHASE, backfill=True, as_late=True)
    assert (tally.admitted, tally.late) == (1, 1)
    assert (await office.run(file, mapping=PURCHASE, backfill=True)).duplicates == 1


async def test_a_rating_in_a_second_backfill_is_refused_when_the_review_has_moved_the_clock(office: Office) -> None:
    await office.run(office.file("ba.csv", BA), mapping=PURCHASE, backfill=True)
    office.servers.clocks["BA"] = datetime(2026, 2, 28, tzinfo=UTC)
    ratings = office.file("r.csv", "c,d,by,fit\nBA,2026-02-03,R1,7\nBB,2026-02-03,R1,7\n")
    tally = await office.run(ratings, mapping=RATING, backfill=True)
    assert (tally.admitted, reasons(tally)) == (1, {"customer_has_history": 1})


async def test_later_history_of_a_customer_may_follow_in_a_second_run(office: Office) -> None:
    office.servers.clocks["C1"] = datetime(2026, 2, 1, tzinfo=UTC)
    tally = await office.csv("1,2026-02-01 00:00,C1,5", "2,2026-01-31 23:59,C1,5", backfill=True)
    assert (tally.admitted, reasons(tally)) == (1, {"customer_has_history": 1})


Event = tuple[str, int]
"""Customer, and minutes after the first."""
HISTORIES = st.lists(
    st.tuples(st.sampled_from(["A", "B", "C"]), st.integers(0, 400_000)), min_size=1, max_size=12, unique=True
)


@settings(max_examples=25, deadline=None)
@given(HISTORIES, st.data())
def test_any_split_of_a_history_into_files_and_mappings_gives_the_same_log_order(
    history: list[Event], data: st.DataObject
) -> None:
    """The law of the merge, with and without --backfill: no two events of a customer at one instant; those keep file
    order, which a split may change.
    """
    backfill = data.draw(st.booleans())
    parts = data.draw(st.lists(st.integers(0, 3), min_size=len(history), max_size=len(history)))
    whole = _log_order([list(enumerate(history))], backfill=backfill)
    split = [[one for one, part in zip(enumerate(history), parts, strict=True) if part == n] for n in range(4)]
    assert _log_order([data.draw(st.permutations(part)) for part in split if part], backfill=backfill) == whole


@settings(max_examples=10, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("AB"), st.integers(0, 3)), min_size=1, max_size=10), st.data())
def test_events_of_one_instant_keep_their_order_in_and_among_files(history: list[Event], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(history)))
    rows = list(enumerate(history))
    split = [part for part in (rows[:at], rows[at:]) if part]
    assert _log_order(split, backfill=True) == _log_order([rows], backfill=True)


def _log_order(files: Sequence[Sequence[tuple[int, Event]]], *, backfill: bool) -> dict[str, list[str]]:
    """Each customer's facts in the order of the log. Every other file has columns and a mapping of its own, and every
    third one is a workbook.
    """
    with tempfile.TemporaryDirectory() as folder:
        office = Office(Path(folder))
        inputs = []
        for number, rows in enumerate(files):
            other = number % 2 == 1
            header = ["when", "what", "who", "euro"] if other else HEADER.strip().split(",")
            mapping = MAPPING
            for old, new in zip(("no", "at", "customer", "amount"), ("what", "when", "who", "euro"), strict=True):
                if other:
                    mapping = mapping.replace(f"{{{old}}}", f"{{{new}}}").replace(f"column: {old}", f"column: {new}")
            lines = [header]
            for no, (customer, minutes) in rows:
                at = (datetime(2025, 5, 1, tzinfo=UTC) + timedelta(minutes=minutes)).strftime("%Y-%m-%d %H:%M")
                lines.append([at, f"{no}", customer, "5.00"] if other else [f"{no}", at, customer, "5.00"])
            if number % 3 == 2:
                path = office.file(f"{number}.xlsx", xlsx(A=lines))
            else:
                path = office.file(f"{number}.csv", "".join(f"{','.join(line)}\n" for line in lines))
            inputs.append(Input(path, parse_mapping(mapping.replace("Europe/London", "UTC"), "m")))
        tally = asyncio.run(office.make_of(inputs, backfill=backfill).run(lambda: None))
        assert tally.refusals == 0, tally.hints
        found: dict[str, list[str]] = {}
        for fact in office.servers.log():
            found.setdefault(fact.subject, []).append(fact.id)
        return found


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in {"a.yaml": MAPPING, "b.yaml": PURCHASE, "ba.csv": BA}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    for name in ("1.csv", "2.csv"):
        (tmp_path / name).write_text(f"{HEADER}{name[0]},2026-02-20 10:00,C1,5\n", encoding="utf-8")
    return tmp_path


def guanxi(*words: str) -> Result:
    return CliRunner().invoke(app, ["import", *words, "--dry-run", "--backfill"])


def test_each_map_takes_the_files_behind_it(folder: Path) -> None:
    for words in (
        ["--map", "a.yaml", "1.csv", "2.csv", "--map", "b.yaml", "ba.csv"],
        ["--map=a.yaml", "1.csv", "--refused", "x.csv", "2.csv", "--map=b.yaml", "ba.csv"],
    ):
        result = guanxi(*words)
        assert (result.exit_code, "3  ready to send" in result.output) == (0, True), result.output
    result = guanxi("1.csv", "--map", "a.yaml", "2.csv")
    assert "2  ready to send" in result.output


def test_a_plan_lists_mappings_and_files(folder: Path) -> None:
    (folder / "plan.yaml").write_text(
        "import:\n  - {map: a.yaml, files: '[0-9]*.csv'}\n  - map: b.yaml\n    files: [ba.csv]\n", encoding="utf-8"
    )
    result = guanxi("plan.yaml")
    assert (result.exit_code, "3  ready to send" in result.output) == (0, True), result.output


MISTAKES = {
    "a map that is not there": (
        ["--map", "/nonexistent.yaml", "--map", "a.yaml", "1.csv"],
        "/nonexistent.yaml: No such",
    ),
    "a map without files": (["--map", "b.yaml", "--map", "a.yaml", "1.csv"], "--map b.yaml has no files"),
    "a map at the end": (["--map", "a.yaml", "1.csv", "--map", "b.yaml"], "--map b.yaml has no files"),
    "a map twice for a file": (
        ["--map", "a.yaml", "1.csv", "--map", "a.yaml", "./1.csv"],
        "1.csv is given twice for a.yaml",
    ),
    "files before two maps": (
        ["1.csv", "--map", "a.yaml", "--map", "b.yaml"],
        ("1.csv: with several --map, put the files of each"),
    ),
    "a file twice": (["--map", "a.yaml", "1.csv", "1.csv"], "1.csv is given twice for a.yaml; give it once"),
    "a map of nothing": (["1.csv", "--map="], "--map needs a mapping file"),
    "no mapping": (["1.csv"], "guanxi import --guess 1.csv"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_map_without_files_or_given_twice_is_an_error(folder: Path, name: str) -> None:
    words, message = MISTAKES[name]
    result = guanxi(*words)
    assert result.exit_code != 0
    assert message in " ".join(result.output.split()), result.output
    assert "Traceback" not in result.output


PLANS = {
    "no list": ("files: x\n", "line 1: a plan needs `import`"),
    "no files": ("import:\n  - map: a.yaml\n", "line 2: import.0.files: Field required"),
    "nothing named so": ("import:\n  - map: a.yaml\n    files: '*.xlsx'\n", r"line 3: no file matches \*.xlsx"),
    "an unknown key": ("import:\n  - {map: a.yaml, files: [1.csv], sheet: 2}\n", "line 2: import.0.sheet: Extra"),
    "a mapping of nothing": ("import:\n  - {map: c.yaml, files: 1.csv}\n", "c.yaml: No such file"),
    "a file of nothing": ("import:\n  - {map: a.yaml, files: 3.csv}\n", "3.csv: no such file"),
    "aliases without end": ("a: &a [" + "1," * 99 + "]\nb: &b [" + "*a," * 99 + "]\nimport: [" + "*b," * 99 + "]\n",
                            "more than 20000 parts"),
    "an alias of itself": ("import: &a [*a]\n", "nested too deeply"),
    "brackets without end": ("import: " + "[" * 5000 + "\n", "nested too deeply"),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANS)
def test_a_plan_that_can_not_be_used_is_said(folder: Path, name: str) -> None:
    text, message = PLANS[name]
    (folder / "plan.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(Malformed, match=message):
        read_plan(folder / "plan.yaml")


def test_there_is_a_limit_of_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.ingest.doors.files.plan.MAX_FILES", 1)
    with pytest.raises(Malformed, match="more than 1 files"):
        inputs_of([(folder / "a.yaml", [folder / "1.csv", folder / "2.csv"])])


async def test_each_mapping_has_its_own_file_of_refused_rows(office: Office) -> None:
    one = office.file("1.csv", f"{HEADER}1,noon,C1,5\n")
    two = office.file("ba.csv", BA.replace("5000000.00", "x"))
    inputs = [Input(one, parse_mapping(MAPPING, "a")), Input(two, parse_mapping(PURCHASE, "b"))]
    office.refused_file = office.folder / "refused.csv"
    run = office.make_of(inputs)
    await run.run(lambda: None)
    assert [path.name for path in run.refused_files] == ["refused.csv", "refused-2.csv"]
    assert run.refused_files[1].read_text(encoding="utf-8").startswith("nr,c,d,amt,m,due,paid,refused_reason")
