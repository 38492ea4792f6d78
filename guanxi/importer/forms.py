"""How a column's texts are to be read, as a mapping says it: numbers, dates, and ids that look spoilt."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

SERIAL, SERIAL_1904 = "serial", "serial 1904"
"""Formats of days as Excel counts them: since 1900, or since 1904 in workbooks of old Macs."""

_MINUS = Literal["front", "behind", "brackets"]
Ids = Literal["checked", "unwrapped", "as_is"]
Layouts = Annotated[tuple[str, ...], Field(min_length=1, max_length=20)]


class Part(BaseModel):
    """Base of the parts of a mapping: no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def one_or_many(value: object, kinds: type | tuple[type, ...] = str) -> object:
    """A list may be written without its brackets when it has one entry."""
    return (value,) if isinstance(value, kinds) else value


class NumberForm(Part):
    """How a column writes its numbers. What is not written so is refused.

    decimal, thousands: the signs; a blank among thousands stands for every kind of blank; minus: where it may stand;
    currency: signs or codes that may stand before or behind; percent: texts are hundredths, with the sign or without
    (numbers of a workbook are as they are); divide_by: for amounts in cents; round_to: decimals, half to even, for
    sums that a workbook did not round.
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
            raise ValueError("decimal and thousands are two different signs")
        return self


class ColumnForm(Part):
    """How one column is to be read, wherever a rule uses it.

    date: formats as Python's strptime has them, tried in order, or `serial`; century_from: the first of the hundred
    years that two digits stand for; ids: "unwrapped" takes ="00123" and '00123 for 00123, "as_is" takes all.
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
                "a column holds numbers or dates; name it with `column:` and `format:` where it holds both"
            )
        check_layouts(self.date or (), self.century_from)
        return self


def check_layouts(layouts: tuple[str, ...], century_from: int | None) -> None:
    """Raises ValueError for what is no format, and for two-digit years whose century is not said."""
    for layout in layouts:
        if layout not in {SERIAL, SERIAL_1904} and "%" not in layout:
            raise ValueError(f"{layout!r} is no format such as %d.%m.%Y, nor {SERIAL}")
    if century_from is None and any("%y" in layout or "%D" in layout for layout in layouts):
        raise ValueError("say century_from (such as 1950) for years of two digits")
