"""CSV of the reading commands: flat, complete, and nothing that a spreadsheet would run."""

import csv
import io
from typing import Any

from guanxi.reading.csvs import PLAN, VISITS, WEEK, as_csv, field_rows, plan_rows, visit_rows, week_rows
from tests.guanxi.reading.documents import AT, planned, rep_week


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def visit(**said: Any) -> dict[str, Any]:
    about = {"day": "2026-03-02", "customer": "C-1", "source": "crm", "visit_id": "v1", "kind": "routine"}
    return {**about, "channel": "onsite", "tier": "general", "reason": None, "late": False, "logged_at": AT, **said}


def week(**said: Any) -> dict[str, Any]:
    return rep_week(
        **{
            "week": "2026-W10",
            "team": None,
            "fte": 0.5,
            "customers": ["C-1", "C-2"],
            "visits": [visit(), visit(visit_id="v2", reason="repeat", late=True)],
            "uncounted": 1,
            "flags": {"late": 1, "burst": False},
            "closed": None,
            "restated": False,
            "exempt": None,
        }
        | said
    )


def test_a_plan_has_a_line_for_each_customer() -> None:
    row = planned("C-1", reasons=["never_met", "unowned"], unowned=True, follow_ups=["call", "send prices"])
    (shown,) = read(as_csv(PLAN, plan_rows([row])))
    assert (shown["customer"], shown["reasons"], shown["unowned"]) == ("C-1", "never_met; unowned", "yes")
    assert (shown["account_manager"], shown["product_manager"]) == ("AM01", "")
    assert shown["follow_ups"] == "call; send prices"


def test_a_week_has_a_line_for_each_representative_also_before_it_closes() -> None:
    closed = {"counted": 3, "customers": ["C-1"], "target": 5, "exempt": None}
    open_, done = read(as_csv(WEEK, week_rows([week(), week(closed=closed, restated=True)])))
    assert (open_["counted"], open_["met"], open_["visits"], open_["late"]) == ("4", "no", "2", "1")
    assert (open_["closed_counted"], open_["restated"]) == ("", "no")
    assert (done["closed_counted"], done["closed_target"], done["restated"]) == ("3", "5", "yes")


def test_every_visit_has_a_line_with_the_reason_where_it_does_not_count() -> None:
    first, second = read(as_csv(VISITS, visit_rows([week()])))
    assert (first["visit_id"], first["counted"], first["reason"]) == ("v1", "yes", "")
    assert (second["visit_id"], second["counted"], second["reason"], second["late"]) == ("v2", "no", "repeat", "yes")


def test_nested_fields_have_a_line_each() -> None:
    documents = {"engagement": {"contact": {"status": "lapsed"}, "list": [{"a": 1}], "ids": ["x", "y"], "none": {}}}
    shown = {row["field"]: row["value"] for row in read(as_csv(("field", "value"), field_rows(documents)))}
    assert shown == {
        "engagement.contact.status": "lapsed",
        "engagement.list.0.a": "1",
        "engagement.ids": "x; y",
        "engagement.none": "",
    }


def test_a_name_that_looks_like_a_formula_is_text_and_a_negative_number_is_a_number() -> None:
    shown = read(as_csv(("name", "gap"), [{"name": "=HYPERLINK(1)", "gap": -0.5}, {"name": 'a,"b"\nc', "gap": None}]))
    assert shown == [{"name": "'=HYPERLINK(1)", "gap": "-0.5"}, {"name": 'a,"b"\nc', "gap": ""}]
