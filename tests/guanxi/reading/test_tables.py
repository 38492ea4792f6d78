"""Tables over documents of the views: what they say, and that they fit a terminal of 100 columns."""

import io
from datetime import date
from decimal import Decimal

from rich.cells import cell_len
from rich.table import Table

from guanxi.reading import tables
from guanxi.reading.console import make_console
from services.engagement.questions import last_full_week
from tests.guanxi.reading.documents import customer, planned, rep_week

TODAY = date(2026, 11, 23)


def lines(table: Table) -> list[str]:
    out = io.StringIO()
    make_console(out).print(table)
    shown = [line.rstrip() for line in out.getvalue().splitlines()]
    assert max(map(cell_len, shown)) <= 100
    return shown


def row(table: Table, beginning: str) -> list[str]:
    return next(line.split() for line in lines(table) if line.startswith(beginning))


def test_tiers_are_listed_highest_first_with_zeros_and_a_sum() -> None:
    rows = [
        {"_id": "general", "customers": 3990, "dormant": 0, "at_risk": 859, "net_365d": Decimal("3600458.79")},
        {"_id": "potential", "customers": 54, "dormant": 20, "at_risk": 2, "net_365d": Decimal("-11250.80")},
    ]
    shown = [line.split()[0] for line in lines(tables.tiers(rows, "GBP"))[2:]]
    assert shown == ["strategic", "partner", "priority", "general", "potential", "all"]
    assert row(tables.tiers(rows, "GBP"), "strategic")[1:] == ["0", "0", "0", "0"]
    assert row(tables.tiers(rows, "GBP"), "all")[1:] == ["4,044", "3,589,207.99", "861", "20"]


def test_movements_are_counted_by_month_into_a_tier_from_below_and_from_above() -> None:
    rows = [
        {"month": "2026-01", "from": "potential", "to": "general", "customers": 800},
        {"month": "2026-01", "from": "partner", "to": "general", "customers": 2},
        {"month": "2026-02", "from": "general", "to": "strategic", "customers": 1},
    ]
    header = lines(tables.movements_by_month(rows))[0].split()
    january = dict(zip(header, row(tables.movements_by_month(rows), "2026-01"), strict=True))
    assert (january["+general"], january["-general"], january["+strategic"]) == ("800", "2", ".")
    matrix = row(tables.movements_matrix(rows), "partner")
    assert matrix == ["partner", ".", ".", ".", "2", "."]


def test_the_largest_say_what_each_factor_adds() -> None:
    shown = " ".join(lines(tables.largest([customer(), customer(_id="C-2", name=None)])))
    assert "volume 12,500.00: 50.6 + growth unknown: 6.0" in shown
    assert "(not registered)" in shown


def test_a_week_shows_target_and_the_commonest_reasons_for_not_counting() -> None:
    names = {"AM01": "吴伟"}
    assert row(tables.week([rep_week()], names), "AM01")[1:10] == [
        "吴伟", "account", "4", "5", "no", "7", "21", "%", "2",
    ]  # fmt: skip
    exempt = rep_week(target=None, met=None, visits=[], coverage_90d=None)
    assert "exempt" in row(tables.week([exempt], {}), "AM01")


def test_long_names_keep_a_table_s_shape() -> None:
    long = planned("C-1", name="广州锦绣礼品有限公司广州锦绣礼品有限公司", reasons=["lapsed", "never_met", "unowned"])
    shown = lines(tables.plan([long, planned("C-2")], TODAY))
    assert len(shown) <= 5
    assert "…" in shown[2]


def test_the_plan_says_for_how_long_a_contact_is_overdue() -> None:
    table = tables.plan([planned("C-1"), planned("C-2", due_on="2026-12-01", last_on=None)], TODAY)
    assert "23" in row(table, "C-1")
    assert "never" in row(table, "C-2")
    assert "-" in row(table, "C-2")


def test_the_last_full_week_ended_before_today() -> None:
    assert last_full_week(date(2026, 11, 23)) == ("2026-W47", date(2026, 11, 16), date(2026, 11, 22))
    assert last_full_week(date(2026, 11, 22)) == ("2026-W46", date(2026, 11, 9), date(2026, 11, 15))
    assert last_full_week(date(2026, 1, 3))[0] == "2025-W52"
