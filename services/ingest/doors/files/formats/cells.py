"""Cells: text from a CSV file; numbers, times and truth values too from a workbook."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TypeAlias

Cell: TypeAlias = str | float | bool | date | datetime | time | timedelta
"""The value of a cell; "" when it is empty. Whole days are a `date`, never a `datetime` at midnight."""

EXACT_BELOW = 1e15
"""A workbook keeps 15 digits of a number; from this size on the last ones are lost."""


def text_of(cell: Cell) -> str:
    """The cell as text: numbers with a point and rounded to 15 digits, times as ISO 8601."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float | int):
        return number_text(cell)
    if isinstance(cell, timedelta):
        return str(cell)
    return cell.isoformat()


def number_text(number: float) -> str:
    """A workbook's number as displayed: 15 digits; 1E+16 and above keep the exponent, since the last digits are
    lost.
    """
    if abs(number) >= EXACT_BELOW:
        return f"{number:.14E}"
    return format(Decimal(f"{number:.15g}"), "f")


def stripped(cells: list[Cell]) -> list[Cell]:
    """The cells with their texts stripped of blanks, including non-breaking spaces and tabs."""
    try:
        return [cell.strip() for cell in cells]  # type: ignore[union-attr]  # all are texts in a CSV file
    except AttributeError:
        return [cell.strip() if isinstance(cell, str) else cell for cell in cells]
