"""Mappings: what they can say, and how an error names its line."""

from pathlib import Path
from typing import Any

import pytest

from services.ingest.doors.files.convert import Converter, Piece, Skipped
from services.ingest.doors.files.mapping import parse_mapping, read_mapping
from services.ingest.doors.files.times import LocalTimes
from shared.errors import Malformed
from shared.events.refusal import Reason, Refused

START = """\
event:
  id: "{no}"
  source: crm
  subject: "{customer}"
  time: {column: at}
rules:
"""


def converted(rule: str, *, start: str = START, **row: str) -> Any:
    """The event that a rule makes of a row."""
    mapping = parse_mapping(start + rule, "map.yaml")
    cells = {"no": "1", "customer": "C1", "at": "2026-02-20T10:00:00Z", **row}
    converter = Converter(mapping, list(cells), LocalTimes(mapping.zone), Path("file.csv"))
    (piece,) = converter.pieces(list(cells.values()))
    return converter.document(piece.recipe, [piece.made]) if isinstance(piece, Piece) else piece


VISIT = """\
  - event:
      type: guanxi.visit.logged.v1
      data.visit_id: "v-{no}"
      data.kind: routine
      data.channel: {column: how, values: {A: onsite, T: phone}}
      data.participants.0.rep_id: "{rep}"
      data.participants.0.role: account_manager
      data.attendees.0.department: "{first}"
      data.attendees.1.department: "{second}"
      data.consensus: "{note}"
      data.occurred_on: {column: day, as: day, format: "%d.%m.%Y"}
"""


def test_a_row_becomes_nested_objects_and_lists_and_empty_cells_are_absent() -> None:
    event = converted(VISIT, how="A", rep="R1", first="", second="采购部", note="", day="20.02.2026")
    assert event == {
        "specversion": "1.0",
        "id": "1",
        "source": "crm",
        "subject": "C1",
        "time": "2026-02-20T10:00:00Z",
        "type": "guanxi.visit.logged.v1",
        "data": {
            "visit_id": "v-1",
            "kind": "routine",
            "channel": "onsite",
            "participants": [{"rep_id": "R1", "role": "account_manager"}],
            "attendees": [{"department": "采购部"}],
            "occurred_on": "2026-02-20",
        },
    }


def test_a_word_that_the_mapping_does_not_know_is_refused() -> None:
    refused = converted(VISIT, how="X", rep="R1", first="", second="", note="", day="20.02.2026")
    assert refused == Refused(Reason.INVALID_FIELD, "data.channel", "column how: 'X' is not one of A, T")


NO_NUMBER = "is not a number; set this column's `number` format"
NO_DAY = "column value: '2026-02-30' is not a time such as 2026-01-31T08:15:00+08:00 or 2026-01-31"
NO_OFFSET = "column value: it has no offset; set the file's `time_zone` in the mapping"


@pytest.mark.parametrize(
    ("kind", "cell", "expected"),
    [
        ("as: integer", "007", 7),
        ("as: integer", "-7", -7),
        ("as: integer, absolute: true", "-7", 7),
        ("as: integer", "7.0", 7),
        ("as: number", "0.220", "0.220"),
        ("as: number, absolute: true", "-0.5", "0.5"),
        ("absolute: true", "-12.00", 12),
        ("as: boolean", "Yes", True),
        ("as: boolean", "0", False),
        ("as: text", "-12.30", "-12.30"),
        ("as: text, absolute: true", "-12.30", "12.30"),
        ("as: integer", "7.5", "column value: '7.5' is not a whole number"),
        ("as: boolean", "maybe", "column value: 'maybe' is not a yes or no"),
        ("as: number", "1_000", f"column value: '1_000' {NO_NUMBER}"),
        ("as: number, absolute: true", "1e999", f"column value: '1e999' {NO_NUMBER}"),
        ("as: day", "2026-02-30", NO_DAY),
        ("as: instant", "2026-02-20 10:00", NO_OFFSET),
    ],
)  # fmt: skip
def test_kinds_of_values(kind: str, cell: str, expected: object) -> None:
    rule = f"""\
  - event:
      type: guanxi.satisfaction.surveyed.v1
      data.survey_id: s
      data.instrument: nps
      data.score: {{column: value, {kind}}}
"""
    event = converted(rule, value=cell)
    assert (event.hint if isinstance(event, Refused) else event["data"]["score"]) == expected


CONDITIONS = {
    "below: 0": (["-1", "-0.01"], ["0", "1"]),
    "above: 10": (["10.5"], ["10", "-11"]),
    "above: 1, below: 5": (["3"], ["1", "5"]),
    "equals: yes": (["yes"], ["YES", ""]),
    "one_of: [a, b]": (["a", "b"], ["c"]),
    "begins_with: C": (["C1"], ["1C", ""]),
    "empty: true": ([""], ["x"]),
    "empty: false": (["x"], [""]),
}


