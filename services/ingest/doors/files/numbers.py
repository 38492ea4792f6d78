"""Numbers as files write them. Pure; guesses nothing."""

import re
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

from services.ingest.doors.files.formats.cells import Cell, number_text, text_of
from services.ingest.doors.files.forms import NumberForm

ReadNumber = Callable[[Cell], Decimal]
"""Reads the number in a cell. Raises ValueError with what is wrong."""

MAX_NUMBER_CHARS = 40
_BLANKS = " \u00a0\u2007\u2009\u202f\u3000"
_SIGNS = {"'": "'\u2019\u02bc", " ": _BLANKS}
_THOUSANDS = re.compile(r"-?\d{1,3}\.\d{3}", re.ASCII)


def plain_number(cell: Cell) -> Decimal:
    """A number as the doors expect it: digits with at most a point. Raises ValueError."""
    if isinstance(cell, float | int) and not isinstance(cell, bool):
        return Decimal(number_text(cell))
    text = text_of(cell)
    try:
        decimal = Decimal(text) if len(text) <= MAX_NUMBER_CHARS and "_" not in text else Decimal("NaN")
    except InvalidOperation:
        decimal = Decimal("NaN")
    if not decimal.is_finite() or abs(decimal.adjusted()) > MAX_NUMBER_CHARS:
        raise ValueError(f"{text[:60]!r} is not a number{_advice(text)}")
    return decimal


def unambiguous(cell: Cell) -> Decimal:
    """A number to compare or add. Raises ValueError also for 12.000, which may be twelve thousand."""
    if isinstance(cell, str) and _THOUSANDS.fullmatch(cell):
        raise ValueError(f"{cell!r} may mean thousands; set the column's `number` format")
    return plain_number(cell)


def compile_number(form: NumberForm) -> ReadNumber:
    """How to read the numbers of a column."""
    thousands = f"[{re.escape(_SIGNS.get(form.thousands, form.thousands))}]" if form.thousands else "(?!)"
    point = re.escape(form.decimal)
    # Groups of two before the last three: 12,34,567.00 as it is written in India.
    fits = re.compile(
        rf"(?:\d+|\d{{1,3}}(?:{thousands}\d{{2,3}})*{thousands}\d{{3}})(?:{point}\d*)?|{point}\d+", re.ASCII
    )
    groups = re.compile(thousands)
    divisor = Decimal(form.divide_by) * (100 if form.percent else 1)
    step = None if form.round_to is None else Decimal(1).scaleb(-form.round_to)

    def of_text(text: str) -> Decimal:
        negative, rest = _without_signs(text.lstrip("'\u2019"), form)
        if len(rest) > MAX_NUMBER_CHARS or not fits.fullmatch(rest):
            raise ValueError(f"{text[:60]!r} is not a number in this column's format")
        number = Decimal(groups.sub("", rest).replace(form.decimal, "."))
        return -number if negative else number

    def read(cell: Cell) -> Decimal:
        if isinstance(cell, float | int) and not isinstance(cell, bool):
            number = Decimal(number_text(cell)) / form.divide_by
        else:
            number = of_text(text_of(cell)) / divisor
        return number if step is None else number.quantize(step, ROUND_HALF_EVEN)

    return read


def number_as_text(number: Decimal) -> str:
    """A number for the doors: without trailing zeros, which would turn twelve into 12.000."""
    return format(number.normalize(), "f") if number else "0"


def _without_signs(text: str, form: NumberForm) -> tuple[bool, str]:
    """Whether it is below zero, and the text without minus, currency and percent signs."""
    rest = text.strip(_BLANKS).replace("\u2212", "-")
    negative = "brackets" in form.minus and rest[:1] == "(" and rest[-1:] == ")"
    if negative:
        rest = rest[1:-1].strip(_BLANKS)
    while True:
        before = rest
        if not negative and "front" in form.minus and rest[:1] == "-":
            negative, rest = True, rest[1:]
        elif not negative and "behind" in form.minus and rest[-1:] == "-":
            negative, rest = True, rest[:-1]
        else:
            for sign in (*form.currency, *(("%",) if form.percent else ())):
                rest = rest.removeprefix(sign) if rest.startswith(sign) else rest.removesuffix(sign)
        rest = rest.strip(_BLANKS)
        if rest == before:
            return negative, rest


def _advice(text: str) -> str:
    return "; set this column's `number` format" if sum(map(str.isdecimal, text)) and len(text) <= 40 else ""
