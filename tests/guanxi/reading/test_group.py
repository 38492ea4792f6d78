"""What `guanxi group` says to people."""

import asyncio
from typing import Any

from guanxi.reading import group as reading
from guanxi.reading.group import group_of_customers
from tests.services.planning.test_groups import Views, member


def text_of(views: Views, name: str) -> str:
    row: Any = asyncio.run(views.group(name))
    return group_of_customers(row)


def test_the_figures_and_the_members() -> None:
    members = [
        member("a", "G", "4000000.00", tier="partner", kcr=1.25, open=2, late=1, lapsed=True),
        member("b", "H", "1500000.00", at_risk=True, incomplete_since=3),
    ]
    text = text_of(Views({"G": "T", "H": "G"}, members), "G")
    for part in (
        "group G  G  below T",
        "groups below  H",
        "members       2 (1 partner and 1 general)",
        "net, 365 days 5500000.00 CNY",
        "at risk       1",
        "concerns      2 open, 1 of them overdue",
        "relationship  1.25 on average, 1.25 at least",
        "plans lapsed  1",
        "incomplete    b",
        "as of         2026-03-10",
        "partner       a  a  4000000.00 CNY",
        "general       b  b  1500000.00 CNY  of H",
    ):
        assert part in text, text


def test_a_cycle_is_flagged_and_many_members_are_counted(monkeypatch: Any) -> None:
    monkeypatch.setattr(reading, "MAX_SHOWN", 1)
    text = text_of(Views({"G": "H", "H": "G"}, [member("a", "G"), member("b", "G")]), "G")
    assert "flag          G and H lie below each other" in text
    assert "and 1 more" in text


def test_a_group_that_nobody_registered() -> None:
    assert "group G  (not registered)" in text_of(Views({}, [member("a", "G")]), "G")
