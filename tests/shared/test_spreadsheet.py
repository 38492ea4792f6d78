"""A cell is never a formula, whatever a spreadsheet passes over before one."""

import pytest

from shared.spreadsheet import safe_cell


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "＝", "＋", "－", "＠"])
@pytest.mark.parametrize("before", ["", " ", "  ", "\u3000", "\xa0", "\ufeff", "\u200b", "\t", "\n", "'"])
def test_a_formula_is_a_text_whatever_comes_before_it(before: str, begin: str) -> None:
    text = f"{before}{begin}HYPERLINK(1)"
    assert safe_cell(text) == f"'{text}"


@pytest.mark.parametrize(
    "text", ["-12.50", "-3", "12", "a=1", "客户", " 客户", "C+1", "", "a,b", "2026-01-01", "'quoted'"]
)
def test_everything_else_stays_as_it_is(text: str) -> None:
    assert safe_cell(text) == text
