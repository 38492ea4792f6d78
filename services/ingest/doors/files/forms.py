"""How a mapping says to read a column's texts: numbers, dates, and ids that look damaged."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

SERIAL, SERIAL_1904 = "serial", "serial 1904"
"""Formats for days as Excel counts them: since 1900, or since 1904 in workbooks from old Macs."""

_MINUS = Literal["front", "behind", "brackets"]
Ids = Literal["checked", "unwrapped", "as_is"]
Layouts = Annotated[tuple[str, ...], Field(min_length=1, max_length=20)]


class Part(BaseModel):
    """Base of the parts of a mapping: no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def one_or_many(value: object, kinds: type | tuple[type, ...] = str) -> object:
    """A list with one entry may be written without brackets."""
    return (value,) if isinstance(value, kinds) else value


class NumberForm(Part):
    """How a column writes its numbers; anything else is refused.

    decimal, thousands: the signs; a blank in thousands matches every kind of blank; minus: where it may be; currency:
    signs or codes allowed before or after; percent: texts are hundredths, with or without the sign (a workbook's
    numbers stay unchanged); divide_by: for amounts in cents; round_to: decimals, half to even, for sums that the
    workbook did not round.
    """

    decimal: Literal[".", ","] = "."
    thousands: Literal[".", ",", " ", "'"] | None = None
    minus: tuple[_MINUS, ...] = ("front",)
    currency: tuple[str, ...] = ()
    percent: bool = False
    divide_by: Annotated[int, Field(ge=1, le=10**9)] = 1
    round_to: Annotated[int, Field(ge=0, le=6)] | None = None

    _lists = field_validator("minus", "currency", mode="before")(one_or_many)

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if self.decimal == self.thousands:
            raise ValueError("decimal and thousands must be different signs")
        return self


class ColumnForm(Part):
    """How to read one column, wherever a rule uses it.

    date: formats for Python's strptime, tried in order, or `serial`; century_from: the first of the hundred years of
    two-digit years; ids: "unwrapped" reads ="00123" and '00123 as 00123, "as_is" accepts all.
    """

    number: NumberForm | None = None
    date: Layouts | None = None
    century_from: Annotated[int, Field(ge=1900, le=2100)] | None = None
    ids: Ids | None = None

    _lists = field_validator("date", mode="before")(one_or_many)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.number is not None and self.date is not None:
            raise ValueError(
                "a column contains numbers or dates; if it contains both, set `column:` and `format:` at each use"
            )
        check_layouts(self.date or (), self.century_from)
        return self


def check_layouts(layouts: tuple[str, ...], century_from: int | None) -> None:
    """Raises ValueError for an invalid format, and for two-digit years without a century."""
    for layout in layouts:
        if layout not in {SERIAL, SERIAL_1904} and "%" not in layout:
            raise ValueError(f"{layout!r} is neither a format such as %d.%m.%Y nor {SERIAL}")
    if century_from is None and any("%y" in layout or "%D" in layout for layout in layouts):
        raise ValueError("set century_from (such as 1950) for two-digit years")