@pytest.mark.parametrize("condition", CONDITIONS)
def test_conditions(condition: str) -> None:
    rules = f"""\
  - when: {{column: value, {condition.replace("yes", '"yes"')}}}
    skip: it holds
  - skip: it does not
"""
    holds, does_not = CONDITIONS[condition]
    for value in holds:
        assert converted(rules, value=value) == Skipped("it holds"), value
    for value in does_not:
        assert converted(rules, value=value) == Skipped("it does not"), value


def test_a_condition_that_can_not_be_told_refuses_the_row() -> None:
    refused = converted("  - when: {column: value, below: 0}\n    skip: x\n", value="?")
    assert refused == Refused(Reason.INVALID_FIELD, "", "column value: '?' is not a number, so no rule could be chosen")


def test_a_row_that_no_rule_takes_is_refused() -> None:
    assert isinstance(converted("  - when: [{column: value, equals: a}]\n    skip: x\n", value="b"), Refused)


BAD: dict[str, tuple[str, str]] = {
    "no mapping": ("- 1\n", "line 1: expected a mapping with"),
    "not YAML": ("event:\n  id: [\n", "line 3: not YAML"),
    "a key twice": (START + "  - skip: a\n    skip: b\n", "line 8: 'skip' is repeated"),
    "no rules": ("event: {}\n", "rules: Field required"),
    "an unknown key": (START + "  - skip: x\nzone: Europe/London\n", "line 8: zone: Extra inputs"),
    "an unknown zone": ("time_zone: Europe/Atlantis\n" + START + "  - skip: x\n", "line 1: time_zone: .*Atlantis"),
    "an unknown encoding": ("encoding: klingon\n" + START + "  - skip: x\n", "line 1: encoding: 'klingon'"),
    "an encoding of no text": ("encoding: rot13\n" + START + "  - skip: x\n", "line 1: encoding: 'rot13'"),
    "neither event nor skip": (START + "  - when: {column: a, empty: true}\n", "line 7: .*one of event, skip, records"),
    "a condition of nothing": (START + "  - when: {column: a}\n    skip: x\n", "line 7: .*a condition needs a test"),
    "an unknown test": (START + "  - when: {column: a, under: 1}\n    skip: x\n", "line 7: .*under"),
    "no field of an event": (START + "  - event:\n      amount: 1\n", "line 8: 'amount' is not a field of an event"),
    "a brace left open": (START + '  - event:\n      type: "{a"\n', "line 8: type: expected '}'"),
    "a format in braces": (START + '  - event:\n      type: "{a:>10}"\n', "line 8: type: braces may contain only"),
    "an unknown type": (START + "  - event:\n      type: guanxi.sale.made.v1\n", "line 8: type: 'guanxi.sale.made.v1'"),
    "an internal type": (START + "  - event:\n      type: guanxi.customer.reviewed.v1\n", "line 8: type"),
    "an unknown field of the type": (
        START + "  - event:\n      type: guanxi.purchase.recorded.v1\n      data.refund_id: x\n",
        "line 9: data.refund_id: guanxi.purchase.recorded.v1 has no such field; it has occurred_on, purchase_id",
    ),
    "a required field missing": (
        START + "  - skip: x\n  - event:\n      type: guanxi.purchase.recorded.v1\n      data.purchase_id: x\n",
        "line 8: this rule's events lack data.amount",
    ),
    "a common field of no type": (
        START.replace("rules:", "  data.colour: red\nrules:")
        + "  - event: {type: guanxi.purchase.recorded.v1, data.purchase_id: x, data.amount: x, data.currency: x}\n",
        "line 6: data.colour: no event type in the rules has this field",
    ),
    "an attribute missing": ("rules:\n  - event: {id: a}\n", "line 2: this rule's events lack source"),
    "a value with parts": (
        START + "  - event:\n      type: guanxi.concern.raised.v1\n      data.about: x\n      data.about.0: x\n",
        "line 10: data.about.0: data.about already has a value",
    ),
    "a format of a text": (
        START + "  - event:\n      type: x\n      data.a: {column: a, as: text, format: x}\n",
        "line 9: .*format needs",
    ),
    "a list as value": (START + "  - event:\n      type: [a]\n", "line 8: rules.0.event.type"),
}


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD)
def test_an_error_names_the_file_and_the_line(text: str, message: str) -> None:
    with pytest.raises(Malformed, match=message) as raised:
        parse_mapping(text, "map.yaml")
    assert str(raised.value).startswith("map.yaml")


def test_a_mapping_that_is_not_there_or_not_utf8_is_said(tmp_path: Path) -> None:
    with pytest.raises(Malformed, match="No such file"):
        read_mapping(tmp_path / "nowhere.yaml")
    latin = tmp_path / "latin.yaml"
    latin.write_bytes("event:\n  # Straße\n".encode("latin-1"))
    with pytest.raises(Malformed, match=r"latin\.yaml, line 2: not UTF-8"):
        read_mapping(latin)
