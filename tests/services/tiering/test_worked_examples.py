"""Every worked example (domain.md, Worked examples) by the rules. Each has its sum by hand in the document."""

from typing import Any

import pytest

from tests.laws.domain import name_of, worked_examples
from tests.services.tiering.given import Said, given, invoice, paid, purchase, rated, refund

TODAY = "2026-06-01"


def said(example: dict[str, Any]) -> list[Said]:
    """The facts of an example, with the invoice issued on the day on which it is due."""
    facts = [_fact(one) for one in example["facts"]]
    if bill := example.get("invoice"):
        issued = invoice(bill["amount"], bill["due_on"], due_on=bill["due_on"])
        facts += [issued, paid(bill["paid_on"])]
    return facts


def _fact(one: dict[str, Any]) -> Said:
    if "rated" in one:
        return rated(one["on"], **one["rated"])
    if "refund" in one:
        return refund(one["refund"], one["on"])
    return purchase(one["purchase"], one["on"], margin=one.get("margin"))


@pytest.mark.parametrize("example", worked_examples(), ids=name_of)
def test_a_worked_example_of_domain_md(example: dict[str, Any]) -> None:
    found = given(*said(example), TODAY)
    assert found.tier == example["tier"]
    if "score" in example:
        assert found.row["score"] == float(example["score"])
    for factor, points in example.get("points", {}).items():
        assert found.factor(factor) == float(points)
    if "dormant" in example:
        assert found.row.get("dormant", False) == (example["dormant"] == "true")


def test_the_document_has_all_examples() -> None:
    assert {name_of(one)[0] for one in worked_examples()} == set("123456")
